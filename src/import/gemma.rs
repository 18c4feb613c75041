//! Gemma 4.

use super::json::Object;
use crate::located::PresetError;
use crate::model::architecture::MOST_LAYERS;
use crate::model::keys::VariantKeys;
use crate::model::{ArchitectureKeys, Family};

/// Sizes of the layers without a window, and experts where they are asked for.
pub(super) fn gemma4(
    config: &Object<'_>,
    family: &Family,
    keys: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    let others = config.first_object_in("per_layer_config");
    let of_others = |name: &str| others.as_ref().map_or(Ok(None), |others| others.count(&[name]));
    let one = keys.variant.attention_k_eq_v;
    let layer_types = with_full_last(&keys, family);
    let variant = VariantKeys {
        global_head_dim: of_others("head_dim")?.or(config.count(&["global_head_dim"])?),
        num_global_key_value_heads: of_others("num_key_value_heads")?
            .or(config.count(&["num_global_key_value_heads"])?)
            .filter(|_| one == Some(true)),
        ..keys.variant
    };
    let has_experts = config.flag("enable_moe_block")? == Some(true);
    Ok(ArchitectureKeys {
        num_experts: keys.num_experts.filter(|_| has_experts),
        num_experts_per_tok: keys.num_experts_per_tok.filter(|_| has_experts),
        moe_intermediate_size: config.count(&["moe_intermediate_size"])?.filter(|_| has_experts),
        layer_types,
        variant,
        ..keys
    })
}

/// The class has the last layer without a window, whatever its file or the pattern says.
fn with_full_last(keys: &ArchitectureKeys, family: &Family) -> Option<Vec<String>> {
    let full = String::from("full_attention");
    if let Some(mut kinds) = keys.layer_types.clone() {
        if let Some(last) = kinds.last_mut() {
            *last = full;
        }
        return Some(kinds);
    }
    let every = family.defaults.sliding_window_pattern?;
    let layers = keys.num_hidden_layers.filter(|layers| !layers.is_multiple_of(every) && *layers <= MOST_LAYERS)?;
    let kind = |layer: u64| if layer.is_multiple_of(every) || layer == layers { "full" } else { "sliding" };
    Some((1..=layers).map(|layer| format!("{}_attention", kind(layer))).collect())
}
