//! The keys of a `config.json` that only families with experts have.

use super::config::rotary_share;
use super::json::Object;
use crate::model::architecture::MOST_LAYERS;
use crate::model::{ArchitectureKeys, Family};
use crate::preset::PresetError;

/// Whether this file reads the keys of a family.
pub(super) fn reads(id: &str) -> bool {
    matches!(
        id,
        "mixtral"
            | "qwen2_moe"
            | "qwen3_moe"
            | "deepseek_v2"
            | "deepseek_v3"
            | "gpt_oss"
            | "olmoe"
            | "glm4_moe"
            | "dots1"
            | "minimax_m2"
    )
}

/// The auxiliary loss of router logits changes a training step.
pub(super) fn refuse_router_loss(config: &Object<'_>) -> Result<(), PresetError> {
    if config.flag("output_router_logits")? == Some(true) {
        let message = "found `true`; the auxiliary loss of router logits is not covered";
        return Err(config.error("output_router_logits", message));
    }
    Ok(())
}

/// Adds the keys of mixtures of experts; refuses what changes a training step and is not covered.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    refuse_router_loss(config)?;
    if family.id == "gpt_oss" {
        let window = if config.is_null("sliding_window") { Some(0) } else { config.count(&["sliding_window"])? };
        return Ok(ArchitectureKeys {
            attention_bias: config.flag("attention_bias")?,
            sliding_window: window,
            layer_types: config.words("layer_types")?,
            ..shared
        });
    }
    if matches!(family.id, "olmoe" | "glm4_moe" | "dots1" | "minimax_m2") {
        return newer(config, family, shared);
    }
    let slides = config.flag("use_sliding_window")? == Some(true);
    if family.id == "mixtral" {
        if config.number(&["router_jitter_noise"])?.is_some_and(|noise| noise > 0.0) {
            return Err(config.error("router_jitter_noise", "noise on the router's input is not covered"));
        }
        return Ok(ArchitectureKeys { sliding_window: config.count(&["sliding_window"])?, ..shared });
    }
    if family.latent.is_some() {
        return latent(config, family, shared);
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

fn newer(config: &Object<'_>, family: &Family, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let count = |key| config.count(&[key]);
    match family.id {
        "olmoe" if config.number(&["clip_qkv"])?.is_some() => {
            Err(config.error("clip_qkv", "found a number; clipped queries, keys and values are not covered"))
        }
        "olmoe" => Ok(ArchitectureKeys {
            attention_bias: config.flag("attention_bias")?,
            norm_topk_prob: config.flag("norm_topk_prob")?,
            ..shared
        }),
        "minimax_m2" if config.number(&["router_jitter_noise"])?.is_some_and(|noise| noise > 0.0) => {
            Err(config.error("router_jitter_noise", "noise on the router's input is not covered"))
        }
        "minimax_m2" => Ok(ArchitectureKeys { partial_rotary_factor: turning_share(config, &shared)?, ..shared }),
        id => Ok(ArchitectureKeys {
            attention_bias: config.flag("attention_bias")?,
            use_qk_norm: if id == "glm4_moe" { config.flag("use_qk_norm")? } else { None },
            partial_rotary_factor: if id == "glm4_moe" { rotary_share(config, "partial_rotary_factor")? } else { None },
            layer_types: if id == "dots1" { later_windows(config, &shared)? } else { None },
            sliding_window: if id == "dots1" { count("sliding_window")?.or(Some(4096)) } else { None },
            moe_intermediate_size: count("moe_intermediate_size")?,
            n_shared_experts: count("n_shared_experts")?,
            first_k_dense_replace: count("first_k_dense_replace")?,
            norm_topk_prob: config.flag("norm_topk_prob")?,
            n_group: count("n_group")?,
            topk_group: count("topk_group")?,
            ..shared
        }),
    }
}

/// `MiniMax` says how many channels rotate, or which share of them.
fn turning_share(config: &Object<'_>, keys: &ArchitectureKeys) -> Result<Option<f64>, PresetError> {
    let share = rotary_share(config, "partial_rotary_factor")?;
    let channels = config.number(&["rotary_dim"])?;
    let head = keys.head_dim.unwrap_or(128);
    let head = u32::try_from(head).map_or(f64::INFINITY, f64::from);
    Ok(share.or(channels.map(|channels| channels / head)))
}

/// Layers from `max_window_layers` on have the window, where `layer_types` does not say.
fn later_windows(config: &Object<'_>, keys: &ArchitectureKeys) -> Result<Option<Vec<String>>, PresetError> {
    if let Some(types) = config.words("layer_types")? {
        return Ok(Some(types));
    }
    let layers = keys.num_hidden_layers.unwrap_or(62).min(MOST_LAYERS);
    let full =
        if config.is_null("sliding_window") { layers } else { config.count(&["max_window_layers"])?.unwrap_or(62) };
    let word = |layer| if layer < full { "full_attention" } else { "sliding_attention" };
    Ok(Some((0..layers).map(|layer| word(layer).to_owned()).collect()))
}

pub(super) fn latent(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    if config.flag("rope_interleave")? == Some(false) {
        return Err(
            config.error("rope_interleave", "found `false`; latent attention that rotates halves is not covered")
        );
    }
    let count = |key| config.count(&[key]);
    let greedy =
        family.id == "deepseek_v2" && config.text(&["topk_method"])?.as_deref() != Some("group_limited_greedy");
    Ok(ArchitectureKeys {
        attention_bias: config.flag("attention_bias")?,
        moe_intermediate_size: count("moe_intermediate_size")?,
        n_shared_experts: count("n_shared_experts")?,
        first_k_dense_replace: count("first_k_dense_replace")?,
        norm_topk_prob: config.flag("norm_topk_prob")?,
        mlp_bias: if family.id == "deepseek_v2" { config.flag("mlp_bias")? } else { None },
        n_group: if greedy { Some(1) } else { count("n_group")? },
        topk_group: if greedy { Some(1) } else { count("topk_group")? },
        q_lora_rank: if config.is_null("q_lora_rank") { Some(0) } else { count("q_lora_rank")? },
        kv_lora_rank: count("kv_lora_rank")?,
        qk_nope_head_dim: count("qk_nope_head_dim")?,
        qk_rope_head_dim: count("qk_rope_head_dim")?,
        v_head_dim: count("v_head_dim")?,
        ..shared
    })
}
