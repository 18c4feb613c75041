//! The halves of a layer: what mixes tokens and the feed-forward network, with what stands before and after each.

use super::{ATTENTION_NORM, FEED_FORWARD_NORM, MIXER_NORM, scaled};
use crate::layers::Run;
use crate::layers::attention::Shared;
use crate::layers::norm::Names;
use crate::layers::operations::{dropout, join};
use crate::model::architecture::{Attention, FeedForward, Layer, Mixer};
use crate::model::part::Part;
use crate::model::recurrent::Recurrent;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    pub(crate) fn dropped_attention(&self, tape: &mut Tape, attended: Tensor) -> Tensor {
        if self.code.drops_inside_attention || !self.code.attention_output_dropout {
            return attended;
        }
        self.drop_attention(tape, attended)
    }

    /// Dropout of the attention output.
    pub(crate) fn drop_attention(&self, tape: &mut Tape, attended: Tensor) -> Tensor {
        let acts = if self.code.attention_dropout_on_output { self.dropout[2] } else { self.drops_hidden() };
        let output = dropout(tape, acts, attended, "attention.dropped output", "attention.output dropout mask");
        tape.release(attended);
        output
    }

    pub(crate) fn normed_attention(
        &self,
        tape: &mut Tape,
        layer: &Layer,
        input: Tensor,
        shared: Shared,
    ) -> (Tensor, Option<Tensor>) {
        let normed = self.mixer_normed(tape, layer, input);
        let (attended, weights) = self.mix(tape, normed, layer, shared);
        tape.release(normed);
        (self.dropped_attention(tape, attended), weights)
    }

    /// What a layer's mixer reads.
    pub(super) fn mixer_normed(&self, tape: &mut Tape, layer: &Layer, input: Tensor) -> Tensor {
        if layer.variant.unnormed_mixer {
            return tape.share(input);
        }
        self.stream_norm(tape, input, mixer_norm(layer))
    }

    /// OPT's layer takes all tokens as rows of one matrix before its feed-forward network, and apart again behind it.
    pub(super) fn tokens_in_rows(&self, tape: &mut Tape, stream: Tensor) -> Tensor {
        if !self.code.feed_forward_in_layer {
            return stream;
        }
        let rows = tape.reshape(stream, stream.shape);
        tape.release(stream);
        rows
    }

    pub(crate) fn normed_feed_forward(&self, tape: &mut Tape, layer: &Layer, input: Tensor) -> Tensor {
        let normed = self.stream_norm(tape, input, FEED_FORWARD_NORM);
        self.fed_forward(tape, normed, layer)
    }

    /// The feed-forward network and its dropout; its input is let go.
    pub(super) fn fed_forward(&self, tape: &mut Tape, input: Tensor, layer: &Layer) -> Tensor {
        let fed = self.feed_forward(tape, input, &layer.feed_forward);
        let names = ["mlp.dropped output", "mlp.output dropout mask"];
        if self.code.drops_with_input {
            let dropped = self.dropped(tape, fed, names);
            tape.release(input);
            return dropped;
        }
        if !self.code.feed_forward_in_layer {
            tape.release(input);
        }
        self.dropped(tape, fed, names)
    }

    /// What mixes the tokens of a layer, with the attention weights where eager attention returns them.
    pub(crate) fn mix(
        &self,
        tape: &mut Tape,
        input: Tensor,
        layer: &Layer,
        shared: Shared,
    ) -> (Tensor, Option<Tensor>) {
        match &layer.mixer {
            Mixer::Attention(attention) => {
                let all = self.all_tokens(tape, input);
                let attended = self.attention(tape, all.unwrap_or(input), attention, shared);
                tape.release_each(all);
                attended
            }
            Mixer::Recurrent(recurrent) => (self.recurrent(tape, input, recurrent), None),
            Mixer::Both(attention, recurrent) => self.side_by_side(tape, input, attention, recurrent, shared),
            Mixer::Linear => (self.square(tape, input, (Part::AttentionLinear, "attention.linear")), None),
            Mixer::None => (tape.share(input), None),
        }
    }

    /// One matrix in place of attention or of the feed-forward network.
    fn square(&self, tape: &mut Tape, input: Tensor, (part, name): (Part, &'static str)) -> Tensor {
        let matrix = self.weights(tape, part, self.h(), self.h(), false);
        self.linear(tape, input, matrix, name)
    }

    /// Falcon-H1: both read the same normed stream, and each is multiplied by constants before and after.
    fn side_by_side(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        recurrent: &Recurrent,
        shared: Shared,
    ) -> (Tensor, Option<Tensor>) {
        let remembered = self.recurrent(tape, input, recurrent);
        let remembered = scaled(tape, remembered, "mixer.scaled output");
        let copied = tape.share(input);
        let read = scaled(tape, copied, "attention.scaled input");
        let (attended, weights) = self.attention(tape, read, attention, shared);
        tape.release(read);
        let attended = scaled(tape, attended, "attention.scaled output");
        let sum = join(tape, [remembered, attended], "attention and mixer", input.shape);
        tape.release(remembered);
        tape.release(attended);
        (sum, weights)
    }

    pub(crate) fn feed_forward(&self, tape: &mut Tape, input: Tensor, feed_forward: &FeedForward) -> Tensor {
        match feed_forward {
            FeedForward::Dense(mlp) => {
                let all = self.all_tokens(tape, input);
                let fed = self.mlp(tape, all.unwrap_or(input), mlp);
                tape.release_each(all);
                fed
            }
            FeedForward::Experts(experts) => self.experts(tape, input, experts),
            FeedForward::Linear => self.square(tape, input, (Part::FeedForwardLinear, "mlp.linear")),
            FeedForward::None => tape.share(input),
        }
    }

    pub(crate) fn drops_hidden(&self) -> bool {
        self.dropout[1] && self.code.hidden_dropout && !self.code.drops_inside_feed_forward
    }

    pub(crate) fn dropped(&self, tape: &mut Tape, input: Tensor, names: [&'static str; 2]) -> Tensor {
        let output = dropout(tape, self.drops_hidden(), input, names[0], names[1]);
        tape.release(input);
        output
    }
}

/// The names of the norm before a layer's mixer.
pub(super) const fn mixer_norm(layer: &Layer) -> Names {
    match layer.mixer {
        Mixer::Attention(_) | Mixer::Linear | Mixer::None => ATTENTION_NORM,
        Mixer::Recurrent(_) | Mixer::Both(..) => MIXER_NORM,
    }
}
