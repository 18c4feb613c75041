//! GOT-OCR 2's layers, which are SAM's: attention within windows or of all tokens, whose scores are tensors, with a term by
//! distance along each side.

use super::Seen;
use crate::layers::Run;
use crate::layers::embedding::look_up;
use crate::layers::layer::{ATTENTION_NORM, FEED_FORWARD_NORM};
use crate::layers::norm::names;
use crate::layers::operations::{cast, copy, fresh, join, kept_factors, softmax};
use crate::model::architecture::{Attention, Layer};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// The windows of a layer: one of all tokens where it has none.
#[derive(Debug, Clone, Copy)]
struct Windows {
    /// Whether tokens are put into windows at all.
    cut: bool,
    /// How many an image has.
    count: u64,
    /// Tokens of each side of a window.
    sides: [u64; 2],
    /// Tokens of all windows of an image, `n`, those that fill up the last ones among them.
    tokens: Dim,
}

impl Windows {
    fn of(seen: &Seen, attention: &Attention) -> Self {
        let grid = seen.tower.sizes.grid();
        let sides = grid.map(|side| attention.sliding_window.unwrap_or(side).max(1));
        let count = grid[0].div_ceil(sides[0]).saturating_mul(grid[1].div_ceil(sides[1]));
        let tokens = count.saturating_mul(sides[0]).saturating_mul(sides[1]);
        Self { cut: attention.sliding_window.is_some(), count, sides, tokens: Dim { symbol: "n", size: tokens } }
    }

    /// Tokens that each token attends to, `w`.
    fn each(&self) -> Dim {
        Dim { symbol: "w", size: self.sides[0].saturating_mul(self.sides[1]) }
    }
}

impl Run<'_> {
    /// From the stream that enters to the one that leaves.
    pub(super) fn windowed_layer(&self, tape: &mut Tape, seen: &Seen, layer: &Layer, input: Tensor) -> Tensor {
        let Some(attention) = layer.attention() else { return tape.share(input) };
        let windows = Windows::of(seen, attention);
        let mut normed = self.stream_norm(tape, input, ATTENTION_NORM);
        if windows.cut {
            normed = self.in_windows(tape, normed, windows);
        }
        let (mut attended, weights) = self.windowed_attention(tape, seen, normed, windows);
        tape.release(normed);
        if windows.cut {
            attended = self.out_of_windows(tape, attended, windows);
        }
        let middle = join(tape, [input, attended], "residual stream", input.shape);
        tape.release(attended);
        let normed = self.stream_norm(tape, middle, FEED_FORWARD_NORM);
        let fed = self.feed_forward(tape, normed, &layer.feed_forward);
        let output = join(tape, [middle, fed], "residual stream", input.shape);
        // What attention returns beside its output is in a variable.
        tape.release_each([fed, normed, middle, weights]);
        output
    }

    /// Filled up to whole windows, and window by window; `stream` goes.
    fn in_windows(&self, tape: &mut Tape, stream: Tensor, windows: Windows) -> Tensor {
        let shape = tape.shape(&[self.b(), windows.tokens, self.h()]);
        let filled = fresh(tape, stream, "tokens of whole windows", shape);
        let cut =
            if windows.count > 1 { copy(tape, filled, "tokens by window", shape) } else { tape.view(filled, shape) };
        tape.release_each([filled, stream]);
        cut
    }

    /// In rows again, without what filled up windows; `attended` goes.
    fn out_of_windows(&self, tape: &mut Tape, attended: Tensor, windows: Windows) -> Tensor {
        let rows = if windows.count > 1 {
            copy(tape, attended, "tokens in rows", attended.shape)
        } else {
            tape.view(attended, attended.shape)
        };
        let own = self.stream(tape, self.h());
        let output = if windows.tokens.size == self.sequence {
            tape.view(rows, own)
        } else {
            fresh(tape, rows, "tokens in rows", own)
        };
        tape.release_each([rows, attended]);
        output
    }

    /// Attention's output, and its weights.
    fn windowed_attention(&self, tape: &mut Tape, seen: &Seen, input: Tensor, windows: Windows) -> (Tensor, Tensor) {
        let sizes = seen.tower.sizes;
        let dim = |symbol, size| Dim { symbol, size };
        let (heads, head) = (dim("a", sizes.heads), dim("d", sizes.head_dim));
        let biased = |part| {
            seen.tensors.layers.iter().flatten().any(|tensor| (tensor.part, tensor.piece) == (part, Piece::Bias))
        };
        let three = dim("3q", 3 * sizes.heads * sizes.head_dim);
        let matrix = self.weights(tape, Part::QueryKeyValue, self.h(), three, biased(Part::QueryKeyValue));
        let projected = self.linear_over(tape, input, matrix, "attention.query key value", windows.tokens);
        let by_head = fresh(tape, projected, "attention.query key value by head", projected.shape);
        let one = tape.shape(&[self.b(), heads, windows.tokens, head]);
        let [query, key, value] = tape.split(by_head, [one; 3]);
        tape.release(by_head);
        let scaled = fresh(tape, query, "attention.scaled query", one);
        let square = tape.shape(&[self.b(), heads, windows.tokens, windows.each()]);
        let mut scores = batched(tape, [scaled, key], "attention.scores", square);
        tape.release(scaled);
        let distances =
            seen.tower.scores_distances().then(|| self.scores_by_distance(tape, query, windows, (head, square)));
        if let Some(distances) = distances {
            let sum = join(tape, [scores, distances], "attention.scores with distances", square);
            tape.release(scores);
            scores = sum;
        }
        let wide = cast(tape, scores, Dtype::Fp32, "attention.scores in fp32");
        let soft = softmax(tape, wide, "attention.softmax");
        tape.release(wide);
        let weights = cast(tape, soft, query.dtype, "attention.weights");
        tape.release_each([soft, scores]);
        let context = batched(tape, [weights, value], "attention.context by head", one);
        let flat = tape.shape(&[self.b(), windows.tokens, dim("q", sizes.heads * sizes.head_dim)]);
        let flat = fresh(tape, context, "attention.context", flat);
        tape.release(context);
        let inner = dim("q", sizes.heads * sizes.head_dim);
        let matrix = self.weights(tape, Part::AttentionOutput, inner, self.h(), biased(Part::AttentionOutput));
        let output = self.linear_over(tape, flat, matrix, "attention.output", windows.tokens);
        tape.release_each([flat, query, key, value, projected]);
        tape.release_each(distances);
        (output, weights)
    }

    /// A term for each pair of tokens: the query's product with a row of the one table by their distance in rows, and of the
    /// other by that in columns. Of the first product the queries are copied row by row.
    fn scores_by_distance(
        &self,
        tape: &mut Tape,
        query: Tensor,
        windows: Windows,
        (head, square): (Dim, u16),
    ) -> Tensor {
        let dim = |size| Dim { symbol: "", size };
        let rows = windows.sides.map(|side| {
            let [table, pairs] = [vec![dim(2 * side - 1), head], vec![dim(side), dim(side)]].map(|it| tape.shape(&it));
            let table = tape.parameter(Part::DistanceBias.name(Piece::Weight), table, self.weights);
            let resized = fresh(tape, table, "resized distances", table.shape);
            let numbers = tape.constant("numbers of distances", pairs, Dtype::Int64);
            let shape = tape.shape(&[dim(side), dim(side), head]);
            let rows = look_up(tape, resized, Some(numbers), "rows of distances", shape);
            tape.release_each([numbers, resized]);
            rows
        });
        let apart = fresh(tape, query, "attention.query by row", query.shape);
        let queries = [apart, query];
        let terms = [0, 1].map(|axis| {
            let mut dims = tape.dims(square).dims().to_vec();
            if let Some(keys) = dims.last_mut() {
                *keys = dim(windows.sides[axis]);
            }
            let shape = tape.shape(&dims);
            batched(tape, [queries[axis], rows[axis]], "attention.scores by distance", shape)
        });
        tape.release(apart);
        let sum = Operation { rule: Rule::Add, inputs: &terms, keeps: &[], extras: &[], keeps_output: false };
        let sum = tape.apply(&sum, "attention.scores by distance", square, terms[0].dtype);
        tape.release_each(terms.into_iter().chain(rows));
        sum
    }

    /// SAM's neck: a convolution that looks at each token alone, one over its neighbours, and a norm behind either.
    pub(super) fn neck(&self, tape: &mut Tape, seen: &Seen, stream: Tensor) -> Tensor {
        let width = Dim { symbol: "", size: seen.tower.output_channels() };
        let around = Dim { symbol: "", size: 9 * width.size };
        let mut read = stream;
        for inputs in [self.h(), around] {
            let made = self.through_kernels(tape, read, (Part::NeckConvolution, [inputs, width], false), self.s());
            tape.release(read);
            read = self.norm(tape, made, &[self.b(), self.s()], width, names!("neck.norm"));
            tape.release(made);
        }
        read
    }
}

/// A batched product of factors as they lie, which it keeps.
fn batched(tape: &mut Tape, factors: [Tensor; 2], name: &'static str, shape: u16) -> Tensor {
    let (kept, count) = kept_factors(factors);
    let inputs = [factors[1], factors[0]];
    let operation =
        Operation { rule: Rule::Product, inputs: &inputs, keeps: &kept[..count], extras: &[], keeps_output: false };
    let product = tape.apply(&operation, name, shape, factors[0].dtype);
    tape.product_workspace();
    product
}
