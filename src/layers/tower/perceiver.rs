//! Idefics 2's connector: a gated network into the decoder's width, and a few learned vectors that attend to what it gives
//! and to each other.

use super::Seen;
use crate::layers::Run;
use crate::layers::attention::sizes::Sizes;
use crate::layers::norm::names;
use crate::layers::operations::{join, multiply, unary_keeping_input};
use crate::model::parameters::Tensor as Parameter;
use crate::model::part::{Part, Piece};
use crate::model::tower::Resampler;
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// The vectors, `[b, l, H]`, of what the tower gives, which goes; the run is over the tower's tokens.
    pub(super) fn through_perceiver(
        &self,
        tape: &mut Tape,
        seen: &Seen,
        read: Tensor,
        until_return: &mut Vec<Tensor>,
    ) -> Tensor {
        let tensors = &seen.tensors.projector;
        let Some(width) = tensors.iter().find(|it| it.part == Part::Latents).map(|it| it.columns) else { return read };
        let resampler = seen.tower.resampler();
        let hidden = Dim { symbol: "H", size: width };
        // Its result holds what the tower gave.
        until_return.push(tape.share(read));
        let context = self.gated_network(tape, (read, self.s()), tensors);
        tape.release(read);
        let short = Run { sequence: resampler.latents, ..*self };
        let vectors = tape.shape(&[short.s(), hidden]);
        let learned = tape.parameter(Part::Latents.name(Piece::Whole), vectors, self.weights);
        let shape = tape.shape(&[self.b(), short.s(), hidden]);
        let mut latents = tape.view_with_new_gradient(learned, shape);
        let each = tensors.split(|it| it.part == Part::Latents).nth(1).unwrap_or_default();
        for _ in 0..resampler.layers {
            let next = short.perceived(tape, (latents, context), (self.s(), hidden), (&resampler, each));
            tape.release(latents);
            latents = next;
        }
        let normed = short.norm(tape, latents, &[self.b(), short.s()], hidden, names!("projector.norm"));
        tape.release_each([latents, context]);
        normed
    }

    /// One layer of it: the run is over the vectors, and `tokens` are those of the context.
    fn perceived(
        &self,
        tape: &mut Tape,
        (latents, context): (Tensor, Tensor),
        (tokens, hidden): (Dim, Dim),
        (resampler, tensors): (&Resampler, &[Parameter]),
    ) -> Tensor {
        let leading = [self.b(), self.s()];
        let normed = self.norm(tape, latents, &leading, hidden, names!("attention norm"));
        let around = self.norm(tape, context, &[self.b(), tokens], hidden, names!("context norm"));
        let all = Dim { symbol: "(t+l)", size: tokens.size.saturating_add(self.sequence) };
        let shape = tape.shape(&[self.b(), all, hidden]);
        let both = join(tape, [around, normed], "context and vectors", shape);
        let sizes = Sizes::of(&resampler.attention);
        let through = |tape: &mut Tape, read, part: Part, name, [inputs, outputs]: [Dim; 2], positions| {
            let matrix = self.weights(tape, part, inputs, outputs, false);
            self.linear_over(tape, read, matrix, name, positions)
        };
        let query = through(tape, normed, Part::Query, "attention.query", [hidden, sizes.query], self.s());
        let key = through(tape, both, Part::Key, "attention.key", [hidden, sizes.kv], all);
        let value = through(tape, both, Part::Value, "attention.value", [hidden, sizes.kv], all);
        let context = self.kernel(tape, [query, key, value], None, (sizes, false));
        let flat = tape.shape(&[self.b(), self.s(), sizes.context]);
        let flat = tape.view(context, flat);
        tape.release(context);
        let attended =
            through(tape, flat, Part::AttentionOutput, "attention.output", [sizes.context, hidden], self.s());
        tape.release_each([flat, query, key, value, both, normed, around]);
        let middle = join(tape, [latents, attended], "residual stream", latents.shape);
        tape.release(attended);
        let normed = self.norm(tape, middle, &leading, hidden, names!("feed-forward norm"));
        let fed = self.gated_network(tape, (normed, self.s()), tensors);
        tape.release(normed);
        let output = join(tape, [middle, fed], "residual stream", latents.shape);
        tape.release_each([fed, middle]);
        output
    }

    /// A gated network whose widths are those of the first gate and the first matrix behind it among these tensors.
    pub(super) fn gated_network(
        &self,
        tape: &mut Tape,
        (read, positions): (Tensor, Dim),
        tensors: &[Parameter],
    ) -> Tensor {
        let dim = |size| Dim { symbol: "", size };
        let sizes =
            |part| tensors.iter().find(|it| it.part == part).map_or([dim(0); 2], |it| [dim(it.columns), dim(it.rows)]);
        let through = |tape: &mut Tape, read, part: Part, name| {
            let [inputs, outputs] = sizes(part);
            let matrix = self.weights(tape, part, inputs, outputs, false);
            self.linear_over(tape, read, matrix, name, positions)
        };
        let gate = through(tape, read, Part::Gate, "mlp.gate");
        let activated = unary_keeping_input(tape, gate, "mlp.activated gate");
        tape.release(gate);
        let up = through(tape, read, Part::Up, "mlp.up");
        let product = multiply(tape, [activated, up], "mlp.product", activated.shape);
        tape.release_each([activated, up]);
        let output = through(tape, product, Part::Down, "mlp.down");
        tape.release(product);
        output
    }
}
