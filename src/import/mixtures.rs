//! The keys of a `config.json` that Ling, Hunyuan, ERNIE, Phi-MoE and the first `DeepSeek` read.

use super::config::{kv_heads, rotary_share};
use super::json::Object;
use super::modern::window;
use crate::model::architecture::MOST_LAYERS;
use crate::model::{ArchitectureKeys, Family};
use crate::preset::PresetError;

/// Whether this file reads the keys of a family.
pub(super) fn reads(id: &str) -> bool {
    matches!(id, "deepseek" | "bailing_moe" | "hunyuan_v1_moe" | "hy_v3" | "ernie4_5_moe" | "phimoe")
}

/// Adds the keys that a family reads beside those of all.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    super::experts::refuse_router_loss(config)?;
    let keys = ArchitectureKeys {
        num_key_value_heads: kv_heads(config, family, &shared)?,
        head_dim: if matches!(family.id, "deepseek" | "phimoe") { None } else { config.count(&["head_dim"])? },
        num_experts: config.count_or_equal_counts(&[
            "num_experts",
            "num_local_experts",
            "n_routed_experts",
            "moe_num_experts",
        ])?,
        num_experts_per_tok: config.count_or_equal_counts(&["num_experts_per_tok", "moe_topk", "moe_k"])?,
        attention_bias: config.flag("attention_bias")?,
        ..shared
    };
    match family.id {
        "deepseek" => deepseek(config, keys),
        "bailing_moe" => bailing(config, keys),
        "hy_v3" => hy3(config, keys),
        "ernie4_5_moe" => ernie(config, family, keys),
        "phimoe" => {
            Ok(ArchitectureKeys { lm_head_bias: config.flag("lm_head_bias")?, sliding_window: window(config)?, ..keys })
        }
        _ => Ok(keys),
    }
}

fn deepseek(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    const EVERY: &str = "moe_layer_freq";
    if config.count(&[EVERY])?.is_some_and(|every| every != 1) {
        return Err(config.error(EVERY, "layers with experts at intervals other than 1 are not covered"));
    }
    Ok(ArchitectureKeys {
        moe_intermediate_size: config.count(&["moe_intermediate_size"])?,
        n_shared_experts: config.count(&["n_shared_experts"])?,
        first_k_dense_replace: config.count(&["first_k_dense_replace"])?,
        norm_topk_prob: config.flag("norm_topk_prob")?,
        ..keys
    })
}

fn bailing(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    // The first Ling, of the same `model_type`, has neither norms of queries and keys nor a correction.
    for key in ["use_qk_norm", "moe_router_enable_expert_bias"] {
        if config.flag(key)? == Some(false) {
            return Err(config.error(key, "found `false`; only Ling 2.0, which has it, is covered"));
        }
    }
    if config.flag("norm_head")? == Some(true) {
        return Err(config.error("norm_head", "found `true`; a head that is normed is not covered"));
    }
    Ok(ArchitectureKeys {
        attention_bias: config.flag("use_qkv_bias")?,
        attention_output_bias: config.flag("use_bias")?,
        partial_rotary_factor: rotary_share(config, "partial_rotary_factor")?,
        moe_intermediate_size: config.count(&["moe_intermediate_size"])?,
        n_shared_experts: config.count(&["num_shared_experts"])?,
        first_k_dense_replace: config.count(&["first_k_dense_replace"])?,
        n_group: config.count(&["n_group"])?,
        topk_group: config.count(&["topk_group"])?,
        ..keys
    })
}

fn hy3(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let dense = config.words("mlp_layer_types")?.map(|types| {
        let dense = (0_u64..).zip(types).filter(|(_, kind)| kind != "sparse");
        dense.map(|(index, _)| index).collect::<Vec<_>>()
    });
    Ok(ArchitectureKeys {
        mlp_bias: config.flag("mlp_bias")?,
        moe_intermediate_size: config.count(&["moe_intermediate_size"])?,
        n_shared_experts: config.count(&["num_shared_experts"])?,
        first_k_dense_replace: dense.as_ref().map(|_| 0),
        mlp_only_layers: dense,
        ..keys
    })
}

fn ernie(config: &Object<'_>, family: &Family, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    const LAST: &str = "moe_layer_end_index";
    let bias = config.flag("use_bias")?;
    let layers = keys.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers).min(MOST_LAYERS);
    // -1: experts to the end.
    let last = match config.number(&[LAST])? {
        Some(last) if last < 0.0 => None,
        _ => config.count(&[LAST])?,
    };
    let after = last.map(|last| (last.saturating_add(1)..layers).collect::<Vec<_>>());
    Ok(ArchitectureKeys {
        attention_bias: bias,
        mlp_bias: bias,
        lm_head_bias: bias,
        // Its attention weights are never dropped, whatever the config says.
        attention_dropout: Some(0.0),
        moe_intermediate_size: config.count(&["moe_intermediate_size"])?,
        n_shared_experts: config.count(&["moe_num_shared_experts"])?,
        first_k_dense_replace: config.count(&["moe_layer_start_index"])?,
        decoder_sparse_step: config.count(&["moe_layer_interval"])?,
        mlp_only_layers: after.filter(|layers| !layers.is_empty()),
        ..keys
    })
}
