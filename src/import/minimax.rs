//! `MiniMax`.

use super::json::Object;
use crate::located::PresetError;
use crate::model::ArchitectureKeys;
use crate::model::keys::VariantKeys;

/// `MiniMax`-M2 says how many channels rotate, or which share of them.
pub(super) fn rotary_channels(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let channels = config.number(&["rotary_dim"])?;
    let head = keys.head_dim.unwrap_or(128);
    let head = u32::try_from(head).map_or(f64::INFINITY, f64::from);
    let share = keys.partial_rotary_factor.or(channels.map(|channels| channels / head));
    Ok(ArchitectureKeys { partial_rotary_factor: share, ..keys })
}

/// `MiniMax`-M3: layers that see all tokens take an earlier one's indexer.
pub(super) fn m3(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let own = config.words("layer_types")?;
    let word = |kind: &String| String::from(if kind == "full_attention" { "shared" } else { "full" });
    let variant = VariantKeys { indexer_types: own.map(|types| types.iter().map(word).collect()), ..keys.variant };
    // The class reads `silu` whatever the file says: the clamped gate is written out.
    super::layers::dense_layers(config, ArchitectureKeys { hidden_act: None, variant, ..keys })
}
