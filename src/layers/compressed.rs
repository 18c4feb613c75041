//! Layers of DeepSeek-V4 in serving: residual streams that are mixed around each half, and attention over a window and
//! over compressed tokens. Read off the modelling code, operation by operation; without a graph, since none is known.

use super::Run;
use super::attention::Shared;
use super::layer::{ATTENTION_NORM, FEED_FORWARD_NORM, Outputs};
use super::model::ONE;
use super::operations::{cast, copy};
use crate::model::architecture::{Attention, Compressed, Layer};
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

/// A transient tensor: born where the last value that is listed stands, let go of at the end.
pub(crate) fn moment(tape: &mut Tape, made: &[(&'static str, u16, Dtype)]) {
    let made: Vec<Tensor> = made.iter().map(|(name, shape, dtype)| tape.constant(name, *shape, *dtype)).collect();
    for tensor in made {
        tape.release(tensor);
    }
}

impl Run<'_> {
    /// All streams of every token, `[b, s, n·h]`.
    fn streams(&self, tape: &mut Tape) -> u16 {
        let count = self.architecture.mixed_streams.unwrap_or(1);
        self.stream(tape, Dim { symbol: "nh", size: count * self.architecture.hidden_size })
    }

    /// What is embedded, in every stream.
    pub(crate) fn in_every_stream(&self, tape: &mut Tape, input: Tensor) -> Tensor {
        if self.architecture.mixed_streams.is_none() {
            return input;
        }
        let shape = self.streams(tape);
        let streams = copy(tape, input, "residual streams", shape);
        tape.release(input);
        streams
    }

    /// One stream of all, before the final norm.
    pub(crate) fn one_stream(&self, tape: &mut Tape, input: Tensor) -> Tensor {
        if self.architecture.mixed_streams.is_none() {
            return input;
        }
        let collapsed = self.collapse(tape, input);
        tape.release(input);
        collapsed
    }

    /// The sum of streams by weights that a norm of all of them and a matrix give, in fp32.
    fn collapse(&self, tape: &mut Tape, input: Tensor) -> Tensor {
        let (streams, stream) = (self.streams(tape), self.stream(tape, self.h()));
        let wide = cast(tape, input, Dtype::Fp32, "residual streams in fp32");
        moment(tape, &[("square", streams, Dtype::Fp32)]);
        let normed = tape.constant("normed streams", streams, Dtype::Fp32);
        tape.release(wide);
        tape.release(normed);
        let weighed = tape.constant("weighed streams", streams, Dtype::Fp32);
        let sum = tape.constant("sum of streams in fp32", stream, Dtype::Fp32);
        tape.release(weighed);
        let collapsed = cast(tape, sum, input.dtype, "sum of streams");
        tape.release(sum);
        collapsed
    }

    /// The streams with a half's output in each of them.
    fn in_streams(&self, tape: &mut Tape, input: Tensor) -> Tensor {
        let streams = self.streams(tape);
        let spread = tape.constant("output in every stream", streams, input.dtype);
        let mixed = tape.constant("mixed streams", streams, input.dtype);
        let sum = tape.constant("residual streams", streams, input.dtype);
        tape.release(spread);
        tape.release(mixed);
        sum
    }

    /// A layer between mixed streams.
    pub(crate) fn mixed_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        let collapsed = self.collapse(tape, input);
        let normed = self.stream_norm(tape, collapsed, ATTENTION_NORM);
        let mut weights = None;
        let mut attended = tape.share(normed);
        if let Some((attention, compressed)) = layer.attention().and_then(|it| Some((it, it.variant.compressed?))) {
            tape.release(attended);
            (attended, weights) = self.compressed_attention(tape, normed, attention, compressed, shared);
        }
        tape.release(normed);
        let middle = self.in_streams(tape, input);
        let again = self.collapse(tape, middle);
        tape.release(collapsed);
        let normed = self.stream_norm(tape, again, FEED_FORWARD_NORM);
        let fed = self.feed_forward(tape, normed, &layer.feed_forward);
        tape.release(normed);
        let output = self.in_streams(tape, middle);
        for tensor in [fed, again, attended, middle] {
            tape.release(tensor);
        }
        (output, weights)
    }

    fn compressed_attention(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        compressed: Compressed,
        shared: Shared,
    ) -> Outputs {
        let dtype = input.dtype;
        let rank = Dim { symbol: "r_q", size: compressed.query_rank };
        let head = Dim { symbol: "d", size: attention.head_dim };
        let heads = Dim { symbol: "a", size: attention.heads };
        let length = compressed.rate.map_or(self.sequence, |rate| self.sequence + self.sequence / rate);
        let length = Dim { symbol: "l", size: length };
        let [ranks, key, queries, keys, every_key] = [
            vec![self.b(), self.s(), rank],
            vec![self.b(), self.s(), head],
            vec![self.b(), heads, self.s(), head],
            vec![self.b(), ONE, length, head],
            vec![self.b(), heads, length, head],
        ]
        .map(|dims| tape.shape(&dims));
        let residual = tape.constant("attention.compressed query", ranks, dtype);
        let projected = tape.constant("attention.query", queries, dtype);
        moment(tape, &[("attention.query in fp32", queries, Dtype::Fp32), ("square", queries, Dtype::Fp32)]);
        let normed = tape.constant("attention.normed query", queries, dtype);
        tape.release(projected);
        let query = tape.constant("attention.query after rotary embedding", queries, dtype);
        tape.release(normed);
        moment(tape, &[("attention.key", key, dtype)]);
        let own = tape.constant("attention.key after rotary embedding", key, dtype);
        self.put_together(tape, attention, compressed, dtype);
        let key = tape.constant("attention.key of window and compressed", keys, dtype);
        tape.release(own);
        let mask = shared.mask.filter(|_| compressed.rate.is_some()).map(|_| {
            let shape = tape.shape(&[self.b(), ONE, self.s(), length]);
            tape.constant("attention.mask", shape, dtype)
        });
        let context = self.weigh_values(tape, [heads, length], [queries, every_key], dtype);
        for tensor in mask.into_iter().chain([key, query, residual]) {
            tape.release(tensor);
        }
        let turned = tape.constant("attention.context after rotary embedding", queries, dtype);
        tape.release(context);
        let flat = tape.constant("attention.context", queries, dtype);
        tape.release(turned);
        let between = Dim { symbol: "g·r_o", size: compressed.output_groups.saturating_mul(compressed.output_rank) };
        let between = self.stream(tape, between);
        let grouped = tape.constant("attention.output of groups", between, dtype);
        let output = tape.constant("attention.output", input.shape, dtype);
        tape.release(grouped);
        tape.release(flat);
        (output, None)
    }

    /// Scores with a sink, their softmax and the sum of values, where keys and values stand for every head.
    fn weigh_values(
        &self,
        tape: &mut Tape,
        [heads, length]: [Dim; 2],
        [queries, every_key]: [u16; 2],
        dtype: Dtype,
    ) -> Tensor {
        let wider = Dim { symbol: "(l+1)", size: length.size.saturating_add(1) };
        let [scores, with_sinks] = [length, wider].map(|last| tape.shape(&[self.b(), heads, self.s(), last]));
        // One key stands for every head without a copy; a product over several sequences makes one for itself.
        let copies = self.batch > 1;
        let every = copies.then(|| tape.constant("attention.key for every head", every_key, dtype));
        let products = tape.constant("attention.scores", scores, dtype);
        if let Some(every) = every {
            tape.release(every);
        }
        let scaled = tape.constant("attention.scaled scores", scores, dtype);
        tape.release(products);
        let masked = tape.constant("attention.masked scores", scores, dtype);
        tape.release(scaled);
        let joined = tape.constant("attention.scores and sinks", with_sinks, dtype);
        let shifted = tape.constant("attention.shifted scores", with_sinks, dtype);
        tape.release(joined);
        let softmax = tape.constant("attention.softmax", with_sinks, dtype);
        tape.release(masked);
        let every = copies.then(|| tape.constant("attention.value for every head", every_key, dtype));
        let context = tape.constant("attention.context by head", queries, dtype);
        if let Some(every) = every {
            tape.release(every);
        }
        let merged = tape.constant("attention.context", queries, dtype);
        for tensor in [context, softmax, shifted] {
            tape.release(tensor);
        }
        merged
    }

    /// Keys and gates of every token, what of them is put together, and the scores of an indexer.
    fn put_together(&self, tape: &mut Tape, attention: &Attention, compressed: Compressed, dtype: Dtype) {
        let Some(rate) = compressed.rate else { return };
        let widths = [Some(attention.head_dim), compressed.indexer.map(|indexer| indexer.head_dim)];
        for width in widths.into_iter().flatten() {
            let width = Dim { symbol: "d", size: compressed.series() * width };
            let shape = self.stream(tape, width);
            moment(
                tape,
                &[
                    ("compressor.gate with positions", shape, dtype),
                    ("compressor.keys of windows", shape, dtype),
                    ("compressor.gates of windows", shape, dtype),
                    ("compressor.softmax", shape, Dtype::Fp32),
                    ("compressor.weights", shape, dtype),
                ],
            );
        }
        let Some(indexer) = compressed.indexer else { return };
        let heads = Dim { symbol: "a_i", size: indexer.heads };
        let entries = Dim { symbol: "s/m", size: self.sequence / rate };
        let shape = tape.shape(&[self.b(), self.s(), heads, entries]);
        moment(
            tape,
            &[
                ("indexer.scores", shape, Dtype::Fp32),
                ("indexer.positive scores", shape, Dtype::Fp32),
                ("indexer.scaled scores", shape, Dtype::Fp32),
            ],
        );
    }
}
