//! Layers that differ one by one in their attention and the width of their feed-forward network (Nemotron's searched
//! Llamas).

use super::checks::{ArchitectureError, dimension};
use super::groups::{MOST_MIXED_LAYERS, append};
use super::{FeedForward, Layer, LayerGroup, Mixer};
use crate::model::keys::BlockKeys;

/// The same layers, each with what the keys say of it, equal neighbours together.
pub(super) fn apply(keys: &BlockKeys, groups: Vec<LayerGroup>) -> Result<Vec<LayerGroup>, ArchitectureError> {
    if *keys == BlockKeys::default() {
        return Ok(groups);
    }
    let layers: u64 = groups.iter().map(|group| group.layers).sum();
    check(keys, layers)?;
    let mut varied = Vec::new();
    let mut index = 0;
    for group in groups {
        for _ in 0..group.layers {
            append(&mut varied, of_layer(keys, &group.layer, index)?);
            index += 1;
        }
    }
    Ok(varied)
}

fn check(keys: &BlockKeys, layers: u64) -> Result<(), ArchitectureError> {
    if layers > MOST_MIXED_LAYERS {
        let problem = format!("{layers} layers that are told apart: at most {MOST_MIXED_LAYERS} are covered");
        return Err(ArchitectureError::new("num_hidden_layers", problem));
    }
    for (key, of_each) in [
        ("num_key_value_heads_per_layer", &keys.num_key_value_heads_per_layer),
        ("intermediate_size_per_layer", &keys.intermediate_size_per_layer),
    ] {
        if let Some(entries) = of_each.as_ref().filter(|entries| entries.len() as u64 != layers) {
            return Err(ArchitectureError::new(key, format!("found {} entries for {layers} layers", entries.len())));
        }
    }
    for (key, named) in [
        ("attention_replaced_with_linear", &keys.attention_replaced_with_linear),
        ("mlp_replaced_with_linear", &keys.mlp_replaced_with_linear),
    ] {
        if let Some(beyond) = named.iter().flatten().find(|index| **index >= layers) {
            return Err(ArchitectureError::new(
                key,
                format!("{beyond}, but the last of {layers} layers is {}", layers - 1),
            ));
        }
    }
    Ok(())
}

fn of_layer(keys: &BlockKeys, layer: &Layer, index: u64) -> Result<Layer, ArchitectureError> {
    let at = |of_each: &Option<Vec<u64>>| of_each.as_ref()?.get(usize::try_from(index).ok()?).copied();
    let named = |layers: &Option<Vec<u64>>| layers.as_ref().is_some_and(|layers| layers.contains(&index));
    let mut layer = layer.clone();
    match at(&keys.num_key_value_heads_per_layer) {
        _ if named(&keys.attention_replaced_with_linear) => layer.mixer = Mixer::Linear,
        Some(0) => layer.mixer = Mixer::None,
        Some(heads) => set_kv_heads(&mut layer, heads)?,
        None => {}
    }
    match (at(&keys.intermediate_size_per_layer), &mut layer.feed_forward) {
        _ if named(&keys.mlp_replaced_with_linear) => layer.feed_forward = FeedForward::Linear,
        (Some(0), _) => layer.feed_forward = FeedForward::None,
        (Some(width), FeedForward::Dense(mlp)) => {
            mlp.intermediate_size = dimension("intermediate_size_per_layer", width)?;
        }
        _ => {}
    }
    Ok(layer)
}

fn set_kv_heads(layer: &mut Layer, heads: u64) -> Result<(), ArchitectureError> {
    const KEY: &str = "num_key_value_heads_per_layer";
    let Some(attention) = layer.attention_mut() else { return Ok(()) };
    attention.kv_heads = dimension(KEY, heads)?;
    if attention.heads.is_multiple_of(heads) {
        return Ok(());
    }
    Err(ArchitectureError::new(KEY, format!("{heads} does not divide the {} of num_attention_heads", attention.heads)))
}
