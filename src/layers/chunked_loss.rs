//! A loss that never holds all logits: of a chunk of tokens at a time, computed again in backward.

use super::operations::cast;
use super::{Linear, Run};
use crate::scenario::Loss;
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Segment, Tape, Tensor};

impl Run<'_> {
    /// Head and cross-entropy as one operation: keeps the head's input, its matrix, the labels and one statistic a
    /// token, and computes logits again in backward.
    pub(crate) fn loss_without_logits(&self, tape: &mut Tape, stream: Tensor, head: Linear) -> Tensor {
        tape.enter(Segment::Head);
        let weight = if self.autocast { tape.cached_copy(head.weight) } else { head.weight };
        let narrowed = cast(tape, stream, self.compute(), "input in 16 bits");
        tape.enter(Segment::Loss);
        let tokens = tape.shape(&[self.b(), self.s()]);
        let labels = tape.constant("shifted labels", tokens, Dtype::Int64);
        let scratch = self.logits_of_a_chunk(tape, head.outputs, 1);
        // Gradients of the head and of its input are the head's, whichever kernel makes them.
        tape.enter(Segment::Head);
        let inputs = [weight, narrowed, head.bias.unwrap_or(weight)];
        let operation = Operation {
            rule: Rule::Each,
            inputs: if head.bias.is_some() { &inputs } else { &inputs[..2] },
            keeps: &[narrowed, weight, labels],
            extras: &[Extra { name: "loss.log-sum-exp", shape: tokens, dtype: Dtype::Fp32 }],
            keeps_output: false,
        };
        let scalar = tape.shape(&[]);
        let loss = tape.apply(&operation, "loss", scalar, Dtype::Fp32);
        tape.assign(loss, Segment::Loss);
        for tensor in scratch {
            tape.release(tensor);
        }
        tape.release(labels);
        tape.release(narrowed);
        if self.autocast {
            tape.release(weight);
        }
        loss
    }

    /// What a chunked loss holds of its logits while it works on one chunk: themselves, and in fp32 their copy and
    /// so many more of their shape.
    pub(crate) fn logits_of_a_chunk(&self, tape: &mut Tape, vocabulary: Dim, more: u64) -> Vec<Tensor> {
        if self.loss_kind != Loss::Chunked {
            return Vec::new();
        }
        tape.enter(Segment::Loss);
        let rows = self.batch.saturating_mul(self.sequence).div_ceil(self.loss_chunks.max(1));
        let shape = tape.shape(&[Dim { symbol: "(b·s/chunks)", size: rows }, vocabulary]);
        let mut chunk = vec![tape.constant("logits of a chunk", shape, self.compute())];
        if self.compute() != Dtype::Fp32 {
            chunk.push(tape.constant("logits of a chunk in fp32", shape, Dtype::Fp32));
        }
        let names = ["log-softmax of a chunk", "gradient of a chunk's logits"];
        for name in names.into_iter().take(usize::try_from(more).unwrap_or(names.len())) {
            chunk.push(tape.constant(name, shape, Dtype::Fp32));
        }
        for tensor in &chunk {
            tape.estimate(*tensor);
        }
        chunk
    }
}
