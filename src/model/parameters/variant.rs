//! The tensors of what newer families do otherwise.

use super::{Role, Tensor, linear, matrix, norm, vector};
use crate::model::architecture::{Architecture, Attention, FeedForward, Layer};
use crate::model::family::NormKind;

/// The names of what reads kept streams for the final norm.
pub(super) const FINAL_READING: [&str; 2] = ["final reading norm.weight", "final reading.weight"];

/// What chooses among kept streams: a norm of them, and a vector that its output is multiplied by.
pub(super) fn reading(tensors: &mut Vec<Tensor>, kind: NormKind, hidden: u64, [weight, vector]: [&'static str; 2]) {
    norm(tensors, kind, hidden, [weight, ""]);
    linear(tensors, [vector, ""], hidden, 1, false);
}

/// The table of vectors for each token and layer with what makes them, and the matrices between residual streams.
pub(super) fn outside_layers(tensors: &mut Vec<Tensor>, architecture: &Architecture) {
    let hidden = architecture.hidden_size;
    if let Some(inputs) = architecture.per_layer_inputs {
        let packed = inputs.width * architecture.num_hidden_layers();
        tensors.push(matrix("per-layer embedding.weight", inputs.vocab_size, packed, Role::Table));
        tensors.push(matrix("per-layer projection.weight", packed, hidden, Role::Linear));
        tensors.push(vector("per-layer projection norm.weight", inputs.width, Role::Norm));
    }
    for _ in 1..architecture.streams.unwrap_or(1) {
        tensors.push(matrix("streams.projection.weight", hidden, hidden, Role::Linear));
        tensors.push(matrix("streams.projection back.weight", hidden, hidden, Role::Linear));
    }
}

/// Gates of heads, and the indexer: from the compressed query where there is one, with norms by its kind.
pub(super) fn in_attention(tensors: &mut Vec<Tensor>, attention: &Attention, hidden: u64) {
    if attention.variant.head_gate {
        linear(tensors, ["attention.head gate.weight", ""], hidden, attention.heads, false);
    }
    let Some(indexer) = attention.variant.indexer else { return };
    let query = indexer.heads * indexer.head_dim;
    let rank = attention.latent.map(|latent| latent.query_rank.unwrap_or(hidden));
    linear(tensors, ["indexer.query.weight", ""], rank.unwrap_or(hidden), query, false);
    linear(tensors, ["indexer.key.weight", ""], hidden, indexer.head_dim, false);
    if rank.is_some() {
        norm(tensors, NormKind::Layer, indexer.head_dim, ["indexer.key norm.weight", "indexer.key norm.bias"]);
        linear(tensors, ["indexer.head weights.weight", ""], hidden, indexer.heads, false);
    } else {
        norm(tensors, NormKind::Rms, indexer.head_dim, ["indexer.query norm.weight", ""]);
        norm(tensors, NormKind::Rms, indexer.head_dim, ["indexer.key norm.weight", ""]);
    }
}

/// The narrow projection beside attention, and what weighs residual streams against each other.
pub(super) fn beside_attention(tensors: &mut Vec<Tensor>, layer: &Layer, hidden: u64) {
    if layer.variant.reads_blocks {
        reading(tensors, layer.norm, hidden, ["attention reading norm.weight", "attention reading.weight"]);
    }
    if let Some(rank) = layer.variant.laurel_rank {
        linear(tensors, ["laurel.down.weight", ""], hidden, rank, false);
        linear(tensors, ["laurel.up.weight", ""], rank, hidden, false);
        norm(tensors, layer.norm, hidden, ["laurel norm.weight", ""]);
    }
    if let Some(streams) = layer.variant.streams {
        linear(tensors, ["streams.correction.weight", ""], streams, streams, false);
        linear(tensors, ["streams.prediction.weight", ""], streams, streams * streams, false);
        linear(tensors, ["streams.router.weight", ""], hidden, streams, false);
        norm(tensors, layer.norm, hidden, ["streams.router norm.weight", ""]);
        tensors.push(vector("streams.output scale", hidden, Role::Norm));
    }
}

/// What lets in the vector of the layer, and the norms and scales of experts beside a dense network.
pub(super) fn beside_feed_forward(tensors: &mut Vec<Tensor>, layer: &Layer, hidden: u64) {
    if layer.variant.reads_blocks {
        reading(tensors, layer.norm, hidden, ["feed-forward reading norm.weight", "feed-forward reading.weight"]);
    }
    if let (true, FeedForward::Experts(experts)) = (layer.variant.experts_beside, &layer.feed_forward) {
        norm(tensors, layer.norm, hidden, ["dense output norm.weight", ""]);
        norm(tensors, layer.norm, hidden, ["experts norm.weight", ""]);
        norm(tensors, layer.norm, hidden, ["experts output norm.weight", ""]);
        tensors.push(vector("router.scale", hidden, Role::Norm));
        tensors.push(vector("router.scale of each expert", experts.count, Role::Norm));
    }
    if let Some(width) = layer.variant.per_layer_input {
        linear(tensors, ["per-layer input.gate.weight", ""], hidden, width, false);
        linear(tensors, ["per-layer input.projection.weight", ""], width, hidden, false);
        norm(tensors, layer.norm, hidden, ["per-layer input norm.weight", ""]);
    }
}
