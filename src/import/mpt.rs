//! The nested objects of MPT and DBRX.

use super::json::Object;
use crate::located::PresetError;
use crate::model::ArchitectureKeys;

/// The class ignores `expansion_ratio`, `no_bias` and `learned_pos_emb`, whatever they say.
pub(super) fn mpt(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let attention = config.object("attn_config")?;
    let dropout = match &attention {
        Some(attention) if attention.number(&["clip_qkv"])?.is_some_and(|limit| limit != 0.0) => {
            let message = "found a number; clipped queries, keys and values are not covered";
            return Err(config.error("clip_qkv", message));
        }
        Some(attention) => attention.number(&["attn_pdrop"])?,
        None => None,
    };
    Ok(ArchitectureKeys {
        intermediate_size: None,
        hidden_act: None,
        attention_dropout: dropout,
        hidden_dropout: dropout,
        ..shared
    })
}

/// DBRX: attention and experts in an object each.
pub(super) fn dbrx(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let attention = config.object("attn_config")?;
    let network = config.object("ffn_config")?;
    let of = |object: &Option<Object<'_>>, name: &str| object.as_ref().map_or(Ok(None), |it| it.count(&[name]));
    Ok(ArchitectureKeys {
        num_key_value_heads: of(&attention, "kv_n_heads")?,
        intermediate_size: of(&network, "ffn_hidden_size")?,
        num_experts: of(&network, "moe_num_experts")?,
        num_experts_per_tok: of(&network, "moe_top_k")?,
        ..shared
    })
}
