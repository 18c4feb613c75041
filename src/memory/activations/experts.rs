//! A mixture of experts: the router's choice, tokens sorted by expert, and grouped matrix products.
//!
//! Which expert gets how many tokens changes no size: every token is computed `e` times.

use super::super::entry::Dim;
use super::super::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};
use super::Run;
use super::operations::{cast, copy, fresh, join, kept_factors, multiply, unary_keeping_input, unary_keeping_output};
use crate::framework::transformers::{GateCode, RouterCode};
use crate::model::architecture::{Activation, Experts, SharedExpert};

/// What the router decides for each token and keeps in variables until the block returns.
#[derive(Debug, Clone, Copy)]
struct Routing {
    /// `[T, E]`: a score for every expert.
    logits: Tensor,
    /// `[T, e]`: the weights of those chosen.
    weights: Tensor,
    /// `[T, e]`: which those are.
    indices: Tensor,
}

/// The dimensions of a block of experts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// `E`.
    pub(super) experts: Dim,
    /// `e`.
    pub(super) chosen: Dim,
    /// `m`.
    pub(super) width: Dim,
    /// `T·e`: rows of the grouped products.
    pub(super) rows: Dim,
    /// What experts read and give back: the stream's width, or the narrower one it is projected to.
    pub(super) between: Dim,
}

impl Run<'_> {
    /// The feed-forward half of a layer with experts, from the normed stream to their weighted sum.
    pub(super) fn experts(&self, tape: &mut Tape, input: Tensor, experts: &Experts) -> Tensor {
        let tokens = self.batch.saturating_mul(self.sequence);
        let sizes = Sizes {
            experts: Dim { symbol: "E", size: experts.count },
            chosen: Dim { symbol: "e", size: experts.per_token },
            width: Dim { symbol: "m", size: experts.intermediate_size },
            rows: Dim { symbol: "(b·s·e)", size: tokens.saturating_mul(experts.per_token) },
            between: experts.latent.map_or(self.h(), |size| Dim { symbol: "l", size }),
        };
        if self.code.router == RouterCode::EveryExpert {
            return self.every_expert(tape, input, experts, sizes);
        }
        let first = self.code.shared_expert_first;
        let mut shared = None;
        if first {
            shared = experts.shared.as_ref().map(|shared| (shared, self.mlp(tape, input, &shared.mlp)));
        }
        let routing = match self.code.router {
            RouterCode::SigmoidByGroup => self.route_by_group(tape, input, experts, sizes),
            RouterCode::SoftmaxByGroup => self.route_softmax_by_group(tape, input, experts, sizes),
            RouterCode::Sigmoid => self.route_by_sigmoid(tape, input, experts, sizes),
            RouterCode::SoftmaxOfChosen => self.route_then_weigh(tape, input, experts, sizes),
            RouterCode::TopThenSoftmax => self.route_then_softmax(tape, input, sizes),
            RouterCode::SigmoidAsScored => self.route_as_scored(tape, input, experts, sizes),
            RouterCode::SoftmaxInFp32 | RouterCode::SoftmaxThenCast | RouterCode::EveryExpert => {
                self.route(tape, input, experts, sizes)
            }
        };
        let routed = self.routed_in_latent(tape, input, routing, experts, sizes);
        if !first {
            shared = experts.shared.as_ref().map(|shared| (shared, self.mlp(tape, input, &shared.mlp)));
        }
        let output = match shared {
            Some((shared, output)) => self.with_shared(tape, input, shared, [routed, output]),
            None => routed,
        };
        for tensor in [routing.logits, routing.weights, routing.indices] {
            tape.release(tensor);
        }
        output
    }

    fn route(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, ["router.weight", "router.bias"], self.h(), sizes.experts, false);
        let logits = self.linear(tape, input, router, "router.scores");
        let wide = cast(tape, logits, Dtype::Fp32, "router.scores in fp32");
        let probabilities = unary_keeping_output(tape, wide, "router.probabilities");
        tape.release(wide);
        let (values, indices) = self.top(tape, probabilities, sizes);
        let mut weights = if experts.normalised { self.normalised(tape, values) } else { tape.share(values) };
        tape.release(values);
        tape.release(probabilities);
        if self.code.router == RouterCode::SoftmaxThenCast {
            let narrow = cast(tape, weights, logits.dtype, "router.weights");
            tape.release(weights);
            weights = narrow;
        }
        Routing { logits, weights, indices }
    }

    fn route_then_weigh(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, ["router.weight", "router.bias"], self.h(), sizes.experts, experts.bias);
        let logits = self.linear(tape, input, router, "router.scores");
        let (values, indices) = self.top(tape, logits, sizes);
        let weights = unary_keeping_output(tape, values, "router.weights");
        tape.release(values);
        Routing { logits, weights, indices }
    }

    /// The best scores first, then their softmax in fp32 (Granite 4).
    fn route_then_softmax(&self, tape: &mut Tape, input: Tensor, sizes: Sizes) -> Routing {
        let router = self.weights(tape, ["router.weight", "router.bias"], self.h(), sizes.experts, false);
        let scores = self.linear(tape, input, router, "router.scores");
        let logits = cast(tape, scores, Dtype::Fp32, "router.scores in fp32");
        tape.release(scores);
        let (values, indices) = self.top(tape, logits, sizes);
        let softmax = unary_keeping_output(tape, values, "router.probabilities");
        tape.release(values);
        let weights = cast(tape, softmax, input.dtype, "router.weights");
        tape.release(softmax);
        Routing { logits, weights, indices }
    }

    /// A sigmoid for each expert; a bias corrects which are chosen, not how they are weighed (LFM2).
    fn route_as_scored(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, ["router.weight", "router.bias"], self.h(), sizes.experts, false);
        let logits = self.linear(tape, input, router, "router.scores");
        let scores = unary_keeping_output(tape, logits, "router.probabilities");
        let [each, shape] = [sizes.experts, sizes.chosen].map(|dim| self.stream(tape, dim));
        let biased = tape.constant("router.biased scores", each, Dtype::Fp32);
        let indices = tape.constant("router.chosen experts", shape, Dtype::Int64);
        let chosen = select(tape, scores, indices, "router.chosen scores", shape);
        let normalised = if experts.normalised { self.normalised(tape, chosen) } else { tape.share(chosen) };
        let weights = fresh(tape, normalised, "router.scaled weights", shape);
        for tensor in [normalised, chosen, biased, scores] {
            tape.release(tensor);
        }
        Routing { logits, weights, indices }
    }

    /// Routed experts, in the narrower width where they work in one.
    fn routed_in_latent(
        &self,
        tape: &mut Tape,
        input: Tensor,
        routing: Routing,
        experts: &Experts,
        sizes: Sizes,
    ) -> Tensor {
        if experts.latent.is_none() {
            return self.routed(tape, input, routing, experts, sizes);
        }
        let (hidden, latent) = (self.h(), sizes.between);
        let down = self.weights(tape, ["experts.latent down.weight", ""], hidden, latent, false);
        let narrow = self.linear(tape, input, down, "experts.latent input");
        let routed = self.routed(tape, narrow, routing, experts, sizes);
        tape.release(narrow);
        let up = self.weights(tape, ["experts.latent up.weight", ""], latent, hidden, false);
        let output = self.linear(tape, routed, up, "experts.latent output");
        tape.release(routed);
        output
    }

    fn route_by_group(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, ["router.weight", "router.bias"], self.h(), sizes.experts, false);
        let logits = if self.autocast {
            self.linear(tape, input, router, "router.scores")
        } else {
            self.product_in_fp32(tape, input, router.weight, sizes)
        };
        let scores = unary_keeping_output(tape, logits, "router.probabilities");
        let (indices, held) = self.choose_by_group(tape, experts, sizes);
        let shape = self.stream(tape, sizes.chosen);
        let chosen = select(tape, scores, indices, "router.chosen scores", shape);
        let normalised = if experts.normalised { self.normalised(tape, chosen) } else { tape.share(chosen) };
        let weights = fresh(tape, normalised, "router.scaled weights", shape);
        for tensor in held.into_iter().chain([normalised, chosen, scores]) {
            tape.release(tensor);
        }
        Routing { logits, weights, indices }
    }

    fn route_softmax_by_group(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, ["router.weight", "router.bias"], self.h(), sizes.experts, false);
        let logits = if self.autocast {
            self.linear(tape, input, router, "router.scores")
        } else {
            self.product_in_fp32(tape, input, router.weight, sizes)
        };
        let wide = cast(tape, logits, Dtype::Fp32, "router.scores in fp32");
        let mut scores = unary_keeping_output(tape, wide, "router.probabilities");
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
        let router = self.weights(tape, ["router.weight", "router.bias"], self.h(), sizes.experts, false);
        let logits = self.linear(tape, input, router, "router.scores");
        let wide = cast(tape, logits, Dtype::Fp32, "router.scores in fp32");
        let scores = unary_keeping_output(tape, wide, "router.probabilities");
        tape.release(wide);
        let biased = tape.constant("router.biased scores", scores.shape, Dtype::Fp32);
        let shape = self.stream(tape, sizes.chosen);
        let values = tape.constant("router.chosen biased scores", shape, Dtype::Fp32);
        let indices = tape.constant("router.chosen experts", shape, Dtype::Int64);
        let chosen = select(tape, scores, indices, "router.chosen scores", shape);
        let weights = if experts.normalised { self.normalised(tape, chosen) } else { tape.share(chosen) };
        for tensor in [chosen, values, biased, scores] {
            tape.release(tensor);
        }
        Routing { logits, weights, indices }
    }

    /// Scores from fp32 copies of the stream and of the router's matrix.
    fn product_in_fp32(&self, tape: &mut Tape, input: Tensor, weight: Tensor, sizes: Sizes) -> Tensor {
        let wide = cast(tape, input, Dtype::Fp32, "router.input in fp32");
        let copied = self.weights != Dtype::Fp32;
        let matrix = if copied { tape.weight_copy(weight, Dtype::Fp32) } else { weight };
        let shape = self.stream(tape, sizes.experts);
        let inputs = [matrix, wide];
        let (kept, count) = kept_factors([wide, matrix]);
        let keeps = &kept[..count];
        let operation = Operation { rule: Rule::Each, inputs: &inputs, keeps, extras: &[], keeps_output: false };
        let logits = tape.apply(&operation, "router.scores", shape, Dtype::Fp32);
        tape.release(wide);
        if copied {
            tape.release(matrix);
        }
        logits
    }

    /// Which experts are chosen, and what stays in variables until the router returns. No gradient comes back here.
    fn choose_by_group(&self, tape: &mut Tape, experts: &Experts, sizes: Sizes) -> (Tensor, Vec<Tensor>) {
        let dim = |symbol, size| Dim { symbol, size };
        let groups = self.stream(tape, dim("groups", experts.groups));
        let best_two = tape.shape(&[self.b(), self.s(), dim("groups", experts.groups), dim("", 2)]);
        let chosen_groups = self.stream(tape, dim("chosen groups", experts.chosen_groups));
        let [each, chosen] = [sizes.experts, sizes.chosen].map(|dim| self.stream(tape, dim));
        let biased = tape.constant("router.biased scores", each, Dtype::Fp32);
        let best = tape.constant("router.best two scores of a group", best_two, Dtype::Fp32);
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
        held.push(tape.constant("router.masked scores", each, Dtype::Fp32));
        tape.release(biased);
        let values = tape.constant("router.chosen biased scores", chosen, Dtype::Fp32);
        let indices = tape.constant("router.chosen experts", chosen, Dtype::Int64);
        tape.release(values);
        (indices, held)
    }

    /// The largest `e` of each row, and where they are, which backward needs.
    pub(super) fn top(&self, tape: &mut Tape, scores: Tensor, sizes: Sizes) -> (Tensor, Tensor) {
        let shape = self.stream(tape, sizes.chosen);
        let indices = tape.constant("router.chosen experts", shape, Dtype::Int64);
        let values = select(tape, scores, indices, "router.chosen scores", shape);
        (values, indices)
    }

    /// Chosen scores divided by their sum, in place: backward keeps a copy of what they were.
    fn normalised(&self, tape: &mut Tape, values: Tensor) -> Tensor {
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

    /// Tokens sorted by expert, two grouped products with a gate between, and the sum back in the tokens' order.
    fn routed(&self, tape: &mut Tape, input: Tensor, routing: Routing, experts: &Experts, sizes: Sizes) -> Tensor {
        let (both, up_name) = if experts.gated {
            (Dim { symbol: "2m", size: 2 * sizes.width.size }, "experts.gate and up.weight")
        } else {
            (sizes.width, "experts.up.weight")
        };
        let down_factors = self.expert_factors(tape, "experts.down", experts, [sizes.between, sizes.width]);
        let up_factors = self.expert_factors(tape, "experts.gate and up", experts, [both, sizes.between]);
        let [rows, each] = [sizes.rows, sizes.experts].map(|dim| tape.shape(&[dim]));
        let states = tape.shape(&[sizes.rows, sizes.between]);
        let sorted = tape.constant("experts.sorted experts", rows, Dtype::Int64);
        let order = tape.constant("experts.order", rows, Dtype::Int64);
        let tokens = tape.constant("experts.token of each row", rows, Dtype::Int64);
        let selected = select(tape, input, tokens, "experts.input", states);
        tape.release(tokens);
        let weights = select(tape, routing.weights, order, "experts.routing weights", rows);
        // 32-bit integers, all three.
        let narrow = tape.constant("experts.sorted experts in 32 bits", rows, Dtype::Fp32);
        let counts = tape.constant("experts.tokens of each expert", each, Dtype::Fp32);
        let offsets = tape.constant("experts.offsets", each, Dtype::Fp32);
        let up_biases = self.expert_biases(tape, sorted, experts, sizes, both, "experts.gate and up.bias");
        let matrix = tape.shape(&[sizes.experts, both, sizes.between]);
        let up_matrix = self.expert_matrix(tape, up_name, matrix, up_factors);
        let product = if experts.gated {
            self.gated(tape, [up_matrix, selected, offsets], up_biases, experts, sizes)
        } else {
            self.plain(tape, [up_matrix, selected, offsets], experts, sizes)
        };
        let names = ["experts.down.weight", "experts.down.bias"];
        let biases = self.expert_biases(tape, sorted, experts, sizes, self.h(), names[1]);
        if let Some(tensor) = up_biases {
            tape.release(tensor);
        }
        let down = tape.shape(&[sizes.experts, sizes.between, sizes.width]);
        let down = self.expert_matrix(tape, names[0], down, down_factors);
        let output = grouped(tape, [down, product], offsets, "experts.down", states);
        let output = biased(tape, output, biases);
        tape.release(product);
        let column = tape.shape(&[sizes.rows, Dim { symbol: "", size: 1 }]);
        let factor = tape.view(weights, column);
        let weighted = multiply(tape, [output, factor], "experts.weighted output", states);
        tape.release(factor);
        let inverse = tape.constant("experts.inverse order", rows, Dtype::Int64);
        let count = tape.constant("experts.row numbers", rows, Dtype::Int64);
        tape.release(count);
        let restored = select(tape, weighted, inverse, "experts.output in token order", states);
        tape.release(weighted);
        let sum = self.summed(tape, restored, experts, sizes);
        let narrowed = cast(tape, sum, input.dtype, "experts.output");
        let last = [sum, restored, inverse, output, offsets, counts, narrow, weights, selected, order, sorted];
        let factors = [up_factors, down_factors].into_iter().flatten().flatten();
        for tensor in last.into_iter().chain(biases).chain([up_matrix, down]).chain(factors) {
            tape.release(tensor);
        }
        narrowed
    }

    /// The bias of each row's expert, where experts have one.
    fn expert_biases(
        &self,
        tape: &mut Tape,
        sorted: Tensor,
        experts: &Experts,
        sizes: Sizes,
        width: Dim,
        name: &'static str,
    ) -> Option<Tensor> {
        let [each, rows] = [sizes.experts, sizes.rows].map(|dim| tape.shape(&[dim, width]));
        experts.bias.then(|| {
            let biases = tape.parameter(name, each, self.weights);
            select(tape, biases, sorted, name, rows)
        })
    }

    /// Gate and up for every row in one product, the activated gate times up.
    fn gated(
        &self,
        tape: &mut Tape,
        [matrix, input, offsets]: [Tensor; 3],
        biases: Option<Tensor>,
        experts: &Experts,
        sizes: Sizes,
    ) -> Tensor {
        let both = Dim { symbol: "2m", size: 2 * sizes.width.size };
        let [whole, half] = [both, sizes.width].map(|width| tape.shape(&[sizes.rows, width]));
        let fused = grouped(tape, [matrix, input], offsets, "experts.gate and up", whole);
        let fused = biased(tape, fused, biases);
        let product = match self.code.expert_gate {
            GateCode::Halves => gate_of_halves(tape, fused, half, experts.activation),
            GateCode::Clamped => clamped_gate(tape, fused, half),
        };
        tape.release(fused);
        product
    }

    /// Up for every row in one product, then the activation (Nemotron 3).
    fn plain(&self, tape: &mut Tape, [matrix, input, offsets]: [Tensor; 3], experts: &Experts, sizes: Sizes) -> Tensor {
        let whole = tape.shape(&[sizes.rows, sizes.width]);
        let up = grouped(tape, [matrix, input], offsets, "experts.up", whole);
        let activated = self.activation(tape, up, experts.activation, "experts.activation");
        tape.release(up);
        activated
    }

    /// The sum over the experts of each token; with one expert a token its gradient is a view.
    fn summed(&self, tape: &mut Tape, restored: Tensor, experts: &Experts, sizes: Sizes) -> Tensor {
        let shape = self.stream(tape, sizes.between);
        match experts.per_token {
            1 => copy(tape, restored, "experts.output", shape),
            _ => fresh(tape, restored, "experts.output", shape),
        }
    }

    /// Adds the shared expert, weighed by a gate of its own where it has one.
    fn with_shared(&self, tape: &mut Tape, input: Tensor, shared: &SharedExpert, outputs: [Tensor; 2]) -> Tensor {
        let [routed, mut output] = outputs;
        if shared.gated {
            let one = Dim { symbol: "", size: 1 };
            let gate = self.weights(tape, ["shared expert gate.weight", ""], self.h(), one, false);
            let gate = self.linear(tape, input, gate, "shared expert gate");
            let open = unary_keeping_output(tape, gate, "shared expert gate, open");
            tape.release(gate);
            let weighed = multiply(tape, [open, output], "shared expert output", output.shape);
            tape.release(open);
            tape.release(output);
            output = weighed;
        }
        let sum = join(tape, [routed, output], "experts and shared expert", routed.shape);
        tape.release(routed);
        tape.release(output);
        sum
    }
}

/// The first half of the channels, activated, times the second.
fn gate_of_halves(tape: &mut Tape, fused: Tensor, half: u16, activation: Activation) -> Tensor {
    let [gate, up] = tape.split(fused, [half, half]);
    let activated = match activation {
        Activation::Relu => unary_keeping_output(tape, gate, "experts.activated gate"),
        _ => unary_keeping_input(tape, gate, "experts.activated gate"),
    };
    let product = multiply(tape, [activated, up], "experts.product", half);
    for tensor in [activated, gate, up] {
        tape.release(tensor);
    }
    product
}

/// Even and odd channels, clamped: `gate·sigmoid(α·gate)·(up + 1)`.
fn clamped_gate(tape: &mut Tape, fused: Tensor, half: u16) -> Tensor {
    let parts = [0, 1].map(|_| tape.view_with_new_gradient(fused, half));
    let gate = clamp(tape, parts[0], Rule::ClampAbove, "experts.clamped gate");
    tape.release(parts[0]);
    let up = clamp(tape, parts[1], Rule::Clamp, "experts.clamped up");
    tape.release(parts[1]);
    let scaled = fresh(tape, gate, "experts.scaled gate", half);
    let sigmoid = unary_keeping_output(tape, scaled, "experts.sigmoid of the gate");
    tape.release(scaled);
    let activated = multiply(tape, [gate, sigmoid], "experts.activated gate", half);
    tape.release(sigmoid);
    let shifted = copy(tape, up, "experts.up plus one", half);
    let product = multiply(tape, [shifted, activated], "experts.product", half);
    for tensor in [shifted, activated, up, gate] {
        tape.release(tensor);
    }
    product
}

fn clamp(tape: &mut Tape, input: Tensor, rule: Rule, name: &'static str) -> Tensor {
    let operation = Operation { rule, inputs: &[input], keeps: &[input], extras: &[], keeps_output: false };
    tape.apply(&operation, name, input.shape, input.dtype)
}

/// Biases added in place.
fn biased(tape: &mut Tape, output: Tensor, biases: Option<Tensor>) -> Tensor {
    biases.map_or(output, |biases| tape.add_into(output, biases))
}

/// A selection of rows, which keeps the indices.
fn select(tape: &mut Tape, input: Tensor, indices: Tensor, name: &'static str, shape: u16) -> Tensor {
    let operation =
        Operation { rule: Rule::Index, inputs: &[input], keeps: &[indices], extras: &[], keeps_output: false };
    tape.apply(&operation, name, shape, input.dtype)
}

/// One product for every expert over its own rows, which autocast leaves alone.
fn grouped(tape: &mut Tape, [matrix, input]: [Tensor; 2], offsets: Tensor, name: &'static str, shape: u16) -> Tensor {
    let (factors, count) = kept_factors([input, matrix]);
    let mut keeps = [offsets; 3];
    keeps[..count].copy_from_slice(&factors[..count]);
    let operation = Operation {
        rule: Rule::Each,
        inputs: &[matrix, input],
        keeps: &keeps[..=count],
        extras: &[] as &[Extra],
        keeps_output: false,
    };
    tape.apply(&operation, name, shape, matrix.dtype)
}
