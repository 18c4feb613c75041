//! An encoder and a decoder, one after the other: what passes between them, and what their layers are recorded with.

mod begun;

use std::ops::Range;

use super::classes::{Beside, Classes};
use super::{Forward, Recording, Stages};
use crate::layers::Run;
use crate::layers::norm::names;
use crate::layers::operations::{dropout, fresh};
use crate::layers::seq2seq::Stack;
use crate::model::architecture::{Layer, Seq2Seq};
use crate::tape::{Segment, Tape, Tensor};

impl<'a> Recording<'a> {
    /// Both stacks, the head and the loss, and the way back.
    pub(crate) fn record_stacks(mut self, seq2seq: Seq2Seq) -> Forward {
        let run = self.run;
        let of_encoder = run.of_encoder(seq2seq);
        self.tape.enter(Segment::Embedding);
        // T5 moves its labels once the encoder is through.
        let early = (!run.architecture.is_t5()).then(|| run.moved_labels(&mut self.tape));
        let (table, begun) = self.begin_encoder(&of_encoder, seq2seq);
        let embedding = 0..self.tape.node_count();
        let mut classes = Classes::new(&run, Beside::Stack(Stack::default()));
        let stream = self.stack(&mut classes, begun.stream, 0..seq2seq.encoder_layers);
        let start = self.tape.node_count();
        if run.architecture.is_t5() {
            self.leave_stack(&classes, &begun.held);
        }
        let encoded = self.behind_encoder(&of_encoder, stream);
        if !run.architecture.is_t5() {
            self.leave_stack(&classes, &begun.held);
        }

        self.tape.enter(Segment::Embedding);
        let ids = early.unwrap_or_else(|| run.moved_labels(&mut self.tape));
        let (table, begun) = self.begin_decoder(seq2seq, table, ids);
        self.layers.between(self.layers.recorded(), start..self.tape.node_count());
        let stack = Stack { mask: begun.mask, encoded: Some(encoded), ..Stack::default() };
        let mut classes = Classes::new(&run, Beside::Stack(stack));
        let numbers = seq2seq.encoder_layers..run.architecture.num_hidden_layers();
        let stream = self.stack(&mut classes, begun.stream, numbers);
        let norm_start = self.tape.node_count();
        let normed = self.final_norm(stream);
        let decoded = if run.architecture.is_t5() { self.dropped_output(normed) } else { normed };
        self.leave_stack(&classes, &begun.held);
        // What both stacks return stays in variables until the loss is known.
        let read = if run.architecture.is_t5() && run.scales_decoder_output() {
            self.tape.enter(Segment::Head);
            let shape = decoded.shape;
            fresh(&mut self.tape, decoded, "scaled decoder output", shape)
        } else {
            self.tape.share(decoded)
        };
        let until_loss = vec![decoded, encoded, ids];
        let stages = Stages { classes, norm_start, embedding, until_loss, tower: None, until_embedding: Vec::new() };
        self.head_and_back(read, table, stages)
    }

    /// The norm behind the encoder's layers, where there is one; what it reads goes.
    fn behind_encoder(&mut self, run: &Run<'a>, stream: Tensor) -> Tensor {
        if run.architecture.final_norm.is_none() {
            return stream;
        }
        self.tape.enter(Segment::FinalNorm);
        let normed = run.norm(&mut self.tape, stream, &[run.b(), run.s()], run.h(), names!("encoder final norm"));
        self.tape.release(stream);
        if run.architecture.is_t5() { self.dropped_output(normed) } else { normed }
    }

    /// The layers of these numbers.
    fn stack(&mut self, classes: &mut Classes<'a>, mut stream: Tensor, numbers: Range<u64>) -> Tensor {
        let architecture = self.run.architecture;
        let mut first = 0;
        for group in &architecture.groups {
            if numbers.contains(&first) {
                // In backward the last layer begins sums of gradients that the others add to: it stands by itself.
                let (others, last) = if group.layers > 2 { (group.layers - 1, 1) } else { (group.layers, 0) };
                for [first, layers] in [[first, others], [first + others, last]] {
                    stream = self.layers.forward_of(&mut self.tape, classes, &group.layer, [first, layers], stream);
                }
            }
            first += group.layers;
        }
        stream
    }

    /// A stack returns: its masks and biases and what entered it go, but not what the encoder gave.
    fn leave_stack(&mut self, classes: &Classes<'a>, held: &[Tensor]) {
        if let Beside::Stack(stack) = classes.beside {
            self.tape.release_each(Stack { encoded: None, ..stack }.tensors());
        }
        self.let_go(held);
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
}

impl Run<'_> {
    /// The same run over what the encoder reads.
    fn of_encoder(&self, seq2seq: Seq2Seq) -> Self {
        match seq2seq.sounds {
            Some(sounds) => Run { sequence: sounds.positions, stream_by_channel: true, ..*self },
            None => *self,
        }
    }

    /// The same run over what this layer's stack reads.
    pub(crate) fn of_stack(&self, layer: &Layer) -> Self {
        match self.architecture.seq2seq {
            Some(seq2seq) if !layer.variant.attends_to_encoder => self.of_encoder(seq2seq),
            _ => *self,
        }
    }

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
