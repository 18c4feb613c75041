//! Layers of BART and its kin: attention, attention to the encoder in a decoder, the feed-forward network, each with a norm
//! before it or behind its sum.

use super::{CROSS_ATTENTION_NORM, Stack};
use crate::layers::Run;
use crate::layers::attention::Shared;
use crate::layers::attention::sizes::{Projected, Sizes};
use crate::layers::layer::{ATTENTION_NORM, FEED_FORWARD_NORM};
use crate::layers::norm::Names;
use crate::layers::operations::{dropout, fresh, join};
use crate::model::architecture::{Attention, Layer, Mlp};
use crate::model::family::Placement;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// From the residual stream that enters to the one that leaves.
    pub(super) fn plain_layer(
        &self,
        tape: &mut Tape,
        layer: &Layer,
        (attention, mlp): (&Attention, &Mlp),
        input: Tensor,
        stack: Stack,
    ) -> Tensor {
        let mut weights = None;
        let entered = tape.share(input);
        let mut stream = self.half(tape, layer, entered, ATTENTION_NORM, |tape, read| {
            let shared = Shared { mask: stack.mask, ..Shared::NONE };
            let (attended, own) = self.attention(tape, read, attention, shared);
            weights = own;
            tape.release(read);
            attended
        });
        if let (true, Some(encoded)) = (layer.variant.attends_to_encoder, stack.encoded) {
            stream = self.half(tape, layer, stream, CROSS_ATTENTION_NORM, |tape, read| {
                let (attended, across) = self.attention_to_encoder(tape, read, attention, encoded);
                // One variable takes the weights of both.
                tape.release_each(std::mem::replace(&mut weights, across));
                tape.release(read);
                attended
            });
        }
        let output =
            self.half(tape, layer, stream, FEED_FORWARD_NORM, |tape, read| self.dropped_activations(tape, read, mlp));
        tape.release_each(weights);
        output
    }

    /// One half of it, which lets go of what it reads; the stream that entered goes.
    fn half(
        &self,
        tape: &mut Tape,
        layer: &Layer,
        stream: Tensor,
        names: Names,
        compute: impl FnOnce(&mut Tape, Tensor) -> Tensor,
    ) -> Tensor {
        let before = layer.placement == Placement::Pre;
        let read = if before { self.stream_norm(tape, stream, names) } else { tape.share(stream) };
        let output = compute(tape, read);
        let dropped = dropout(tape, self.dropout[1], output, "dropped output", "output dropout mask");
        tape.release(output);
        let sum = join(tape, [stream, dropped], "residual stream", stream.shape);
        tape.release(dropped);
        if before {
            tape.release(stream);
            return sum;
        }
        // What was added to stays in a variable until the norm is there.
        let normed = self.stream_norm(tape, sum, names);
        tape.release_each([sum, stream]);
        normed
    }

    /// Attention to what the encoder gave, `[b, n, h]`; with the attention weights.
    fn attention_to_encoder(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        encoded: Tensor,
    ) -> (Tensor, Option<Tensor>) {
        let sizes = Sizes::of(attention);
        let tokens = tape.dims(encoded.shape).dims().get(1).map_or(self.s(), |tokens| Dim { symbol: "n", ..*tokens });
        let across = Run { attended: Some(tokens.size), ..*self };
        let [copies, copies_key] =
            [false, true].map(|transposed| self.copies_gradient(attention, sizes.heads, transposed));
        let matrix = self.weights(tape, Part::CrossQuery, self.h(), sizes.query, attention.qkv_bias);
        let mut query = self.linear(tape, input, matrix, Part::CrossQuery.words());
        if self.code.scaled_queries {
            let scaled = fresh(tape, query, "cross attention.scaled query", query.shape);
            tape.release(query);
            query = scaled;
        }
        let query = self.heads(tape, query, sizes.heads, sizes.head, copies);
        let [key, value] = [
            (Part::CrossKey, attention.key_bias(), copies_key),
            (Part::CrossValue, attention.qkv_bias, self.copies_value_gradient(attention)),
        ]
        .map(|(part, bias, copies)| {
            let matrix = self.weights(tape, part, self.h(), sizes.kv, bias);
            let projected = self.linear_over(tape, encoded, matrix, part.words(), tokens);
            self.heads_of(tape, projected, [sizes.kv_heads, tokens, sizes.head], copies)
        });
        let projected = Projected { query, key, value, gate: None };
        let mut held = Vec::new();
        let (context, weights) = if self.fused_attention {
            (across.fused(tape, projected, attention, sizes), None)
        } else {
            let (context, weights) = across.eager(tape, projected, attention, sizes, Shared::NONE, &mut held);
            (context, Some(weights))
        };
        let matrix = self.weights(tape, Part::CrossOutput, sizes.context, self.h(), attention.output_bias);
        let output = self.linear(tape, context, matrix, Part::CrossOutput.words());
        tape.release(context);
        tape.release_each([query, key, value].into_iter().chain(held));
        (output, weights)
    }

    /// The feed-forward network, with dropout behind its activation; what it reads is let go.
    fn dropped_activations(&self, tape: &mut Tape, read: Tensor, mlp: &Mlp) -> Tensor {
        let width = Dim { symbol: "f", size: mlp.intermediate_size };
        let up = self.up(tape, read, (Part::Up, "mlp.up"), width, mlp.bias);
        let activated = self.activation(tape, up, mlp.activation, "mlp.activation");
        tape.release_each([up, read]);
        let acts = self.activation_dropout;
        let dropped = dropout(tape, acts, activated, "mlp.dropped activation", "mlp.activation dropout mask");
        tape.release(activated);
        let down = self.weights(tape, Part::Down, width, self.h(), mlp.bias);
        let output = self.linear(tape, dropped, down, "mlp.down");
        tape.release(dropped);
        output
    }
}
