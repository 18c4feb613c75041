//! What T5 adds to scores: a bias by distance, looked up in a learned table, and how a fused kernel is given it.

use super::BiasKind;
use crate::layers::Run;
use crate::layers::attention::sizes::{Projected, Sizes};
use crate::layers::embedding::look_up;
use crate::layers::model::ONE;
use crate::layers::operations::{cast, copy, fresh};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// A bias for each head and each two positions, `[1, a, s, s]`, by the number that the table has for their distance.
    pub(crate) fn bias_by_distance(&self, tape: &mut Tape, buckets: u64, heads: Dim, kind: BiasKind) -> Tensor {
        let table_shape = tape.shape(&[Dim { symbol: "", size: buckets }, heads]);
        let table = tape.parameter(Part::DistanceBias.name(Piece::Weight), table_shape, self.weights);
        let square = tape.shape(&[self.s(), self.s()]);
        let distances = tape.constant("distances", square, Dtype::Int64);
        let numbers = numbers_of_distances(tape, square, kind == BiasKind::Earlier, None);
        let by_position = tape.shape(&[self.s(), self.s(), heads]);
        let looked_up = look_up(tape, table, Some(numbers), "attention.bias by distance", by_position);
        tape.release(numbers);
        tape.release(distances);
        let shape = self.bias_shape(tape, heads);
        let bias = tape.view(looked_up, shape);
        tape.release(looked_up);
        bias
    }

    fn bias_shape(&self, tape: &mut Tape, heads: Dim) -> u16 {
        tape.shape(&[ONE, heads, self.s(), self.s()])
    }

    /// Zeros where attention has no bias; where layers are computed again, a tensor that collects a gradient.
    pub(crate) fn no_bias(&self, tape: &mut Tape, heads: Dim) -> Tensor {
        let shape = self.bias_shape(tape, heads);
        let zeros = tape.constant("cross attention.no bias", shape, self.compute());
        if self.checkpoints() > 0 && !self.code.biases_by_layer { tape.require_gradient(zeros) } else { zeros }
    }

    /// The memory-efficient kernel, whose mask is the bias.
    pub(crate) fn fused_with_bias(
        &self,
        tape: &mut Tape,
        projected: Projected,
        bias: Tensor,
        sizes: Sizes,
        kind: BiasKind,
    ) -> Tensor {
        let masked =
            if kind == BiasKind::Earlier { self.without_later_positions(tape, bias) } else { tape.share(bias) };
        // A table's rows lie by position, and the kernel wants them by head.
        let by_head = if kind != BiasKind::Zeros && sizes.heads.size > 1 {
            copy(tape, masked, "attention.bias by head", bias.shape)
        } else {
            tape.share(masked)
        };
        tape.release(masked);
        let compute = self.compute();
        let [query, key, value] = [
            (projected.query, "attention.query"),
            (projected.key, "attention.key"),
            (projected.value, "attention.value"),
        ]
        .map(|(tensor, name)| cast(tape, tensor, compute, name));
        let narrow = cast(tape, by_head, compute, "attention.bias in 16 bits");
        // Of one head the bias lies as it was looked up, which no kernel reads: it is copied to longer rows in any case.
        let uncut = self.sequence.is_multiple_of(8) && (kind != BiasKind::Both || sizes.heads.size > 1);
        let mask = self.expanded_bias(tape, narrow, sizes.heads, uncut);
        let context = self.kernel(tape, [query, key, value], Some(mask), (sizes, false));
        for tensor in [mask, narrow, query, key, value, by_head] {
            tape.release(tensor);
        }
        let shape = self.stream(tape, sizes.query);
        let flat = tape.view(context, shape);
        tape.release(context);
        flat
    }

    /// The bias where a token sees another, and the least number elsewhere.
    fn without_later_positions(&self, tape: &mut Tape, bias: Tensor) -> Tensor {
        let square = tape.shape(&[self.s(), self.s()]);
        let seen = tape.constant("attention.causal mask", square, Dtype::Bool);
        let operation =
            Operation { rule: Rule::Each, inputs: &[bias], keeps: &[seen], extras: &[], keeps_output: false };
        let masked = tape.apply(&operation, "attention.masked bias", bias.shape, bias.dtype);
        tape.release(seen);
        masked
    }

    /// The bias for every sequence, its rows padded to multiples of eight elements; the kernel makes a gradient whose rows
    /// are multiples of sixteen.
    fn expanded_bias(&self, tape: &mut Tape, bias: Tensor, heads: Dim, uncut: bool) -> Tensor {
        let row = |tape: &mut Tape, batch, size| tape.shape(&[batch, heads, self.s(), Dim { symbol: "s", size }]);
        let aligned = if uncut {
            tape.share(bias)
        } else {
            let shape = row(tape, ONE, self.sequence.saturating_add(1).next_multiple_of(8));
            let padded = fresh(tape, bias, "attention.padded bias", shape);
            let cut = tape.view_with_new_gradient(padded, bias.shape);
            tape.release(padded);
            cut
        };
        let shape = row(tape, self.b(), self.sequence.next_multiple_of(16));
        let expanded =
            if self.batch > 1 { tape.view_with_new_gradient(aligned, shape) } else { tape.view(aligned, shape) };
        tape.release(aligned);
        expanded
    }
}

/// Small distances have numbers of their own, greater ones share those of their logarithm; with the operations'
/// temporaries. What is `outdated` goes with the distances' signs.
pub(crate) fn numbers_of_distances(tape: &mut Tape, square: u16, causal: bool, outdated: Option<Tensor>) -> Tensor {
    let whole = |tape: &mut Tape, name| tape.constant(name, square, Dtype::Int64);
    // Which side a token is on, where both are seen.
    let side = (!causal).then(|| {
        let after = tape.constant("later positions", square, Dtype::Bool);
        let wide = replace(tape, after, "later positions", Dtype::Int64);
        let scaled = replace(tape, wide, "later positions", Dtype::Int64);
        replace(tape, scaled, "numbers of distances", Dtype::Int64)
    });
    let clipped = causal.then(|| {
        let zeros = whole(tape, "zeros");
        let clipped = whole(tape, "distances");
        tape.release(zeros);
        clipped
    });
    let absolute = whole(tape, "distances");
    tape.release_each(clipped.into_iter().chain(outdated));
    let small = tape.constant("small distances", square, Dtype::Bool);
    let mut logarithm = tape.constant("logarithms of distances", square, Dtype::Fp32);
    for _ in 0..4 {
        logarithm = replace(tape, logarithm, "logarithms of distances", Dtype::Fp32);
    }
    let rounded = replace(tape, logarithm, "numbers of great distances", Dtype::Int64);
    let shifted = replace(tape, rounded, "numbers of great distances", Dtype::Int64);
    let most = whole(tape, "largest number");
    let bounded = whole(tape, "numbers of great distances");
    tape.release(most);
    tape.release(shifted);
    let chosen = whole(tape, "chosen numbers of distances");
    let numbers = if let Some(side) = side {
        // Written over the side.
        side
    } else {
        whole(tape, "numbers of distances")
    };
    for tensor in [chosen, bounded, small, absolute] {
        tape.release(tensor);
    }
    numbers
}

/// A new tensor in place of an old one.
fn replace(tape: &mut Tape, old: Tensor, name: &'static str, dtype: Dtype) -> Tensor {
    let new = tape.constant(name, old.shape, dtype);
    tape.release(old);
    new
}
