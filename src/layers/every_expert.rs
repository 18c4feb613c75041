//! Llama 4's experts: the stream once for every expert, weighed by the sigmoid of its score, zero for most.

use super::Run;
use super::experts::Sizes;
use super::operations::{cast, copy, fresh, multiply, unary_keeping_input, unary_keeping_output};
use crate::model::architecture::Experts;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// The feed-forward half of a layer, from the normed stream to the sum over all experts and the shared one.
    pub(crate) fn every_expert(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Tensor {
        let tokens = Dim { symbol: "T", size: self.batch.saturating_mul(self.sequence) };
        let everywhere = tape.shape(&[sizes.experts, tokens, self.h()]);
        let (weighed, held) = self.weighed_for_every_expert(tape, input, [tokens, sizes.experts], everywhere, sizes);
        let output = self.through_every_expert(tape, weighed, tokens, everywhere, sizes);
        let sum = match &experts.shared {
            Some(shared) => {
                let beside = self.mlp(tape, input, &shared.mlp);
                let over_experts = fresh(tape, output, "experts.output", input.shape);
                let sum = tape.add_into(beside, over_experts);
                tape.release(over_experts);
                sum
            }
            None => fresh(tape, output, "experts.output", input.shape),
        };
        for tensor in [output, weighed].into_iter().chain(held) {
            tape.release(tensor);
        }
        sum
    }

    /// `[E, T, h]`: the stream times each expert's weight, and the router's variables that live as long.
    fn weighed_for_every_expert(
        &self,
        tape: &mut Tape,
        input: Tensor,
        [tokens, experts]: [Dim; 2],
        everywhere: u16,
        sizes: Sizes,
    ) -> (Tensor, [Tensor; 3]) {
        let router = self.weights(tape, Part::Router, self.h(), experts, false);
        let logits = self.linear(tape, input, router, "router.scores");
        let (values, indices) = self.top(tape, logits, sizes);
        let scattered = fresh(tape, values, "router.chosen scores among all", logits.shape);
        tape.release(values);
        let wide = cast(tape, scattered, Dtype::Fp32, "router.scores in fp32");
        tape.release(scattered);
        let open = unary_keeping_output(tape, wide, "router.weights in fp32");
        tape.release(wide);
        let scores = cast(tape, open, logits.dtype, "router.weights");
        tape.release(open);
        let repeated = fresh(tape, input, "experts.input", everywhere);
        let column = tape.shape(&[experts, tokens]);
        let by_expert = copy(tape, scores, "router.weights by expert", column);
        let weighed = multiply(tape, [repeated, by_expert], "experts.weighed input", everywhere);
        tape.release(by_expert);
        tape.release(repeated);
        (weighed, [scores, indices, logits])
    }

    /// Two batched products with a gate between.
    fn through_every_expert(
        &self,
        tape: &mut Tape,
        weighed: Tensor,
        tokens: Dim,
        everywhere: u16,
        sizes: Sizes,
    ) -> Tensor {
        let both = Dim { symbol: "2m", size: 2 * sizes.width.size };
        let [whole, half] = [both, sizes.width].map(|width| tape.shape(&[sizes.experts, tokens, width]));
        let each = |tape: &mut Tape, part: Part, [rows, columns]: [Dim; 2], input, shape| {
            let matrix = tape.shape(&[sizes.experts, rows, columns]);
            let matrix = tape.parameter(part.name(Piece::Weight), matrix, self.weights);
            self.each_expert(tape, [matrix, input], part.words(), shape)
        };
        let fused = each(tape, Part::ExpertsGateAndUp, [self.h(), both], weighed, whole);
        let [gate, up] = tape.split(fused, [half, half]);
        let activated = unary_keeping_input(tape, gate, "experts.activated gate");
        let product = multiply(tape, [up, activated], "experts.product", half);
        tape.release(activated);
        let output = each(tape, Part::ExpertsDown, [sizes.width, self.h()], product, everywhere);
        for tensor in [product, gate, up, fused] {
            tape.release(tensor);
        }
        output
    }

    /// A batched product, one matrix for each expert.
    fn each_expert(&self, tape: &mut Tape, [matrix, input]: [Tensor; 2], name: &'static str, shape: u16) -> Tensor {
        let narrow = cast(tape, input, self.compute(), "experts.input in 16 bits");
        let matrix = if self.autocast { tape.cached_copy(matrix) } else { matrix };
        let operation = Operation {
            rule: Rule::Each,
            inputs: &[matrix, narrow],
            keeps: &[narrow, matrix],
            extras: &[],
            keeps_output: false,
        };
        let output = tape.apply(&operation, name, shape, self.compute());
        tape.product_workspace();
        tape.release(narrow);
        if self.autocast {
            tape.release(matrix);
        }
        output
    }
}
