//! What newer families do otherwise, layer by layer: layers that differ in their heads, keys and values that are shared
//! or are one, indexers, and what a layer has beside attention and feed-forward network.

use super::checks::{ArchitectureError, dimension};
use super::{Attention, FeedForward, Indexer, KeyValues, Layer, LayerGroup, LayerVariant, Mixer, PerLayerInputs};
use crate::model::family::{QkNorm, VariantDefaults};
use crate::model::keys::VariantKeys;

/// What the model has outside its layers.
pub(super) fn per_layer_inputs(defaults: &VariantDefaults, keys: &VariantKeys) -> Option<PerLayerInputs> {
    let [vocab_size, width] = defaults.per_layer_input?;
    let width = keys.hidden_size_per_layer_input.unwrap_or(width);
    let vocab_size = keys.vocab_size_per_layer_input.unwrap_or(vocab_size);
    (width > 0).then_some(PerLayerInputs { vocab_size, width })
}

/// Residual streams, where there are several.
pub(super) fn streams(defaults: &VariantDefaults, keys: &VariantKeys) -> Option<u64> {
    defaults.streams.map(|streams| keys.altup_num_inputs.unwrap_or(streams))
}

/// The same layers, with what their family does otherwise.
pub(super) fn apply(
    defaults: &VariantDefaults,
    keys: &VariantKeys,
    v_head_dim: Option<u64>,
    groups: Vec<LayerGroup>,
) -> Result<Vec<LayerGroup>, ArchitectureError> {
    if *defaults == VariantDefaults::NONE {
        return Ok(groups);
    }
    let layers: u64 = groups.iter().map(|group| group.layers).sum();
    let shared = keys.num_kv_shared_layers.unwrap_or(defaults.kv_shared_layers);
    if shared >= layers {
        let problem = format!("{shared} of {layers} layers: the first needs keys and values of its own");
        return Err(ArchitectureError::new("num_kv_shared_layers", problem));
    }
    check_types(keys, layers)?;
    check_streams(defaults, keys)?;
    let sparse_gates = sparse_gates(defaults, keys, layers)?;
    let handing_on = if shared > 0 { last_of_each_kind(&groups, layers - shared) } else { [None; 2] };
    let variation = Variation { defaults, keys, v_head_dim, first_shared: layers - shared, handing_on, sparse_gates };
    let mut varied: Vec<LayerGroup> = Vec::new();
    let mut index = 0;
    for group in groups {
        for _ in 0..group.layers {
            let layer = variation.of(&group.layer, index)?;
            match varied.last_mut() {
                Some(last) if last.layer == layer => last.layers += 1,
                _ => varied.push(LayerGroup { layers: 1, layer }),
            }
            index += 1;
        }
    }
    Ok(varied)
}

/// The last layers with a window and without before the layer of a number.
fn last_of_each_kind(groups: &[LayerGroup], before: u64) -> [Option<u64>; 2] {
    let (mut last, mut first) = ([None; 2], 0);
    for group in groups.iter().take_while(|group| group.layers > 0) {
        if let (Some(attention), true) = (group.layer.attention(), first < before) {
            let kind = usize::from(attention.sliding_window.is_none());
            last[kind] = Some(before.min(first + group.layers) - 1);
        }
        first += group.layers;
    }
    last
}

/// Of one stream no other is made; more than ten no node of a graph reads at once.
fn check_streams(defaults: &VariantDefaults, keys: &VariantKeys) -> Result<(), ArchitectureError> {
    match streams(defaults, keys) {
        Some(streams) if !(2..=10).contains(&streams) => {
            Err(ArchitectureError::new("altup_num_inputs", format!("{streams} streams: from 2 to 10 are covered")))
        }
        _ => Ok(()),
    }
}

fn check_types(keys: &VariantKeys, layers: u64) -> Result<(), ArchitectureError> {
    const KEY: &str = "indexer_types";
    let Some(types) = &keys.indexer_types else { return Ok(()) };
    if types.len() as u64 != layers {
        return Err(ArchitectureError::new(KEY, format!("found {} entries for {layers} layers", types.len())));
    }
    match types.iter().find(|word| !matches!(word.as_str(), "full" | "shared")) {
        Some(word) => Err(ArchitectureError::new(KEY, format!("`{word}` is neither `full` nor `shared`"))),
        None => Ok(()),
    }
}

/// Whether each layer has a sparse gate; nothing where none has.
fn sparse_gates(defaults: &VariantDefaults, keys: &VariantKeys, layers: u64) -> Result<Vec<bool>, ArchitectureError> {
    let Some(pattern) = keys.activation_sparsity_pattern.as_ref().filter(|_| defaults.sparse_gates > 0) else {
        let first = if layers > defaults.sparse_gates { defaults.sparse_gates } else { 0 };
        return Ok((0..first).map(|_| true).collect());
    };
    if pattern.len() as u64 != layers {
        let problem = format!("found {} entries for {layers} layers", pattern.len());
        return Err(ArchitectureError::new("activation_sparsity_pattern", problem));
    }
    Ok(pattern.iter().map(|share| *share > 0.0).collect())
}

struct Variation<'a> {
    defaults: &'a VariantDefaults,
    keys: &'a VariantKeys,
    v_head_dim: Option<u64>,
    /// The first layer that attends to the keys and values of an earlier one.
    first_shared: u64,
    /// The last layers with a window and without that have keys and values of their own, where later ones read those.
    handing_on: [Option<u64>; 2],
    /// Whether each of the first layers has a sparse gate.
    sparse_gates: Vec<bool>,
}

impl Variation<'_> {
    fn of(&self, layer: &Layer, index: u64) -> Result<Layer, ArchitectureError> {
        let (defaults, keys) = (self.defaults, self.keys);
        let shares = index >= self.first_shared;
        let mixer = match &layer.mixer {
            Mixer::Attention(attention) => {
                let sparse = matches!(layer.feed_forward, FeedForward::Experts(_));
                Mixer::Attention(self.attention(attention, index, sparse)?)
            }
            other @ (Mixer::Recurrent(_) | Mixer::Both(..) | Mixer::Linear | Mixer::None) => other.clone(),
        };
        let mut feed_forward = layer.feed_forward.clone();
        if let FeedForward::Dense(mlp) = &mut feed_forward {
            if shares && keys.use_double_wide_mlp == Some(true) {
                mlp.intermediate_size = dimension("intermediate_size", 2 * mlp.intermediate_size)?;
            }
            mlp.sparse = usize::try_from(index).is_ok_and(|at| self.sparse_gates.get(at) == Some(&true));
            if let Some(width) = defaults.dense_intermediate_size {
                mlp.intermediate_size =
                    dimension("intermediate_size_mlp", keys.intermediate_size_mlp.unwrap_or(width))?;
            }
        }
        let variant = LayerVariant {
            per_layer_input: per_layer_inputs(defaults, keys).map(|inputs| inputs.width),
            laurel_rank: match defaults.laurel_rank {
                Some(rank) => Some(dimension("laurel_rank", keys.laurel_rank.unwrap_or(rank))?),
                None => None,
            },
            streams: streams(defaults, keys),
            experts_beside: defaults.experts_beside && matches!(feed_forward, FeedForward::Experts(_)),
            unnormed_mixer: false,
            relative_buckets: None,
            attends_to_encoder: false,
            mixed_streams: None,
            reads_blocks: false,
            weighs_halves: self.attends_to_tower(index),
        };
        Ok(Layer { mixer, feed_forward, variant, ..layer.clone() })
    }

    fn attends_to_tower(&self, index: u64) -> bool {
        let named = self.keys.cross_attention_layers.as_deref().unwrap_or(self.defaults.cross_attention_layers);
        named.contains(&index)
    }

    fn attention(&self, attention: &Attention, index: u64, sparse: bool) -> Result<Attention, ArchitectureError> {
        let (defaults, keys) = (self.defaults, self.keys);
        let mut varied = attention.clone();
        let windowed = attention.sliding_window.is_some();
        if let (Some(wide), false) = (keys.global_head_dim.or(defaults.global_head_dim), windowed) {
            varied.head_dim = dimension("global_head_dim", wide)?;
            varied.rotary_dim = varied.head_dim;
        }
        if keys.attention_k_eq_v == Some(true) && !windowed {
            varied.variant.key_values = KeyValues::One;
            if let Some(heads) = keys.num_global_key_value_heads {
                varied.kv_heads = dimension("num_global_key_value_heads", heads)?;
            }
        }
        if defaults.window_doubles_kv_heads && windowed {
            varied.kv_heads = dimension("num_key_value_heads", 2 * varied.kv_heads)?;
        }
        if !varied.heads.is_multiple_of(varied.kv_heads) {
            let problem = format!("{} key and value heads do not divide {} query heads", varied.kv_heads, varied.heads);
            return Err(ArchitectureError::new("num_key_value_heads", problem));
        }
        varied.variant.hands_on = self.handing_on.contains(&Some(index));
        if index >= self.first_shared {
            varied.variant.key_values = KeyValues::Earlier;
        }
        if let (Some(size), None) = (self.v_head_dim.or(defaults.v_head_dim), attention.latent) {
            varied.variant.value_head_dim = Some(dimension("v_head_dim", size)?);
        }
        if self.attends_to_tower(index) {
            (varied.qk_norm, varied.rotary_dim) = (QkNorm::PerHead, 0);
            varied.variant.key_values = KeyValues::OfTower;
        }
        varied.sinks |= defaults.sinks_with_window && windowed;
        varied.variant.head_gate = defaults.head_gate;
        varied.variant.indexer = self.indexer(index, sparse)?;
        Ok(varied)
    }

    fn indexer(&self, index: u64, sparse: bool) -> Result<Option<Indexer>, ArchitectureError> {
        let Some(defaults) = self.defaults.indexer else { return Ok(None) };
        let own = match &self.keys.indexer_types {
            Some(types) => usize::try_from(index).ok().and_then(|at| types.get(at)).is_none_or(|word| word == "full"),
            None => sparse || !defaults.with_experts_only,
        };
        let heads = dimension("index_n_heads", self.keys.index_n_heads.unwrap_or(defaults.heads))?;
        let head_dim = dimension("index_head_dim", self.keys.index_head_dim.unwrap_or(defaults.head_dim))?;
        Ok(own.then_some(Indexer { heads, head_dim }))
    }
}
