//! One block, and its feed-forward network: `Block`, `LLaMAMLP`, `GemmaMLP`, `GptNeoxMLP`.

use super::Gpt;
use super::linear::adapter;
use crate::layers::norm::{Names, names};
use crate::layers::operations::{join, multiply, unary_keeping_input};
use crate::layers::rotary::Tables;
use crate::model::architecture::{FeedForward, Layer, Mlp};
use crate::model::family::{MlpKind, Placement};
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

const ATTENTION_NORM: Names = names!("attention norm");
const FEED_FORWARD_NORM: Names = names!("feed-forward norm");
const ATTENTION_OUTPUT_NORM: Names = names!("attention output norm");
const FEED_FORWARD_OUTPUT_NORM: Names = names!("feed-forward output norm");

/// Which norms a block has: before attention and the feed-forward network, and after each.
struct Norms {
    attention: Option<Names>,
    feed_forward: Option<Names>,
    attention_output: Option<Names>,
    feed_forward_output: Option<Names>,
}

impl Norms {
    const fn of(placement: Placement) -> Self {
        let before = !matches!(placement, Placement::Post);
        let after = matches!(placement, Placement::Post | Placement::Sandwich);
        let second = before && !matches!(placement, Placement::ParallelOneNorm);
        Self {
            attention: if before { Some(ATTENTION_NORM) } else { None },
            feed_forward: if second { Some(FEED_FORWARD_NORM) } else { None },
            // Where norms stand only after, the weights have the names of the two that there are.
            attention_output: match placement {
                Placement::Post => Some(ATTENTION_NORM),
                _ if after => Some(ATTENTION_OUTPUT_NORM),
                _ => None,
            },
            feed_forward_output: match placement {
                Placement::Post => Some(FEED_FORWARD_NORM),
                _ if after => Some(FEED_FORWARD_OUTPUT_NORM),
                _ => None,
            },
        }
    }
}

impl Gpt<'_> {
    /// A block, from the residual stream that enters to the one that leaves.
    pub(crate) fn block(&self, tape: &mut Tape, layer: &Layer, input: Tensor, tables: Tables) -> Tensor {
        let norms = Norms::of(layer.placement);
        let parallel = matches!(layer.placement, Placement::Parallel | Placement::ParallelOneNorm);
        let mut normed = self.normed(tape, input, norms.attention);
        let Some(attention) = layer.attention() else { return tape.share(input) };
        let mut attended = self.attention(tape, normed, attention, tables);
        self.replace(tape, &mut attended, norms.attention_output);
        if parallel && norms.feed_forward.is_some() {
            let again = self.normed(tape, input, norms.feed_forward);
            tape.release(std::mem::replace(&mut normed, again));
        }
        if parallel && !self.release.sums_first {
            let fed = self.feed_forward(tape, normed, layer);
            let both = join(tape, [fed, attended], "attention and feed-forward", input.shape);
            tape.release(fed);
            let output = join(tape, [both, input], "residual stream", input.shape);
            for tensor in [both, attended, normed] {
                tape.release(tensor);
            }
            return output;
        }
        let stream = join(tape, [attended, input], "residual stream", input.shape);
        let first = tape.share(normed);
        if !parallel {
            let again = self.normed(tape, stream, norms.feed_forward);
            tape.release(std::mem::replace(&mut normed, again));
        }
        if self.release.sums_first {
            tape.release(first);
        }
        let mut fed = self.feed_forward(tape, normed, layer);
        self.replace(tape, &mut fed, norms.feed_forward_output);
        let output = join(tape, [fed, stream], "residual stream", input.shape);
        for tensor in [fed, stream, attended, normed] {
            tape.release(tensor);
        }
        if !self.release.sums_first {
            tape.release(first);
        }
        output
    }

    fn feed_forward(&self, tape: &mut Tape, input: Tensor, layer: &Layer) -> Tensor {
        match &layer.feed_forward {
            FeedForward::Dense(mlp) => self.mlp(tape, input, mlp),
            FeedForward::Experts(_) | FeedForward::Linear | FeedForward::None => tape.share(input),
        }
    }

    /// What a norm makes of the stream; the stream itself where there is none.
    fn normed(&self, tape: &mut Tape, input: Tensor, names: Option<Names>) -> Tensor {
        match names {
            Some(names) => self.stream_norm(tape, input, names),
            None => tape.share(input),
        }
    }

    fn replace(&self, tape: &mut Tape, tensor: &mut Tensor, names: Option<Names>) {
        let normed = self.normed(tape, *tensor, names);
        tape.release(std::mem::replace(tensor, normed));
    }

    /// A norm over the residual stream.
    pub(crate) fn stream_norm(&self, tape: &mut Tape, input: Tensor, names: Names) -> Tensor {
        self.norm(tape, input, &[self.run.b(), self.run.s()], self.run.h(), names)
    }

    fn mlp(&self, tape: &mut Tape, input: Tensor, mlp: &Mlp) -> Tensor {
        let run = self.run;
        let width = Dim { symbol: "f", size: mlp.intermediate_size };
        let adapted = |names| self.lora.is_some_and(|lora| lora.mlp).then_some(names);
        let inner = if mlp.kind == MlpKind::Plain {
            let up = run.weights(tape, Part::Up, run.h(), width, mlp.bias);
            let up = self.linear(tape, input, up, "mlp.up", adapted(adapter!(Up, "mlp.up")));
            let activated = unary_keeping_input(tape, up, "mlp.activation");
            tape.release(up);
            vec![activated]
        } else {
            let gate = run.weights(tape, Part::Gate, run.h(), width, mlp.bias);
            let gate = self.linear(tape, input, gate, "mlp.gate", adapted(adapter!(Gate, "mlp.gate")));
            let up = run.weights(tape, Part::Up, run.h(), width, mlp.bias);
            let up = self.linear(tape, input, up, "mlp.up", adapted(adapter!(Up, "mlp.up")));
            let activated = unary_keeping_input(tape, gate, "mlp.activation");
            let product = multiply(tape, [activated, up], "mlp.gated activation", gate.shape);
            tape.release(activated);
            vec![product, up, gate]
        };
        let down = run.weights(tape, Part::Down, width, run.h(), mlp.bias);
        let output = self.linear(tape, inner[0], down, "mlp.down", adapted(adapter!(Down, "mlp.down")));
        for tensor in inner {
            tape.release(tensor);
        }
        output
    }
}
