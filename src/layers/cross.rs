//! Llama 3.2 Vision: layers of a decoder that attend to images, and not to the sequence. Where there are none they do not
//! run.

use super::Run;
use super::attention::sizes::Sizes;
use super::attention::{Encoded, Shared};
use super::layer::{ATTENTION_NORM, FEED_FORWARD_NORM, Outputs};
use super::norm::names;
use super::operations::{ONE, cast, join, multiply, unary_keeping_output};
use super::tower::Seen;
use crate::model::architecture::{Attention, Layer};
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

impl Run<'_> {
    /// What the images of a run are to its layers, from what the projector gave of them; the mask goes by the numbers that
    /// are fed for each token and tile.
    pub(crate) fn encoded(&self, tape: &mut Tape, seen: &Seen, states: Option<Tensor>) -> Encoded {
        let tokens = Dim { symbol: "n", size: seen.given() };
        let [whole, rows] = [vec![self.b(), self.s(), tokens], vec![self.b(), self.s()]].map(|dims| tape.shape(&dims));
        let repeated = tape.constant("tiles that tokens see", whole, Dtype::Int64);
        let inverted = tape.constant("tiles that tokens do not see", whole, Dtype::Fp32);
        let narrow = cast(tape, inverted, self.weights, "tiles that tokens do not see");
        tape.release(inverted);
        let hidden = tape.constant("tiles that tokens do not see", whole, Dtype::Bool);
        let mask = tape.constant("mask of images", whole, self.weights);
        tape.release_each([hidden, repeated]);
        let any_hidden = tape.constant("tiles that tokens see", whole, Dtype::Bool);
        let any = tape.constant("tokens that see images", rows, Dtype::Bool);
        tape.release(any_hidden);
        let rows = tape.constant("tokens that see images", rows, self.weights);
        tape.release_each([any, narrow]);
        Encoded { states, mask, rows }
    }

    /// A layer that attends to images, from the residual stream that enters to the one that leaves.
    pub(crate) fn cross_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        let (Some(attention), Some(encoded)) = (layer.attention(), shared.encoded) else {
            return (tape.share(input), None);
        };
        let normed = self.stream_norm(tape, input, ATTENTION_NORM);
        let attended = self.cross_attention(tape, normed, attention, encoded);
        tape.release(normed);
        let middle = self.add_gated(tape, [input, attended], Part::AttentionScale);
        tape.release(attended);
        let normed = self.stream_norm(tape, middle, FEED_FORWARD_NORM);
        let fed = self.feed_forward(tape, normed, &layer.feed_forward);
        tape.release(normed);
        let kept = multiply(tape, [encoded.rows, fed], "mlp.output of tokens that see images", fed.shape);
        tape.release(fed);
        let output = self.add_gated(tape, [middle, kept], Part::FeedForwardScale);
        tape.release(kept);
        tape.release(middle);
        (output, None)
    }

    /// The residual stream with what a half gives, weighed by the tangent of a learned number.
    fn add_gated(&self, tape: &mut Tape, [stream, added]: [Tensor; 2], part: Part) -> Tensor {
        let weighed = self.gated(tape, added, part);
        let sum = join(tape, [stream, weighed], "residual stream", stream.shape);
        tape.release(weighed);
        sum
    }

    /// What a half of a layer gives, weighed by the tangent of a learned number.
    pub(crate) fn gated(&self, tape: &mut Tape, output: Tensor, part: Part) -> Tensor {
        let tangent = self.tangent(tape, part);
        let weighed = multiply(tape, [tangent, output], "weighed output", output.shape);
        tape.release(tangent);
        weighed
    }

    /// The tangent of what weighs something, one number.
    pub(crate) fn tangent(&self, tape: &mut Tape, part: Part) -> Tensor {
        let one = tape.shape(&[ONE]);
        let gate = tape.parameter(part.words(), one, self.weights);
        unary_keeping_output(tape, gate, "tangent of a gate")
    }

    /// Queries of the sequence over keys and values of images, both normed head by head.
    fn cross_attention(&self, tape: &mut Tape, input: Tensor, attention: &Attention, encoded: Encoded) -> Tensor {
        let sizes = Sizes::of(attention);
        let matrix = self.weights(tape, Part::Query, self.h(), sizes.query, false);
        let projected = self.linear(tape, input, matrix, "attention.query");
        let query = self.normed_by_head(tape, projected, [self.s(), sizes.heads, sizes.head], true);
        let [key, value] = self.of_images(tape, sizes, encoded);
        // One query reads the keys of its group as they are.
        let repeats = !self.is_a_step();
        let named = [(key, "attention.key for every head"), (value, "attention.value for every head")];
        let [all_keys, all_values] = named.map(|(part, name)| {
            let tokens = (attention, encoded.tokens(tape));
            if repeats { self.repeat_over(tape, part, tokens, sizes, name) } else { tape.share(part) }
        });
        let compute = self.compute();
        // Autocast casts the last argument first.
        let mask = cast(tape, encoded.mask, compute, "mask of images");
        let [value_read, key_read, query_read] =
            [(all_values, "attention.value"), (all_keys, "attention.key"), (query, "attention.query")]
                .map(|(tensor, name)| cast(tape, tensor, compute, name));
        let padded = Self::mask_in_eights(tape, mask, "attention.mask of images");
        let context = self.kernel(tape, [query_read, key_read, value_read], Some(padded), (sizes, false));
        tape.release_each([padded, query_read, key_read, value_read, mask]);
        let shape = self.stream(tape, sizes.context);
        let flat = tape.view(context, shape);
        tape.release_each([context, all_keys, all_values]);
        let output = self.attention_output(tape, flat, attention);
        tape.release_each([flat, query, key, value]);
        output
    }

    /// Keys and values of all images: from a cache, where that has them.
    fn of_images(&self, tape: &mut Tape, sizes: Sizes, encoded: Encoded) -> [Tensor; 2] {
        let tokens = encoded.tokens(tape);
        let Some(states) = encoded.states else {
            let shape = tape.shape(&[self.b(), sizes.kv_heads, tokens, sizes.head]);
            return ["keys of images", "values of images"].map(|name| tape.cached_as(name, shape, self.weights));
        };
        let [key, value] = [(Part::Key, "attention.key"), (Part::Value, "attention.value")].map(|(part, name)| {
            let matrix = self.weights(tape, part, self.h(), sizes.kv, false);
            self.linear_over(tape, states, matrix, name, tokens)
        });
        let key = self.normed_by_head(tape, key, [tokens, sizes.kv_heads, sizes.head], false);
        let value = self.heads_of(tape, value, [sizes.kv_heads, tokens, sizes.head], false);
        if !self.caches() {
            return [key, value];
        }
        // What is put into an empty cache is copied there.
        let kept = [("keys of images", key), ("values of images", value)]
            .map(|(name, part)| tape.cache(name, part.shape, part.dtype));
        tape.release_each([key, value]);
        kept
    }

    /// `[b, tokens, heads·d]` as `[b, heads, tokens, d]`, each head of each token normed where it lies.
    fn normed_by_head(&self, tape: &mut Tape, input: Tensor, dims: [Dim; 3], of_query: bool) -> Tensor {
        let [tokens, heads, head] = dims;
        let shape = tape.shape(&[self.b(), tokens, heads, head]);
        let apart = tape.view(input, shape);
        tape.release(input);
        let names = if of_query { names!("attention.query norm") } else { names!("attention.key norm") };
        let normed = self.query_key_norm(tape, apart, &[self.b(), tokens, heads], head, names);
        tape.release(apart);
        self.heads_of(tape, normed, [heads, tokens, head], false)
    }
}
