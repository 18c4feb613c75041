//! A `model_type` that no row of the family table has: the nearest structure, where the keys describe a known one.

use super::json::Object;
use crate::families;
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
const NEEDED: &[&[&str]] = &[
    &["vocab_size"],
    &["hidden_size", "n_embd"],
    &["num_hidden_layers", "n_layer"],
    &["num_attention_heads", "n_head"],
    &["intermediate_size", "moe_intermediate_size", "n_inner"],
];

/// Parts of the names of keys that speak of something else than attention and feed-forward networks.
const STRANGE: &[&str] = &[
    "alibi",
    "altup",
    "attn_layer",
    "block_configs",
    "compress",
    "conv",
    "cross_attention",
    "delta",
    "encoder",
    "hc_",
    "hyper",
    "index_",
    "kv_shared",
    "laurel",
    "linear_attn",
    "linear_attention",
    "linear_num",
    "lru",
    "mamba",
    "parallel_attn",
    "parallel_residual",
    "per_layer",
    "recurrent",
    "rwkv",
    "sink",
    "ssm",
    "type_vocab_size",
];

/// The structure that the keys of an unknown `model_type` describe, where that is a known one.
pub(super) fn family(config: &Object<'_>, id: &str) -> Option<Assumed> {
    if !NEEDED.iter().all(|names| config.spelling(names).is_some()) {
        return None;
    }
    if STRANGE.iter().any(|part| config.says(|key| key.contains(part))) || !plain_layers(config) {
        return None;
    }
    let structure = Structure::of(config);
    let longest = families::all()
        .map(|member| &member.family)
        .filter(|family| id.starts_with(family.id) && structure.fits(family));
    let family = match longest.max_by_key(|family| family.id.len()) {
        Some(family) => family,
        None => families::family(structure.nearest(config)?)?,
    };
    let note = format!("model_type `{id}` is not known; it is taken for `{}`, as its keys suggest", family.id);
    Some(Assumed { family, note })
}

/// Dimensions that the taken family's class would give a model of its own.
pub(super) fn settle(keys: &mut ArchitectureKeys) {
    keys.num_key_value_heads = keys.num_key_value_heads.or(keys.num_attention_heads);
    let even = keys.hidden_size.zip(keys.num_attention_heads).filter(|(hidden, heads)| hidden.is_multiple_of(*heads));
    keys.head_dim = keys.head_dim.or(even.map(|(hidden, heads)| hidden / heads));
}

/// Whether every layer has attention that a window at most tells from the others.
fn plain_layers(config: &Object<'_>) -> bool {
    match config.words("layer_types") {
        Ok(None) => true,
        Ok(Some(types)) => types.iter().all(|kind| kind == "full_attention" || kind == "sliding_attention"),
        Err(_) => false,
    }
}

/// What a layer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Structure {
    latent: bool,
    experts: bool,
}

impl Structure {
    fn of(config: &Object<'_>) -> Self {
        let has = |names: &[&str]| names.iter().any(|name| config.says(|key| key == *name));
        Self {
            latent: has(&["kv_lora_rank"]),
            experts: has(&["num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"]),
        }
    }

    const fn fits(self, family: &Family) -> bool {
        family.latent.is_some() == self.latent
            && family.experts.is_some() == self.experts
            && family.encoder.is_none()
            && family.seq2seq.is_none()
            && family.image.is_none()
            && family.compressed.is_none()
    }

    /// The family of this structure whose other parts are the usual ones.
    fn nearest(self, config: &Object<'_>) -> Option<&'static str> {
        let has = |names: &[&str]| names.iter().any(|name| config.says(|key| key == *name));
        let normed = has(&["use_qk_norm", "qk_norm", "qk_layernorm"]);
        match self {
            Self { latent: true, experts: true } => Some("deepseek_v3"),
            Self { latent: true, experts: false } => None,
            Self { experts: true, .. } if has(&["n_shared_experts", "num_shared_experts"]) => Some("glm4_moe"),
            Self { experts: true, .. } if has(&["shared_expert_intermediate_size"]) => Some("qwen2_moe"),
            Self { experts: true, .. } if normed => Some("qwen3_moe"),
            Self { experts: true, .. } => (!has(&["moe_intermediate_size"])).then_some("mixtral"),
            Self { .. } if normed => Some("qwen3"),
            Self { .. } if has(&["qkv_bias", "use_qkv_bias"]) => Some("qwen2"),
            Self { .. } => Some("llama"),
        }
    }
}
