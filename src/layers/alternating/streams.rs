//! What stands before the first of Gemma 3n's layers and behind the last: more streams than one made of what was embedded,
//! each as large as that, and one made of them again. `Gemma3nTextModel.forward` of Transformers, line by line.

use crate::layers::Run;
use crate::layers::norm::row;
use crate::layers::operations::{cast, clamp, divide, fresh, multiply, power};
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Segment, Tape, Tensor};

/// What the model's code has in variables beside the streams while its layers run.
#[derive(Debug, Default)]
pub(crate) struct Spread {
    /// The streams one by one.
    each: Vec<Tensor>,
    /// How large they are.
    target: Option<Tensor>,
    latest: Latest,
}

/// The variables of the loop that makes one stream after another.
#[derive(Debug, Default)]
struct Latest {
    projected: Option<Tensor>,
    current: Option<Tensor>,
    magnitude: Option<Tensor>,
}

impl Run<'_> {
    /// `[n, b, s, h]`: what was embedded, and projections of it beside it, where there are several streams.
    pub(crate) fn spread(&self, tape: &mut Tape, input: Tensor) -> (Tensor, Spread) {
        let Some(streams) = self.architecture.streams else { return (input, Spread::default()) };
        let target = self.magnitude(tape, input);
        let (mut each, mut latest) = (vec![input], Latest::default());
        for _ in 1..streams {
            each.push(self.as_large(tape, (input, Part::StreamsProjection), target, &mut latest));
        }
        (self.stacked(tape, &each), Spread { each, target: Some(target), latest })
    }

    /// `[b, s, h]`: the mean of the first stream and of a projection of each other. What is in variables until the model
    /// returns goes to `held`.
    pub(crate) fn gathered(&self, tape: &mut Tape, input: Tensor, spread: Spread, held: &mut Vec<Tensor>) -> Tensor {
        let Some(streams) = self.architecture.streams else { return input };
        tape.enter(Segment::FinalNorm);
        let stream = self.stream(tape, self.h());
        let first = tape.view_with_new_gradient(input, stream);
        let target = self.magnitude(tape, first);
        tape.release(first);
        tape.release_each(spread.target);
        let mut each = vec![tape.view_with_new_gradient(input, stream)];
        tape.release_each(spread.each);
        // The projection of the last stream before the layers has a name of its own.
        held.extend(spread.latest.projected);
        let mut latest = Latest { projected: None, ..spread.latest };
        for _ in 1..streams {
            let one = tape.view_with_new_gradient(input, stream);
            each.push(self.as_large(tape, (one, Part::StreamsProjectionBack), target, &mut latest));
            tape.release(one);
        }
        let stacked = self.stacked(tape, &each);
        tape.release(input);
        let mean = fresh(tape, stacked, "mean of streams", stream);
        tape.release(stacked);
        held.append(&mut each);
        held.extend([Some(target), latest.projected, latest.current, latest.magnitude].into_iter().flatten());
        mean
    }

    /// `[b, s, 1]`: the root of the mean square of each token.
    fn magnitude(&self, tape: &mut Tape, input: Tensor) -> Tensor {
        let mean = self.mean_square(tape, input);
        let root = power(tape, mean, "streams.magnitude");
        tape.release(mean);
        root
    }

    /// `[b, s, 1]`; autocast computes powers in fp32.
    fn mean_square(&self, tape: &mut Tape, input: Tensor) -> Tensor {
        let dtype = if self.autocast { Dtype::Fp32 } else { input.dtype };
        let wide = cast(tape, input, dtype, "streams.input in fp32");
        let square = power(tape, wide, "square");
        tape.release(wide);
        let each = row(tape, &[self.b(), self.s()]);
        let mean = fresh(tape, square, "streams.mean square", each);
        tape.release(square);
        mean
    }

    /// A projection of a stream, scaled to be as large as the first; it stays in a variable until the next takes its place.
    fn as_large(&self, tape: &mut Tape, (input, part): (Tensor, Part), target: Tensor, latest: &mut Latest) -> Tensor {
        let matrix = self.weights(tape, part, self.h(), self.h(), false);
        let projected = self.linear(tape, input, matrix, "streams.projection");
        tape.release_each(latest.projected.replace(projected));
        let current = cast(tape, projected, self.weights, "streams.projection");
        tape.release_each(latest.current.replace(current));
        let mean = self.mean_square(tape, current);
        tape.release_each(latest.magnitude.replace(mean));
        let least = clamp(tape, Rule::ClampAbove, mean, "streams.mean square");
        let root = Operation { rule: Rule::Root, inputs: &[least], keeps: &[], extras: &[], keeps_output: true };
        let root = tape.apply(&root, "streams.magnitude of projection", least.shape, least.dtype);
        tape.release(least);
        tape.release_each(latest.magnitude.replace(root));
        let product = multiply(tape, [current, target], "streams.scaled projection", current.shape);
        let scaled = divide(tape, [product, root], "streams.scaled projection");
        tape.release(product);
        tape.release_each(latest.current.replace(scaled));
        tape.share(scaled)
    }

    /// Streams one behind the other: the gradient of each is a part of theirs.
    fn stacked(&self, tape: &mut Tape, streams: &[Tensor]) -> Tensor {
        let count = Dim { symbol: "n", size: streams.len() as u64 };
        let shape = tape.shape(&[count, self.b(), self.s(), self.h()]);
        let dtype = streams.iter().fold(self.weights, |dtype, stream| dtype.promoted(stream.dtype));
        let operation = Operation { rule: Rule::Pass, inputs: streams, keeps: &[], extras: &[], keeps_output: false };
        tape.apply(&operation, "residual streams", shape, dtype)
    }
}
