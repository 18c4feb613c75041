//! Experts that are modules of their own, one after another, as Transformers 4 ran them: each takes the rows of its tokens
//! out of the stream and adds what it makes of them to the sum.
//!
//! How many tokens an expert gets is not known: every one is taken to get as many as the others.

use super::Sizes;
use super::router::{Routing, select};
use crate::layers::Run;
use crate::layers::operations::{cast, multiply, softmax};
use crate::model::architecture::Experts;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

impl Run<'_> {
    /// The feed-forward half of a layer with experts, from the normed stream to their weighted sum.
    pub(super) fn experts_apart(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Tensor {
        let routing = self.route_to_modules(tape, input, experts, sizes);
        let all = self.stream(tape, self.h());
        let mut sum = tape.constant("experts.output", all, input.dtype);
        // Which of the experts each of a token's choices is, and which experts were chosen at all.
        let choices =
            self.stream(tape, Dim { symbol: "(e·E)", size: sizes.chosen.size.saturating_mul(sizes.experts.size) });
        let choices = tape.constant("experts.choices of each token", choices, Dtype::Int64);
        let hit = experts_hit(tape, sizes);
        let mut variables = Vec::new();
        for _ in 0..experts.count {
            sum = self.one_expert(tape, [input, sum], routing, experts, sizes, &mut variables);
        }
        if let Some(shared) = &experts.shared {
            let beside = self.mlp(tape, input, &shared.mlp);
            sum = self.with_shared(tape, input, shared, [sum, beside]);
        }
        let held = [routing.logits, routing.weights, routing.indices, choices, hit];
        tape.release_each(held.into_iter().chain(variables));
        sum
    }

    /// The router, which is a linear layer like any other.
    fn route_to_modules(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Routing {
        let router = self.weights(tape, Part::RouterModule, self.h(), sizes.experts, false);
        let logits = self.linear(tape, input, router, "router.scores");
        let wide = cast(tape, logits, Dtype::Fp32, "router.scores in fp32");
        let probabilities = softmax(tape, wide, "router.probabilities");
        tape.release(wide);
        let (values, indices) = self.top(tape, probabilities, sizes);
        tape.release(probabilities);
        let chosen = if experts.normalised { self.normalised(tape, values) } else { tape.share(values) };
        tape.release(values);
        let weights = cast(tape, chosen, input.dtype, "router.weights");
        tape.release(chosen);
        Routing { logits, weights, indices }
    }

    /// One expert's rows, what its matrices make of them, and the sum with what the others made; what the loop has in
    /// variables takes the place of what it had there.
    fn one_expert(
        &self,
        tape: &mut Tape,
        [input, sum]: [Tensor; 2],
        routing: Routing,
        experts: &Experts,
        sizes: Sizes,
        variables: &mut Vec<Tensor>,
    ) -> Tensor {
        let rows = Dim { symbol: "(b·s·e/E)", size: (sizes.rows.size / sizes.experts.size.max(1)).max(1) };
        let mut before = std::mem::take(variables).into_iter();
        let choices = self.stream(tape, sizes.chosen);
        let choices = tape.constant("expert.choices", choices, Dtype::Int64);
        let [pairs, states, column] = [Dim { symbol: "2", size: 2 }, self.h(), Dim { symbol: "", size: 1 }]
            .map(|width| tape.shape(&[rows, width]));
        let found = tape.constant("expert.tokens", pairs, Dtype::Int64);
        tape.release(choices);
        tape.release_each(before.next());
        let read = select(tape, input, found, "expert.input", states);
        tape.release_each(before.next());
        // A module knows nothing of sequences: its rows are one.
        let alone = Run { batch: 1, sequence: rows.size, ..*self };
        let output = alone.expert(tape, read, experts, sizes);
        let factor = select(tape, routing.weights, found, "expert.routing weights", column);
        let weighed = multiply(tape, [output, factor], "expert.weighted output", states);
        tape.release_each([output, factor]);
        tape.release_each(before.next());
        let narrow = cast(tape, weighed, input.dtype, "expert.weighted output");
        let sum = tape.add_rows(sum, narrow, found);
        tape.release(narrow);
        variables.extend([found, read, weighed]);
        sum
    }

    /// A gated network over an expert's rows.
    fn expert(&self, tape: &mut Tape, input: Tensor, experts: &Experts, sizes: Sizes) -> Tensor {
        let width = sizes.width;
        let gate = self.up(tape, input, (Part::ExpertGate, "expert.gate"), width, false);
        let activated = self.activation(tape, gate, experts.activation, "expert.activated gate");
        tape.release(gate);
        let up = self.up(tape, input, (Part::ExpertUp, "expert.up"), width, false);
        let product = multiply(tape, [activated, up], "expert.product", activated.shape);
        tape.release_each([activated, up]);
        let down = self.weights(tape, Part::ExpertDown, width, self.h(), false);
        let output = self.linear(tape, product, down, "expert.down");
        tape.release(product);
        output
    }
}

/// The numbers of the experts that tokens chose.
fn experts_hit(tape: &mut Tape, sizes: Sizes) -> Tensor {
    let each = tape.shape(&[sizes.experts]);
    let counts = tape.constant("experts.tokens of each expert", each, Dtype::Int64);
    let chosen = tape.constant("experts.whether tokens chose each", each, Dtype::Bool);
    tape.release(counts);
    let hit = tape.constant("experts.numbers of chosen experts", each, Dtype::Int64);
    tape.release(chosen);
    hit
}
