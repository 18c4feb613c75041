//! An encoder and a decoder in one model: their layers, the biases of their scores, their tables of positions.

use super::attention::Attention;
use super::checks::{ArchitectureError, class_of, dimension};
use super::groups::append;
use super::{ArchitectureKeys, FeedForward, Layer, LayerGroup};
use crate::model::family::{DecoderDefaults, DistanceDefaults, Family, PositionTable, SoundDefaults};

/// The two stacks of a model: its first layers are the encoder's, all others the decoder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seq2Seq {
    /// Layers of the encoder.
    pub encoder_layers: u64,
    /// The tables of positions of the encoder and of the decoder, where positions have any.
    pub positions: [PositionTable; 2],
    /// What the encoder reads in place of tokens, where that is sound.
    pub sounds: Option<Sounds>,
    /// Whether a buffer is added to logits, `[1, V]`.
    pub logits_bias: bool,
}

/// The spectrograms that an encoder reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sounds {
    /// Numbers for each frame.
    pub mel_bins: u64,
    /// Tokens that every sound becomes, one of two frames.
    pub positions: u64,
}

impl Sounds {
    /// Frames that each of the two convolutions reads at once, its `kernel_size`.
    pub const KERNEL_SIZE: u64 = 3;
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
    let mut encodes = layer.clone();
    if let Some(attention) = encodes.attention_mut() {
        attention.variant.unbiased_keys = defaults.unbiased_keys;
    }
    let decodes = decoder_layer(defaults.decoder, keys, &encodes)?;
    let own_layers = keys.seq2seq.num_decoder_layers.or(defaults.decoder.map(|decoder| decoder.layers));
    let decoder_layers = dimension("num_decoder_layers", own_layers.unwrap_or(layers))?;
    let mut groups = Vec::new();
    for (layer, layers) in [(encodes, layers), (decodes, decoder_layers)] {
        match &defaults.distances {
            Some(distances) => groups.append(&mut biased_stack(distances, keys, &layer, layers)?),
            None => groups.push(LayerGroup { layers, layer }),
        }
    }
    let seq2seq = Seq2Seq {
        encoder_layers: layers,
        positions: defaults.positions,
        sounds: defaults.sounds.map(|defaults| sounds(defaults, keys)).transpose()?,
        logits_bias: defaults.logits_bias,
    };
    Ok(Some((seq2seq, groups)))
}

/// A layer of the decoder: like one of the encoder but for heads and width where those are said apart, and with attention to
/// what the encoder gives.
fn decoder_layer(
    defaults: Option<DecoderDefaults>,
    keys: &ArchitectureKeys,
    encodes: &Layer,
) -> Result<Layer, ArchitectureError> {
    let mut layer = encodes.clone();
    layer.variant.attends_to_encoder = true;
    let heads = keys.seq2seq.decoder_attention_heads.or(defaults.map(|decoder| decoder.heads));
    if let (Some(heads), Some(attention)) = (heads, layer.attention_mut()) {
        *attention = with_heads(attention, dimension("decoder_attention_heads", heads)?)?;
    }
    let width = keys.seq2seq.decoder_ffn_dim.or(defaults.map(|decoder| decoder.intermediate_size));
    if let (Some(width), FeedForward::Dense(mlp)) = (width, &mut layer.feed_forward) {
        mlp.intermediate_size = dimension("decoder_ffn_dim", width)?;
    }
    Ok(layer)
}

/// The same channels in so many heads.
fn with_heads(attention: &Attention, heads: u64) -> Result<Attention, ArchitectureError> {
    let width = attention.query_size();
    if !width.is_multiple_of(heads) {
        let problem = format!("{heads} heads do not divide a hidden_size of {width}");
        return Err(ArchitectureError::new("decoder_attention_heads", problem));
    }
    Ok(Attention { heads, kv_heads: heads, head_dim: width / heads, ..attention.clone() })
}

fn sounds(defaults: SoundDefaults, keys: &ArchitectureKeys) -> Result<Sounds, ArchitectureError> {
    Ok(Sounds {
        mel_bins: dimension("num_mel_bins", keys.seq2seq.num_mel_bins.unwrap_or(defaults.mel_bins))?,
        positions: dimension("max_source_positions", keys.seq2seq.max_source_positions.unwrap_or(defaults.positions))?,
    })
}

/// One stack, whose first layer has the table of biases, or all of them.
fn biased_stack(
    defaults: &DistanceDefaults,
    keys: &ArchitectureKeys,
    layer: &Layer,
    layers: u64,
) -> Result<Vec<LayerGroup>, ArchitectureError> {
    let buckets = keys.seq2seq.relative_attention_num_buckets.unwrap_or(defaults.buckets);
    let buckets = dimension("relative_attention_num_buckets", buckets)?;
    let mut biased = layer.clone();
    let mut plain = layer.clone();
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
    Ok(groups)
}
