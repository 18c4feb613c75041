//! The tensors of compressed attention and of mixed residual streams.

use super::{Role, Tensor, linear, matrix, norm, vector};
use crate::model::architecture::{Attention, Compressed};
use crate::model::family::NormKind;

/// The names of what mixes streams around attention.
pub(super) const STREAMS_OF_ATTENTION: [&str; 3] =
    ["attention streams.weight", "attention streams.bias", "attention streams.scales"];

/// The same around the feed-forward network.
pub(super) const STREAMS_OF_FEED_FORWARD: [&str; 3] =
    ["feed-forward streams.weight", "feed-forward streams.bias", "feed-forward streams.scales"];

/// The same after the last layer.
pub(super) const STREAMS_TOGETHER: [&str; 3] = ["final streams.weight", "final streams.bias", "final streams.scales"];

/// Queries by way of a rank, keys that are the values, an output projection by groups of heads, and what compresses.
pub(super) fn in_attention(
    tensors: &mut Vec<Tensor>,
    kind: NormKind,
    attention: &Attention,
    compressed: Compressed,
    hidden: u64,
) {
    let (query, head) = (attention.query_size(), attention.head_dim);
    linear(tensors, ["attention.query down.weight", ""], hidden, compressed.query_rank, false);
    norm(tensors, kind, compressed.query_rank, ["attention.query norm.weight", ""]);
    linear(tensors, ["attention.query up.weight", ""], compressed.query_rank, query, false);
    linear(tensors, ["attention.key.weight", ""], hidden, head, false);
    norm(tensors, kind, head, ["attention.key norm.weight", ""]);
    let between = compressed.output_groups * compressed.output_rank;
    linear(tensors, ["attention.output down.weight", ""], query / compressed.output_groups, between, false);
    linear(tensors, ["attention.output.weight", ""], between, hidden, false);
    tensors.push(vector("attention.sinks", attention.heads, Role::Bias));
    let Some(rate) = compressed.rate else { return };
    let width = compressed.series() * head;
    linear(tensors, ["compressor.key.weight", ""], hidden, width, false);
    linear(tensors, ["compressor.gate.weight", ""], hidden, width, false);
    tensors.push(matrix("compressor.position bias", rate, width, Role::Bias));
    norm(tensors, kind, head, ["compressor.key norm.weight", ""]);
    let Some(indexer) = compressed.indexer else { return };
    let width = compressed.series() * indexer.head_dim;
    linear(tensors, ["indexer.key.weight", ""], hidden, width, false);
    linear(tensors, ["indexer.gate.weight", ""], hidden, width, false);
    tensors.push(matrix("indexer.position bias", rate, width, Role::Bias));
    norm(tensors, kind, indexer.head_dim, ["indexer.key norm.weight", ""]);
    linear(tensors, ["indexer.query.weight", ""], compressed.query_rank, indexer.heads * indexer.head_dim, false);
    linear(tensors, ["indexer.head weights.weight", ""], hidden, indexer.heads, false);
}

/// What makes `weights` numbers of all streams of a token, with their bias and so many scales.
pub(super) fn of_streams(
    tensors: &mut Vec<Tensor>,
    [weight, bias, scale]: [&'static str; 3],
    streams: u64,
    weights: u64,
    scales: u64,
    hidden: u64,
) {
    linear(tensors, [weight, bias], streams * hidden, weights, true);
    tensors.push(vector(scale, scales, Role::Bias));
}
