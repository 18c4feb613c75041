//! The keys of a `config.json` that only the older families have, under the names that each of them chose.

use super::json::Object;
use crate::model::{ArchitectureKeys, Family};
use crate::preset::PresetError;

/// Whether this file reads the keys of a family.
pub(super) fn reads(id: &str) -> bool {
    matches!(id, "opt" | "gptj" | "bloom" | "falcon" | "mpt" | "gpt_neo" | "gpt_bigcode")
}

/// Adds the keys of a family from before Llama.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    match family.id {
        "gptj" => Ok(ArchitectureKeys {
            rotary_dim: config.count(&["rotary_dim"])?,
            hidden_dropout: config.number(&["resid_pdrop"])?,
            embedding_dropout: config.number(&["embd_pdrop"])?,
            ..shared
        }),
        "bloom" => bloom(config, shared),
        "mpt" => mpt(config, shared),
        "gpt_neo" => gpt_neo(config, family, shared),
        "gpt_bigcode" => gpt_bigcode(config, shared),
        "falcon" => falcon(config, shared),
        _ => opt(config, shared),
    }
}

fn bloom(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    if config.flag("slow_but_exact")? == Some(true) && config.count(&["pretraining_tp"])?.is_some_and(|ranks| ranks > 1)
    {
        return Err(config.error("slow_but_exact", "found `true`; sums over slices of a matrix are not covered"));
    }
    Ok(ArchitectureKeys {
        // The class has the old name win over the new one; no class has a width of its own for the network.
        hidden_size: config.count(&["n_embed", "hidden_size"])?,
        intermediate_size: None,
        hidden_act: None,
        apply_residual_connection_post_layernorm: config.flag("apply_residual_connection_post_layernorm")?,
        hidden_dropout: config.number(&["hidden_dropout"])?,
        ..shared
    })
}

/// The class ignores `expansion_ratio`, `no_bias` and `learned_pos_emb`, whatever they say.
fn mpt(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
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

fn gpt_neo(config: &Object<'_>, family: &Family, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let layers = shared.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers);
    if let Some(named) = config.repeated_words("attention_types")?
        && named != layers
    {
        return Err(config.error("attention_types", format!("names {named} layers, but there are {layers}")));
    }
    Ok(ArchitectureKeys {
        attention_dropout: config.number(&["attention_dropout"])?,
        hidden_dropout: config.number(&["resid_dropout"])?,
        embedding_dropout: config.number(&["embed_dropout"])?,
        ..shared
    })
}

fn gpt_bigcode(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    if config.flag("add_cross_attention")? == Some(true) {
        return Err(config.error("add_cross_attention", "found `true`; cross attention is not covered"));
    }
    Ok(ArchitectureKeys {
        multi_query: config.flag("multi_query")?,
        hidden_dropout: config.number(&["resid_pdrop"])?,
        embedding_dropout: config.number(&["embd_pdrop"])?,
        ..shared
    })
}

fn falcon(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    if config.flag("alibi")? == Some(true) {
        return Err(config.error("alibi", "found `true`; Falcon without rotary positions is not covered"));
    }
    let grouped = config.flag("new_decoder_architecture")?;
    let bias = config.flag("bias")?;
    Ok(ArchitectureKeys {
        hidden_size: config.count(&["n_embed", "hidden_size"])?,
        // Read only where the new architecture groups heads; elsewhere there is one or one for each query.
        num_key_value_heads: if grouped == Some(true) { config.count(&["num_kv_heads"])? } else { None },
        hidden_act: config.text(&["activation"])?,
        attention_bias: bias,
        mlp_bias: bias,
        hidden_dropout: config.number(&["hidden_dropout"])?,
        multi_query: config.flag("multi_query")?,
        parallel_attn: config.flag("parallel_attn")?,
        new_decoder_architecture: grouped,
        num_ln_in_parallel_attn: config.count(&["num_ln_in_parallel_attn"])?,
        ..shared
    })
}

fn opt(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let bias = config.flag("enable_bias")?;
    Ok(ArchitectureKeys {
        attention_bias: bias,
        mlp_bias: bias,
        hidden_dropout: config.number(&["dropout"])?,
        word_embed_proj_dim: config.count(&["word_embed_proj_dim"])?,
        do_layer_norm_before: config.flag("do_layer_norm_before")?,
        remove_final_layer_norm: config.flag("_remove_final_layer_norm")?,
        layer_norm_elementwise_affine: config.flag("layer_norm_elementwise_affine")?,
        ..shared
    })
}
