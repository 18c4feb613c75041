//! The tensors of what newer families do otherwise.

use super::{Role, Tensor, linear, matrix, norm, vector};
use crate::model::architecture::{Architecture, Attention, FeedForward, Layer};
use crate::model::family::NormKind;
use crate::model::part::{Part, Piece};

/// The names of what reads kept streams for the final norm.
pub(super) const FINAL_READING: [Part; 2] = [Part::FinalReadingNorm, Part::FinalReading];

/// What chooses among kept streams: a norm of them, and a vector that its output is multiplied by.
pub(super) fn reading(tensors: &mut Vec<Tensor>, kind: NormKind, hidden: u64, [before, reading]: [Part; 2]) {
    norm(tensors, kind, hidden, before);
    linear(tensors, reading, hidden, 1, false);
}

/// Gates of heads, and the indexer: from the compressed query where there is one, with norms by its kind.
pub(super) fn in_attention(tensors: &mut Vec<Tensor>, attention: &Attention, hidden: u64) {
    if attention.variant.head_gate {
        linear(tensors, Part::HeadGate, hidden, attention.heads, false);
    }
    let Some(indexer) = attention.variant.indexer else { return };
    let query = indexer.heads * indexer.head_dim;
    let rank = attention.latent.map(|latent| latent.query_rank.unwrap_or(hidden));
    linear(tensors, Part::IndexerQuery, rank.unwrap_or(hidden), query, false);
    linear(tensors, Part::IndexerKey, hidden, indexer.head_dim, false);
    if rank.is_some() {
        norm(tensors, NormKind::Layer, indexer.head_dim, Part::IndexerKeyNorm);
        linear(tensors, Part::IndexerHeadWeights, hidden, indexer.heads, false);
    } else {
        norm(tensors, NormKind::Rms, indexer.head_dim, Part::IndexerQueryNorm);
        norm(tensors, NormKind::Rms, indexer.head_dim, Part::IndexerKeyNorm);
    }
}

/// What weighs attention or the network behind it, where that is one number.
fn gate(tensors: &mut Vec<Tensor>, layer: &Layer, part: Part) {
    if layer.variant.weighs_halves {
        tensors.push(vector((part, Piece::Whole), 1, Role::Norm));
    }
}

/// The narrow projection beside attention, and what weighs residual streams against each other.
pub(super) fn beside_attention(tensors: &mut Vec<Tensor>, layer: &Layer, hidden: u64) {
    gate(tensors, layer, Part::AttentionScale);
    if layer.variant.reads_blocks {
        reading(tensors, layer.norm, hidden, [Part::AttentionReadingNorm, Part::AttentionReading]);
    }
    if let Some(rank) = layer.variant.laurel_rank {
        linear(tensors, Part::LaurelDown, hidden, rank, false);
        linear(tensors, Part::LaurelUp, rank, hidden, false);
        norm(tensors, layer.norm, hidden, Part::LaurelNorm);
    }
    if let Some(streams) = layer.variant.streams {
        linear(tensors, Part::StreamsCorrection, streams, streams, false);
        linear(tensors, Part::StreamsPrediction, streams, streams * streams, false);
        linear(tensors, Part::StreamsRouter, hidden, streams, false);
        norm(tensors, layer.norm, hidden, Part::StreamsRouterNorm);
        tensors.push(vector((Part::StreamsOutputScale, Piece::Whole), hidden, Role::Norm));
    }
}

/// What stands behind the final norm in the class: the table of vectors for each layer and what projects the embedded
/// sequence to them, and the matrices between residual streams.
pub(super) fn behind_layers(architecture: &Architecture) -> Vec<Tensor> {
    let hidden = architecture.hidden_size;
    let mut tensors = Vec::new();
    if let Some(inputs) = architecture.per_layer_inputs {
        let packed = inputs.width * architecture.num_hidden_layers();
        tensors.push(matrix((Part::PerLayerEmbedding, Piece::Weight), inputs.vocab_size, packed, Role::Table));
        tensors.push(matrix((Part::PerLayerProjection, Piece::Weight), packed, hidden, Role::Linear));
        tensors.push(vector((Part::PerLayerProjectionNorm, Piece::Weight), inputs.width, Role::Norm));
    }
    for part in [Part::StreamsProjection, Part::StreamsProjectionBack] {
        let others = 1..architecture.streams.unwrap_or(1);
        tensors.extend(others.map(|_| matrix((part, Piece::Weight), hidden, hidden, Role::Linear)));
    }
    tensors
}

/// What lets in the vector of the layer, and the norms and scales of experts beside a dense network.
pub(super) fn beside_feed_forward(tensors: &mut Vec<Tensor>, layer: &Layer, hidden: u64) {
    gate(tensors, layer, Part::FeedForwardScale);
    if layer.variant.reads_blocks {
        reading(tensors, layer.norm, hidden, [Part::FeedForwardReadingNorm, Part::FeedForwardReading]);
    }
    if let (true, FeedForward::Experts(experts)) = (layer.variant.experts_beside, &layer.feed_forward) {
        norm(tensors, layer.norm, hidden, Part::DenseOutputNorm);
        norm(tensors, layer.norm, hidden, Part::ExpertsNorm);
        norm(tensors, layer.norm, hidden, Part::ExpertsOutputNorm);
        tensors.push(vector((Part::RouterScale, Piece::Whole), hidden, Role::Norm));
        tensors.push(vector((Part::RouterScaleOfEach, Piece::Whole), experts.count, Role::Norm));
    }
    if let Some(width) = layer.variant.per_layer_input {
        linear(tensors, Part::PerLayerInputGate, hidden, width, false);
        linear(tensors, Part::PerLayerInputProjection, width, hidden, false);
        norm(tensors, layer.norm, hidden, Part::PerLayerInputNorm);
    }
}
