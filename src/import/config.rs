//! A Hugging Face `config.json`: its keys, old and new, with the defaults of Transformers 5.23's classes.
//!
//! A key is read only where the class or the modeling code of that `model_type` reads it: a `mlp_bias` in a Mistral
//! config changes nothing in Transformers, so it changes nothing here.

use std::path::Path;

use super::json::Object;
use super::keys::{fill, refuse};
use super::{
    assume, blocks, bloom, compressed, deepseek, ernie, falcon, gemma, gpt, hybrid, kimi, layers, llama, mimo, minimax,
    mpt, published, seq2seq, step, tower, twins, vision, whole,
};
use crate::families::{self, Rule};
use crate::located::{self, PresetError};
use crate::model::architecture::{Checkpoint, Purpose};
use crate::model::{ArchitectureKeys, Card, Family, Model, parameters};

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
    // What Model Optimizer made stands in a file of its own where another program wrote the configuration.
    let beside = path.with_file_name(QUANTIZATION);
    let beside = (usual && located::is_there(&beside)).then_some(beside);
    let quantization = beside.as_deref().map(read_configuration).transpose()?;
    let named = Configuration {
        text: &read_configuration(path)?,
        origin: &path.display().to_string(),
        folder: folder.as_deref(),
    };
    let origin = beside.map(|path| path.display().to_string()).unwrap_or_default();
    read_text(named, quantization.as_deref().map(|text| (text, &*origin)), true)
}

/// The text of a configuration, some of which name every expert of every layer.
fn read_configuration(path: &Path) -> Result<String, PresetError> {
    located::read_up_to(path, 4 << 20)
}

/// Where Model Optimizer says what it did.
const QUANTIZATION: &str = "hf_quant_config.json";

/// The text of a configuration, and what it is called.
#[derive(Clone, Copy)]
struct Configuration<'t> {
    text: &'t str,
    origin: &'t str,
    folder: Option<&'t str>,
}

/// What the `adapter_config.json` of PEFT says of the model under it.
pub fn base_of_adapter(path: &Path) -> Result<Option<String>, PresetError> {
    let text = located::read(path)?;
    Object::parse(&text, &path.display().to_string())?.text(&["base_model_name_or_path"])
}

/// The model that the text of a `config.json` describes. `origin` is what messages call the text; `folder` names the
/// model where the text itself does not. A `model_type` that is not known is an error.
pub fn parse(text: &str, origin: &str, folder: Option<&str>) -> Result<Model, PresetError> {
    read_text(Configuration { text, origin, folder }, None, false).map(|imported| imported.model)
}

/// The same, with its keys.
pub(super) fn import_known(text: &str, origin: &str, name: Option<&str>) -> Result<Imported, PresetError> {
    read_text(Configuration { text, origin, folder: name }, None, false)
}

/// The same, with its keys. A `model_type` that is not known is taken for a plain decoder where every key of it says so,
/// and the model's card says that it was.
pub fn import_text(text: &str, origin: &str, folder: Option<&str>) -> Result<Imported, PresetError> {
    read_text(Configuration { text, origin, folder }, None, true)
}

fn read_text(
    Configuration { text, origin, folder }: Configuration<'_>,
    beside: Option<(&str, &str)>,
    guess: bool,
) -> Result<Imported, PresetError> {
    let outer = Object::parse(text, origin)?;
    let beside = beside.map(|(text, origin)| Object::parse(text, origin)).transpose()?;
    let inner = outer.object("text_config")?;
    let config = inner.as_ref().unwrap_or(&outer);
    let (family, assumed) = family(config, &outer, guess)?;
    let mut keys = keys(config, family)?;
    if inner.is_some() {
        keys.tie_word_embeddings = whole::tied(&outer, keys.tie_word_embeddings)?;
    }
    if assumed.is_some() && family.latent.is_none() {
        assume::settle(&mut keys);
    }
    if !families::member(family).names_own_classes() {
        keys.architectures = class(config, &outer)?;
    } else if inner.is_some() && keys.architectures.is_none() {
        keys.architectures = outer.words("architectures")?;
    }
    let published = published::read(config, &outer, beside.as_ref(), family)?;
    keys.torch_dtype = published.dtype.map(str::to_owned);
    keys.quantization_config = published.groups;
    write_out(family, &mut keys);
    keys.tower = tower::keys(&outer, keys.intermediate_size)?;
    let omitted = tower::omitted(&outer, keys.tower.is_some())?;
    let reads = families::member(family).reads;
    let mut resolved = families::classes::resolve(family, &keys);
    // Names of modules that are not understood leave the model what it is.
    if resolved.as_ref().is_err_and(|error| error.key == "quantization_config") {
        keys.quantization_config = None;
        resolved = families::classes::resolve(family, &keys);
    }
    let architecture = resolved.map_err(|error| {
        let own = if reads.rule == Rule::Seq2Seq { seq2seq::spellings(error.key) } else { reads.names_of(error.key) };
        let spelling = config
            .spelling(own)
            .or_else(|| config.spelling(ArchitectureKeys::spellings(error.key)))
            .unwrap_or(error.key);
        config.error(spelling, error.problem)
    })?;
    if let Some(groups) = keys.quantization_config.take() {
        keys.torch_dtype = architecture.checkpoint.as_ref().and_then(Checkpoint::dtype).map(str::to_owned);
        if keys.torch_dtype.is_none() {
            let simple = families::checkpoint::simplify(family, &architecture, &groups);
            keys.quantization_config = Some(simple.map_err(|error| outer.error(error.key, error.problem))?);
        }
    }
    parameters::count(&architecture).map_err(|error| config.error("hidden_size", error.to_string()))?;
    let own = outer.text(&["_name_or_path"])?;
    let own = own.as_deref().and_then(|name| name.rsplit('/').find(|part| !part.is_empty()));
    let name = own.or(folder).unwrap_or(family.id).to_owned();
    let quantization = published.words.filter(|_| architecture.checkpoint.is_none());
    let card = Card { source: Some(origin.to_owned()), quantization, assumed, omitted, ..Card::default() };
    let model =
        Model { id: name.clone(), name, family, card, declared: None, confirmed: false, architecture, stored: None };
    Ok(Imported { model, keys })
}

/// The class of a decoder, where that is another than the usual one with a head over its vocabulary.
fn class(config: &Object<'_>, outer: &Object<'_>) -> Result<Option<Vec<String>>, PresetError> {
    const KEY: &str = "architectures";
    const DRAFTS: [&str; 3] = ["dflash_config", "draft_vocab_size", "eagle_config"];
    let named = outer.words(KEY)?.or(config.words(KEY)?).unwrap_or_default();
    let purpose = named.first().map(|class| Purpose::of(class)).transpose();
    let purpose = purpose.map_err(|error| outer.error(KEY, error.problem))?;
    if let Some(key) = outer.first_that_says(|key| DRAFTS.contains(&key)) {
        return Err(
            outer.error(key, "found where a model drafts for another, whose hidden states it reads: not covered")
        );
    }
    Ok(purpose.filter(|purpose| *purpose != Purpose::Words).and(Some(named)))
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
    guess: bool,
) -> Result<(&'static Family, Option<String>), PresetError> {
    const KEY: &str = "model_type";
    let Some(id) = config.text(&[KEY])?.or(outer.text(&[KEY])?) else {
        return Err(config.error(KEY, "missing; it names the family of the model, such as `llama` or `qwen3`"));
    };
    let id = kimi::own_name(id, config, outer)?;
    // The text parts of multimodal configs have names of their own.
    let text_part = || {
        let named = |suffix: &str| families::family(&format!("{id}{suffix}"));
        id.strip_suffix("_text").and_then(families::family).or_else(|| named("_text")).or_else(|| named("_text_model"))
    };
    if let Some(family) = families::family(&id).or_else(text_part) {
        return Ok((family, None));
    }
    if let Some(twin) = twins::family(config, &id)? {
        return Ok(twin);
    }
    let why = match guess.then(|| assume::family(config, outer, &id)) {
        Some(Ok(assumed)) => return Ok((assumed.family, Some(assumed.note))),
        Some(Err(why)) => why,
        None => String::new(),
    };
    let near = misspelt(&id).map(|near| format!("; the nearest is `{near}`")).unwrap_or_default();
    Err(config.error(KEY, format!("`{id}` is not a known family{why}{near}")))
}

/// The family whose name was probably meant: names that differ in more than a letter or two are those of other models.
fn misspelt(id: &str) -> Option<&'static str> {
    let allowed = match id.chars().count() {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    };
    let distance = |family: &&str| strsim::damerau_levenshtein(id, family);
    families::ids().into_iter().min_by_key(distance).filter(|family| distance(family) <= allowed)
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
        Rule::Gemma4 => gemma::gemma4(config, family, keys),
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
