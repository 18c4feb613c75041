//! ERNIE 4.5.

use super::json::Object;
use crate::located::PresetError;
use crate::model::architecture::MOST_LAYERS;
use crate::model::{ArchitectureKeys, Family};

/// Its attention weights are never dropped, whatever the config says.
pub(super) fn keys(keys: ArchitectureKeys) -> ArchitectureKeys {
    ArchitectureKeys { attention_dropout: Some(0.0), ..keys }
}

/// The same, and its experts end at a layer.
pub(super) fn moe(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    const LAST: &str = "moe_layer_end_index";
    let layers = shared.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers).min(MOST_LAYERS);
    // -1: experts to the end.
    let last = match config.number(&[LAST])? {
        Some(last) if last < 0.0 => None,
        _ => config.count(&[LAST])?,
    };
    let after = last.map(|last| (last.saturating_add(1)..layers).collect::<Vec<_>>());
    Ok(ArchitectureKeys { mlp_only_layers: after.filter(|layers| !layers.is_empty()), ..keys(shared) })
}
