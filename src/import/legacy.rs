//! The keys of a `config.json` that only the older families have, under the names that each of them chose.

use super::json::Object;
use crate::model::{ArchitectureKeys, Family};
use crate::preset::PresetError;

/// Adds the keys of a family from before Llama.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    let _ = family;
    opt(config, shared)
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
