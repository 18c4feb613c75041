//! Attention over a window and over compressed tokens before it, and residual streams that mix in every layer
//! (DeepSeek-V4).

use super::checks::{ArchitectureError, dimension};
use super::{ArchitectureKeys, Attention, Compressed, FeedForward, Indexer, LayerGroup, Mixer};
use crate::model::family::CompressedDefaults;
use crate::model::keys::CompressedKeys;

/// The same layers with compression, streams, and experts that are looked up in the first of them.
pub(super) fn apply(
    defaults: &CompressedDefaults,
    keys: &ArchitectureKeys,
    groups: Vec<LayerGroup>,
) -> Result<Vec<LayerGroup>, ArchitectureError> {
    let own = &keys.compressed;
    let ratios = ratios(own, groups.iter().map(|group| group.layers).sum())?;
    let hashed = own.num_hash_layers.unwrap_or(defaults.hash_layers);
    let streams = streams(defaults, keys)?;
    let mut varied = Vec::new();
    let mut index = 0;
    for group in groups {
        for _ in 0..group.layers {
            let mut layer = group.layer.clone();
            if let Mixer::Attention(attention) = &mut layer.mixer {
                let ratio = usize::try_from(index).ok().and_then(|at| ratios.get(at)).copied().unwrap_or(0);
                attention.variant.compressed = Some(compressed(defaults, keys, attention, ratio)?);
            }
            layer.variant.mixed_streams = Some(streams);
            if let (FeedForward::Experts(experts), true) = (&mut layer.feed_forward, index < hashed) {
                experts.correction_bias = false;
                experts.looked_up = true;
            }
            super::groups::append(&mut varied, layer);
            index += 1;
        }
    }
    Ok(varied)
}

/// Residual streams.
pub(super) fn streams(defaults: &CompressedDefaults, keys: &ArchitectureKeys) -> Result<u64, ArchitectureError> {
    dimension("hc_mult", keys.compressed.hc_mult.unwrap_or(defaults.streams))
}

/// The ratio of each layer: two that compress heavily, then every other one, where the keys say nothing.
fn ratios(keys: &CompressedKeys, layers: u64) -> Result<Vec<u64>, ArchitectureError> {
    const KEY: &str = "compress_ratios";
    let Some(ratios) = &keys.compress_ratios else {
        let ratio = |layer: u64| if layer > 2 && !layer.is_multiple_of(2) { 4 } else { 128 };
        return Ok((0..layers).map(ratio).collect());
    };
    if (ratios.len() as u64) < layers {
        return Err(ArchitectureError::new(KEY, format!("found {} entries for {layers} layers", ratios.len())));
    }
    match ratios.iter().find(|ratio| ![0, 4, 128].contains(*ratio)) {
        Some(ratio) => Err(ArchitectureError::new(KEY, format!("{ratio} is none of 0, 4, 128"))),
        None => Ok(ratios.clone()),
    }
}

fn compressed(
    defaults: &CompressedDefaults,
    keys: &ArchitectureKeys,
    attention: &Attention,
    ratio: u64,
) -> Result<Compressed, ArchitectureError> {
    let output_groups = dimension("o_groups", keys.compressed.o_groups.unwrap_or(defaults.output_groups))?;
    if !attention.heads.is_multiple_of(output_groups) {
        let problem = format!("{output_groups} does not divide the {} heads", attention.heads);
        return Err(ArchitectureError::new("o_groups", problem));
    }
    if attention.kv_heads != 1 {
        let problem = format!("{}, but compressed attention has one", attention.kv_heads);
        return Err(ArchitectureError::new("num_key_value_heads", problem));
    }
    let [heads, head_dim] = defaults.indexer;
    let indexer = Indexer {
        heads: dimension("index_n_heads", keys.variant.index_n_heads.unwrap_or(heads))?,
        head_dim: dimension("index_head_dim", keys.variant.index_head_dim.unwrap_or(head_dim))?,
    };
    Ok(Compressed {
        query_rank: dimension("q_lora_rank", keys.q_lora_rank.unwrap_or(defaults.query_rank))?,
        output_groups,
        output_rank: dimension("o_lora_rank", keys.compressed.o_lora_rank.unwrap_or(defaults.output_rank))?,
        rate: (ratio > 0).then_some(ratio),
        indexer: (ratio == 4).then_some(indexer),
    })
}
