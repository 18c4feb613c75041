//! The loss: `chunked_cross_entropy`, over rows of logits in fp32.

use super::Gpt;
use super::head::pieces;
use crate::layers::operations::{copy, unary_keeping_output};
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};

/// What the loss leaves behind.
pub(crate) struct Loss {
    /// The losses of tokens, whose mean backward begins with.
    pub(crate) tokens: Vec<Tensor>,
    /// The number of tokens, which backward lets go first.
    pub(crate) divisor: Tensor,
    /// What backward is called on.
    pub(crate) scaled: Tensor,
}

impl Gpt<'_> {
    /// Cross-entropy over 128 positions, or 128 tokens, at a time.
    pub(crate) fn loss(&self, tape: &mut Tape, read: Vec<Tensor>) -> Loss {
        let run = self.run;
        let mut tokens = Vec::new();
        let (parts, counts) = self.rows(tape, read);
        let mut targets = Vec::new();
        for count in &counts {
            // One sequence: targets are views of the labels.
            let shape = tape.shape(&[*count]);
            let target = if run.batch == 1 || self.lora.is_none() {
                Tape::buffer(shape, Dtype::Int64)
            } else {
                tape.constant("shifted labels", shape, Dtype::Int64)
            };
            targets.push(target);
        }
        if run.batch > 1 && self.lora.is_none() {
            let all = tape.shape(&[run.b(), Dim { symbol: "(s-1)", size: run.sequence.saturating_sub(1) }]);
            targets.push(tape.constant("shifted labels", all, Dtype::Int64));
        }
        let whole = targets.get(counts.len()).copied();
        for ((logits, target), count) in parts.iter().zip(&targets).zip(&counts) {
            tokens.push(cross_entropy(tape, *logits, whole.unwrap_or(*target), *count));
        }
        let shape = tape.shape(&[run.b(), Dim { symbol: "(s-1)", size: run.sequence.saturating_sub(1) }]);
        let counted = tape.constant("tokens that count", shape, Dtype::Bool);
        let scalar = tape.shape(&[]);
        let divisor = tape.constant("number of tokens that count", scalar, Dtype::Int64);
        tape.release(counted);
        let joined = tape.constant("loss of each token", shape, Dtype::Fp32);
        let sum = tape.constant("loss", scalar, Dtype::Fp32);
        tape.release(joined);
        // The mean stays in a variable until the step has been logged.
        tape.constant("loss", scalar, Dtype::Fp32);
        tape.release(sum);
        for tensor in parts.into_iter().chain(targets).chain(tokens.iter().copied()) {
            tape.release(tensor);
        }
        let scaled = tape.constant("loss of a micro batch", scalar, Dtype::Fp32);
        Loss { tokens, divisor, scaled }
    }

    /// Logits as rows, a piece for each cross-entropy: chunks of positions as they are, or everything in 128 tokens at a
    /// time. Rows that do not lie in one piece, for want of the last position, are copied.
    fn rows(&self, tape: &mut Tape, read: Vec<Tensor>) -> (Vec<Tensor>, Vec<Dim>) {
        let run = self.run;
        let v = self.vocabulary();
        let last = read.len().saturating_sub(1);
        let mut parts = Vec::with_capacity(read.len());
        let mut counts = Vec::with_capacity(read.len());
        for (index, logits) in read.into_iter().enumerate() {
            let positions = tape.dims(logits.shape).dims()[1].size;
            let count = Dim { symbol: "bc", size: run.batch.saturating_mul(positions) };
            let shape = tape.shape(&[count, v]);
            let rows = if index == last && run.batch > 1 {
                copy(tape, logits, "rows of logits", shape)
            } else {
                tape.view(logits, shape)
            };
            tape.release(logits);
            parts.push(rows);
            counts.push(count);
        }
        if self.lora.is_some() {
            // A last chunk of the last position alone has no row.
            let some = counts.iter().take_while(|count| count.size > 0).count();
            for empty in parts.drain(some..) {
                tape.release(empty);
            }
            counts.truncate(some);
            return (parts, counts);
        }
        let counts = pieces(counts[0].size, "c");
        let shapes: Vec<u16> = counts.iter().map(|count| tape.shape(&[*count, v])).collect();
        let cut = tape.cut(parts[0], &shapes);
        tape.release(parts[0]);
        (cut, counts)
    }
}

/// Keeps the logarithm of the softmax, its targets, and a number.
fn cross_entropy(tape: &mut Tape, logits: Tensor, target: Tensor, count: Dim) -> Tensor {
    let log_softmax = unary_keeping_output(tape, logits, "log-softmax");
    let scalar = tape.shape(&[]);
    let operation = Operation {
        rule: Rule::Each,
        inputs: &[log_softmax],
        keeps: &[log_softmax, target],
        extras: &[Extra { name: "loss.total weight", shape: scalar, dtype: Dtype::Fp32 }],
        keeps_output: false,
    };
    let shape = tape.shape(&[count]);
    let loss = tape.apply(&operation, "loss of each token", shape, Dtype::Fp32);
    tape.release(log_softmax);
    loss
}
