//! A gate on attention's output, which the query projection makes beside the queries (Qwen3-Next).

use super::Run;
use super::attention::sizes::Sizes;
use super::operations::{copy, multiply, unary_keeping_output};
use crate::model::architecture::Attention;
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// Channels of the query projection.
    pub(crate) fn query_channels(attention: &Attention, sizes: Sizes) -> Dim {
        if attention.gate { Dim { symbol: "2q", size: 2 * sizes.query.size } } else { sizes.query }
    }

    /// The queries and the gate, where there is one: they stand side by side in each head, so the gate is copied out.
    pub(crate) fn apart_from_gate(
        &self,
        tape: &mut Tape,
        projected: Tensor,
        attention: &Attention,
        sizes: Sizes,
    ) -> (Tensor, Option<Tensor>) {
        if !attention.gate {
            return (projected, None);
        }
        let shape = self.stream(tape, sizes.query);
        let [query, half] = tape.split(projected, [shape, shape]);
        tape.release(projected);
        let gate = copy(tape, half, "attention.gate", shape);
        tape.release(half);
        (query, Some(gate))
    }
}

/// The context multiplied by its open gate, where there is one; the context is let go.
pub(crate) fn through_gate(tape: &mut Tape, context: Tensor, gate: Option<Tensor>) -> Tensor {
    let Some(gate) = gate else { return context };
    let open = unary_keeping_output(tape, gate, "attention.open gate");
    let gated = multiply(tape, [context, open], "attention.gated context", context.shape);
    tape.release(open);
    tape.release(context);
    gated
}
