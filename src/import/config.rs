//! A Hugging Face `config.json`: its keys, old and new, with the defaults of Transformers 5.23's classes.
//!
//! A key is read only where the class or the modeling code of that `model_type` reads it: a `mlp_bias` in a Mistral
//! config changes nothing in Transformers, so it changes nothing here.

use std::path::Path;

use super::assume;
use super::json::Object;
use crate::families;
use crate::model::architecture::MOST_LAYERS;
use crate::model::{Architecture, ArchitectureKeys, Card, Family, Model, parameters};
use crate::preset::{PresetError, source, suggestion};

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
    import_text(&source::read(path)?, &path.display().to_string(), folder.as_deref())
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
    slide_some_layers(config, family, &mut keys)?;
    let architecture = Architecture::resolve(family, &keys).map_err(|error| {
        let own = if family.seq2seq.is_some() { super::seq2seq::spellings(error.key) } else { &[] };
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
    let card = Card { source: Some(origin.to_owned()), assumed, ..Card::default() };
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
    let id = super::kimi::own_name(id, config, outer)?;
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
    let count = |key| config.count(ArchitectureKeys::spellings(key));
    let shared = ArchitectureKeys {
        hidden_size: count("hidden_size")?,
        num_hidden_layers: count("num_hidden_layers")?,
        num_attention_heads: count("num_attention_heads")?,
        intermediate_size: config.count_or_equal_counts(ArchitectureKeys::spellings("intermediate_size"))?,
        vocab_size: count("vocab_size")?,
        max_position_embeddings: count("max_position_embeddings")?,
        tie_word_embeddings: config.flag("tie_word_embeddings")?,
        hidden_act: config.text(ArchitectureKeys::spellings("hidden_act"))?,
        attention_dropout: config.number(ArchitectureKeys::spellings("attention_dropout"))?,
        ..ArchitectureKeys::default()
    };
    match family.id {
        id if super::legacy::reads(id) => super::legacy::keys(config, family, shared),
        id if super::sparse::reads(id) => super::sparse::keys(config, family, shared),
        id if super::mixtures::reads(id) => super::mixtures::keys(config, family, shared),
        id if super::modern::reads(id) => super::modern::keys(config, family, shared),
        _ => first_families(config, family, shared),
    }
}

/// What a family of the first years reads beside the keys of all.
fn first_families(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    let count = |key| config.count(ArchitectureKeys::spellings(key));
    Ok(match family.id {
        _ if family.hybrid.is_some() => super::hybrid::keys(config, family, shared)?,
        _ if family.compressed.is_some() => super::compressed::keys(config, family, shared)?,
        _ if family.encoder.is_some() => super::encoders::keys(config, family, shared)?,
        "nemotron-nas" => super::blocks::keys(config, family, shared)?,
        _ if family.seq2seq.is_some() => super::seq2seq::keys(config, family, shared)?,
        _ if family.image.is_some() => super::vision::keys(config, family, shared)?,
        "gpt2" => {
            if config.flag("add_cross_attention")? == Some(true) {
                return Err(config.error("add_cross_attention", "found `true`; cross attention is not covered"));
            }
            ArchitectureKeys {
                hidden_dropout: config.number(&["resid_pdrop"])?,
                embedding_dropout: config.number(&["embd_pdrop"])?,
                ..shared
            }
        }
        "gpt_neox" => ArchitectureKeys {
            attention_bias: config.flag("attention_bias")?,
            partial_rotary_factor: rotary_share(config, "rotary_pct")?,
            use_parallel_residual: config.flag("use_parallel_residual")?,
            hidden_dropout: config.number(&["hidden_dropout"])?,
            // The same probability after the embedding.
            embedding_dropout: config.number(&["hidden_dropout"])?,
            ..shared
        },
        id if super::experts::reads(id) => super::experts::keys(
            config,
            family,
            ArchitectureKeys {
                num_key_value_heads: kv_heads(config, family, &shared)?,
                head_dim: if family.latent.is_some() { None } else { count("head_dim")? },
                num_experts: count("num_experts")?,
                num_experts_per_tok: count("num_experts_per_tok")?,
                ..shared
            },
        )?,
        "phi" if config.flag("qk_layernorm")? == Some(true) => {
            return Err(config.error("qk_layernorm", "found `true`; norms on queries and keys of Phi are not covered"));
        }
        "olmo" if config.number(&["clip_qkv"])?.is_some() => {
            return Err(config.error("clip_qkv", "found a number; clipped queries, keys and values are not covered"));
        }
        id => ArchitectureKeys {
            num_key_value_heads: kv_heads(config, family, &shared)?,
            head_dim: count("head_dim")?,
            use_qk_norm: match id {
                "cohere" => config.flag("use_qk_norm")?,
                "stablelm" => config.flag("qk_layernorm")?,
                _ => None,
            },
            use_parallel_residual: if id == "stablelm" { config.flag("use_parallel_residual")? } else { None },
            no_rope_layers: if id == "smollm3" { config.counts("no_rope_layers")? } else { None },
            no_rope_layer_interval: if id == "smollm3" { config.count(&["no_rope_layer_interval"])? } else { None },
            // Qwen2's three biases and Mistral's and Phi-3's lack of any are in the code.
            attention_bias: match id {
                "llama" | "qwen3" | "gemma" | "gemma2" | "gemma3_text" | "olmo2" | "granite" | "glm4" | "cohere"
                | "olmo" | "smollm3" => config.flag("attention_bias")?,
                "stablelm" => config.flag("use_qkv_bias")?,
                "starcoder2" => config.flag("use_bias")?,
                _ => None,
            },
            mlp_bias: match id {
                "llama" | "granite" | "smollm3" => config.flag("mlp_bias")?,
                "starcoder2" => config.flag("use_bias")?,
                _ => None,
            },
            partial_rotary_factor: match id {
                "phi3" | "phi" | "stablelm" | "glm4" => rotary_share(config, "partial_rotary_factor")?,
                _ => None,
            },
            hidden_dropout: match id {
                "phi3" | "phi" => config.number(&["resid_pdrop"])?,
                "stablelm" => config.number(&["hidden_dropout"])?,
                "starcoder2" => config.number(&["residual_dropout"])?,
                _ => None,
            },
            embedding_dropout: match id {
                "phi" => config.number(&["embd_pdrop"])?,
                "starcoder2" => config.number(&["embedding_dropout"])?,
                _ => None,
            },
            sliding_window: sliding_window(config, id)?,
            sliding_window_pattern: if id == "gemma3_text" { config.count(&["sliding_window_pattern"])? } else { None },
            layer_types: if matches!(id, "gemma2" | "gemma3_text") { config.words("layer_types")? } else { None },
            attn_logit_softcapping: if id == "gemma2" { cap(config, "attn_logit_softcapping")? } else { None },
            final_logit_softcapping: match id {
                "gemma2" | "gemma3_text" => cap(config, "final_logit_softcapping")?,
                _ => None,
            },
            ..shared
        },
    })
}

/// A soft cap; null means none, also where the class's default is a number.
pub(super) fn cap(config: &Object<'_>, key: &str) -> Result<Option<f64>, PresetError> {
    if config.is_null(key) { Ok(Some(0.0)) } else { config.number(&[key]) }
}

/// Key and value heads: null means as many as query heads, also where the class's default is another number.
pub(super) fn kv_heads(
    config: &Object<'_>,
    family: &Family,
    keys: &ArchitectureKeys,
) -> Result<Option<u64>, PresetError> {
    const KEY: &str = "num_key_value_heads";
    if config.is_null(KEY) {
        return Ok(Some(keys.num_attention_heads.unwrap_or(family.defaults.num_attention_heads)));
    }
    config.count(&[KEY])
}

/// The share of a head that rotates: in the rotary parameters, or under the family's older name.
pub(super) fn rotary_share(config: &Object<'_>, older: &str) -> Result<Option<f64>, PresetError> {
    for group in ["rope_scaling", "rope_parameters"] {
        if let Some(parameters) = config.object(group)?
            && let Some(share) = parameters.number(&["partial_rotary_factor"])?
        {
            return Ok(Some(share));
        }
    }
    config.number(&[older])
}

/// The window of every layer; 0: none, also where the family's default has one.
fn sliding_window(config: &Object<'_>, id: &str) -> Result<Option<u64>, PresetError> {
    const KEY: &str = "sliding_window";
    match id {
        "mistral" | "gemma2" | "gemma3_text" | "starcoder2" if config.is_null(KEY) => Ok(Some(0)),
        "mistral" | "phi3" | "gemma2" | "gemma3_text" | "starcoder2" => config.count(&[KEY]),
        _ => Ok(None),
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
        (Some("compressed-tensors"), _) if packed && family.id == "kimi_k3" => "mxfp4",
        (Some("gptq"), Some(8)) if grouped => "gptq-int8",
        (Some("gptq"), Some(4)) if grouped => "gptq-int4",
        (Some("awq"), Some(4)) if grouped => "awq-int4",
        _ => return Ok(None),
    };
    Ok(Some(name.to_owned()))
}

/// Qwen2 and Qwen3 let some layers slide: those that `layer_types` names, else those from `max_window_layers` on.
fn slide_some_layers(config: &Object<'_>, family: &Family, keys: &mut ArchitectureKeys) -> Result<(), PresetError> {
    if !matches!(family.id, "qwen2" | "qwen3") || config.flag("use_sliding_window")? != Some(true) {
        return Ok(());
    }
    if config.is_null("sliding_window") {
        return Ok(());
    }
    keys.sliding_window = config.count(&["sliding_window"])?.or(Some(4096));
    let mut types = config.words("layer_types")?;
    if types.is_none() {
        let layers = keys.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers).min(MOST_LAYERS);
        let full = config.count(&["max_window_layers"])?.unwrap_or(28);
        let kind = |layer| if layer < full { "full_attention" } else { "sliding_attention" };
        types = Some((0..layers).map(|layer| kind(layer).to_owned()).collect());
    }
    keys.layer_types = types;
    Ok(())
}
