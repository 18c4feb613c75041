//! Keys that say of each layer what it is: whether it has a window, experts, or an indexer of its own.

use super::json::Object;
use crate::located::PresetError;
use crate::model::architecture::MOST_LAYERS;
use crate::model::{ArchitectureKeys, Family};

/// Qwen2 and Qwen3 let some layers slide where that is asked for: those that `layer_types` names, else those from
/// `max_window_layers` on.
pub(super) fn later_slide(
    config: &Object<'_>,
    family: &Family,
    keys: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    if config.flag("use_sliding_window")? != Some(true) || config.is_null("sliding_window") {
        return Ok(keys);
    }
    let layers = keys.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers).min(MOST_LAYERS);
    let mut types = config.words("layer_types")?;
    if types.is_none() {
        types = Some(sliding_from(config.count(&["max_window_layers"])?.unwrap_or(28), layers));
    }
    let window = config.count(&["sliding_window"])?.or(Some(4096));
    Ok(ArchitectureKeys { sliding_window: window, layer_types: types, ..keys })
}

/// dots.llm1: layers from `max_window_layers` on have the window, where `layer_types` does not say.
pub(super) fn dots(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let layers = keys.num_hidden_layers.unwrap_or(62).min(MOST_LAYERS);
    let types = match config.words("layer_types")? {
        Some(types) => types,
        None if config.is_null("sliding_window") => sliding_from(layers, layers),
        None => sliding_from(config.count(&["max_window_layers"])?.unwrap_or(62), layers),
    };
    let window = config.count(&["sliding_window"])?.or(Some(4096));
    Ok(ArchitectureKeys { sliding_window: window, layer_types: Some(types), ..keys })
}

/// The first layers see all tokens, the later ones a window.
fn sliding_from(full: u64, layers: u64) -> Vec<String> {
    let kind = |layer| if layer < full { "full_attention" } else { "sliding_attention" };
    (0..layers).map(|layer| kind(layer).to_owned()).collect()
}

/// EXAONE spells its pattern in letters where it also names the type of each layer.
pub(super) fn pattern_unless_named(
    config: &Object<'_>,
    keys: ArchitectureKeys,
) -> Result<ArchitectureKeys, PresetError> {
    if keys.layer_types.is_some() {
        return Ok(keys);
    }
    Ok(ArchitectureKeys { sliding_window_pattern: config.count(&["sliding_window_pattern"])?, ..keys })
}

/// Qwen3-MoE: a window where that is asked for.
pub(super) fn slides_where_asked(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    if config.flag("use_sliding_window")? != Some(true) || config.is_null("sliding_window") {
        return Ok(keys);
    }
    Ok(ArchitectureKeys { sliding_window: config.count(&["sliding_window"])?.or(Some(4096)), ..keys })
}

/// Layers without experts, where each layer is named or has a flag.
pub(super) fn dense_layers(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let dense = if let Some(types) = config.words("mlp_layer_types")? {
        Some(types.iter().map(|kind| kind == "dense").collect())
    } else if config.is_list("moe_layer_freq") {
        config.counts("moe_layer_freq")?.map(|flags| flags.iter().map(|flag| *flag == 0).collect())
    } else {
        None
    };
    let Some(dense): Option<Vec<bool>> = dense else { return Ok(keys) };
    let indices = (0_u64..).zip(dense).filter(|(_, dense)| *dense).map(|(index, _)| index).collect();
    Ok(ArchitectureKeys { mlp_only_layers: Some(indices), first_k_dense_replace: Some(0), ..keys })
}

/// Hunyuan: layers that are named other than `sparse` are dense.
pub(super) fn dense_named(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    let dense = config.words("mlp_layer_types")?.map(|types| {
        let dense = (0_u64..).zip(types).filter(|(_, kind)| kind != "sparse");
        dense.map(|(index, _)| index).collect::<Vec<_>>()
    });
    Ok(ArchitectureKeys { first_k_dense_replace: dense.as_ref().map(|_| 0), mlp_only_layers: dense, ..keys })
}

/// The first `DeepSeek`: experts in every layer, or not covered.
pub(super) fn every_layer_routed(config: &Object<'_>, keys: ArchitectureKeys) -> Result<ArchitectureKeys, PresetError> {
    const EVERY: &str = "moe_layer_freq";
    if config.count(&[EVERY])?.is_some_and(|every| every != 1) {
        return Err(config.error(EVERY, "layers with experts at intervals other than 1 are not covered"));
    }
    Ok(keys)
}
