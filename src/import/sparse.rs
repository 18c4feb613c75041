//! The keys of a `config.json` that newer families with experts, indexers or layers of several kinds read.

use super::config::{cap, kv_heads};
use super::experts::latent;
use super::json::Object;
use super::modern::{share, window};
use crate::model::keys::VariantKeys;
use crate::model::{ArchitectureKeys, Family};
use crate::preset::PresetError;

/// Whether this file reads the keys of a family.
pub(super) fn reads(id: &str) -> bool {
    matches!(
        id,
        "llama4_text"
            | "gemma3n_text"
            | "gemma4_text"
            | "mistral4"
            | "deepseek_v32"
            | "glm4_moe_lite"
            | "glm_moe_dsa"
            | "mimo_v2_flash"
            | "minimax_m3_vl_text"
            | "step3p5"
            | "dbrx"
            | "grok-1"
    )
}

/// Adds the keys that a family reads beside those of all.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    super::experts::refuse_router_loss(config)?;
    if family.id == "dbrx" {
        return dbrx(config, shared);
    }
    let keys = ArchitectureKeys {
        num_key_value_heads: kv_heads(config, family, &shared)?,
        head_dim: if family.latent.is_some() { None } else { config.count(&["head_dim"])? },
        num_experts: config.count(&["n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts"])?,
        num_experts_per_tok: config.count(&["num_experts_per_tok", "top_k_experts", "moe_top_k"])?,
        attention_bias: config.flag("attention_bias")?,
        ..shared
    };
    match family.id {
        "llama4_text" => llama4(config, keys),
        "gemma3n_text" | "gemma4_text" => gemma(config, family, keys),
        "mimo_v2_flash" => mimo(config, family, keys),
        "minimax_m3_vl_text" => minimax(config, keys),
        "step3p5" => step(config, keys),
        "grok-1" => Ok(ArchitectureKeys { attention_bias: None, ..keys }),
        _ => {
            let keys = latent(config, family, keys)?;
            let layers = keys.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers);
            let variant = VariantKeys { indexer_types: indexers(config, family, layers)?, ..index(config)? };
            dense_layers(config, ArchitectureKeys { variant, ..keys })
        }
    }
}

fn index(config: &Object<'_>) -> Result<VariantKeys, PresetError> {
    Ok(VariantKeys {
        index_n_heads: config.count(&["index_n_heads"])?,
        index_head_dim: config.count(&["index_head_dim"])?,
        ..VariantKeys::default()
    })
}

/// Which layers have an indexer of their own: named, or every so many-th from the second on, and the first.
fn indexers(config: &Object<'_>, family: &Family, layers: u64) -> Result<Option<Vec<String>>, PresetError> {
    if family.id != "glm_moe_dsa" {
        return Ok(None);
    }
    if let Some(types) = config.words("indexer_types")? {
        return Ok(Some(types));
    }
    let word = |full: bool| String::from(if full { "full" } else { "shared" });
    if let Some(pattern) = config.text(&["index_topk_pattern"])? {
        return Ok(Some(pattern.chars().map(|letter| word(letter == 'F')).collect()));
    }
    let every = config.count(&["index_topk_freq"])?.unwrap_or(1).max(1);
    if every == 1 {
        return Ok(None);
    }
    let offset = config.count(&["index_skip_topk_offset"])?.unwrap_or(2);
    Ok(Some((0..layers).map(|layer| word((layer + 1).saturating_sub(offset).is_multiple_of(every))).collect()))
}

/// Layers without experts, where each layer is named or has a flag.
fn dense_layers(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let dense = if let Some(types) = config.words("mlp_layer_types")? {
        Some(types.iter().map(|kind| kind == "dense").collect())
    } else if config.is_list("moe_layer_freq") {
        config.counts("moe_layer_freq")?.map(|flags| flags.iter().map(|flag| *flag == 0).collect())
    } else {
        None
    };
    let Some(dense): Option<Vec<bool>> = dense else { return Ok(keys) };
    let indices = (0_u64..).zip(dense).filter(|(_, dense)| *dense).map(|(index, _)| index).collect();
    Ok(ArchitectureKeys { mlp_only_layers: Some(indices), first_k_dense_replace: Some(0), ..keys })
}

fn llama4(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    if config.flag_or_count("attn_temperature_tuning")? == Some(false) {
        let message = "found `false`; queries that are neither rotated nor scaled are not covered";
        return Err(config.error("attn_temperature_tuning", message));
    }
    let rotates = config.counts("no_rope_layers")?.filter(|flags| !flags.is_empty());
    let types = match config.words("layer_types")? {
        Some(types) => Some(types.iter().map(|kind| kind.replace("chunked", "sliding")).collect()),
        None => rotates.as_ref().map(|flags| {
            let kind = |flag: &u64| if *flag == 0 { "full_attention" } else { "sliding_attention" };
            flags.iter().map(|flag| kind(flag).to_owned()).collect()
        }),
    };
    let interval = config.count(&["no_rope_layer_interval"])?;
    Ok(ArchitectureKeys {
        sliding_window: if config.is_null("attention_chunk_size") {
            Some(0)
        } else {
            config.count(&["attention_chunk_size"])?
        },
        sliding_window_pattern: interval,
        layer_types: types,
        use_qk_norm: config.flag("use_qk_norm")?,
        no_rope_layers: rotates,
        no_rope_layer_interval: interval,
        decoder_sparse_step: config.count(&["interleave_moe_layer_step"])?,
        variant: VariantKeys {
            intermediate_size_mlp: config.count(&["intermediate_size_mlp"])?,
            ..VariantKeys::default()
        },
        ..keys
    })
}

fn gemma(config: &Object<'_>, family: &Family, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let variant = VariantKeys {
        num_kv_shared_layers: config.count(&["num_kv_shared_layers"])?,
        hidden_size_per_layer_input: if config.is_null("hidden_size_per_layer_input") {
            Some(0)
        } else {
            config.count(&["hidden_size_per_layer_input"])?
        },
        vocab_size_per_layer_input: config.count(&["vocab_size_per_layer_input"])?,
        ..VariantKeys::default()
    };
    let keys = ArchitectureKeys {
        sliding_window: window(config)?,
        layer_types: config.words("layer_types")?,
        final_logit_softcapping: cap(config, "final_logit_softcapping")?,
        ..keys
    };
    if family.id == "gemma3n_text" {
        let variant = VariantKeys {
            laurel_rank: config.count(&["laurel_rank"])?,
            altup_num_inputs: config.count(&["altup_num_inputs"])?,
            ..variant
        };
        return Ok(ArchitectureKeys { num_experts: None, num_experts_per_tok: None, variant, ..keys });
    }
    let others = config.first_object_in("per_layer_config");
    let of_others = |name: &str| others.as_ref().map_or(Ok(None), |others| others.count(&[name]));
    let one = config.flag("attention_k_eq_v")?;
    let variant = VariantKeys {
        global_head_dim: of_others("head_dim")?.or(config.count(&["global_head_dim"])?),
        num_global_key_value_heads: of_others("num_key_value_heads")?
            .or(config.count(&["num_global_key_value_heads"])?)
            .filter(|_| one == Some(true)),
        attention_k_eq_v: one,
        use_double_wide_mlp: config.flag("use_double_wide_mlp")?,
        ..variant
    };
    let has_experts = config.flag("enable_moe_block")? == Some(true);
    Ok(ArchitectureKeys {
        num_experts: keys.num_experts.filter(|_| has_experts),
        num_experts_per_tok: keys.num_experts_per_tok.filter(|_| has_experts),
        moe_intermediate_size: config.count(&["moe_intermediate_size"])?.filter(|_| has_experts),
        variant,
        ..keys
    })
}

fn mimo(config: &Object<'_>, family: &Family, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let layers = keys.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers);
    let kind = |slides: bool| String::from(if slides { "sliding_attention" } else { "full_attention" });
    let types = match (config.words("layer_types")?, config.counts("hybrid_layer_pattern")?) {
        (Some(types), _) => types,
        (None, Some(flags)) => flags.iter().map(|flag| kind(*flag == 1)).collect(),
        (None, None) => (0..layers.min(1024)).map(|layer| kind(layer > 0 && !(layer + 1).is_multiple_of(6))).collect(),
    };
    let size = config.count(&["sliding_window_size"])?.map(|size| size + 1);
    let keys = ArchitectureKeys {
        v_head_dim: config.count(&["v_head_dim"])?,
        moe_intermediate_size: config.count(&["moe_intermediate_size"])?,
        norm_topk_prob: config.flag("norm_topk_prob")?,
        n_group: config.count(&["n_group"])?,
        topk_group: config.count(&["topk_group"])?,
        partial_rotary_factor: share(config)?.or(Some(0.334)),
        sliding_window: size.or(window(config)?),
        layer_types: Some(types),
        ..keys
    };
    dense_layers(config, keys)
}

fn minimax(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let own = config.words("layer_types")?;
    let word = |kind: &String| String::from(if kind == "full_attention" { "shared" } else { "full" });
    let keys = ArchitectureKeys {
        // Its experts have the class's `intermediate_size`, its dense layers a width of their own.
        moe_intermediate_size: config.count(&["intermediate_size"])?,
        intermediate_size: config.count(&["dense_intermediate_size"])?,
        // The class reads `silu` whatever the file says: the clamped gate is written out.
        hidden_act: None,
        variant: VariantKeys { indexer_types: own.map(|types| types.iter().map(word).collect()), ..index(config)? },
        ..keys
    };
    dense_layers(config, keys)
}

fn step(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    const HEADS: &str = "num_sliding_attention_heads";
    let types = config.words("layer_types")?;
    let slides = types.as_ref().is_some_and(|types| types.iter().any(|kind| kind == "sliding_attention"));
    let heads = config.count(&[HEADS])?;
    if slides && heads.is_some_and(|heads| Some(heads) != keys.num_attention_heads) {
        return Err(config.error(HEADS, "layers with a window and other heads than the others are not covered"));
    }
    let keys = ArchitectureKeys {
        moe_intermediate_size: config.count(&["moe_intermediate_size"])?,
        sliding_window: window(config)?,
        layer_types: types,
        ..keys
    };
    dense_layers(config, keys)
}

fn dbrx(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let attention = config.object("attn_config")?;
    let network = config.object("ffn_config")?;
    let of = |object: &Option<Object<'_>>, name: &str| object.as_ref().map_or(Ok(None), |it| it.count(&[name]));
    Ok(ArchitectureKeys {
        hidden_size: config.count(&["d_model"])?,
        num_attention_heads: config.count(&["n_heads"])?,
        num_hidden_layers: config.count(&["n_layers"])?,
        max_position_embeddings: config.count(&["max_seq_len"])?,
        num_key_value_heads: of(&attention, "kv_n_heads")?,
        intermediate_size: of(&network, "ffn_hidden_size")?,
        num_experts: of(&network, "moe_num_experts")?,
        num_experts_per_tok: of(&network, "moe_top_k")?,
        ..shared
    })
}
