//! The tensors of a decoder's attention to what an encoder gives, and the tables of biases by distance.

use super::{Role, Tensor, linear, matrix, norm};
use crate::model::architecture::{Attention, Layer};
use crate::model::part::{Part, Piece};

/// The layer's own table of biases, a row for each distance that is told apart and a column for each head.
pub(super) fn in_attention(tensors: &mut Vec<Tensor>, layer: &Layer, attention: &Attention) {
    if let Some(buckets) = layer.variant.relative_buckets {
        tensors.push(matrix((Part::DistanceBias, Piece::Weight), buckets, attention.heads, Role::Table));
    }
}

/// Attention to the encoder's output, with its norm.
pub(super) fn behind_attention(tensors: &mut Vec<Tensor>, layer: &Layer, hidden: u64) {
    let (true, Some(attention)) = (layer.variant.attends_to_encoder, layer.attention()) else { return };
    norm(tensors, layer.norm, hidden, Part::CrossAttentionNorm);
    let (query, kv, bias) = (attention.query_size(), attention.kv_size(), attention.qkv_bias);
    linear(tensors, Part::CrossQuery, hidden, query, bias);
    linear(tensors, Part::CrossKey, hidden, kv, bias);
    linear(tensors, Part::CrossValue, hidden, kv, bias);
    linear(tensors, Part::CrossOutput, query, hidden, attention.output_bias);
}
