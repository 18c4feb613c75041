//! A `model_type` that no row of the family table has: taken for a plain decoder where every key says that it is one.
//!
//! A name says nothing of a structure, and what a mixture of experts has beside its matrices stands in no key: of the
//! class defaults of Transformers 5.23 nearly every one that was guessed by less came out wrong.

use super::json::Object;
use crate::families;
use crate::model::architecture::Purpose;
use crate::model::{ArchitectureKeys, Family};

/// What a file was taken for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assumed {
    /// The family whose structure is used.
    pub(super) family: &'static Family,
    /// What was assumed, in words.
    pub(super) note: String,
}

/// Without these nothing is known of a model.
const NEEDED: &[&str] = &["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"];

/// Keys of a plain decoder beside those: gated networks, norms by root mean square, positions that rotate.
const PLAIN: &[&str] = &[
    "attention_bias",
    "attention_dropout",
    "attn_pdrop",
    "head_dim",
    "hidden_act",
    "layer_types",
    "max_position_embeddings",
    "max_window_layers",
    "mlp_bias",
    "num_key_value_heads",
    "num_kv_heads",
    "original_max_position_embeddings",
    "partial_rotary_factor",
    "rms_norm_eps",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "tie_word_embeddings",
];

/// Keys by which a plain decoder has norms of queries and keys, or biases of them.
const NORMED: &[&str] = &["qk_layernorm", "qk_norm", "use_qk_norm"];
const BIASED: &[&str] = &["qkv_bias", "use_qkv_bias"];

/// Keys that change no tensor: names, types, tokens, how text is generated, how a model begins.
const ELSEWHERE: &[&str] = &[
    "architectures",
    "attn_implementation",
    "auto_map",
    "base_model_pp_plan",
    "base_model_tp_plan",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "id2label",
    "initializer_range",
    "keys_to_ignore_at_inference",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "model_type",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "pretraining_tp",
    "problem_type",
    "quantization_config",
    "repetition_penalty",
    "return_dict",
    "rope_interleaved",
    "task_specific_params",
    "temperature",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "transformers_version",
    "typical_p",
    "unsloth_version",
    "use_cache",
];

/// Ends of the names of keys that say which token is which.
const TOKENS: &[&str] = &["_token", "_token_id", "_token_ids", "_token_index"];

/// The plain decoder that the keys of an unknown `model_type` describe; else why they do not, where that can be told.
pub(super) fn family(config: &Object<'_>, outer: &Object<'_>, id: &str) -> Result<Assumed, String> {
    if NEEDED.iter().any(|key| config.spelling(ArchitectureKeys::spellings(key)).is_none()) {
        return Err(String::new());
    }
    if let Some(class) = other_class(config, outer) {
        return Err(format!(", and a class such as `{class}` tells nothing of its structure"));
    }
    if let Some(key) = config.first_that_says(|key| !is_understood(key)) {
        return Err(format!(", and neither is its key `{key}`"));
    }
    if let Some(lacking) = lacking(config) {
        return Err(format!(", and it has no {lacking}, as a plain decoder has"));
    }
    let has = |keys: &[&str]| config.says(|said| keys.contains(&said));
    let family = match (has(NORMED), has(BIASED)) {
        (true, true) => return Err(String::from(", nor is a decoder with both norms and biases of its queries")),
        (true, false) => "qwen3",
        (false, true) => "qwen2",
        (false, false) => "llama",
    };
    let note = format!("model_type `{id}` is not known; it is taken for `{family}`, as its keys suggest");
    families::family(family).map(|family| Assumed { family, note }).ok_or_else(String::new)
}

/// Dimensions that the taken family's class would give a model of its own.
pub(super) fn settle(keys: &mut ArchitectureKeys) {
    keys.num_key_value_heads = keys.num_key_value_heads.or(keys.num_attention_heads);
    let even = keys.hidden_size.zip(keys.num_attention_heads).filter(|(hidden, heads)| hidden.is_multiple_of(*heads));
    keys.head_dim = keys.head_dim.or(even.map(|(hidden, heads)| hidden / heads));
}

/// A class that is made for something else than the next word.
fn other_class(config: &Object<'_>, outer: &Object<'_>) -> Option<String> {
    const KEY: &str = "architectures";
    let named = outer.words(KEY).ok().flatten().or(config.words(KEY).ok().flatten())?;
    named.into_iter().find(|class| Purpose::of(class) != Ok(Purpose::Words))
}

fn is_understood(key: &str) -> bool {
    let sizes = || NEEDED.iter().any(|size| ArchitectureKeys::spellings(size).contains(&key));
    let listed = [PLAIN, NORMED, BIASED, ELSEWHERE].iter().any(|list| list.contains(&key));
    listed || sizes() || key.starts_with('_') || TOKENS.iter().any(|end| key.ends_with(end))
}

/// What a plain decoder has and this one does not say.
fn lacking(config: &Object<'_>) -> Option<&'static str> {
    let has = |keys: &[&str]| config.says(|said| keys.contains(&said));
    let gated = |act: &str| matches!(act, "silu" | "swish");
    let act = config.text(ArchitectureKeys::spellings("hidden_act")).ok()?;
    let plain = |kind: &String| kind == "full_attention";
    let alike = config.words("layer_types").ok()?.is_none_or(|types| types.iter().all(plain));
    match () {
        () if !has(&["rms_norm_eps"]) => Some("norms by root mean square (rms_norm_eps)"),
        () if !has(&["rope_parameters", "rope_scaling", "rope_theta"]) => Some("positions that rotate (rope_theta)"),
        () if !act.is_none_or(|act| gated(&act)) => Some("gate by silu (hidden_act)"),
        () if !alike => Some("layers that are all alike (layer_types)"),
        () => None,
    }
}
