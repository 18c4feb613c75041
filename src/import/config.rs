//! A Hugging Face `config.json`: its keys, old and new, with the defaults of Transformers 5.23's classes.
//!
//! A key is read only where the class or the modeling code of that `model_type` reads it: a `mlp_bias` in a Mistral
//! config changes nothing in Transformers, so it changes nothing here.

use std::path::Path;

use super::json::Object;
use super::keys::{fill, refuse};
use super::{
    assume, blocks, bloom, compressed, deepseek, ernie, falcon, gemma, gpt, hybrid, kimi, layers, llama, mimo, minimax,
    mpt, seq2seq, step, tower, vision,
};
use crate::families::{self, Rule};
use crate::located::{self, PresetError, suggestion};
use crate::model::{Architecture, ArchitectureKeys, Card, Family, Model, parameters};

/// A model from a `config.json`, and the keys of a preset that describes the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The model.
    pub model: Model,
    /// Its `[architecture]`, with the dimensions written out that the file leaves to the class.
    pub keys: ArchitectureKeys,
}

/// The model that a `config.json` describes.
pub fn read(path: &Path) -> Result<Model, PresetError> {
    import(path).map(|imported| imported.model)
}

/// The model that a `config.json` describes, with its keys.
pub fn import(path: &Path) -> Result<Imported, PresetError> {
    // The usual name says nothing; any other names the model.
    let usual = path.file_name().is_some_and(|name| name == "config.json");
    let named = if usual { path.parent().and_then(Path::file_name) } else { path.file_stem() };
    let folder = named.map(|name| name.to_string_lossy().into_owned());
    import_text(&located::read(path)?, &path.display().to_string(), folder.as_deref())
}

/// The model that the text of a `config.json` describes. `origin` is what messages call the text; `folder` names the
/// model where the text itself does not. A `model_type` that is not known is an error.
pub fn parse(text: &str, origin: &str, folder: Option<&str>) -> Result<Model, PresetError> {
    read_text(text, origin, folder, |_, _| None).map(|imported| imported.model)
}

/// The same, with its keys. A `model_type` that is not known is taken for the nearest one whose keys it has, and the
/// model's card says so.
pub fn import_text(text: &str, origin: &str, folder: Option<&str>) -> Result<Imported, PresetError> {
    read_text(text, origin, folder, assume::family)
}

fn read_text(
    text: &str,
    origin: &str,
    folder: Option<&str>,
    assume: impl Fn(&Object<'_>, &str) -> Option<assume::Assumed>,
) -> Result<Imported, PresetError> {
    let outer = Object::parse(text, origin)?;
    let inner = outer.object("text_config")?;
    let config = inner.as_ref().unwrap_or(&outer);
    let (family, assumed) = family(config, &outer, assume)?;
    let mut keys = keys(config, family)?;
    if keys.tie_word_embeddings.is_none() {
        keys.tie_word_embeddings = outer.flag("tie_word_embeddings")?;
    }
    if assumed.is_some() && family.latent.is_none() {
        assume::settle(&mut keys);
    }
    keys.torch_dtype = published_type(config, &outer, family)?;
    write_out(family, &mut keys);
    keys.tower = tower::keys(&outer)?;
    let omitted = tower::omitted(&outer, keys.tower.is_some())?;
    let architecture = Architecture::resolve(family, &keys).map_err(|error| {
        let own = if family.seq2seq.is_some() { seq2seq::spellings(error.key) } else { &[] };
        let spelling = config
            .spelling(own)
            .or_else(|| config.spelling(ArchitectureKeys::spellings(error.key)))
            .unwrap_or(error.key);
        config.error(spelling, error.problem)
    })?;
    parameters::count(&architecture).map_err(|error| config.error("hidden_size", error.to_string()))?;
    let published = outer.text(&["_name_or_path"])?;
    let published = published.as_deref().and_then(|name| name.rsplit('/').find(|part| !part.is_empty()));
    let name = published.or(folder).unwrap_or(family.id).to_owned();
    let card = Card { source: Some(origin.to_owned()), assumed, omitted, ..Card::default() };
    let model = Model { id: name.clone(), name, family, card, declared: None, confirmed: false, architecture };
    Ok(Imported { model, keys })
}

/// The dimensions that every reader of a preset looks for, where the class decides them.
fn write_out(family: &Family, keys: &mut ArchitectureKeys) {
    let defaults = &family.defaults;
    keys.hidden_size.get_or_insert(defaults.hidden_size);
    keys.num_hidden_layers.get_or_insert(defaults.num_hidden_layers);
    keys.num_attention_heads.get_or_insert(defaults.num_attention_heads);
    if family.image.is_none() {
        keys.vocab_size.get_or_insert(defaults.vocab_size);
        keys.max_position_embeddings.get_or_insert(defaults.max_position_embeddings);
        keys.tie_word_embeddings.get_or_insert(defaults.tie_word_embeddings);
    }
    keys.intermediate_size = keys.intermediate_size.or(defaults.intermediate_size);
    keys.num_key_value_heads = keys.num_key_value_heads.or(defaults.num_key_value_heads);
}

/// The family of the `model_type`, and what was assumed where that is not known.
fn family(
    config: &Object<'_>,
    outer: &Object<'_>,
    assume: impl Fn(&Object<'_>, &str) -> Option<assume::Assumed>,
) -> Result<(&'static Family, Option<String>), PresetError> {
    const KEY: &str = "model_type";
    let known = families::ids();
    let Some(id) = config.text(&[KEY])?.or(outer.text(&[KEY])?) else {
        let message = format!("missing; it names the family of the model, one of {}", known.join(", "));
        return Err(config.error(KEY, message));
    };
    let id = kimi::own_name(id, config, outer)?;
    // The text parts of multimodal configs have names of their own.
    let text_part =
        id.strip_suffix("_text").and_then(families::family).or_else(|| families::family(&format!("{id}_text")));
    match (families::family(&id).or(text_part), assume(config, &id)) {
        (Some(family), _) => Ok((family, None)),
        (None, Some(assumed)) => Ok((assumed.family, Some(assumed.note))),
        (None, None) => Err(config.error(KEY, format!("`{id}` is not a known family; {}", suggestion(&id, &known)))),
    }
}

/// What all classes read, then what only this family's does.
fn keys(config: &Object<'_>, family: &Family) -> Result<ArchitectureKeys, PresetError> {
    let spelled = ArchitectureKeys::spellings;
    let mut keys = ArchitectureKeys {
        hidden_size: config.count(spelled("hidden_size"))?,
        num_hidden_layers: config.count(spelled("num_hidden_layers"))?,
        num_attention_heads: config.count(spelled("num_attention_heads"))?,
        intermediate_size: config.count_or_equal_counts(spelled("intermediate_size"))?,
        vocab_size: config.count(spelled("vocab_size"))?,
        max_position_embeddings: config.count(spelled("max_position_embeddings"))?,
        tie_word_embeddings: config.flag("tie_word_embeddings")?,
        hidden_act: config.text(spelled("hidden_act"))?,
        attention_dropout: config.number(spelled("attention_dropout"))?,
        num_labels: labels(config, family)?,
        classifier_dropout: config.number(&["classifier_dropout"])?,
        ..ArchitectureKeys::default()
    };
    let reads = families::member(family).reads;
    refuse(config, reads.refuses)?;
    fill(config, family, reads.keys, &mut keys)?;
    rule(config, family, reads.rule, keys)
}

/// Classes of sequences, tokens or images: those that have a name, else how many are said to be. Two of sequences or
/// tokens are what every class begins with.
fn labels(config: &Object<'_>, family: &Family) -> Result<Option<u64>, PresetError> {
    let labels = match config.entries("id2label")? {
        Some(named) => Some(named),
        None => config.count(&["num_labels"])?,
    };
    Ok(labels.filter(|labels| family.image.is_some() || *labels != 2))
}

/// What the family's class makes of its file beyond names of keys.
fn rule(
    config: &Object<'_>,
    family: &Family,
    rule: Rule,
    keys: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    match rule {
        Rule::Plain => Ok(keys),
        Rule::Bloom => bloom::keys(config, keys),
        Rule::Blocks => blocks::keys(config, family, keys),
        Rule::Compressed => compressed::keys(config, keys),
        Rule::Dbrx => mpt::dbrx(config, keys),
        Rule::DenseByLayer => layers::dense_layers(config, keys),
        Rule::DenseLayersNamed => layers::dense_named(config, keys),
        Rule::Dots => layers::dots(config, keys),
        Rule::Ernie => Ok(ernie::keys(keys)),
        Rule::ErnieMoe => ernie::moe(config, family, keys),
        Rule::EveryLayerRouted => layers::every_layer_routed(config, keys),
        Rule::Falcon => falcon::keys(config, keys),
        Rule::FalconH1 => falcon::h1(config, keys),
        Rule::Gemma4 => gemma::gemma4(config, keys),
        Rule::GptNeo => gpt::gpt_neo(config, family, keys),
        Rule::Granite => hybrid::granite(config, family, keys),
        Rule::GroupsByMethod => deepseek::groups_by_method(config, keys),
        Rule::Image => vision::keys(config, family, keys),
        Rule::Jamba => Ok(hybrid::jamba(keys)),
        Rule::Kimi => kimi::keys(config, keys),
        Rule::KimiK3 => kimi::k3(config, keys),
        Rule::LaterLayersSlide => layers::later_slide(config, family, keys),
        Rule::Lfm2 => hybrid::lfm2(config, keys),
        Rule::Lfm2Moe => hybrid::lfm2_moe(config, keys),
        Rule::Llama4 => llama::llama4(config, keys),
        Rule::MimoV2 => mimo::v2(config, family, keys),
        Rule::MiniMaxM3 => minimax::m3(config, keys),
        Rule::Mpt => mpt::mpt(config, keys),
        Rule::NemotronH => hybrid::nemotron(config, keys),
        Rule::PatternUnlessNamed => layers::pattern_unless_named(config, keys),
        Rule::RotaryChannels => minimax::rotary_channels(config, keys),
        Rule::Seq2Seq => seq2seq::keys(config, family, keys),
        Rule::SharedIndexers => deepseek::shared_indexers(config, family, keys),
        Rule::SlidesWhereAsked => layers::slides_where_asked(config, keys),
        Rule::Step => step::keys(config, keys),
    }
}

/// The type of the published weights: the quantization where there is one, else the plain type. One whose layout has no
/// name here is left out.
fn published_type(config: &Object<'_>, outer: &Object<'_>, family: &Family) -> Result<Option<String>, PresetError> {
    const KEY: &str = "quantization_config";
    let quantized = match config.object(KEY)? {
        None => outer.object(KEY)?,
        found => found,
    };
    let Some(quantized) = quantized else {
        let names = &["dtype", "torch_dtype"];
        let plain = config.text(names)?.or(outer.text(names)?);
        return Ok(plain.filter(|name| matches!(name.as_str(), "bfloat16" | "float16" | "float32")));
    };
    let method = quantized.text(&["quant_method"])?;
    let bits = quantized.count(&["bits", "w_bit"])?;
    let grouped = quantized.count(&["group_size", "q_group_size"])? == Some(128);
    let squares = quantized.counts("weight_block_size").ok().flatten() == Some(vec![128, 128]);
    let packed = quantized.text(&["format"])?.as_deref() == Some("mxfp4-pack-quantized");
    let name = match (method.as_deref(), bits) {
        (Some("fp8"), _) if squares => "float8_e4m3fn",
        (Some("mxfp4"), _) => "mxfp4",
        // Of its linear layers all but the routed experts are left as they are.
        (Some("compressed-tensors"), _) if packed && families::member(family).reads.rule == Rule::KimiK3 => "mxfp4",
        (Some("gptq"), Some(8)) if grouped => "gptq-int8",
        (Some("gptq"), Some(4)) if grouped => "gptq-int4",
        (Some("awq"), Some(4)) if grouped => "awq-int4",
        _ => return Ok(None),
    };
    Ok(Some(name.to_owned()))
}
