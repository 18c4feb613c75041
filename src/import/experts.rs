//! The keys of a `config.json` that only families with experts have.

use super::json::Object;
use crate::model::{ArchitectureKeys, Family};
use crate::preset::PresetError;

/// Adds the keys of mixtures of experts; refuses what changes a training step and is not covered.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    if config.flag("output_router_logits")? == Some(true) {
        let message = "found `true`; the auxiliary loss of router logits is not covered";
        return Err(config.error("output_router_logits", message));
    }
    if family.id == "gpt_oss" {
        let window = if config.is_null("sliding_window") { Some(0) } else { config.count(&["sliding_window"])? };
        return Ok(ArchitectureKeys {
            attention_bias: config.flag("attention_bias")?,
            sliding_window: window,
            layer_types: config.words("layer_types")?,
            ..shared
        });
    }
    let slides = config.flag("use_sliding_window")? == Some(true);
    if family.id == "mixtral" {
        if config.number(&["router_jitter_noise"])?.is_some_and(|noise| noise > 0.0) {
            return Err(config.error("router_jitter_noise", "noise on the router's input is not covered"));
        }
        return Ok(ArchitectureKeys { sliding_window: config.count(&["sliding_window"])?, ..shared });
    }
    if family.latent.is_some() {
        return latent(config, shared);
    }
    if family.id == "qwen2_moe" && slides {
        return Err(config.error("use_sliding_window", "found `true`; Qwen2-MoE with a window is not covered"));
    }
    let window =
        if config.is_null("sliding_window") { None } else { config.count(&["sliding_window"])?.or(Some(4096)) };
    let bias = if family.id == "qwen2_moe" { "qkv_bias" } else { "attention_bias" };
    Ok(ArchitectureKeys {
        attention_bias: config.flag(bias)?,
        moe_intermediate_size: config.count(&["moe_intermediate_size"])?,
        shared_expert_intermediate_size: config.count(&["shared_expert_intermediate_size"])?,
        norm_topk_prob: config.flag("norm_topk_prob")?,
        decoder_sparse_step: config.count(&["decoder_sparse_step"])?,
        mlp_only_layers: config.counts("mlp_only_layers")?,
        sliding_window: window.filter(|_| slides),
        ..shared
    })
}

pub(super) fn latent(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    if config.flag("rope_interleave")? == Some(false) {
        return Err(
            config.error("rope_interleave", "found `false`; latent attention that rotates halves is not covered")
        );
    }
    let count = |key| config.count(&[key]);
    Ok(ArchitectureKeys {
        attention_bias: config.flag("attention_bias")?,
        moe_intermediate_size: count("moe_intermediate_size")?,
        n_shared_experts: count("n_shared_experts")?,
        first_k_dense_replace: count("first_k_dense_replace")?,
        norm_topk_prob: config.flag("norm_topk_prob")?,
        n_group: count("n_group")?,
        topk_group: count("topk_group")?,
        q_lora_rank: if config.is_null("q_lora_rank") { Some(0) } else { count("q_lora_rank")? },
        kv_lora_rank: count("kv_lora_rank")?,
        qk_nope_head_dim: count("qk_nope_head_dim")?,
        qk_rope_head_dim: count("qk_rope_head_dim")?,
        v_head_dim: count("v_head_dim")?,
        ..shared
    })
}
