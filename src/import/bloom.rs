//! BLOOM.

use super::json::Object;
use crate::located::PresetError;
use crate::model::ArchitectureKeys;

/// No class has a width of its own for the network.
pub(super) fn keys(config: &Object<'_>, shared: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    if config.flag("slow_but_exact")? == Some(true) && config.count(&["pretraining_tp"])?.is_some_and(|ranks| ranks > 1)
    {
        return Err(config.error("slow_but_exact", "found `true`; sums over slices of a matrix are not covered"));
    }
    Ok(ArchitectureKeys { intermediate_size: None, hidden_act: None, ..shared })
}
