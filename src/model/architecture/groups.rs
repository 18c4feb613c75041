//! The layers in order: which have a window, which rotate, and which have experts.

use super::checks::{ArchitectureError, dimension};
use super::{ArchitectureKeys, Experts, FeedForward, Layer, LayerGroup};
use crate::model::family::Family;

/// Most layers that are told apart one by one; no real model comes near.
pub const MOST_LAYERS: u64 = 4096;

/// Layers that are told apart one by one; no real model has as many.
pub(super) const MOST_MIXED_LAYERS: u64 = 1024;

/// The layers in order, equal neighbours together: with and without their window where only some have one.
pub(super) fn in_order(
    family: &Family,
    keys: &ArchitectureKeys,
    layer: Layer,
    layers: u64,
) -> Result<Vec<LayerGroup>, ArchitectureError> {
    let windows = if let Some(types) = &keys.layer_types {
        Some(named_windows(types, layers)?)
    } else {
        let pattern = keys.sliding_window_pattern.or(family.defaults.sliding_window_pattern);
        pattern.map(|every| all_but_each("sliding_window_pattern", every, layers)).transpose()?
    };
    let rotations = match &keys.no_rope_layers {
        Some(flags) if flags.len() as u64 != layers => {
            let problem = format!("found {} entries for {layers} layers", flags.len());
            return Err(ArchitectureError::new("no_rope_layers", problem));
        }
        Some(flags) => Some(flags.iter().map(|flag| *flag != 0).collect()),
        None => {
            let interval = keys.no_rope_layer_interval.or(family.defaults.no_rope_layer_interval);
            interval.map(|every| all_but_each("no_rope_layer_interval", every, layers)).transpose()?
        }
    };
    if windows.is_none() && rotations.is_none() {
        return Ok(vec![LayerGroup { layers, layer }]);
    }
    let written_out = usize::try_from(layers).ok().filter(|_| layers <= MOST_LAYERS).ok_or_else(|| {
        let problem = format!("{layers} layers that differ from each other; at most {MOST_LAYERS} are told apart");
        ArchitectureError::new("num_hidden_layers", problem)
    })?;
    let mut groups: Vec<LayerGroup> = Vec::new();
    for index in 0..written_out {
        let says = |flags: &Option<Vec<bool>>| flags.as_ref().is_none_or(|flags| flags.get(index) != Some(&false));
        let mut layer = layer.clone();
        if let Some(attention) = layer.attention_mut() {
            let some_windowed = attention.sliding_window.is_some();
            attention.sliding_window = attention.sliding_window.filter(|_| says(&windows));
            let turns = says(&rotations) && !(family.rotates_with_window_only && some_windowed && !says(&windows));
            if !turns {
                attention.rotary_dim = 0;
            }
        }
        append(&mut groups, layer);
    }
    Ok(groups)
}

/// True for every layer but each so many-th.
fn all_but_each(key: &'static str, every: u64, layers: u64) -> Result<Vec<bool>, ArchitectureError> {
    if every == 0 {
        return Err(ArchitectureError::new(key, "0 is no pattern; 1: each layer is an exception"));
    }
    Ok((1..=layers.min(MOST_LAYERS)).map(|layer| layer % every != 0).collect())
}

fn named_windows(types: &[String], layers: u64) -> Result<Vec<bool>, ArchitectureError> {
    const KEY: &str = "layer_types";
    if types.len() as u64 != layers {
        return Err(ArchitectureError::new(KEY, format!("found {} entries for {layers} layers", types.len())));
    }
    let windowed = |word: &String| match word.as_str() {
        "sliding_attention" => Ok(true),
        "full_attention" => Ok(false),
        other => {
            Err(ArchitectureError::new(KEY, format!("`{other}` is neither `sliding_attention` nor `full_attention`")))
        }
    };
    types.iter().map(windowed).collect()
}

/// The same layers with experts in place of their feed-forward network, where the keys say so.
pub(super) fn with_experts(
    keys: &ArchitectureKeys,
    groups: &[LayerGroup],
    experts: &Experts,
    first_dense: u64,
) -> Result<Vec<LayerGroup>, ArchitectureError> {
    let first_dense = keys.first_k_dense_replace.unwrap_or(first_dense);
    let step = dimension("decoder_sparse_step", keys.decoder_sparse_step.unwrap_or(1))?;
    let without = keys.mlp_only_layers.as_deref().unwrap_or_default();
    let sparse = |layer: &Layer| Layer { feed_forward: FeedForward::Experts(experts.clone()), ..layer.clone() };
    if step == 1 && without.is_empty() && first_dense == 0 {
        let all = groups.iter().map(|group| LayerGroup { layers: group.layers, layer: sparse(&group.layer) });
        return Ok(all.collect());
    }
    let layers: u64 = groups.iter().map(|group| group.layers).sum();
    if layers > MOST_MIXED_LAYERS {
        let problem = format!("{layers} layers, some with experts: at most {MOST_MIXED_LAYERS} are covered");
        return Err(ArchitectureError::new("num_hidden_layers", problem));
    }
    let mut mixed: Vec<LayerGroup> = Vec::new();
    let mut index = 0;
    for group in groups {
        for _ in 0..group.layers {
            let has_experts = index >= first_dense && (index + 1).is_multiple_of(step) && !without.contains(&index);
            let layer = if has_experts { sparse(&group.layer) } else { group.layer.clone() };
            append(&mut mixed, layer);
            index += 1;
        }
    }
    Ok(mixed)
}

/// How many streams are kept, one before each block of so many layers, and the layers that read them.
pub(super) fn reading_blocks(
    size: Option<u64>,
    mut groups: Vec<LayerGroup>,
) -> Result<(Option<u64>, Vec<LayerGroup>), ArchitectureError> {
    let Some(size) = size else { return Ok((None, groups)) };
    let size = dimension("attn_res_block_size", size)?;
    let layers: u64 = groups.iter().map(|group| group.layers).sum();
    for group in &mut groups {
        group.layer.variant.reads_blocks = true;
    }
    Ok((Some(layers.div_ceil(size)), groups))
}

/// One more layer, in the last group where it is equal to that.
pub(super) fn append(groups: &mut Vec<LayerGroup>, layer: Layer) {
    match groups.last_mut() {
        Some(last) if last.layer == layer => last.layers += 1,
        _ => groups.push(LayerGroup { layers: 1, layer }),
    }
}
