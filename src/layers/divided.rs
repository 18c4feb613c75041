//! Tensor parallelism through PyTorch's DTensor: what a GPU allocates around products whose matrices several GPUs divide.
//!
//! `ColwiseParallel` and `RowwiseParallel` of PyTorch 2.15, as Transformers' own plans use them, and beside them
//! `SequenceParallel` and `loss_parallel`. Matrices are those of a GPU; what is recorded here is what GPUs send each other.

use super::Run;
use super::norm::Names;
use super::operations::{copy, fresh};
use crate::model::part::Split;
use crate::shape::Dim;
use crate::tape::{Operation, Rule, Tape, Tensor};

/// How a step is divided among the GPUs of a tensor-parallel group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Divided {
    /// How many there are.
    pub(crate) ways: u64,
    /// Whether they divide the residual stream by its tokens.
    pub(crate) sequence: bool,
    /// Whether the loss is computed of logits that stay divided by words.
    pub(crate) loss: bool,
    /// Words of the whole head, and rows of the whole table of tokens.
    pub(crate) words: [u64; 2],
}

impl Run<'_> {
    fn by_tokens(&self) -> Option<Divided> {
        self.divided.filter(|divided| divided.sequence)
    }

    /// Positions of each sequence that the residual stream has on one GPU.
    pub(crate) fn stream_s(&self) -> Dim {
        let s = self.s();
        Dim { size: self.by_tokens().map_or(s.size, |divided| s.size / divided.ways), ..s }
    }

    /// All tokens of a sequence, of which each GPU has some: what the products of a half of a layer read in place of the
    /// stream. Nothing where the stream has them all.
    pub(crate) fn all_tokens(&self, tape: &mut Tape, input: Tensor) -> Option<Tensor> {
        self.by_tokens()?;
        let whole = self.stream(tape, self.h());
        let by_gpu = tape.constant("tokens as they were gathered", whole, input.dtype);
        let operation =
            Operation { rule: Rule::AllGather, inputs: &[input], keeps: &[], extras: &[], keeps_output: false };
        let output = tape.of_subclass(|tape| tape.apply(&operation, "gathered tokens", whole, input.dtype));
        tape.release(by_gpu);
        Some(output)
    }

    /// A norm of the stream, of the tokens that a GPU has.
    pub(crate) fn norm_of_stream(&self, tape: &mut Tape, input: Tensor, names: Names) -> Tensor {
        let leading = [self.b(), self.stream_s()];
        match self.by_tokens() {
            None => self.norm(tape, input, &leading, self.h(), names),
            Some(_) => tape.of_subclass(|tape| self.norm(tape, input, &leading, self.h(), names)),
        }
    }

    /// A sum over GPUs, of which each has a term: all of it, or the tokens that are this one's. The term is let go.
    pub(crate) fn reduced(&self, tape: &mut Tape, term: Tensor, name: &'static str) -> Tensor {
        let output = if self.by_tokens().is_some() {
            let by_gpu = tape.constant("tokens as they are scattered", term.shape, term.dtype);
            let own = tape.shape(&[self.b(), self.stream_s(), self.h()]);
            let operation =
                Operation { rule: Rule::ReduceScatter, inputs: &[term], keeps: &[], extras: &[], keeps_output: false };
            let output = tape.apply(&operation, name, own, term.dtype);
            tape.release(by_gpu);
            output
        } else {
            copy(tape, term, name, term.shape)
        };
        tape.release(term);
        output
    }

    /// Records a product with a matrix that GPUs divide in this way; the one place where what they send each other around
    /// it is recorded. On one GPU that is the product alone.
    pub(crate) fn through(
        &self,
        tape: &mut Tape,
        split: Split,
        input: Tensor,
        (name, product): (&'static str, impl FnOnce(&mut Tape, Tensor) -> Tensor),
    ) -> Tensor {
        let Some(divided) = self.divided else { return product(tape, input) };
        match split {
            // What comes back to the input is a term of a sum over GPUs. Where they divide tokens, those were gathered
            // for all products of a half at once, and the sum is formed there.
            Split::Column if divided.sequence => product(tape, input),
            Split::Column | Split::Vocabulary => {
                let all = self.all_tokens(tape, input);
                let read = all.unwrap_or_else(|| tape.view_with_new_gradient(input, input.shape));
                let output = product(tape, read);
                tape.release(read);
                output
            }
            Split::Row => {
                let term = product(tape, input);
                self.reduced(tape, term, name)
            }
            Split::Expert | Split::Replicated => product(tape, input),
        }
    }

    /// Logits of all words, of which each GPU has made some; where the loss reads them as they are, those.
    pub(crate) fn gathered_logits(&self, tape: &mut Tape, own: Tensor, name: &'static str) -> Tensor {
        let Some(Divided { words: [words, _], loss: false, .. }) = self.divided else { return own };
        let whole = self.stream(tape, Dim { size: words, ..self.v() });
        let by_gpu = tape.constant("logits as they were gathered", whole, own.dtype);
        let output = fresh(tape, own, name, whole);
        tape.release(by_gpu);
        tape.release(own);
        output
    }
}

/// The logarithms of probabilities of which each GPU has those of its words: the sum over all words is formed of a
/// number for each token.
pub(crate) fn log_softmax_of_words(tape: &mut Tape, logits: Tensor) -> Tensor {
    let shifted = tape.constant("logits minus the largest", logits.shape, logits.dtype);
    let powers = tape.constant("powers of logits", logits.shape, logits.dtype);
    tape.release(powers);
    let operation =
        Operation { rule: Rule::LogSoftmaxOfPart, inputs: &[logits], keeps: &[], extras: &[], keeps_output: true };
    let output = tape.apply(&operation, "log-softmax", logits.shape, logits.dtype);
    tape.release(shifted);
    output
}
