//! The loss: PyTorch's cross-entropy, or `CEWithChunkedOutputLoss`.

use super::TransformerDecoder;
use super::batch::Counted;
use crate::layers::operations::{cast, copy, multiply_by_constant, unary_keeping_output};
use crate::scenario::Loss;
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};

impl TransformerDecoder<'_> {
    /// The loss of a micro batch, by how many tokens it has. Logits stay until the mean is known.
    pub(crate) fn loss(&self, tape: &mut Tape, logits: Vec<Tensor>, labels: Tensor, counted: Counted) -> Tensor {
        let run = self.run;
        let shape = tape.shape(&[run.b(), run.s()]);
        let shifted = tape.constant("shifted labels", shape, Dtype::Int64);
        tape.release(labels);
        let mean = if run.loss_kind == Loss::Eager {
            let tokens = Dim { symbol: "bs", size: run.batch.saturating_mul(run.sequence) };
            cross_entropy(tape, logits[0], shifted, tokens)
        } else {
            self.chunked(tape, &logits, shifted)
        };
        for tensor in logits.into_iter().chain([shifted]) {
            tape.release(tensor);
        }
        let loss = multiply_by_constant(tape, mean, counted.tokens, "loss");
        tape.release(mean);
        tape.release(counted.loss_before);
        if !run.keep_gradients {
            let scalar = tape.shape(&[]);
            tape.constant("loss of the step", scalar, Dtype::Fp32);
        }
        loss
    }

    /// One chunk after another in fp32, summed, and divided by how many tokens count.
    fn chunked(&self, tape: &mut Tape, logits: &[Tensor], shifted: Tensor) -> Tensor {
        let run = self.run;
        let scalar = tape.shape(&[]);
        let counted = tape.constant("tokens that count", shifted.shape, Dtype::Bool);
        let number = tape.constant("number of tokens that count", scalar, Dtype::Int64);
        tape.release(counted);
        let chunks = self.chunks();
        let mut labels = Vec::with_capacity(chunks.len());
        for chunk in &chunks {
            let shape = tape.shape(&[run.b(), *chunk]);
            labels.push(if self.lies_apart(*chunk) {
                tape.constant("shifted labels of a chunk", shape, Dtype::Int64)
            } else {
                tape.view(shifted, shape)
            });
        }
        let mut total: Option<Tensor> = None;
        for ((logits, labels), chunk) in logits.iter().zip(&labels).zip(&chunks) {
            let wide = cast(tape, *logits, Dtype::Fp32, "logits of a chunk in fp32");
            let tokens = Dim { symbol: "bc", size: run.batch.saturating_mul(chunk.size) };
            let loss = cross_entropy(tape, wide, *labels, tokens);
            tape.release(wide);
            total = Some(match total {
                None => copy(tape, loss, "loss", scalar),
                Some(total) => tape.add_into(total, loss),
            });
            tape.release(loss);
        }
        let Some(total) = total else { return number };
        let mean = multiply_by_constant(tape, total, number, "loss");
        for tensor in labels.into_iter().chain([total, number]) {
            tape.release(tensor);
        }
        mean
    }
}

/// Keeps the logarithm of the softmax, its targets, and a number.
fn cross_entropy(tape: &mut Tape, logits: Tensor, target: Tensor, tokens: Dim) -> Tensor {
    let vocabulary = tape.dims(logits.shape).dims()[2];
    let rows = tape.shape(&[tokens, vocabulary]);
    let flat = tape.view(logits, rows);
    let log_softmax = unary_keeping_output(tape, flat, "log-softmax");
    tape.release(flat);
    let scalar = tape.shape(&[]);
    let operation = Operation {
        rule: Rule::Each,
        inputs: &[log_softmax],
        keeps: &[log_softmax, target],
        extras: &[Extra { name: "loss.total weight", shape: scalar, dtype: Dtype::Fp32 }],
        keeps_output: false,
    };
    let loss = tape.apply(&operation, "loss", scalar, Dtype::Fp32);
    tape.release(log_softmax);
    loss
}
