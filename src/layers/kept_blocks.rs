//! Layers of Kimi K3 in serving: the stream is kept before every so many layers, and each half reads a sum of all that
//! was kept and of what came since. Read off the code that came with the checkpoint, operation by operation; without a
//! graph, since none is known.

use super::Run;
use super::attention::Shared;
use super::compressed::moment;
use super::layer::Outputs;
use super::operations::{cast, join};
use crate::model::architecture::Layer;
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

impl Run<'_> {
    /// The streams that are kept, `[b, s, n, h]`: as many as the last layers have, of which there are most.
    pub(crate) fn kept_blocks(&self, tape: &mut Tape) -> Option<Tensor> {
        let count = Dim { symbol: "n", size: self.architecture.kept_blocks? };
        let shape = tape.shape(&[self.b(), self.s(), count, self.h()]);
        Some(tape.constant("kept residual streams", shape, self.weights))
    }

    /// The sum of the kept streams and the one that enters, by a softmax of their normed copies' products with a vector,
    /// in fp32.
    pub(crate) fn read_blocks(&self, tape: &mut Tape, stream: Tensor) -> Tensor {
        let Some(count) = self.architecture.kept_blocks else { return tape.share(stream) };
        let all = tape.shape(&[self.b(), self.s(), Dim { symbol: "(n+1)", size: count + 1 }, self.h()]);
        let joined = tape.constant("kept and present streams", all, stream.dtype);
        let wide = tape.constant("kept and present streams in fp32", all, Dtype::Fp32);
        moment(tape, &[("square", all, Dtype::Fp32)]);
        let normed = tape.constant("normed streams", all, Dtype::Fp32);
        moment(tape, &[("products of streams", all, Dtype::Fp32)]);
        tape.release(normed);
        let sum = tape.constant("sum of streams in fp32", stream.shape, Dtype::Fp32);
        let read = cast(tape, sum, stream.dtype, "sum of streams");
        for tensor in [sum, wide, joined] {
            tape.release(tensor);
        }
        read
    }

    /// The stream that the final norm reads, in place of the one that leaves the last layer.
    pub(crate) fn last_read(&self, tape: &mut Tape, stream: Tensor) -> Tensor {
        let read = self.read_blocks(tape, stream);
        tape.release(stream);
        read
    }

    /// A layer each half of which reads what was kept.
    pub(crate) fn reading_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        let read = self.read_blocks(tape, input);
        let (mixed, weights) = self.normed_attention(tape, layer, read, shared);
        tape.release(read);
        let middle = join(tape, [input, mixed], "residual stream", input.shape);
        tape.release(mixed);
        let read = self.read_blocks(tape, middle);
        let fed = self.normed_feed_forward(tape, layer, read);
        tape.release(read);
        let output = join(tape, [middle, fed], "residual stream", input.shape);
        tape.release(fed);
        tape.release(middle);
        (output, weights)
    }
}
