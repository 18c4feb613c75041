//! Falcon and Falcon-H1.

use super::json::Object;
use crate::located::PresetError;
use crate::model::ArchitectureKeys;
use crate::model::keys::RecurrentKeys;

/// Key and value heads are read only where the new architecture groups heads; elsewhere there is one or one for each
/// query.
pub(super) fn keys(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    if keys.new_decoder_architecture != Some(true) {
        return Ok(keys);
    }
    Ok(ArchitectureKeys { num_key_value_heads: config.count(&["num_kv_heads"])?, ..keys })
}

/// Falcon-H1: the width of its states, and the bias of the projection out of them.
pub(super) fn h1(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let recurrent = RecurrentKeys {
        mamba_d_ssm: falcon_width(config)?,
        projectors_bias: Some(config.flag("projectors_bias")?.unwrap_or(false)),
        ..keys.recurrent
    };
    Ok(ArchitectureKeys { recurrent, ..keys })
}

/// `mamba_d_ssm`; null means a multiple of the stream's width.
fn falcon_width(config: &Object<'_>) -> Result<Option<u64>, PresetError> {
    const KEY: &str = "mamba_d_ssm";
    if !config.is_null(KEY) {
        return config.count(&[KEY]);
    }
    let hidden = config.count(&["hidden_size"])?.unwrap_or(4096);
    Ok(Some(config.count(&["mamba_expand"])?.unwrap_or(2).saturating_mul(hidden)))
}
