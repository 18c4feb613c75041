//! The keys of a `config.json` that only families with recurrent layers have.

use super::config::{kv_heads, rotary_share};
use super::json::Object;
use crate::model::family::MixerDefaults;
use crate::model::keys::{HybridKeys, RecurrentKeys};
use crate::model::{ArchitectureKeys, Family};
use crate::preset::PresetError;

/// Adds the keys of layer patterns and recurrent mixers; refuses what changes a training step and is not covered.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    super::experts::refuse_router_loss(config)?;
    let shared = ArchitectureKeys {
        num_key_value_heads: kv_heads(config, family, &shared)?,
        // Mamba-2's own class calls the channels of a state's head so.
        head_dim: if family.id == "mamba2" { None } else { config.count(&["head_dim"])? },
        layer_types: layer_types(config)?,
        hybrid: patterns(config)?,
        recurrent: mixers(config, family)?,
        ..shared
    };
    let shared = with_experts(config, family, shared)?;
    match family.id {
        "qwen3_next" | "qwen3_5" | "qwen3_5_moe" => Ok(ArchitectureKeys {
            attention_bias: config.flag("attention_bias")?,
            partial_rotary_factor: rotary_share(config, "partial_rotary_factor")?,
            ..shared
        }),
        "kimi_linear" => super::kimi::keys(config, shared),
        "kimi_k3" => super::kimi::k3_keys(config, shared),
        "lfm2" => lfm2(config, shared),
        "lfm2_moe" => Ok(ArchitectureKeys {
            hidden_act: None,
            tie_word_embeddings: config.flag("tie_embedding")?.or(shared.tie_word_embeddings),
            ..shared
        }),
        "falcon_h1" | "bamba" | "granitemoehybrid" => Ok(ArchitectureKeys {
            attention_bias: config.flag("attention_bias")?,
            mlp_bias: if family.id == "granitemoehybrid" { None } else { config.flag("mlp_bias")? },
            ..shared
        }),
        "nemotron_h" => nemotron(config, shared),
        _ => Ok(shared),
    }
}

fn layer_types(config: &Object<'_>) -> Result<Option<Vec<String>>, PresetError> {
    match config.words("layer_types")? {
        None => config.words("layers_block_type"),
        types => Ok(types),
    }
}

fn patterns(config: &Object<'_>) -> Result<HybridKeys, PresetError> {
    let attending = match config.counts("full_attn_idxs")? {
        None => config.counts("attn_layer_indices")?,
        attending => attending,
    };
    Ok(HybridKeys {
        full_attention_interval: config.count(&["full_attention_interval"])?,
        hybrid_override_pattern: config.text(&["hybrid_override_pattern"])?,
        full_attn_idxs: attending,
        attn_layer_period: config.count(&["attn_layer_period"])?,
        attn_layer_offset: config.count(&["attn_layer_offset"])?,
        expert_layer_period: config.count(&["expert_layer_period"])?,
        expert_layer_offset: config.count(&["expert_layer_offset"])?,
        position_embedding_type: config.text(&["position_embedding_type"])?,
    })
}

/// The names that a class has for a key of Mamba, its own before older ones.
fn mamba_spellings(id: &str, key: &'static str) -> Vec<&'static str> {
    match (id, key) {
        ("nemotron_h", "mamba_n_heads") => vec!["mamba_num_heads"],
        ("nemotron_h", "mamba_d_head") => vec!["mamba_head_dim"],
        ("nemotron_h", "mamba_d_state") => vec!["ssm_state_size"],
        ("nemotron_h", "mamba_n_groups") => vec!["mamba_n_groups", "n_groups"],
        ("nemotron_h", "mamba_d_conv") => vec!["mamba_d_conv", "conv_kernel"],
        ("nemotron_h", "mamba_conv_bias") => vec!["mamba_conv_bias", "use_conv_bias"],
        ("nemotron_h", "mamba_chunk_size") => vec!["mamba_chunk_size", "chunk_size"],
        ("mamba2", "mamba_n_heads") => vec!["num_heads"],
        ("mamba2", "mamba_d_head") => vec!["head_dim"],
        ("mamba2", "mamba_n_groups") => vec!["n_groups"],
        ("mamba2", "mamba_chunk_size") => vec!["chunk_size"],
        ("mamba" | "falcon_mamba" | "mamba2", "mamba_d_state") => vec!["state_size"],
        ("mamba" | "falcon_mamba" | "mamba2", "mamba_d_conv") => vec!["conv_kernel"],
        ("mamba" | "falcon_mamba" | "mamba2", "mamba_expand") => vec!["expand"],
        ("mamba" | "falcon_mamba", "mamba_dt_rank") => vec!["time_step_rank"],
        ("mamba" | "falcon_mamba" | "mamba2", "mamba_conv_bias") => vec!["use_conv_bias"],
        ("mamba" | "falcon_mamba" | "mamba2" | "nemotron_h", "mamba_proj_bias") => vec!["use_bias"],
        _ => vec![key],
    }
}

fn mixers(config: &Object<'_>, family: &Family) -> Result<RecurrentKeys, PresetError> {
    let Some(defaults) = family.hybrid else { return Ok(RecurrentKeys::default()) };
    let count = |key: &'static str| config.count(&[key]);
    Ok(match defaults.mixer {
        MixerDefaults::DeltaNet { .. } => RecurrentKeys {
            linear_num_key_heads: count("linear_num_key_heads")?,
            linear_key_head_dim: count("linear_key_head_dim")?,
            linear_num_value_heads: count("linear_num_value_heads")?,
            linear_value_head_dim: count("linear_value_head_dim")?,
            linear_conv_kernel_dim: count("linear_conv_kernel_dim")?,
            ..RecurrentKeys::default()
        },
        MixerDefaults::KimiDelta => RecurrentKeys {
            linear_num_heads: count("linear_num_heads")?,
            linear_head_dim: count("linear_head_dim")?,
            linear_conv_kernel_dim: count("linear_conv_kernel_dim")?,
            ..RecurrentKeys::default()
        },
        MixerDefaults::Mamba(_) | MixerDefaults::Mamba2(_) => mamba(config, family.id)?,
        MixerDefaults::Lightning => RecurrentKeys { block_size: count("block_size")?, ..RecurrentKeys::default() },
        MixerDefaults::ShortConvolution => RecurrentKeys {
            conv_l_cache: count("conv_L_cache")?,
            conv_bias: config.flag("conv_bias")?,
            ..RecurrentKeys::default()
        },
    })
}

fn mamba(config: &Object<'_>, id: &str) -> Result<RecurrentKeys, PresetError> {
    let count = |key| config.count_or_auto(&mamba_spellings(id, key));
    let flag = |key| match config.spelling(&mamba_spellings(id, key)) {
        Some(name) => config.flag(name),
        None => Ok(None),
    };
    Ok(RecurrentKeys {
        mamba_n_heads: count("mamba_n_heads")?,
        mamba_d_head: count("mamba_d_head")?,
        // Nemotron-H's width is that of its heads, whatever `expand` says.
        mamba_expand: if id == "nemotron_h" { None } else { count("mamba_expand")? },
        mamba_d_ssm: if id == "falcon_h1" { falcon_width(config)? } else { None },
        mamba_n_groups: count("mamba_n_groups")?,
        mamba_chunk_size: count("mamba_chunk_size")?,
        mamba_rms_norm: if id == "falcon_h1" { config.flag("mamba_rms_norm")? } else { None },
        projectors_bias: if id == "falcon_h1" { Some(config.flag("projectors_bias")?.unwrap_or(false)) } else { None },
        mamba_d_state: count("mamba_d_state")?,
        mamba_d_conv: count("mamba_d_conv")?,
        mamba_dt_rank: count("mamba_dt_rank")?,
        mamba_conv_bias: flag("mamba_conv_bias")?,
        mamba_proj_bias: flag("mamba_proj_bias")?,
        ..RecurrentKeys::default()
    })
}

/// Falcon-H1's `mamba_d_ssm`; null means a multiple of the stream's width.
fn falcon_width(config: &Object<'_>) -> Result<Option<u64>, PresetError> {
    const KEY: &str = "mamba_d_ssm";
    if !config.is_null(KEY) {
        return config.count(&[KEY]);
    }
    let hidden = config.count(&["hidden_size"])?.unwrap_or(4096);
    Ok(Some(config.count(&["mamba_expand"])?.unwrap_or(2).saturating_mul(hidden)))
}

fn with_experts(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    if family.experts.is_none() {
        return Ok(shared);
    }
    let count = |key| config.count(&[key]);
    let keys = ArchitectureKeys {
        num_experts: config.count(&["num_experts", "num_local_experts", "n_routed_experts"])?,
        num_experts_per_tok: config.count(&["num_experts_per_tok", "num_experts_per_token"])?,
        norm_topk_prob: config.flag("norm_topk_prob")?,
        ..shared
    };
    Ok(match family.id {
        "qwen3_next" | "qwen3_5_moe" => ArchitectureKeys {
            moe_intermediate_size: count("moe_intermediate_size")?,
            shared_expert_intermediate_size: count("shared_expert_intermediate_size")?,
            decoder_sparse_step: count("decoder_sparse_step")?.filter(|_| family.id == "qwen3_next"),
            mlp_only_layers: config.counts("mlp_only_layers")?.filter(|_| family.id == "qwen3_next"),
            ..keys
        },
        "lfm2_moe" => {
            if config.flag("use_expert_bias")? == Some(false) {
                return Err(config.error("use_expert_bias", "found `false`; a router without its bias is not covered"));
            }
            ArchitectureKeys {
                moe_intermediate_size: count("moe_intermediate_size")?,
                first_k_dense_replace: count("num_dense_layers")?,
                ..keys
            }
        }
        "granitemoehybrid" => {
            let beside = Some(count("shared_intermediate_size")?.unwrap_or(1024));
            let width = keys.intermediate_size.or(family.defaults.intermediate_size);
            ArchitectureKeys {
                // Without experts the one beside them is all there is.
                intermediate_size: beside,
                moe_intermediate_size: width,
                shared_expert_intermediate_size: beside,
                ..keys
            }
        }
        // One expert is a plain network.
        "jamba" => ArchitectureKeys { num_experts: keys.num_experts.map(|all| if all == 1 { 0 } else { all }), ..keys },
        "minimax" if config.number(&["router_jitter_noise"])?.is_some_and(|noise| noise > 0.0) => {
            return Err(config.error("router_jitter_noise", "noise on the router's input is not covered"));
        }
        _ => keys,
    })
}

fn nemotron(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let count = |key| config.count(&[key]);
    let mlp_bias = config.flag("mlp_bias")?;
    let latent = count("moe_latent_size")?;
    if latent.is_some() && mlp_bias == Some(true) {
        return Err(config.error("mlp_bias", "found `true`; biases around latent experts are not covered"));
    }
    let types = shared.layer_types.as_ref().map(|types| types.len() as u64);
    let letters = shared.hybrid.hybrid_override_pattern.as_ref().map(|letters| letters.chars().count() as u64);
    Ok(ArchitectureKeys {
        // The pattern says how many layers there are.
        num_hidden_layers: shared.num_hidden_layers.or(types).or(letters),
        hidden_act: config.text(&["mlp_hidden_act"])?,
        mlp_bias,
        moe_latent_size: latent,
        moe_intermediate_size: count("moe_intermediate_size")?,
        shared_expert_intermediate_size: count("moe_shared_expert_intermediate_size")?,
        n_group: count("n_group")?,
        topk_group: count("topk_group")?,
        ..shared
    })
}

/// LFM2 computes the width of its feed-forward network from what the config says.
fn lfm2(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let given = config.count(&["block_ff_dim", "intermediate_size"])?.unwrap_or(12_288);
    let width = if config.flag("block_auto_adjust_ff_dim")?.unwrap_or(true) {
        let multiple = config.count(&["block_multiple_of"])?.unwrap_or(256).max(1);
        let two_thirds = given.saturating_mul(2) / 3;
        let factor = config.number(&["block_ffn_dim_multiplier"])?;
        match factor.or((!config.is_null("block_ffn_dim_multiplier")).then_some(1.0)) {
            Some(factor) => scaled(two_thirds, factor).div_ceil(multiple).saturating_mul(multiple),
            None => two_thirds,
        }
    } else {
        given
    };
    Ok(ArchitectureKeys {
        intermediate_size: Some(width),
        hidden_act: None,
        tie_word_embeddings: config.flag("tie_embedding")?.or(shared.tie_word_embeddings),
        ..shared
    })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as Python's `int(factor * width)`; a cast saturates"
)]
fn scaled(width: u64, factor: f64) -> u64 {
    (width as f64 * factor) as u64
}
