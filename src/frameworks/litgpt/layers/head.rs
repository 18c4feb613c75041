//! The head: logits in 16 bits, all of which Fabric converts to fp32.

use super::Gpt;
use super::linear::adapter;
use crate::layers::Linear;
use crate::layers::operations::{cast, soft_cap};
use crate::model::architecture::FeedForward;
use crate::model::family::Placement;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Segment, Tape, Tensor};

/// Positions that one pass through the head, and tokens that one cross-entropy, takes.
const CHUNK: u64 = 128;

impl Gpt<'_> {
    /// The words that logits are about.
    pub(crate) fn vocabulary(&self) -> Dim {
        self.run.v()
    }

    /// The positions of each sequence that pass through the head at once: all of them where everything is trained.
    fn positions(&self) -> Vec<Dim> {
        let all = self.run.sequence;
        if self.lora.is_none() { vec![self.run.s()] } else { pieces(all, "c") }
    }

    /// The logits of the step before, which are still there while the forward pass runs.
    pub(crate) fn previous(&self, tape: &mut Tape) -> Vec<Tensor> {
        let mut previous = self.previous_inputs(tape);
        tape.enter(Segment::Loss);
        let made = self.positions().into_iter().map(|positions| {
            let shape = tape.shape(&[self.run.b(), positions, self.vocabulary()]);
            tape.left_by_step_before(super::PREVIOUS, shape, Dtype::Fp32)
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
            let placement = group.layer.placement;
            // What the first layer computes from the embedding alone, where that is frozen, needs no gradient.
            let first = u64::from(index == 0);
            let parallel = matches!(placement, Placement::Parallel | Placement::ParallelOneNorm);
            let first_beside = if parallel { first } else { 0 };
            let first_inner = if self.lora.is_some_and(|lora| lora.mlp) { 0 } else { first_beside };
            let width = |size| Dim { symbol: "", size };
            let mut read = vec![
                (group.layers - first, run.h()),
                (group.layers, width(attention.query_size())),
                (group.layers - first_inner, width(mlp.intermediate_size)),
            ];
            if placement != Placement::ParallelOneNorm {
                read.push((group.layers - first_beside, run.h()));
            }
            for (layers, width) in read {
                let shape = tape.shape(&[Dim { symbol: "", size: layers }, run.b(), run.s(), width]);
                made.push(tape.left_by_step_before(super::PREVIOUS_INPUTS, shape, run.weights));
            }
        }
        let shape = run.stream(tape, run.h());
        made.push(tape.left_by_step_before(super::PREVIOUS_INPUTS, shape, run.weights));
        made
    }

    /// From the last norm to logits in fp32, of which all positions but the last are returned; the stream and what the step
    /// before left are let go. The training loop has all logits in a variable, which stays.
    pub(crate) fn head(&self, tape: &mut Tape, stream: Tensor, previous: Vec<Tensor>) -> Vec<Tensor> {
        let run = self.run;
        tape.enter(Segment::Head);
        let head = run.weights(tape, Part::Head, run.h(), self.vocabulary(), run.architecture.lm_head_bias);
        let narrow = self.narrow(tape, stream, head);
        tape.release(stream);
        tape.enter(Segment::Loss);
        let wide: Vec<Tensor> = narrow.iter().map(|logits| cast(tape, *logits, Dtype::Fp32, "logits")).collect();
        for tensor in narrow.into_iter().chain(previous) {
            tape.release(tensor);
        }
        let mut read: Vec<Tensor> = wide.iter().map(|logits| tape.share(*logits)).collect();
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
        let lora = self.lora.filter(|lora| lora.head);
        let adapter = lora.map(|lora| self.pair(tape, head, lora, adapter!(Head, "head")));
        let mut logits = Vec::with_capacity(pieces.len());
        for (piece, positions) in pieces.iter().zip(positions) {
            // A last chunk of the last position alone, whose logits nothing reads, sends no gradient back.
            let adapter = adapter.filter(|_| positions.size > 1 || run.sequence == 1);
            let mut made = self.linear_over(tape, *piece, head, "logits in 16 bits", (positions, adapter));
            if run.architecture.logits_softcap && (self.lora.is_none() || self.release.caps_chunks) {
                made = soft_cap(tape, made, ["tanh of logits", "logits in 16 bits"]);
            }
            logits.push(made);
        }
        for piece in pieces {
            tape.release(piece);
        }
        logits
    }
}

/// So many, 128 at a time.
pub(crate) fn pieces(all: u64, symbol: &'static str) -> Vec<Dim> {
    let size = |index: u64| CHUNK.min(all - index * CHUNK);
    (0..all.div_ceil(CHUNK)).map(|index| Dim { symbol, size: size(index) }).collect()
}
