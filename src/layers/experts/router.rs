//! Routers: which experts a token goes to, by how each implementation computes it.

use super::Sizes;
use crate::families::code::RouterCode;
use crate::layers::operations::{cast, copy, fresh, kept_factors, softmax, unary_keeping_output};
use crate::layers::{Linear, Run};
use crate::model::architecture::Experts;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// What the router decides for each token and keeps in variables until the block returns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Routing {
    /// `[T, E]`: a score for every expert, or its probability.
    pub(crate) logits: Tensor,
    /// `[T, e]`: the weights of those chosen.
    pub(crate) weights: Tensor,
    /// `[T, e]`: which those are.
    pub(crate) indices: Tensor,
}

impl Run<'_> {
    /// The router's choice, by the code of the family.
    pub(crate) fn routing(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        match self.code.router {
            RouterCode::SigmoidByGroup => self.route_by_group(tape, input, experts, sizes),
            RouterCode::SoftmaxByGroup => self.route_softmax_by_group(tape, input, experts, sizes),
            RouterCode::Sigmoid => self.route_by_sigmoid(tape, input, experts, sizes),
            RouterCode::SoftmaxOfChosen => self.route_then_weigh(tape, input, experts, sizes),
            RouterCode::TopThenSoftmax => self.route_then_softmax(tape, input, sizes),
            RouterCode::SigmoidAsScored => self.route_as_scored(tape, input, experts, sizes),
            RouterCode::SoftmaxInFp32
            | RouterCode::SoftmaxInFp32Kept
            | RouterCode::SoftmaxThenCast
            | RouterCode::EveryExpert => self.route(tape, input, experts, sizes),
        }
    }

    fn route(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, Part::Router, self.h(), sizes.experts, false);
        let (router, held) = self.folded_router(tape, router);
        let logits = self.linear(tape, input, router, "router.scores");
        let wide = cast(tape, logits, Dtype::Fp32, "router.scores in fp32");
        let probabilities = softmax(tape, wide, "router.probabilities");
        tape.release(wide);
        let (values, indices) = self.top(tape, probabilities, sizes);
        let mut weights = if experts.normalised { self.normalised(tape, values) } else { tape.share(values) };
        tape.release(values);
        if self.code.router == RouterCode::SoftmaxThenCast {
            let narrow = cast(tape, weights, logits.dtype, "router.weights");
            tape.release(weights);
            weights = narrow;
        }
        let keeps = self.code.router == RouterCode::SoftmaxInFp32Kept;
        let [kept, gone] = if keeps { [probabilities, logits] } else { [logits, probabilities] };
        tape.release(gone);
        tape.release_each(held);
        Routing { logits: kept, weights, indices }
    }

    fn route_then_weigh(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, Part::Router, self.h(), sizes.experts, experts.bias);
        let logits = self.linear(tape, input, router, "router.scores");
        let (values, indices) = self.top(tape, logits, sizes);
        let weights = softmax(tape, values, "router.weights");
        tape.release(values);
        Routing { logits, weights, indices }
    }

    /// The best scores first, then their softmax in fp32 (Granite 4).
    fn route_then_softmax(&self, tape: &mut Tape, input: Tensor, sizes: Sizes) -> Routing {
        let router = self.weights(tape, Part::Router, self.h(), sizes.experts, false);
        let scores = self.linear(tape, input, router, "router.scores");
        let logits = cast(tape, scores, Dtype::Fp32, "router.scores in fp32");
        tape.release(scores);
        let (values, indices) = self.top(tape, logits, sizes);
        let probabilities = softmax(tape, values, "router.probabilities");
        tape.release(values);
        let weights = cast(tape, probabilities, input.dtype, "router.weights");
        tape.release(probabilities);
        Routing { logits, weights, indices }
    }

    /// A sigmoid for each expert; a bias corrects which are chosen, not how they are weighed (LFM2).
    fn route_as_scored(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, Part::Router, self.h(), sizes.experts, false);
        let logits = self.linear(tape, input, router, "router.scores");
        let scores = unary_keeping_output(tape, logits, "router.probabilities");
        let [each, shape] = [sizes.experts, sizes.chosen].map(|dim| self.stream(tape, dim));
        let biased = tape.constant("router.biased scores", each, Dtype::Fp32);
        let indices = tape.constant("router.chosen experts", shape, Dtype::Int64);
        let chosen = gather(tape, scores, indices, shape);
        let normalised = if experts.normalised { self.normalised(tape, chosen) } else { tape.share(chosen) };
        let weights = fresh(tape, normalised, "router.scaled weights", shape);
        for tensor in [normalised, chosen, biased, scores] {
            tape.release(tensor);
        }
        Routing { logits, weights, indices }
    }

    fn route_by_group(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, Part::Router, self.h(), sizes.experts, false);
        let logits = self.product_of_fp32(tape, input, router, sizes);
        let scores = unary_keeping_output(tape, logits, "router.probabilities");
        let (indices, held) = self.choose_by_group(tape, scores.dtype, experts, sizes);
        let shape = self.stream(tape, sizes.chosen);
        let chosen = gather(tape, scores, indices, shape);
        let normalised = if experts.normalised { self.normalised(tape, chosen) } else { tape.share(chosen) };
        let weights = fresh(tape, normalised, "router.scaled weights", shape);
        for tensor in held.into_iter().chain([normalised, chosen, scores]) {
            tape.release(tensor);
        }
        Routing { logits, weights, indices }
    }

    fn route_softmax_by_group(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, Part::Router, self.h(), sizes.experts, false);
        let logits = self.product_of_fp32(tape, input, router, sizes);
        let wide = cast(tape, logits, Dtype::Fp32, "router.scores in fp32");
        let mut scores = softmax(tape, wide, "router.probabilities");
        tape.release(wide);
        let mut held = Vec::new();
        if experts.groups > 1 {
            let (masked, variables) = self.best_groups(tape, scores, experts, sizes);
            tape.release(scores);
            scores = masked;
            held = variables;
        }
        let (values, indices) = self.top(tape, scores, sizes);
        let weights = fresh(tape, values, "router.scaled weights", values.shape);
        for tensor in held.into_iter().chain([values, scores]) {
            tape.release(tensor);
        }
        Routing { logits, weights, indices }
    }

    /// The scores of the best groups' experts, zero for all others; with what stays in variables. No gradient comes
    /// back through the choice.
    fn best_groups(&self, tape: &mut Tape, scores: Tensor, experts: &Experts, sizes: Sizes) -> (Tensor, Vec<Tensor>) {
        let dim = |symbol, size| Dim { symbol, size };
        let groups = self.stream(tape, dim("groups", experts.groups));
        let chosen = self.stream(tape, dim("chosen groups", experts.chosen_groups));
        let each = self.stream(tape, sizes.experts);
        let group_scores = tape.constant("router.scores of groups", groups, Dtype::Fp32);
        let best = tape.constant("router.best expert of a group", groups, Dtype::Int64);
        let values = tape.constant("router.scores of chosen groups", chosen, Dtype::Fp32);
        let indices = tape.constant("router.chosen groups", chosen, Dtype::Int64);
        tape.release(values);
        let group_mask = tape.constant("router.mask of groups", groups, Dtype::Fp32);
        let mask = tape.constant("router.mask of scores", each, Dtype::Fp32);
        let inside = tape.constant("router.chosen groups' experts", each, Dtype::Bool);
        let outside = tape.constant("router.other experts", each, Dtype::Bool);
        tape.release(inside);
        let operation =
            Operation { rule: Rule::Each, inputs: &[scores], keeps: &[outside], extras: &[], keeps_output: false };
        let masked = tape.apply(&operation, "router.masked scores", each, scores.dtype);
        tape.release(outside);
        (masked, vec![group_scores, best, indices, group_mask, mask])
    }

    fn route_by_sigmoid(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, Part::Router, self.h(), sizes.experts, false);
        let logits = self.linear(tape, input, router, "router.scores");
        let wide = cast(tape, logits, Dtype::Fp32, "router.scores in fp32");
        let scores = unary_keeping_output(tape, wide, "router.probabilities");
        tape.release(wide);
        let biased = tape.constant("router.biased scores", scores.shape, Dtype::Fp32);
        let shape = self.stream(tape, sizes.chosen);
        let values = tape.constant("router.chosen biased scores", shape, Dtype::Fp32);
        let indices = tape.constant("router.chosen experts", shape, Dtype::Int64);
        let chosen = gather(tape, scores, indices, shape);
        let weights = if experts.normalised { self.normalised(tape, chosen) } else { tape.share(chosen) };
        for tensor in [chosen, values, biased, scores] {
            tape.release(tensor);
        }
        Routing { logits, weights, indices }
    }

    /// Scores from fp32 copies of the stream and of the router's matrix; autocast narrows both again.
    fn product_of_fp32(&self, tape: &mut Tape, input: Tensor, router: Linear, sizes: Sizes) -> Tensor {
        let copied = self.weights != Dtype::Fp32;
        if self.autocast && !copied {
            return self.linear(tape, input, router, "router.scores");
        }
        let wide = cast(tape, input, Dtype::Fp32, "router.input in fp32");
        let matrix = if copied { tape.weight_copy(router.weight, Dtype::Fp32) } else { router.weight };
        let compute = if self.autocast { Dtype::Bf16 } else { Dtype::Fp32 };
        let narrow_matrix = cast(tape, matrix, compute, "router.weight");
        if self.autocast {
            tape.count_as_weight_copy(narrow_matrix);
        }
        let narrow = cast(tape, wide, compute, "input in 16 bits");
        let shape = self.stream(tape, sizes.experts);
        let inputs = [narrow_matrix, narrow];
        let (kept, count) = kept_factors([narrow, narrow_matrix]);
        let keeps = &kept[..count];
        let operation = Operation { rule: Rule::Product, inputs: &inputs, keeps, extras: &[], keeps_output: false };
        let logits = tape.apply(&operation, "router.scores", shape, compute);
        tape.product_workspace();
        for tensor in [narrow, narrow_matrix, wide] {
            tape.release(tensor);
        }
        if copied {
            tape.release(matrix);
        }
        logits
    }

    /// Which experts are chosen, and what stays in variables until the router returns. No gradient comes back here.
    fn choose_by_group(
        &self,
        tape: &mut Tape,
        scores: Dtype,
        experts: &Experts,
        sizes: Sizes,
    ) -> (Tensor, Vec<Tensor>) {
        let correction = if self.code.correction_bias_in_fp32 { Dtype::Fp32 } else { self.weights };
        let biased_in = scores.promoted(correction);
        let dim = |symbol, size| Dim { symbol, size };
        let groups = self.stream(tape, dim("groups", experts.groups));
        let best_two = tape.shape(&[self.b(), self.s(), dim("groups", experts.groups), dim("", 2)]);
        let chosen_groups = self.stream(tape, dim("chosen groups", experts.chosen_groups));
        let [each, chosen] = [sizes.experts, sizes.chosen].map(|dim| self.stream(tape, dim));
        let biased = tape.constant("router.biased scores", each, biased_in);
        let best = tape.constant("router.best two scores of a group", best_two, biased_in);
        let best_indices = tape.constant("router.best two experts of a group", best_two, Dtype::Int64);
        let group_scores = tape.constant("router.scores of groups", groups, Dtype::Fp32);
        tape.release(best);
        let group_values = tape.constant("router.scores of chosen groups", chosen_groups, Dtype::Fp32);
        let group_indices = tape.constant("router.chosen groups", chosen_groups, Dtype::Int64);
        tape.release(group_values);
        let group_mask = tape.constant("router.mask of groups", groups, Dtype::Fp32);
        let mut held = vec![best_indices, group_scores, group_indices, group_mask];
        if experts.groups > 1 {
            held.push(tape.constant("router.mask of scores", each, Dtype::Fp32));
        }
        let mask = tape.constant("router.chosen groups' experts", each, Dtype::Bool);
        held.push(tape.constant("router.other experts", each, Dtype::Bool));
        tape.release(mask);
        held.push(tape.constant("router.masked scores", each, biased_in));
        tape.release(biased);
        let values = tape.constant("router.chosen biased scores", chosen, biased_in);
        let indices = tape.constant("router.chosen experts", chosen, Dtype::Int64);
        tape.release(values);
        (indices, held)
    }

    /// The largest `e` of each row, and where they are, which backward needs.
    pub(crate) fn top(&self, tape: &mut Tape, scores: Tensor, sizes: Sizes) -> (Tensor, Tensor) {
        let shape = self.stream(tape, sizes.chosen);
        let [values, indices] = tape.topk(scores, shape, ["router.chosen scores", "router.chosen experts"]);
        (values, indices)
    }

    /// Chosen scores divided by their sum, in place: backward keeps a copy of what they were.
    pub(super) fn normalised(&self, tape: &mut Tape, values: Tensor) -> Tensor {
        let row = self.stream(tape, Dim { symbol: "", size: 1 });
        // Autocast sums in fp32.
        let wide = if self.autocast { Dtype::Fp32 } else { values.dtype };
        let sums = Operation { rule: Rule::Pass, inputs: &[values], keeps: &[], extras: &[], keeps_output: false };
        let mut sum = tape.apply(&sums, "router.sum of chosen scores", row, wide);
        if matches!(self.code.router, RouterCode::SigmoidByGroup | RouterCode::SigmoidAsScored) {
            let shifted = copy(tape, sum, "router.sum of chosen scores", row);
            tape.release(sum);
            sum = shifted;
        }
        let weights = if self.graph {
            let inputs = [values, sum];
            let operation =
                Operation { rule: Rule::Divide, inputs: &inputs, keeps: &inputs, extras: &[], keeps_output: false };
            // LFM2 divides into a new tensor, the others in place.
            let new = self.code.router == RouterCode::SigmoidAsScored;
            let dtype = if new { values.dtype.promoted(wide) } else { values.dtype };
            tape.apply(&operation, "router.weights", values.shape, dtype)
        } else {
            tape.share(values)
        };
        tape.release(sum);
        weights
    }
}

/// The scores of chosen experts, which keep the indices.
fn gather(tape: &mut Tape, scores: Tensor, indices: Tensor, shape: u16) -> Tensor {
    let operation =
        Operation { rule: Rule::Scatter, inputs: &[scores], keeps: &[indices], extras: &[], keeps_output: false };
    tape.apply(&operation, "router.chosen scores", shape, scores.dtype)
}

/// A selection of rows, which keeps the indices.
pub(crate) fn select(tape: &mut Tape, input: Tensor, indices: Tensor, name: &'static str, shape: u16) -> Tensor {
    let operation =
        Operation { rule: Rule::Index, inputs: &[input], keeps: &[indices], extras: &[], keeps_output: false };
    tape.apply(&operation, name, shape, input.dtype)
}
