//! The tensors of an encoder and a decoder in one model: what stands before each stack, a decoder's attention to what the
//! encoder gives, and the tables of biases by distance.

use super::{Block, BlockParameters, Role, Tensor, linear, matrix, norm};
use crate::model::architecture::{Architecture, Attention, Layer, Seq2Seq, Sounds};
use crate::model::family::{PositionKind, PositionTable};
use crate::model::part::{Part, Piece};

/// What stands before the encoder's layers. The table of tokens is its own too, unless it reads sounds.
pub(super) fn before_encoder(architecture: &Architecture, seq2seq: &Seq2Seq) -> Vec<Tensor> {
    let hidden = architecture.hidden_size;
    let mut tensors = Vec::new();
    match seq2seq.sounds {
        Some(sounds) => frames(&mut tensors, sounds, hidden),
        None => tensors.push(tokens(architecture)),
    }
    if let Some(rows) = parameter_rows(architecture, seq2seq, true) {
        tensors.push(matrix((Part::EncoderPositionEmbedding, Piece::Weight), rows, hidden, Role::Table));
    }
    if let Some(kind) = architecture.embedding_norm {
        norm(&mut tensors, kind, hidden, Part::EncoderEmbeddingNorm);
    }
    tensors
}

/// What stands before the decoder's layers.
pub(super) fn before_decoder(architecture: &Architecture, seq2seq: &Seq2Seq) -> Vec<Tensor> {
    let hidden = architecture.hidden_size;
    let mut tensors = Vec::new();
    if seq2seq.sounds.is_some() {
        tensors.push(tokens(architecture));
    }
    if let Some(rows) = parameter_rows(architecture, seq2seq, false) {
        tensors.push(matrix((Part::PositionEmbedding, Piece::Weight), rows, hidden, Role::Table));
    }
    if let Some(kind) = architecture.embedding_norm {
        norm(&mut tensors, kind, hidden, Part::EmbeddingNorm);
    }
    tensors
}

/// The norm behind the encoder's layers.
pub(super) fn behind_encoder(architecture: &Architecture) -> Vec<Tensor> {
    let mut tensors = Vec::new();
    if let Some(kind) = architecture.final_norm {
        norm(&mut tensors, kind, architecture.hidden_size, Part::EncoderFinalNorm);
    }
    tensors
}

/// Rows of the table of positions of a stack, where it has one.
pub fn position_rows(architecture: &Architecture, seq2seq: &Seq2Seq, encodes: bool) -> Option<u64> {
    if architecture.positions != PositionKind::Learned {
        return None;
    }
    let of_tokens = architecture.max_position_embeddings + architecture.unused_positions;
    Some(seq2seq.sounds.filter(|_| encodes).map_or(of_tokens, |sounds| sounds.positions))
}

/// The same where it is a parameter.
fn parameter_rows(architecture: &Architecture, seq2seq: &Seq2Seq, encodes: bool) -> Option<u64> {
    let is_parameter = seq2seq.positions[usize::from(!encodes)] != PositionTable::Buffer;
    position_rows(architecture, seq2seq, encodes).filter(|_| is_parameter)
}

/// Blocks without those that hold nothing.
pub(super) fn outside(block: Block, tensors: Vec<Tensor>) -> Option<BlockParameters> {
    (!tensors.is_empty()).then(|| BlockParameters::outside(block, tensors))
}

fn tokens(architecture: &Architecture) -> Tensor {
    let (rows, columns) = (architecture.vocab_size, architecture.embedding_size);
    matrix((Part::TokenEmbedding, Piece::Weight), rows, columns, Role::Table)
}

/// Two convolutions over three frames each, the second of which takes every other one.
fn frames(tensors: &mut Vec<Tensor>, sounds: Sounds, hidden: u64) {
    linear(tensors, Part::PatchProjection, Sounds::KERNEL_SIZE * sounds.mel_bins, hidden, true);
    linear(tensors, Part::FrameProjection, Sounds::KERNEL_SIZE * hidden, hidden, true);
}

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
    linear(tensors, Part::CrossKey, hidden, kv, attention.key_bias());
    linear(tensors, Part::CrossValue, hidden, kv, bias);
    linear(tensors, Part::CrossOutput, query, hidden, attention.output_bias);
}
