//! Layers whose attention and feed-forward network stand side by side.

use super::{ATTENTION_NORM, FEED_FORWARD_NORM, Outputs, mixer_norm};
use crate::layers::Run;
use crate::layers::attention::Shared;
use crate::layers::operations::join;
use crate::model::architecture::Layer;
use crate::model::family::Placement;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// Falcon's: all norms first, attention and feed-forward side by side, dropout on their sum.
    pub(crate) fn summed_in_place_layer(
        &self,
        tape: &mut Tape,
        layer: &Layer,
        input: Tensor,
        shared: Shared,
    ) -> Outputs {
        let normed = self.stream_norm(tape, input, ATTENTION_NORM);
        let fed_in = match layer.placement {
            Placement::Parallel => self.stream_norm(tape, input, FEED_FORWARD_NORM),
            _ => tape.share(normed),
        };
        let (attended, weights) = self.mix(tape, normed, layer, shared);
        let fed = self.feed_forward(tape, fed_in, &layer.feed_forward);
        let both = tape.add_into(fed, attended);
        let both = self.dropped(tape, both, ["dropped sum", "output dropout mask"]);
        let output = join(tape, [input, both], "residual stream", input.shape);
        for tensor in [both, attended, fed_in, normed] {
            tape.release(tensor);
        }
        (output, weights)
    }

    pub(crate) fn parallel_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        let (attended, weights) = self.normed_attention(tape, layer, input, shared);
        let fed = self.normed_feed_forward(tape, layer, input);
        let both = join(tape, [fed, attended], "attention and feed-forward", input.shape);
        let output = join(tape, [both, input], "residual stream", input.shape);
        for tensor in [both, fed, attended] {
            tape.release(tensor);
        }
        (output, weights)
    }

    pub(crate) fn parallel_one_norm_layer(
        &self,
        tape: &mut Tape,
        layer: &Layer,
        input: Tensor,
        shared: Shared,
    ) -> Outputs {
        let normed = self.stream_norm(tape, input, mixer_norm(layer));
        let (attended, weights) = self.mix(tape, normed, layer, shared);
        let attended = self.dropped_attention(tape, attended);
        let fed = self.feed_forward(tape, normed, &layer.feed_forward);
        let fed = self.dropped(tape, fed, ["mlp.dropped output", "mlp.output dropout mask"]);
        let (first, second) = if self.code.adds_attention_first { (input, fed) } else { (fed, input) };
        let both = join(tape, [attended, first], "attention and feed-forward", input.shape);
        let output = join(tape, [both, second], "residual stream", input.shape);
        for tensor in [both, normed, attended, fed] {
            tape.release(tensor);
        }
        (output, weights)
    }
}
