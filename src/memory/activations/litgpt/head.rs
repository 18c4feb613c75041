//! Head and loss: logits in 16 bits, all of them converted to fp32 by Fabric, and `chunked_cross_entropy`.

use super::super::super::entry::Dim;
use super::super::super::tape::{Dtype, Extra, Operation, Rule, Segment, Tape, Tensor};
use super::super::Linear;
use super::super::operations::{cast, copy, soft_cap, unary_keeping_output};
use super::LitGpt;
use crate::model::architecture::FeedForward;
use crate::model::family::Placement;

/// Positions that one pass through the head, and tokens that one cross-entropy, takes.
const CHUNK: u64 = 128;

/// What the loss leaves behind.
pub(super) struct Loss {
    /// The losses of tokens, whose mean backward begins with.
    pub(super) tokens: Vec<Tensor>,
    /// The number of tokens, which backward lets go first.
    pub(super) divisor: Tensor,
    /// What backward is called on.
    pub(super) share: Tensor,
}

impl LitGpt<'_> {
    fn vocabulary(&self) -> Dim {
        Dim { symbol: "V", size: self.run.architecture.vocab_size }
    }

    /// The positions of each sequence that pass through the head at once: all of them where everything is trained.
    fn positions(&self) -> Vec<Dim> {
        let all = self.run.sequence;
        if self.lora.is_none() { vec![self.run.s()] } else { pieces(all, "c") }
    }

    /// The logits of the step before, which are still there while the forward pass runs.
    pub(super) fn previous(&self, tape: &mut Tape) -> Vec<Tensor> {
        let mut previous = self.previous_inputs(tape);
        tape.enter(Segment::Loss);
        let made = self.positions().into_iter().map(|positions| {
            let shape = tape.shape(&[self.run.b(), positions, self.vocabulary()]);
            tape.constant(super::PREVIOUS, shape, Dtype::Fp32)
        });
        previous.extend(made);
        previous
    }

    /// What products read in the step before, where its graph holds that: the normed stream twice, the context and the
    /// gated activation of each layer, and what the head read. The first layer's normed stream needed no gradient.
    fn previous_inputs(&self, tape: &mut Tape) -> Vec<Tensor> {
        if !(self.quantized && self.release.holds_products_inputs) {
            return Vec::new();
        }
        tape.enter(Segment::Embedding);
        let run = self.run;
        let mut made = Vec::new();
        for (index, group) in run.architecture.groups.iter().enumerate() {
            let (Some(attention), FeedForward::Dense(mlp)) = (group.layer.attention(), &group.layer.feed_forward)
            else {
                continue;
            };
            let normed_twice = !matches!(group.layer.placement, Placement::ParallelOneNorm);
            let normed = [
                Some((group.layers - u64::from(index == 0), run.h())),
                normed_twice.then_some((group.layers, run.h())),
            ];
            let beside =
                [attention.query_size(), mlp.intermediate_size].map(|size| (group.layers, Dim { symbol: "", size }));
            for (layers, width) in normed.into_iter().flatten().chain(beside) {
                let shape = tape.shape(&[Dim { symbol: "", size: layers }, run.b(), run.s(), width]);
                made.push(tape.constant(super::PREVIOUS_INPUTS, shape, run.weights));
            }
        }
        let shape = run.stream(tape, run.h());
        made.push(tape.constant(super::PREVIOUS_INPUTS, shape, run.weights));
        made
    }

    /// From the last norm to logits in fp32, of which all positions but the last are returned; the stream and what the step
    /// before left are let go. The training loop has all logits in a variable, which stays.
    pub(super) fn head(&self, tape: &mut Tape, stream: Tensor, previous: Vec<Tensor>) -> Vec<Tensor> {
        let run = self.run;
        tape.enter(Segment::Head);
        let names = ["head.weight", "head.bias"];
        let head = run.weights(tape, names, run.h(), self.vocabulary(), run.architecture.lm_head_bias);
        let narrow = self.narrow(tape, stream, head);
        tape.release(stream);
        tape.enter(Segment::Loss);
        let held: Vec<Tensor> = narrow.iter().map(|logits| cast(tape, *logits, Dtype::Fp32, "logits")).collect();
        for tensor in narrow.into_iter().chain(previous) {
            tape.release(tensor);
        }
        let mut read: Vec<Tensor> = held.iter().map(|logits| tape.share(*logits)).collect();
        if let Some(last) = read.last_mut() {
            let positions = tape.dims(last.shape).dims()[1];
            let positions = Dim { symbol: positions.symbol, size: positions.size.saturating_sub(1) };
            let shape = tape.shape(&[run.b(), positions, self.vocabulary()]);
            let sliced = tape.view_with_new_gradient(*last, shape);
            tape.release(std::mem::replace(last, sliced));
        }
        read
    }

    /// Logits in the type of the weights.
    fn narrow(&self, tape: &mut Tape, stream: Tensor, head: Linear) -> Vec<Tensor> {
        let run = self.run;
        let positions = self.positions();
        let shapes: Vec<u16> = positions.iter().map(|c| tape.shape(&[run.b(), *c, run.h()])).collect();
        let pieces = if self.lora.is_none() { vec![tape.share(stream)] } else { tape.cut(stream, &shapes) };
        let mut logits = Vec::with_capacity(pieces.len());
        for (piece, positions) in pieces.iter().zip(positions) {
            let mut made = self.plain(tape, *piece, head, "logits in 16 bits", positions);
            if run.architecture.logits_softcap {
                made = soft_cap(tape, made, ["tanh of logits", "logits in 16 bits"]);
            }
            logits.push(made);
        }
        for piece in pieces {
            tape.release(piece);
        }
        logits
    }

    /// Cross-entropy over 128 positions, or 128 tokens, at a time.
    pub(super) fn loss(&self, tape: &mut Tape, read: Vec<Tensor>) -> Loss {
        let run = self.run;
        let mut tokens = Vec::new();
        let (parts, counts) = self.rows(tape, read);
        let mut targets = Vec::new();
        for count in &counts {
            // One sequence: targets are views of the labels.
            let shape = tape.shape(&[*count]);
            let target = if run.batch == 1 || self.lora.is_none() {
                tape.buffer(shape, Dtype::Int64)
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
        let share = tape.constant("loss of a micro batch", scalar, Dtype::Fp32);
        Loss { tokens, divisor, share }
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

/// So many, 128 at a time.
fn pieces(all: u64, symbol: &'static str) -> Vec<Dim> {
    let size = |index: u64| CHUNK.min(all - index * CHUNK);
    (0..all.div_ceil(CHUNK)).map(|index| Dim { symbol, size: size(index) }).collect()
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
