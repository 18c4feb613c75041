//! What a step is given, and the numbers that the loop keeps.

use super::{PREVIOUS, TransformerDecoder};
use crate::layers::model::ONE;
use crate::shape::Dim;
use crate::tape::{Dtype, Segment, Tape, Tensor};

/// Tokens in a block of the mask for packed sequences.
const BLOCK: u64 = 128;

/// A batch on the device.
#[derive(Clone, Copy)]
pub(crate) struct Batch {
    /// Token ids.
    pub(crate) tokens: Tensor,
    /// Labels, until they are shifted.
    pub(crate) labels: Tensor,
}

/// What the loop knows of the step and of the one before.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    /// How many tokens of the batch have a label.
    pub(crate) tokens: Tensor,
    /// The loss of the micro batch before, which goes when this one's is there.
    pub(crate) loss_before: Tensor,
}

impl TransformerDecoder<'_> {
    /// Token ids and labels; for packed ones the position of each token in its sample, the sample of each token, and which
    /// blocks of scores are computed, wholly and in part, by rows and by columns.
    pub(crate) fn batch(&self, tape: &mut Tape) -> Batch {
        tape.enter(Segment::Embedding);
        let run = self.run;
        let shape = tape.shape(&[run.b(), run.s()]);
        let tokens = tape.constant("input ids", shape, Dtype::Int64);
        let labels = tape.constant("labels", shape, Dtype::Int64);
        if run.padding {
            tape.constant("positions in samples", shape, Dtype::Int64);
            let blocks = Dim { symbol: "s/128", size: run.sequence.div_ceil(BLOCK) };
            let four = Dim { symbol: "", size: 4 };
            let counts = tape.shape(&[four, run.b(), blocks]);
            let indices = tape.shape(&[four, run.b(), blocks, blocks]);
            // 32-bit integers.
            let made = [
                tape.constant("blocks of the mask, counted", counts, Dtype::Fp32),
                tape.constant("blocks of the mask", indices, Dtype::Fp32),
                tape.constant("samples of tokens", shape, Dtype::Int64),
            ];
            for tensor in made {
                tape.estimate(tensor);
            }
        }
        Batch { tokens, labels }
    }

    /// What the loop logged of the step before, and what it counts of this one.
    pub(crate) fn count(&self, tape: &mut Tape) -> Counted {
        tape.enter(Segment::Loss);
        let scalar = tape.shape(&[]);
        for _ in ["loss", "tokens per second"] {
            tape.left_by_step_before(PREVIOUS, scalar, Dtype::Fp32);
        }
        let loss_before = tape.left_by_step_before(PREVIOUS, scalar, Dtype::Fp32);
        let tokens_before = tape.left_by_step_before(PREVIOUS, scalar, Dtype::Int64);
        let accumulates = self.run.keep_gradients;
        if accumulates {
            Self::sums(tape);
        }
        let shape = tape.shape(&[self.run.b(), self.run.s()]);
        let counted = tape.constant("tokens that count", shape, Dtype::Bool);
        let tokens = tape.constant("number of tokens that count", scalar, Dtype::Int64);
        tape.release(counted);
        tape.release(tokens_before);
        if !accumulates {
            tape.constant("number of tokens of the step", scalar, Dtype::Int64);
        }
        Counted { tokens, loss_before }
    }

    /// Sums over the micro batches of a step, which those after the first are added to.
    fn sums(tape: &mut Tape) {
        let scalar = tape.shape(&[]);
        tape.constant("number of tokens of the step", scalar, Dtype::Int64);
        tape.constant("loss of the step", scalar, Dtype::Fp32);
    }

    /// `[V]`.
    pub(crate) fn vocabulary(&self) -> Dim {
        self.run.v()
    }

    /// So many positions at a time, as `chunk` cuts them; one piece where logits are computed at once.
    pub(crate) fn chunks(&self) -> Vec<Dim> {
        let all = self.run.sequence;
        let most = all.div_ceil(self.run.loss_chunks.max(1)).max(ONE.size);
        (0..all.div_ceil(most)).map(|index| Dim { symbol: "c", size: most.min(all - index * most) }).collect()
    }

    /// Whether rows of a chunk lie apart: several sequences, and not all of each.
    pub(crate) fn lies_apart(&self, chunk: Dim) -> bool {
        self.run.batch > 1 && chunk.size > 1 && chunk.size < self.run.sequence
    }
}
