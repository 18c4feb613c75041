//! Liger's kernels in place of a model's own operations: norms, the rotation, gate times up.

mod experts;
mod loss;

use super::Run;
use super::attention::Shared;
use super::attention::sizes::{Projected, Sizes};
use super::norm::{Names, row};
use super::operations::copy;
use crate::families::code::LigerPatch;
use crate::model::architecture::{Attention, Mlp};
use crate::model::family::{Projection, QkNorm};
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Segment, Tape, Tensor};

impl Run<'_> {
    /// Root mean square in one kernel: keeps its input, and one statistic a row. Where rows do not lie one after another
    /// (`copies`), it keeps a copy, and so it does of gradients.
    pub(crate) fn row_norm(
        &self,
        tape: &mut Tape,
        (patch, copies): (LigerPatch, bool),
        input: Tensor,
        (leading, width): (&[Dim], Dim),
        names: Names,
    ) -> Tensor {
        let kept = if copies { tape.constant("copied rows", input.shape, input.dtype) } else { tape.share(input) };
        let vector = tape.shape(&[width]);
        let weight = tape.parameter(names.weight, vector, self.weights);
        let row = row(tape, leading);
        let in_place = if tape.is_in(Segment::FinalNorm) { patch.final_norm_in_place } else { patch.norms_in_place };
        let operation = Operation {
            rule: Rule::RowNorm { in_place, copies },
            inputs: &[input, weight],
            keeps: &[kept, weight],
            extras: &[Extra { name: names.statistic, shape: row, dtype: Dtype::Fp32 }],
            keeps_output: false,
        };
        let output = tape.apply(&operation, names.output, input.shape, input.dtype);
        tape.release(kept);
        output
    }

    /// Whether norms on the heads of queries or keys come after those were put before the tokens, and so lie in another
    /// layout than the projection.
    pub(crate) fn norms_transposed(&self, heads: Dim) -> bool {
        self.code.norms_after_projections && heads.size > 1
    }

    /// Queries and keys turned where they lie. Where they lie otherwise than one token after another, copies of them are,
    /// and of their gradients.
    pub(crate) fn turned_in_place(
        &self,
        tape: &mut Tape,
        projected: Projected,
        (attention, sizes): (&Attention, Sizes),
        shared: Shared,
    ) -> Projected {
        let Some(tables) = shared.tables.filter(|_| attention.rotary_dim > 0) else { return projected };
        let Projected { query, key, value, gate } = projected;
        let normed = matches!(attention.qk_norm, QkNorm::PerHead);
        let projections = [(query, "attention.query", sizes.heads), (key, "attention.key", sizes.kv_heads)];
        let [query, key] = projections.map(|(tensor, name, heads)| {
            let sliced = attention.projection != Projection::Separate;
            if sliced || normed && self.norms_transposed(heads) {
                let copied = copy(tape, tensor, name, tensor.shape);
                tape.release(tensor);
                copied
            } else {
                tensor
            }
        });
        let [turned_query, turned_key] =
            tape.overwritten([query, key], &[tables.cos, tables.sin], !self.fused_attention);
        tape.release_each([query, key]);
        Projected { query: turned_query, key: turned_key, value, gate }
    }

    /// The product of an activated gate and up in one kernel, which computes the activation again in backward and writes
    /// the gradients of both over them.
    pub(crate) fn gated_product(&self, tape: &mut Tape, input: Tensor, width: Dim, mlp: &Mlp) -> Tensor {
        let gate = self.up(tape, input, (Part::Gate, "mlp.gate"), width, mlp.bias);
        let up = self.up(tape, input, (Part::Up, "mlp.up"), width, mlp.bias);
        let product = product_over_kept(tape, [gate, up], [gate, up]);
        tape.release_each([gate, up]);
        product
    }
}

/// The same of the halves of one matrix, which are copied first.
pub(crate) fn product_of_copied_halves(tape: &mut Tape, halves: [Tensor; 2]) -> Tensor {
    let [gate, up] = halves;
    let copies = [("mlp.gate", gate), ("mlp.up", up)].map(|(name, half)| tape.constant(name, half.shape, half.dtype));
    let product = product_over_kept(tape, halves, copies);
    tape.release_each(copies);
    product
}

fn product_over_kept(tape: &mut Tape, inputs: [Tensor; 2], kept: [Tensor; 2]) -> Tensor {
    let [gate, _] = inputs;
    let operation = Operation { rule: Rule::OverKept, inputs: &inputs, keeps: &kept, extras: &[], keeps_output: false };
    tape.apply(&operation, "mlp.product", gate.shape, gate.dtype)
}
