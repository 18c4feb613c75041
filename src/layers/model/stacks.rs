//! An encoder and a decoder, one after the other: what passes between them, and what their layers are recorded with.

use std::ops::Range;

use super::{Forward, Recorded, Recorder, Stages};
use crate::layers::Run;
use crate::layers::embedding::look_up;
use crate::layers::norm::names;
use crate::layers::operations::{dropout, fresh};
use crate::layers::seq2seq::Stack;
use crate::model::architecture::{Layer, Seq2Seq};
use crate::tape::{Segment, Tape, Tensor};

/// The nodes between the last layer of an encoder and the first of a decoder, by the number of that as it is recorded.
pub(crate) struct Between {
    pub(crate) decoder: usize,
    pub(crate) nodes: Range<usize>,
}

impl<'a> Recorder<'a> {
    /// Both stacks, the head and the loss, and the way back.
    pub(crate) fn record_stacks(mut self, seq2seq: Seq2Seq) -> Forward {
        let run = self.run;
        self.tape.enter(Segment::Embedding);
        let (table, embedded) = run.embed_tokens(&mut self.tape);
        let stream = self.dropped_embedding(embedded);
        let embedding = 0..self.tape.node_count();
        self.stack = Some(Stack::default());
        let stream = self.stack(stream, 0..seq2seq.encoder_layers);
        self.leave_stack(embedded);
        let start = self.tape.node_count();
        self.tape.enter(Segment::FinalNorm);
        let normed = run.norm(&mut self.tape, stream, &[run.b(), run.s()], run.h(), names!("encoder final norm"));
        self.tape.release(stream);
        let encoded = self.dropped_output(normed);

        self.tape.enter(Segment::Embedding);
        let ids = run.moved_labels(&mut self.tape);
        let shape = run.stream(&mut self.tape, run.h());
        let embedded = look_up(&mut self.tape, table, Some(ids), "decoder embedding", shape);
        let begins = run.adapters.is_some() && run.checkpointed_layers > 0;
        let embedded = if begins { self.tape.require_gradient(embedded) } else { embedded };
        let mask = (!run.fused_attention).then(|| self.mask(None)).flatten();
        let stream = self.dropped_embedding(embedded);
        self.between = Some(Between { decoder: self.layers.len(), nodes: start..self.tape.node_count() });
        self.stack = Some(Stack { mask, encoded: Some(encoded), ..Stack::default() });
        let stream = self.stack(stream, seq2seq.encoder_layers..run.architecture.num_hidden_layers());
        let norm_start = self.tape.node_count();
        let normed = self.final_norm(stream);
        let decoded = self.dropped_output(normed);
        self.stack = self.stack.map(|stack| Stack { encoded: None, ..stack });
        self.leave_stack(embedded);
        // What both stacks return stays in variables until the loss is known.
        let read = if run.scales_decoder_output() {
            self.tape.enter(Segment::Head);
            let shape = decoded.shape;
            fresh(&mut self.tape, decoded, "scaled decoder output", shape)
        } else {
            self.tape.share(decoded)
        };
        let stages =
            Stages { norm_start, embedding, until_loss: vec![decoded, encoded, ids], for_recomputation: Vec::new() };
        self.head_and_back(read, table, stages)
    }

    /// The layers of these numbers.
    fn stack(&mut self, mut stream: Tensor, numbers: Range<u64>) -> Tensor {
        let architecture = self.run.architecture;
        let mut first = 0;
        for group in &architecture.groups {
            if numbers.contains(&first) {
                // In backward the last layer begins sums of gradients that the others add to: it stands by itself.
                let (others, last) = if group.layers > 2 { (group.layers - 1, 1) } else { (group.layers, 0) };
                for [first, layers] in [[first, others], [first + others, last]] {
                    stream = self.group(&group.layer, [first, layers], stream, super::Shared::NONE);
                }
            }
            first += group.layers;
        }
        stream
    }

    /// A stack returns: its masks and biases and what entered it go.
    fn leave_stack(&mut self, embedded: Tensor) {
        let shared: Vec<Tensor> = self.stack.take().into_iter().flat_map(Stack::tensors).collect();
        self.let_go(&shared);
        self.tape.release(embedded);
    }

    /// The embedding after its dropout; the embedding itself stays in a variable.
    fn dropped_embedding(&mut self, embedded: Tensor) -> Tensor {
        let acts = self.run.dropout[0];
        dropout(&mut self.tape, acts, embedded, "dropped embedding", "embedding.dropout mask")
    }

    /// What a stack gives after its norm, in place of that.
    fn dropped_output(&mut self, normed: Tensor) -> Tensor {
        let acts = self.run.dropout[0];
        let output = dropout(&mut self.tape, acts, normed, "dropped output", "output dropout mask");
        self.tape.release(normed);
        output
    }

    /// A layer of a stack, checkpointed or not.
    pub(crate) fn stack_layer(&mut self, layer: &'a Layer, checkpointed: bool, input: Tensor, given: Stack) -> Tensor {
        let run = self.run;
        let start = self.tape.node_count();
        self.tape.enter(Segment::Layer(self.layers.len()));
        if checkpointed {
            // All is passed by position, and the checkpoint keeps what is passed so.
            let kept: Vec<Tensor> = std::iter::once(input).chain(given.tensors()).collect();
            self.tape.begin_checkpoint(&kept);
        }
        let mut stack = given;
        let output = run.stack_layer(&mut self.tape, layer, input, &mut stack);
        if checkpointed {
            self.tape.end_checkpoint();
        }
        self.stack = Some(stack);
        self.tape.release(input);
        let nodes = start..self.tape.node_count();
        self.layers.push(Recorded {
            layer,
            input,
            nodes,
            checkpointed,
            shared: super::Shared::NONE,
            stack: Some(given),
        });
        output
    }
}

impl Run<'_> {
    /// Computes a layer of a stack again: what it makes for the layers after it goes with it.
    pub(crate) fn stack_layer_again(&self, tape: &mut Tape, layer: &Layer, input: Tensor, given: Stack) {
        let mut stack = given;
        let output = self.stack_layer(tape, layer, input, &mut stack);
        tape.release(output);
        for (before, after) in [(given.bias, stack.bias), (given.cross_bias, stack.cross_bias)] {
            if let (None, Some(made)) = (before, after) {
                tape.release(made);
            }
        }
    }

    /// Whether the decoder's output is multiplied by a constant: T5's where the head is tied, UMT5's in any case.
    fn scales_decoder_output(&self) -> bool {
        self.code.scales_decoder_output.unwrap_or(self.architecture.tie_word_embeddings)
    }
}
