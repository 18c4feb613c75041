//! `MiMo`-V2.

use super::json::Object;
use crate::located::PresetError;
use crate::model::{ArchitectureKeys, Family};

/// Layers by flag, and a window one wider than it says.
pub(super) fn v2(
    config: &Object<'_>,
    family: &Family,
    keys: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    let layers = keys.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers);
    let kind = |slides: bool| String::from(if slides { "sliding_attention" } else { "full_attention" });
    let types = match (config.words("layer_types")?, config.counts("hybrid_layer_pattern")?) {
        (Some(types), _) => types,
        (None, Some(flags)) => flags.iter().map(|flag| kind(*flag == 1)).collect(),
        (None, None) => (0..layers.min(1024)).map(|layer| kind(layer > 0 && !(layer + 1).is_multiple_of(6))).collect(),
    };
    let size = config.count(&["sliding_window_size"])?.map(|size| size + 1);
    let keys = ArchitectureKeys {
        partial_rotary_factor: keys.partial_rotary_factor.or(Some(0.334)),
        sliding_window: size.or(keys.sliding_window),
        layer_types: Some(types),
        ..keys
    };
    super::layers::dense_layers(config, keys)
}
