//! One layer: norms, attention, feed-forward, residuals, by where the norms stand.

mod adding_inside;
mod beside;
mod halves;
mod parallel;
mod vectors;

use self::halves::mixer_norm;
use super::Run;
use super::attention::Shared;
use super::norm::{Names, names};
use super::operations::{cast, fresh, join};
use crate::families::code::HeldNorm;
use crate::model::architecture::{FeedForward, Layer, Mixer};
use crate::model::family::Placement;
use crate::tape::{Dtype, Tape, Tensor};

pub(crate) const ATTENTION_NORM: Names = names!("attention norm");
const MIXER_NORM: Names = names!("mixer norm");
pub(crate) const FEED_FORWARD_NORM: Names = names!("feed-forward norm");
pub(crate) const ATTENTION_OUTPUT_NORM: Names = names!("attention output norm");
pub(crate) const FEED_FORWARD_OUTPUT_NORM: Names = names!("feed-forward output norm");

/// What a layer leaves in variables: the residual stream, and the attention weights where they are a tensor.
pub(crate) type Outputs = (Tensor, Option<Tensor>);

impl Run<'_> {
    /// A layer, from the residual stream that enters to the one that leaves, with its attention weights.
    pub(crate) fn layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        if let Some(output) = self.compiled_layer(tape, layer, input, shared) {
            return (output, None);
        }
        match (&layer.mixer, &layer.feed_forward) {
            (Mixer::None, FeedForward::None) => return (tape.share(input), None),
            (Mixer::None, _) => return (self.feed_forward_alone(tape, layer, input), None),
            (_, FeedForward::None) => return self.mixer_alone(tape, layer, input, shared),
            _ => {}
        }
        if layer.attends_to_tower() {
            return self.cross_layer(tape, layer, input, shared);
        }
        if layer.variant.mixed_streams.is_some() {
            return self.mixed_layer(tape, layer, input, shared);
        }
        if let Some(streams) = layer.variant.streams {
            return self.alternating_layer(tape, layer, (input, streams), shared);
        }
        if layer.variant.reads_blocks {
            return self.reading_layer(tape, layer, input, shared);
        }
        if self.code.sums_in_place && layer.placement != Placement::Pre {
            return self.summed_in_place_layer(tape, layer, input, shared);
        }
        if let (Mixer::Attention(attention), FeedForward::Dense(mlp), true) =
            (&layer.mixer, &layer.feed_forward, self.is_bert(layer))
        {
            return self.bert_layer(tape, attention, mlp, input, shared);
        }
        match layer.placement {
            Placement::Pre => self.pre_norm_layer(tape, layer, input, shared),
            Placement::Post => self.post_norm_layer(tape, layer, input, shared),
            Placement::Parallel => self.parallel_layer(tape, layer, input, shared),
            Placement::ParallelOneNorm => self.parallel_one_norm_layer(tape, layer, input, shared),
            Placement::Sandwich => self.sandwich_layer(tape, layer, input, shared),
            Placement::NormedStream => self.normed_stream_layer(tape, layer, input, shared),
            Placement::NormedResidual => self.normed_residual_layer(tape, layer, input, shared),
            Placement::AfterResidual => self.norm_after_residual_layer(tape, layer, input, shared),
        }
    }

    fn mixer_alone(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        // Mamba's stream is fp32 from the first sum on.
        let wide = if self.code.stream_in_fp32 { Dtype::Fp32 } else { input.dtype };
        let narrow = if self.code.stream_in_fp32 { self.weights } else { input.dtype };
        let normed_input = cast(tape, input, narrow, "residual stream in the weights' type");
        let stream = cast(tape, input, wide, "residual stream in fp32");
        let (attended, weights) = self.normed_attention(tape, layer, normed_input, shared);
        tape.release(normed_input);
        let output = join(tape, [stream, attended], "residual stream", input.shape);
        tape.release(stream);
        tape.release(attended);
        (output, weights)
    }

    fn normed_residual_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        let normed = self.stream_norm(tape, input, ATTENTION_NORM);
        let (attended, weights) = self.mix(tape, normed, layer, shared);
        let attended = self.dropped_attention(tape, attended);
        let middle = join(tape, [normed, attended], "residual stream", input.shape);
        tape.release(attended);
        let again = self.stream_norm(tape, middle, FEED_FORWARD_NORM);
        tape.release(normed);
        let fed_in = tape.share(again);
        let fed = self.fed_forward(tape, fed_in, layer);
        let output = join(tape, [again, fed], "residual stream", input.shape);
        for tensor in [fed, again, middle] {
            tape.release(tensor);
        }
        (output, weights)
    }

    fn norm_after_residual_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        let (attended, weights) = self.mix(tape, input, layer, shared);
        let attended = self.dropped_attention(tape, attended);
        let sum = join(tape, [input, attended], "residual stream", input.shape);
        tape.release(attended);
        let middle = self.stream_norm(tape, sum, ATTENTION_NORM);
        tape.release(sum);
        let fed_in = tape.share(middle);
        let fed = self.fed_forward(tape, fed_in, layer);
        let sum = join(tape, [middle, fed], "residual stream", input.shape);
        tape.release(fed);
        let output = self.stream_norm(tape, sum, FEED_FORWARD_NORM);
        tape.release(sum);
        tape.release(middle);
        (output, weights)
    }

    /// MiniMax-01: what a sublayer's output is added to is the norm of the stream, and both are weighed by constants.
    fn normed_stream_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        let normed = self.stream_norm(tape, input, mixer_norm(layer));
        let (mixed, weights) = self.mix(tape, normed, layer, shared);
        let middle = weighed_sum(tape, [normed, mixed]);
        let normed = self.stream_norm(tape, middle, FEED_FORWARD_NORM);
        tape.release(middle);
        let fed = self.feed_forward(tape, normed, &layer.feed_forward);
        let output = weighed_sum(tape, [normed, fed]);
        (output, weights)
    }

    fn feed_forward_alone(&self, tape: &mut Tape, layer: &Layer, input: Tensor) -> Tensor {
        let fed = self.normed_feed_forward(tape, layer, input);
        let output = join(tape, [input, fed], "residual stream", input.shape);
        tape.release(fed);
        output
    }

    fn sandwich_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        let own = self.own_vectors(tape, layer, shared);
        let (attended, weights) = self.normed_attention(tape, layer, input, shared);
        let middle = self.add_normed(tape, input, attended, ATTENTION_OUTPUT_NORM);
        let fed = match Self::side_by_side_with_experts(layer) {
            Some((experts, dense)) => self.beside_experts(tape, middle, experts, dense),
            None => self.normed_feed_forward(tape, layer, middle),
        };
        let output = self.add_normed(tape, middle, fed, FEED_FORWARD_OUTPUT_NORM);
        tape.release(middle);
        let output = match own {
            Some(own) => self.with_vectors(tape, layer, output, own),
            None => output,
        };
        (self.scaled_in_place(tape, output), weights)
    }

    /// A layer's output times its number: the same tensor, whose gradient is another.
    fn scaled_in_place(&self, tape: &mut Tape, output: Tensor) -> Tensor {
        if !self.code.scales_layers {
            return output;
        }
        tape.scaled_by_buffer(output)
    }

    /// The residual stream with a sublayer's output added after its norm; the output is let go.
    fn add_normed(&self, tape: &mut Tape, stream: Tensor, output: Tensor, names: Names) -> Tensor {
        let normed = self.stream_norm(tape, output, names);
        tape.release(output);
        let sum = join(tape, [stream, normed], "residual stream", stream.shape);
        tape.release(normed);
        sum
    }

    fn pre_norm_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        if let (HeldNorm::UntilNextNorm, Mixer::Attention(attention), FeedForward::Dense(mlp)) =
            (self.code.holds_normed, &layer.mixer, &layer.feed_forward)
        {
            return self.layer_adding_inside(tape, (attention, mlp), input, shared);
        }
        let holds = self.code.holds_normed == HeldNorm::UntilAdded;
        let normed = self.mixer_normed(tape, layer, input);
        let (attended, weights) = self.mix(tape, normed, layer, shared);
        let held = holds.then(|| tape.share(normed));
        let until_output = (self.code.holds_normed == HeldNorm::FirstUntilOutput).then(|| tape.share(normed));
        tape.release(normed);
        let attended = self.dropped_attention(tape, attended);
        let middle = self.add_residual(tape, [input, attended]);
        tape.release_each(held);
        if !self.code.holds_attention_output {
            tape.release(attended);
        }
        let middle = self.tokens_in_rows(tape, middle);
        let normed = self.stream_norm(tape, middle, FEED_FORWARD_NORM);
        let held = holds.then(|| tape.share(normed));
        let fed = self.fed_forward(tape, normed, layer);
        let output = self.add_residual(tape, [middle, fed]);
        let output = self.tokens_in_rows(tape, output);
        tape.release_each(held.into_iter().chain(until_output));
        if self.code.holds_attention_output {
            tape.release(attended);
        }
        tape.release(fed);
        tape.release(middle);
        (output, weights)
    }

    /// The residual stream and what a sublayer adds to it.
    fn add_residual(&self, tape: &mut Tape, [stream, added]: [Tensor; 2]) -> Tensor {
        if !self.code.scaled_residuals {
            return join(tape, [stream, added], "residual stream", stream.shape);
        }
        let weighed = fresh(tape, added, "weighed output", added.shape);
        let sum = join(tape, [stream, weighed], "residual stream", stream.shape);
        tape.release(weighed);
        sum
    }

    fn post_norm_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        let (attended, weights) = self.mix(tape, input, layer, shared);
        let middle = self.add_normed(tape, input, attended, mixer_norm(layer));
        let fed = self.feed_forward(tape, middle, &layer.feed_forward);
        let output = self.add_normed(tape, middle, fed, FEED_FORWARD_NORM);
        tape.release(middle);
        (output, weights)
    }

    pub(crate) fn stream_norm(&self, tape: &mut Tape, input: Tensor, names: Names) -> Tensor {
        self.norm_of_stream(tape, input, names)
    }
}

/// A product with a constant, in place of what it was.
fn scaled(tape: &mut Tape, input: Tensor, name: &'static str) -> Tensor {
    let output = fresh(tape, input, name, input.shape);
    tape.release(input);
    output
}

/// The sum of two tensors, each multiplied by a constant; both are let go.
fn weighed_sum(tape: &mut Tape, terms: [Tensor; 2]) -> Tensor {
    let shape = terms[0].shape;
    let terms = terms.map(|term| scaled(tape, term, "weighed residual stream"));
    let sum = join(tape, terms, "residual stream", shape);
    for term in terms {
        tape.release(term);
    }
    sum
}
