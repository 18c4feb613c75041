//! Experts one token at a time: `generate()` on a card has every chosen expert's matrices copied for each token, and
//! multiplies them in batches.

use super::{First, Routing, Sizes, biased};
use crate::layers::Run;
use crate::layers::operations::{cast, fresh, multiply};
use crate::model::architecture::Experts;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

/// An expert's matrix, and its bias where it has one, for every token that chose it.
#[derive(Clone, Copy)]
struct Copied {
    matrix: Tensor,
    bias: Option<Tensor>,
}

impl Run<'_> {
    /// Whether experts are copied: in generation after the prompt.
    pub(crate) fn copies_experts(&self) -> bool {
        self.is_a_step() && self.caches()
    }

    /// The chosen experts of every token, and their weighted sum.
    pub(crate) fn routed_by_copies(
        &self,
        tape: &mut Tape,
        input: Tensor,
        routing: Routing,
        experts: &Experts,
        sizes: Sizes,
    ) -> Tensor {
        let states = tape.shape(&[sizes.rows, sizes.between]);
        let selected = fresh(tape, input, "experts.input", states);
        let First { outputs, part, output } = First::of(experts, sizes);
        let up = self.copied(tape, part, [sizes.rows, outputs, sizes.between], experts, None);
        let fused = by_copies(tape, selected, up, output, [sizes.rows, outputs]);
        let product = self.activated(tape, fused, experts, sizes);
        let down = self.copied(tape, Part::ExpertsDown, [sizes.rows, sizes.between, sizes.width], experts, Some(up));
        let output = by_copies(tape, product, down, "experts.down", [sizes.rows, sizes.between]);
        tape.release(product);
        let column = tape.shape(&[sizes.rows, Dim { symbol: "", size: 1 }]);
        let factor = tape.view(routing.weights, column);
        let weighted = multiply(tape, [output, factor], "experts.weighted output", states);
        tape.release(factor);
        let sum = self.summed(tape, weighted, experts, sizes);
        let narrowed = cast(tape, sum, input.dtype, "experts.output");
        tape.release_each([sum, selected, down.matrix]);
        tape.release_each(down.bias);
        tape.release_each([output, weighted]);
        narrowed
    }

    /// Each takes the variable of the one before.
    fn copied(
        &self,
        tape: &mut Tape,
        part: Part,
        matrix: [Dim; 3],
        experts: &Experts,
        before: Option<Copied>,
    ) -> Copied {
        let [rows, outputs, _] = matrix;
        let [matrix, bias] = [tape.shape(&matrix), tape.shape(&[rows, outputs])];
        let matrix = tape.constant(part.name(Piece::Weight), matrix, self.weights);
        tape.release_each(before.map(|before| before.matrix));
        let bias = experts.bias.then(|| tape.constant(part.name(Piece::Bias), bias, self.weights));
        tape.release_each(before.and_then(|before| before.bias));
        Copied { matrix, bias }
    }
}

/// One product for every row, with the bias of its expert.
fn by_copies(tape: &mut Tape, input: Tensor, copied: Copied, name: &'static str, shape: [Dim; 2]) -> Tensor {
    let shape = tape.shape(&shape);
    let product = fresh(tape, input, name, shape);
    tape.product_workspace();
    biased(tape, product, copied.bias)
}
