//! Step 3.5.

use super::json::Object;
use crate::located::PresetError;
use crate::model::ArchitectureKeys;

/// All layers have as many heads.
pub(super) fn keys(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    const HEADS: &str = "num_sliding_attention_heads";
    let slides = keys.layer_types.as_ref().is_some_and(|types| types.iter().any(|kind| kind == "sliding_attention"));
    let heads = config.count(&[HEADS])?;
    if slides && heads.is_some_and(|heads| Some(heads) != keys.num_attention_heads) {
        return Err(config.error(HEADS, "layers with a window and other heads than the others are not covered"));
    }
    super::layers::dense_layers(config, keys)
}
