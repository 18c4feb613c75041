//! The tensors of compressed attention and of mixed residual streams.

use super::{Role, Tensor, linear, matrix, norm, vector};
use crate::model::architecture::{Attention, Compressed};
use crate::model::family::NormKind;
use crate::model::part::{Part, Piece};

/// The names of what mixes streams around attention.
pub(super) const STREAMS_OF_ATTENTION: [Part; 2] = [Part::AttentionStreams, Part::AttentionStreamScales];

/// The same around the feed-forward network.
pub(super) const STREAMS_OF_FEED_FORWARD: [Part; 2] = [Part::FeedForwardStreams, Part::FeedForwardStreamScales];

/// The same after the last layer.
pub(super) const STREAMS_TOGETHER: [Part; 2] = [Part::FinalStreams, Part::FinalStreamScales];

/// Queries by way of a rank, keys that are the values, an output projection by groups of heads, and what compresses.
pub(super) fn in_attention(
    tensors: &mut Vec<Tensor>,
    kind: NormKind,
    attention: &Attention,
    compressed: Compressed,
    hidden: u64,
) {
    let (query, head) = (attention.query_size(), attention.head_dim);
    linear(tensors, Part::QueryDown, hidden, compressed.query_rank, false);
    norm(tensors, kind, compressed.query_rank, Part::QueryNorm);
    linear(tensors, Part::QueryUp, compressed.query_rank, query, false);
    linear(tensors, Part::Key, hidden, head, false);
    norm(tensors, kind, head, Part::KeyNorm);
    let between = compressed.output_groups * compressed.output_rank;
    linear(tensors, Part::AttentionOutputDown, query / compressed.output_groups, between, false);
    linear(tensors, Part::AttentionOutput, between, hidden, false);
    tensors.push(vector((Part::Sinks, Piece::Whole), attention.heads, Role::Bias));
    let Some(rate) = compressed.rate else { return };
    let width = compressed.series() * head;
    linear(tensors, Part::CompressorKey, hidden, width, false);
    linear(tensors, Part::CompressorGate, hidden, width, false);
    tensors.push(matrix((Part::CompressorPositionBias, Piece::Whole), rate, width, Role::Bias));
    norm(tensors, kind, head, Part::CompressorKeyNorm);
    let Some(indexer) = compressed.indexer else { return };
    let width = compressed.series() * indexer.head_dim;
    linear(tensors, Part::IndexerKey, hidden, width, false);
    linear(tensors, Part::IndexerGate, hidden, width, false);
    tensors.push(matrix((Part::IndexerPositionBias, Piece::Whole), rate, width, Role::Bias));
    norm(tensors, kind, indexer.head_dim, Part::IndexerKeyNorm);
    linear(tensors, Part::IndexerQuery, compressed.query_rank, indexer.heads * indexer.head_dim, false);
    linear(tensors, Part::IndexerHeadWeights, hidden, indexer.heads, false);
}

/// What makes `weights` numbers of all streams of a token, with their bias and so many scales.
pub(super) fn of_streams(
    tensors: &mut Vec<Tensor>,
    [part, scale]: [Part; 2],
    streams: u64,
    weights: u64,
    scales: u64,
    hidden: u64,
) {
    linear(tensors, part, streams * hidden, weights, true);
    tensors.push(vector((scale, Piece::Whole), scales, Role::Bias));
}
