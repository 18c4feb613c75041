//! The keys of a `config.json` that Kimi Linear and Kimi K3 read.

use super::json::Object;
use crate::located::PresetError;
use crate::model::ArchitectureKeys;
use crate::model::keys::{HybridKeys, RecurrentKeys};

/// The code that came with Kimi K3 calls its text part by Kimi Linear's name: what tells them apart is that the whole
/// has a name of its own, or that keys are there which only Kimi K3 has.
pub(super) fn own_name(id: String, config: &Object<'_>, outer: &Object<'_>) -> Result<String, PresetError> {
    const K3: &str = "kimi_k3";
    let only_there = ["routed_expert_hidden_size", "attn_res_block_size", "mla_use_output_gate"];
    let named = outer.text(&["model_type"])?.is_some_and(|name| name == K3);
    let is_k3 = id == "kimi_linear" && (named || config.says(|key| only_there.contains(&key)));
    Ok(if is_k3 { String::from(K3) } else { id })
}

/// What both say in an object of their own, and their dense layers.
pub(super) fn keys(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let linear = config.object("linear_attn_config")?;
    let of_linear = |key: &'static str, other: Option<u64>| match &linear {
        Some(linear) => Ok(linear.count(&[key])?.or(other)),
        None => Ok(other),
    };
    let attending = match &linear {
        Some(linear) => linear.counts("full_attn_layers")?,
        None => None,
    };
    Ok(ArchitectureKeys {
        first_k_dense_replace: first_dense(config)?,
        hybrid: HybridKeys {
            // The checkpoint counts layers from 1.
            full_attn_idxs: attending.map(|layers| layers.iter().map(|layer| layer.saturating_sub(1)).collect()),
            ..HybridKeys::default()
        },
        recurrent: RecurrentKeys {
            linear_num_heads: of_linear("num_heads", shared.recurrent.linear_num_heads)?,
            linear_head_dim: of_linear("head_dim", shared.recurrent.linear_head_dim)?,
            linear_conv_kernel_dim: of_linear("short_conv_kernel_size", shared.recurrent.linear_conv_kernel_dim)?,
            ..RecurrentKeys::default()
        },
        ..shared
    })
}

/// The same with what only Kimi K3 says there.
pub(super) fn k3(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let keys = keys(config, shared)?;
    let linear = config.object("linear_attn_config")?;
    let full_rank = linear.map(|linear| linear.flag("use_full_rank_gate")).transpose()?.flatten();
    let recurrent = RecurrentKeys { linear_use_full_rank_gate: full_rank, ..keys.recurrent };
    Ok(ArchitectureKeys { recurrent, ..keys })
}

/// Dense layers before the first with experts.
fn first_dense(config: &Object<'_>) -> Result<Option<u64>, PresetError> {
    const KEY: &str = "mlp_layer_types";
    let Some(types) = config.words(KEY)? else { return config.count(&["first_k_dense_replace"]) };
    let dense = types.iter().take_while(|kind| *kind == "dense").count();
    if types[dense..].iter().any(|kind| kind != "sparse") {
        return Err(config.error(KEY, "dense layers after one with experts are not covered"));
    }
    Ok(Some(dense as u64))
}
