//! An encoder and a decoder in one model: their layers, the biases of their scores, the form of their feed-forward
//! networks.

use super::checks::{ArchitectureError, class_of, dimension};
use super::groups::append;
use super::{ArchitectureKeys, Layer, LayerGroup};
use crate::model::family::{Family, Seq2SeqDefaults};

/// The two stacks of a model: its first layers are the encoder's, all others the decoder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seq2Seq {
    /// Layers of the encoder.
    pub encoder_layers: u64,
}

/// Both stacks of so many equal encoder layers; nothing where the family has only one.
pub(super) fn stacks(
    family: &Family,
    keys: &ArchitectureKeys,
    layer: &Layer,
    layers: u64,
) -> Result<Option<(Seq2Seq, Vec<LayerGroup>)>, ArchitectureError> {
    let Some(defaults) = &family.seq2seq else { return Ok(None) };
    class_of(defaults.classes, keys.architectures.as_deref())?;
    let buckets = keys.seq2seq.relative_attention_num_buckets.unwrap_or(defaults.buckets);
    let buckets = dimension("relative_attention_num_buckets", buckets)?;
    let decoder = dimension("num_decoder_layers", keys.seq2seq.num_decoder_layers.unwrap_or(layers))?;
    let mut groups = Vec::new();
    for (layers, decodes) in [(layers, false), (decoder, true)] {
        groups.append(&mut stack(defaults, layer, [layers, buckets], decodes));
    }
    Ok(Some((Seq2Seq { encoder_layers: layers }, groups)))
}

/// One stack, whose first layer has the table of biases, or all of them.
fn stack(defaults: &Seq2SeqDefaults, layer: &Layer, [layers, buckets]: [u64; 2], decodes: bool) -> Vec<LayerGroup> {
    let mut biased = layer.clone();
    biased.variant.attends_to_encoder = decodes;
    let mut plain = biased.clone();
    biased.variant.relative_buckets = Some(buckets);
    if defaults.bias_in_every_layer {
        plain = biased.clone();
    }
    let mut groups = Vec::new();
    append(&mut groups, biased);
    match groups.last_mut() {
        Some(first) if first.layer == plain => first.layers = layers,
        _ if layers > 1 => groups.push(LayerGroup { layers: layers - 1, layer: plain }),
        _ => {}
    }
    groups
}
