//! Gemma 3n's layers (`AltUp`, alternating updates): each predicts all residual streams from those that enter, computes
//! attention and feed-forward network on the first of them, and corrects them all by what came of that.
//!
//! `Gemma3nTextDecoderLayer` and `Gemma3nTextAltUp` of Transformers, line by line; streams are `[n, b, s, h]`.

mod sparse;
mod streams;

use super::Run;
use super::attention::Shared;
use super::layer::{ATTENTION_NORM, ATTENTION_OUTPUT_NORM, FEED_FORWARD_NORM, FEED_FORWARD_OUTPUT_NORM, Outputs};
use super::linear::Linear;
use super::norm::names;
use super::operations::{
    ONE, cast, clamp, copy, fresh, join, kept_factors, multiply, repeat, subtract, unary_keeping_output,
};
use crate::model::architecture::Layer;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// A layer's streams before its halves have run.
const PREDICTED: &str = "streams.predicted";
/// The same after.
const CORRECTED: &str = "streams.corrected";

impl Run<'_> {
    /// A layer, from the streams that enter to those that leave.
    pub(crate) fn alternating_layer(
        &self,
        tape: &mut Tape,
        layer: &Layer,
        (input, streams): (Tensor, u64),
        shared: Shared,
    ) -> Outputs {
        let count = Dim { symbol: "n", size: streams };
        let own = self.own_vectors(tape, layer, shared);
        // The router's parameters are the first that are read, and read again for what came of it.
        let router = tape.next_parameter();
        let predicted = self.predicted(tape, input, count);
        let (activated, weights, locals) = self.with_first_activated(tape, layer, predicted, shared);
        let corrected = self.corrected(tape, [predicted, activated], (count, router));
        let first = self.first_stream(tape, corrected);
        let read = copy(tape, first, "streams.first", first.shape);
        tape.release(first);
        let read = self.by_output_scale(tape, read);
        let Some(own) = own else {
            tape.release_each([predicted, read, activated].into_iter().chain(locals));
            return (corrected, weights);
        };
        let added = self.of_vectors(tape, layer, read, own);
        let output = self.added_to_others(tape, corrected, added, count);
        tape.release(predicted);
        tape.release_each(locals);
        tape.release_each([activated, added, own]);
        (output, weights)
    }

    /// Attention, with the narrow projection beside it, and the feed-forward network on the first stream; and what the
    /// layer has in variables until it returns.
    fn with_first_activated(
        &self,
        tape: &mut Tape,
        layer: &Layer,
        predicted: Tensor,
        shared: Shared,
    ) -> (Tensor, Option<Tensor>, Vec<Tensor>) {
        let active = self.first_stream(tape, predicted);
        let normed = self.stream_norm(tape, active, ATTENTION_NORM);
        let beside = self.beside_attention(tape, layer, normed);
        let (attended, weights) = self.mix(tape, normed, layer, shared);
        let attended_normed = self.stream_norm(tape, attended, ATTENTION_OUTPUT_NORM);
        tape.release(attended);
        let gated = join(tape, [active, attended_normed], "residual stream", active.shape);
        let sum = join(tape, [gated, beside], "residual stream", active.shape);
        let middle = fresh(tape, sum, "residual stream", active.shape);
        tape.release(sum);
        let read = self.stream_norm(tape, middle, FEED_FORWARD_NORM);
        let fed = self.feed_forward(tape, read, &layer.feed_forward);
        let fed_normed = self.stream_norm(tape, fed, FEED_FORWARD_OUTPUT_NORM);
        let activated = join(tape, [middle, fed_normed], "residual stream", active.shape);
        let locals = vec![active, normed, beside, attended_normed, gated, middle, read, fed, fed_normed];
        (activated, weights, locals)
    }

    /// `LAuReL`: the normed stream, and its norm after two narrow matrices beside it.
    fn beside_attention(&self, tape: &mut Tape, layer: &Layer, normed: Tensor) -> Tensor {
        let Some(rank) = layer.variant.laurel_rank else { return tape.share(normed) };
        let rank = Dim { symbol: "r_l", size: rank };
        let down = self.weights(tape, Part::LaurelDown, self.h(), rank, false);
        let narrow = self.linear(tape, normed, down, "laurel.down");
        let up = self.weights(tape, Part::LaurelUp, rank, self.h(), false);
        let wide = self.linear(tape, narrow, up, "laurel.up");
        tape.release(narrow);
        let output = self.stream_norm(tape, wide, names!("laurel norm"));
        let sum = join(tape, [normed, output], "laurel.sum", normed.shape);
        tape.release_each([output, wide]);
        sum
    }

    /// `[n, b, s, h]`: each stream with a sum of all of them added, by weights that a router gives of the first.
    fn predicted(&self, tape: &mut Tape, input: Tensor, count: Dim) -> Tensor {
        let active = self.first_stream(tape, input);
        let modalities = self.modalities(tape, active, count);
        tape.release(active);
        let squared = Dim { symbol: "n²", size: count.size.saturating_mul(count.size) };
        let matrix = self.weights(tape, Part::StreamsPrediction, count, squared, false);
        let coefficients = self.linear(tape, modalities, matrix, "streams.prediction coefficients");
        let mixed = self.mixed_by(tape, input, (coefficients, count));
        // The product lies transposed, and what is added is added to a view of it.
        let sum = tape.add_to_part(mixed, input, input.shape);
        let view = tape.view_with_new_gradient(sum, input.shape);
        tape.release(sum);
        let lying = copy(tape, view, PREDICTED, input.shape);
        let predicted = cast(tape, lying, input.dtype, PREDICTED);
        tape.release_each([lying, modalities, coefficients, view]);
        predicted
    }

    /// `[b, s, h, n]`: the streams times coefficients `[b, s, n, n]`, which the product reads as they lie.
    fn mixed_by(&self, tape: &mut Tape, input: Tensor, (coefficients, count): (Tensor, Dim)) -> Tensor {
        // Taken apart and transposed: their gradient lies otherwise.
        let square = tape.shape(&[self.b(), self.s(), count, count]);
        let mixing = tape.view_with_new_gradient(coefficients, square);
        let compute = self.compute();
        let narrow = cast(tape, input, compute, "streams in 16 bits");
        let (kept, number) = kept_factors([narrow, mixing]);
        // The second factor's gradient is made first.
        let inputs = [mixing, narrow];
        let keeps = &kept[..number];
        let operation = Operation { rule: Rule::Product, inputs: &inputs, keeps, extras: &[], keeps_output: false };
        let mixed = tape.apply(&operation, PREDICTED, input.shape, compute);
        tape.product_workspace();
        tape.release_each([narrow, mixing]);
        mixed
    }

    /// `[n, b, s, h]`: the streams with what came of the first beyond its prediction, weighed for each of them.
    fn corrected(&self, tape: &mut Tape, [predicted, activated]: [Tensor; 2], (count, first): (Dim, usize)) -> Tensor {
        let modalities = tape.again_from(first, |tape| self.modalities(tape, activated, count));
        let active = self.first_stream(tape, predicted);
        let difference = subtract(tape, [activated, active], "streams.innovation", activated.shape);
        tape.release(active);
        let innovation = repeat(tape, difference, "streams.innovation", predicted.shape);
        tape.release(difference);
        let product = self.correction(tape, modalities, count);
        let shifted = copy(tape, product, "streams.correction coefficients", product.shape);
        tape.release(product);
        let shape = tape.shape(&[count, self.b(), self.s(), ONE]);
        let coefficients = tape.view(shifted, shape);
        tape.release(shifted);
        let product = multiply(tape, [innovation, coefficients], CORRECTED, predicted.shape);
        let corrected = tape.add_into(product, predicted);
        tape.release_each([modalities, innovation, coefficients]);
        corrected
    }

    /// `[b, s, n]`: a product with a matrix that is clipped first where the model is trained, past any adapter.
    fn correction(&self, tape: &mut Tape, modalities: Tensor, count: Dim) -> Tensor {
        let matrix = self.weights(tape, Part::StreamsCorrection, count, count, false);
        let name = "streams.correction coefficients";
        if !self.graph {
            return self.linear(tape, modalities, matrix, name);
        }
        let clipped = clamp(tape, Rule::Clamp, matrix.weight, "streams.clipped correction");
        let product = self.product(tape, modalities, Linear { weight: clipped, ..matrix }, name, self.s());
        tape.release(clipped);
        product
    }

    /// `[b, s, n]`: the tangents of what a narrow matrix gives of a norm of one stream.
    fn modalities(&self, tape: &mut Tape, input: Tensor, count: Dim) -> Tensor {
        let normed = self.stream_norm(tape, input, names!("streams.router norm"));
        let scaled = fresh(tape, normed, "streams.router input", normed.shape);
        tape.release(normed);
        let matrix = self.weights(tape, Part::StreamsRouter, self.h(), count, false);
        let routed = self.linear(tape, scaled, matrix, "streams.router");
        let wide = cast(tape, routed, Dtype::Fp32, "streams.router in fp32");
        let tangent = unary_keeping_output(tape, wide, "streams.router tangent");
        tape.release(wide);
        let narrow = cast(tape, tangent, input.dtype, "streams.modalities");
        tape.release_each([tangent, scaled, routed]);
        narrow
    }

    /// The first stream of all, whose gradient is one of all.
    fn first_stream(&self, tape: &mut Tape, streams: Tensor) -> Tensor {
        let shape = self.stream(tape, self.h());
        tape.view_with_new_gradient(streams, shape)
    }

    /// The first corrected stream, scaled channel by channel; it goes.
    fn by_output_scale(&self, tape: &mut Tape, read: Tensor) -> Tensor {
        let vector = tape.shape(&[self.h()]);
        let scale = tape.parameter(Part::StreamsOutputScale.name(Piece::Whole), vector, self.weights);
        let narrow = cast(tape, read, self.weights, "streams.first");
        let scaled = multiply(tape, [narrow, scale], "streams.scaled first", read.shape);
        let output = cast(tape, scaled, read.dtype, "streams.scaled first");
        tape.release_each([scaled, narrow, read]);
        output
    }

    /// All streams but the first with something added, in place: `streams[1:] += added`, which is an addition to a view and
    /// then that view written into what it is a view of. The streams go.
    fn added_to_others(&self, tape: &mut Tape, streams: Tensor, added: Tensor, count: Dim) -> Tensor {
        let others = Dim { symbol: "(n-1)", size: count.size - 1 };
        let shape = tape.shape(&[others, self.b(), self.s(), self.h()]);
        let sum = tape.add_to_part(streams, added, shape);
        let part = tape.view_with_new_gradient(sum, shape);
        let written = tape.write_into(sum, part);
        tape.release(part);
        written
    }
}
