//! The keys of a `config.json` that the newer families without recurrence read.

use super::config::{kv_heads, rotary_share};
use super::json::Object;
use crate::model::{ArchitectureKeys, Family};
use crate::preset::PresetError;

/// Whether this file reads the keys of a family.
pub(super) fn reads(id: &str) -> bool {
    matches!(
        id,
        "olmo3"
            | "exaone4"
            | "cohere2"
            | "glm"
            | "seed_oss"
            | "arcee"
            | "apertus"
            | "hunyuan_v1_dense"
            | "ernie4_5"
            | "ministral3"
            | "nemotron"
            | "internlm2"
            | "mimo"
    )
}

/// Adds the keys that a dense family reads beside those of all.
pub(super) fn keys(
    config: &Object<'_>,
    family: &Family,
    shared: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    let windowed = matches!(family.id, "olmo3" | "exaone4" | "cohere2" | "ministral3");
    let keys = ArchitectureKeys {
        num_key_value_heads: kv_heads(config, family, &shared)?,
        head_dim: config.count(&["head_dim"])?,
        sliding_window: if windowed { window(config)? } else { None },
        layer_types: if windowed { config.words("layer_types")? } else { None },
        ..shared
    };
    let keys = ArchitectureKeys { sliding_window_pattern: pattern(config, family, &keys)?, ..keys };
    Ok(match family.id {
        "ernie4_5" => {
            let bias = config.flag("use_bias")?;
            // Its attention weights are never dropped, whatever the config says.
            ArchitectureKeys { attention_bias: bias, mlp_bias: bias, attention_dropout: Some(0.0), ..keys }
        }
        "seed_oss" => ArchitectureKeys {
            attention_bias: config.flag("attention_bias")?,
            attention_output_bias: config.flag("attention_out_bias")?,
            mlp_bias: config.flag("mlp_bias")?,
            hidden_dropout: config.number(&["residual_dropout"])?,
            ..keys
        },
        "arcee" | "nemotron" => ArchitectureKeys {
            attention_bias: config.flag("attention_bias")?,
            mlp_bias: config.flag("mlp_bias")?,
            partial_rotary_factor: if family.id == "arcee" { None } else { share(config)? },
            ..keys
        },
        "glm" => ArchitectureKeys {
            attention_bias: config.flag("attention_bias")?,
            partial_rotary_factor: share(config)?,
            ..keys
        },
        "internlm2" => ArchitectureKeys { attention_bias: config.flag("bias")?, ..keys },
        "olmo3" | "cohere2" | "apertus" | "hunyuan_v1_dense" => {
            ArchitectureKeys { attention_bias: config.flag("attention_bias")?, ..keys }
        }
        _ => keys,
    })
}

pub(super) fn share(config: &Object<'_>) -> Result<Option<f64>, PresetError> {
    rotary_share(config, "partial_rotary_factor")
}

pub(super) fn window(config: &Object<'_>) -> Result<Option<u64>, PresetError> {
    if config.is_null("sliding_window") { Ok(Some(0)) } else { config.count(&["sliding_window"]) }
}

/// EXAONE spells its pattern in letters where it also names the type of each layer.
fn pattern(config: &Object<'_>, family: &Family, keys: &ArchitectureKeys) -> Result<Option<u64>, PresetError> {
    let reads = matches!(family.id, "exaone4" | "cohere2") && keys.layer_types.is_none();
    if reads { config.count(&["sliding_window_pattern"]) } else { Ok(None) }
}
