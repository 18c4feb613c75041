//! A mixture of experts: the router's choice, tokens sorted by expert, and grouped matrix products.
//!
//! Which expert gets how many tokens changes no size: every token is computed `e` times.

mod apart;
mod copied;
mod gates;
mod router;

use self::gates::{clamped_gate, gate_of_halves};
pub(crate) use self::router::Routing;
pub(crate) use self::router::select;
use super::Run;
use super::adapted_experts::Factors;
use super::norm::names;
use super::operations::{cast, copy, join, kept_factors, multiply, unary_keeping_output};
use crate::families::code::{GateCode, RouterCode};
use crate::model::architecture::{Experts, SharedExpert};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};

/// The dimensions of a block of experts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// `E`.
    pub(crate) experts: Dim,
    /// `e`.
    pub(crate) chosen: Dim,
    /// `m`.
    pub(crate) width: Dim,
    /// `T·e`: rows of the grouped products.
    pub(crate) rows: Dim,
    /// What experts read and give back: the stream's width, or the narrower one it is projected to.
    pub(crate) between: Dim,
}

/// The first product of an expert: gate and up in one, or up alone.
struct First {
    outputs: Dim,
    part: Part,
    output: &'static str,
}

impl First {
    fn of(experts: &Experts, sizes: Sizes) -> Self {
        if experts.gated {
            let outputs = Dim { symbol: "2m", size: 2 * sizes.width.size };
            Self { outputs, part: Part::ExpertsGateAndUp, output: "experts.gate and up" }
        } else {
            Self { outputs: sizes.width, part: Part::ExpertsUp, output: "experts.up" }
        }
    }
}

impl Run<'_> {
    /// The feed-forward half of a layer with experts, from the normed stream to their weighted sum.
    pub(crate) fn experts(&self, tape: &mut Tape, input: Tensor, experts: &Experts) -> Tensor {
        let sizes = self.sizes_of_experts(experts);
        if self.code.router == RouterCode::EveryExpert {
            return self.every_expert(tape, input, experts, sizes);
        }
        if self.code.experts_apart {
            return self.experts_apart(tape, input, experts, sizes);
        }
        let first = self.code.shared_expert_first;
        let mut shared = None;
        if first {
            shared = experts.shared.as_ref().map(|shared| (shared, self.mlp(tape, input, &shared.mlp)));
        }
        let routing = self.routing(tape, input, experts, sizes);
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

    /// The dimensions of a block of experts.
    pub(crate) fn sizes_of_experts(&self, experts: &Experts) -> Sizes {
        let tokens = self.batch.saturating_mul(self.sequence);
        Sizes {
            experts: Dim { symbol: "E", size: experts.count },
            chosen: Dim { symbol: "e", size: experts.per_token },
            width: Dim { symbol: "m", size: experts.intermediate_size },
            rows: Dim { symbol: "(b·s·e)", size: tokens.saturating_mul(experts.per_token) },
            between: experts.latent.map_or(self.h(), |size| Dim { symbol: "l", size }),
        }
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
        let down = self.weights(tape, Part::LatentDown, hidden, latent, false);
        let narrow = self.linear(tape, input, down, "experts.latent input");
        let mut routed = self.routed(tape, narrow, routing, experts, sizes);
        tape.release(narrow);
        if experts.latent_norm {
            let normed = self.norm(tape, routed, &[self.b(), self.s()], latent, names!("experts.latent norm"));
            tape.release(std::mem::replace(&mut routed, normed));
        }
        let up = self.weights(tape, Part::LatentUp, latent, hidden, false);
        let output = self.linear(tape, routed, up, "experts.latent output");
        tape.release(routed);
        output
    }

    /// Tokens sorted by expert, two grouped products with a gate between, and the sum back in the tokens' order.
    pub(crate) fn routed(
        &self,
        tape: &mut Tape,
        input: Tensor,
        routing: Routing,
        experts: &Experts,
        sizes: Sizes,
    ) -> Tensor {
        if self.liger.is_some() {
            return self.routed_by_tiles(tape, input, routing, sizes);
        }
        if self.copies_experts() {
            return self.routed_by_copies(tape, input, routing, experts, sizes);
        }
        let First { outputs: both, part: up_part, output: up_output } = First::of(experts, sizes);
        let down_factors = self.expert_factors(tape, Part::ExpertsDown, experts, [sizes.between, sizes.width]);
        let up_factors = self.expert_factors(tape, Part::ExpertsGateAndUp, experts, [both, sizes.between]);
        let [rows, each] = [sizes.rows, sizes.experts].map(|dim| tape.shape(&[dim]));
        let states = tape.shape(&[sizes.rows, sizes.between]);
        let sorted = tape.constant("experts.sorted experts", rows, Dtype::Int64);
        let order = tape.constant("experts.order", rows, Dtype::Int64);
        tape.sort_scratch(rows);
        let tokens = tape.constant("experts.token of each row", rows, Dtype::Int64);
        let selected = select(tape, input, tokens, "experts.input", states);
        tape.release(tokens);
        let weights = select(tape, routing.weights, order, "experts.routing weights", rows);
        // 32-bit integers, all three.
        let narrow = tape.constant("experts.sorted experts in 32 bits", rows, Dtype::Fp32);
        let counts = tape.constant("experts.tokens of each expert", each, Dtype::Fp32);
        let offsets = tape.constant("experts.offsets", each, Dtype::Fp32);
        let up_biases = self.expert_biases(tape, sorted, experts, sizes, both, up_part);
        let matrix = tape.shape(&[sizes.experts, both, sizes.between]);
        let up_matrix = self.expert_matrix(tape, up_part.name(Piece::Weight), matrix, up_factors);
        let whole = tape.shape(&[sizes.rows, both]);
        let fused = grouped(tape, [up_matrix, selected], offsets, up_output, whole);
        let fused = biased(tape, fused, up_biases);
        let product = self.activated(tape, fused, experts, sizes);
        let biases = self.expert_biases(tape, sorted, experts, sizes, self.h(), Part::ExpertsDown);
        if let Some(tensor) = up_biases {
            tape.release(tensor);
        }
        let down = tape.shape(&[sizes.experts, sizes.between, sizes.width]);
        let down = self.expert_matrix(tape, Part::ExpertsDown.name(Piece::Weight), down, down_factors);
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
        let factors = [up_factors, down_factors].into_iter().flatten().flat_map(Factors::tensors);
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
        part: Part,
    ) -> Option<Tensor> {
        let [each, rows] = [sizes.experts, sizes.rows].map(|dim| tape.shape(&[dim, width]));
        experts.bias.then(|| {
            let name = part.name(Piece::Bias);
            let biases = tape.parameter(name, each, self.weights);
            select(tape, biases, sorted, name, rows)
        })
    }

    /// What becomes of the first product: the activated gate times up, or the activation alone (Nemotron 3).
    fn activated(&self, tape: &mut Tape, fused: Tensor, experts: &Experts, sizes: Sizes) -> Tensor {
        let half = tape.shape(&[sizes.rows, sizes.width]);
        let product = match (experts.gated, self.code.expert_gate) {
            (true, GateCode::Halves) => gate_of_halves(tape, fused, half, experts.activation),
            (true, GateCode::Clamped) => clamped_gate(tape, fused, half),
            (false, _) => self.activation(tape, fused, experts.activation, "experts.activation"),
        };
        tape.release(fused);
        product
    }

    /// The sum over the experts of each token; with one expert a token its gradient is a view.
    fn summed(&self, tape: &mut Tape, restored: Tensor, experts: &Experts, sizes: Sizes) -> Tensor {
        let shape = self.stream(tape, sizes.between);
        if experts.per_token == 1 {
            return copy(tape, restored, "experts.output", shape);
        }
        // Autocast sums in fp32.
        let wide = if self.autocast { Dtype::Fp32 } else { restored.dtype };
        let sum = Operation { rule: Rule::Each, inputs: &[restored], keeps: &[], extras: &[], keeps_output: false };
        tape.apply(&sum, "experts.output", shape, wide)
    }

    /// Adds the shared expert, weighed by a gate of its own where it has one.
    fn with_shared(&self, tape: &mut Tape, input: Tensor, shared: &SharedExpert, outputs: [Tensor; 2]) -> Tensor {
        let [routed, mut output] = outputs;
        if shared.gated {
            let one = Dim { symbol: "", size: 1 };
            let gate = self.weights(tape, Part::SharedExpertGate, self.h(), one, false);
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

/// Biases added in place.
fn biased(tape: &mut Tape, output: Tensor, biases: Option<Tensor>) -> Tensor {
    biases.map_or(output, |biases| tape.add_into(output, biases))
}

/// One product for every expert over its own rows, which autocast leaves alone.
fn grouped(tape: &mut Tape, [matrix, input]: [Tensor; 2], offsets: Tensor, name: &'static str, shape: u16) -> Tensor {
    let (factors, count) = kept_factors([input, matrix]);
    let mut keeps = [offsets; 3];
    keeps[..count].copy_from_slice(&factors[..count]);
    let operation = Operation {
        rule: Rule::Grouped,
        inputs: &[matrix, input],
        keeps: &keeps[..=count],
        extras: &[] as &[Extra],
        keeps_output: false,
    };
    let output = tape.apply(&operation, name, shape, matrix.dtype);
    tape.grouped_product_scratch(matrix.shape, matrix.dtype);
    output
}
