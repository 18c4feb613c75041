//! GPT-Neo's list of layers.

use super::json::Object;
use crate::located::PresetError;
use crate::model::{ArchitectureKeys, Family};

/// Names as many layers as there are.
pub(super) fn gpt_neo(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    let layers = shared.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers);
    if let Some(named) = config.repeated_words("attention_types")?
        && named != layers
    {
        return Err(config.error("attention_types", format!("names {named} layers, but there are {layers}")));
    }
    Ok(shared)
}
