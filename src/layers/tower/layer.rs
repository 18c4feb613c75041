//! One layer of a tower.

use super::Seen;
use crate::layers::Run;
use crate::layers::attention::Shared;
use crate::layers::attention::sizes::Sizes;
use crate::layers::layer::{ATTENTION_NORM, ATTENTION_OUTPUT_NORM, FEED_FORWARD_NORM, FEED_FORWARD_OUTPUT_NORM};
use crate::layers::operations::{cast, copy, join, multiply};
use crate::model::architecture::{Attention, Layer};
use crate::model::family::Placement;
use crate::model::part::Part;
use crate::model::tower::Kind;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// From the stream that enters to the one that leaves.
    pub(super) fn tower_layer(
        &self,
        tape: &mut Tape,
        seen: &Seen,
        layer: &Layer,
        input: Tensor,
        (shared, mask): (Shared, Option<Tensor>),
    ) -> Tensor {
        if seen.tower.kind == Kind::Sam {
            return self.windowed_layer(tape, seen, layer, input);
        }
        let Some(attention) = layer.attention() else { return tape.share(input) };
        let normed = self.stream_norm(tape, input, ATTENTION_NORM);
        let attended = self.tower_attention(tape, normed, attention, shared, mask);
        tape.release(normed);
        let attended = self.weighed(tape, (seen, layer), attended, Part::AttentionScale);
        let attended = self.normed_behind(tape, layer, attended, true);
        let middle = join(tape, [input, attended], "residual stream", input.shape);
        tape.release(attended);
        let normed = self.stream_norm(tape, middle, FEED_FORWARD_NORM);
        let fed = self.feed_forward(tape, normed, &layer.feed_forward);
        tape.release(normed);
        let fed = self.weighed(tape, (seen, layer), fed, Part::FeedForwardScale);
        let fed = self.normed_behind(tape, layer, fed, false);
        let output = join(tape, [middle, fed], "residual stream", input.shape);
        tape.release(fed);
        tape.release(middle);
        output
    }

    /// A sublayer's output behind a norm of its own, where it has one.
    fn normed_behind(&self, tape: &mut Tape, layer: &Layer, output: Tensor, of_attention: bool) -> Tensor {
        if layer.placement != Placement::Sandwich {
            return output;
        }
        let names = if of_attention { ATTENTION_OUTPUT_NORM } else { FEED_FORWARD_OUTPUT_NORM };
        let normed = self.stream_norm(tape, output, names);
        tape.release(output);
        normed
    }

    /// A sublayer's output times a learned vector or number, where the tower has those.
    fn weighed(&self, tape: &mut Tape, (seen, layer): (&Seen, &Layer), output: Tensor, part: Part) -> Tensor {
        if layer.variant.weighs_halves {
            let weighed = self.gated(tape, output, part);
            tape.release(output);
            return weighed;
        }
        if seen.tower.kind != Kind::InternVit {
            return output;
        }
        let shape = tape.shape(&[self.h()]);
        let scale = tape.parameter(part.words(), shape, self.weights);
        let weighed = multiply(tape, [scale, output], "weighed output", output.shape);
        tape.release(output);
        weighed
    }

    /// Attention of all tokens of an image to each other.
    fn tower_attention(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        shared: Shared,
        mask: Option<Tensor>,
    ) -> Tensor {
        let sizes = Sizes::of(attention);
        let (mut whole, mut held) = (Vec::new(), Vec::new());
        let projected = self.project(tape, input, attention, sizes, &mut whole);
        let projected = self.rotated(tape, projected, attention, sizes, shared, &mut held);
        let compute = self.compute();
        let wide = [projected.query, projected.key, projected.value];
        let named = [
            (projected.value, "attention.value"),
            (projected.key, "attention.key after rotary embedding"),
            (projected.query, "attention.query after rotary embedding"),
        ];
        // Autocast casts the last argument first.
        let [value, key, query] = named.map(|(tensor, name)| cast(tape, tensor, compute, name));
        let padded = mask.map(|mask| Self::mask_in_eights(tape, mask, "attention.block mask"));
        let by_head = padded.is_none() && self.lies_by_head(sizes.heads);
        let context = self.kernel(tape, [query, key, value], padded, (sizes, by_head));
        tape.release_each(padded);
        tape.release_each([query, key, value]);
        let shape = self.stream(tape, sizes.context);
        let flat = if self.code.copies_context {
            copy(tape, context, "attention.context", shape)
        } else {
            tape.view(context, shape)
        };
        tape.release(context);
        let (until_return, others): (Vec<Tensor>, Vec<Tensor>) = wide.into_iter().partition(|_| self.code.holds_heads);
        tape.release_each(others);
        let output = self.attention_output(tape, flat, attention);
        tape.release(flat);
        tape.release_each(until_return);
        tape.release_each(whole.into_iter().chain(held));
        output
    }

    /// The kernel wants rows that begin at multiples of eight elements: where they do not, each layer copies the mask.
    pub(crate) fn mask_in_eights(tape: &mut Tape, mask: Tensor, name: &'static str) -> Tensor {
        let mut dims = tape.dims(mask.shape).dims().to_vec();
        let Some(keys) = dims.last_mut().filter(|keys| !keys.size.is_multiple_of(8)) else {
            return tape.share(mask);
        };
        keys.size = keys.size.next_multiple_of(8);
        let shape = tape.shape(&dims);
        tape.constant(name, shape, mask.dtype)
    }
}
