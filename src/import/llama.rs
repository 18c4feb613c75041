//! Llama 4.

use super::json::Object;
use crate::located::PresetError;
use crate::model::ArchitectureKeys;

/// Chunks in the place of windows, and layers that do not rotate.
pub(super) fn llama4(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
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
    Ok(ArchitectureKeys {
        sliding_window: if config.is_null("attention_chunk_size") {
            Some(0)
        } else {
            config.count(&["attention_chunk_size"])?
        },
        sliding_window_pattern: keys.no_rope_layer_interval,
        layer_types: types,
        no_rope_layers: rotates,
        ..keys
    })
}
