//! Vectors of sequences, trained so that those of a pair are near each other: two passes whose graphs are both there.

use super::{Forward, Recording, Stages};
use crate::layers::Run;
use crate::layers::operations::{cast, fresh, multiply, multiply_by_constant, nll_loss, unary_keeping_output};
use crate::layers::recorder::Outside;
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Segment, Tape, Tensor};

impl<'a> Recording<'a> {
    /// Both passes, the loss over the vectors of the batch, and the way back through the second and the first.
    pub(crate) fn record_pairs(mut self) -> Forward {
        let run = self.run;
        let (anchors, first) = self.vectors();
        self.tape.reread_parameters();
        let recorded = self.layers.recorded();
        let (others, mut second) = self.vectors();
        self.tape.leave_rereading();
        self.layers.between(recorded, first.norm_start..second.embedding.end);
        let loss_start = self.tape.node_count();
        self.tape.enter(Segment::Loss);
        let loss = run.loss_of_pairs(&mut self.tape, [anchors, others]);
        let loss_known = self.tape.position();
        self.tape.leave_autocast();
        let backward_start = self.tape.position();
        let seed = self.tape.seed(loss, "loss");
        let outside = Outside { embedding: first.embedding, norm: second.norm_start, loss: loss_start };
        let until_embedding = [first.until_embedding, second.until_embedding].concat();
        let marks =
            self.layers.backward(&mut self.tape, &mut second.classes, outside, [&[], &until_embedding], Tape::backward);
        self.tape.let_go(seed);
        self.ended(loss_known, backward_start, marks)
    }

    /// One vector for each sequence: the mean of what the last layer gives of its tokens.
    fn vectors(&mut self) -> (Tensor, Stages<'a>) {
        let run = self.run;
        let (stream, _, stages) = self.through_layers();
        self.tape.enter(Segment::Head);
        if run.architecture.encoder.is_some_and(|encoder| encoder.pooler) {
            // The class computes what nobody reads: its graph goes at once, autocast's copy of the matrix does not.
            self.tape.pause_graph();
            let pooled = run.pool(&mut self.tape, stream);
            self.tape.release(pooled);
            self.tape.resume_graph();
        }
        let mean = run.mean_of_tokens(&mut self.tape, stream);
        self.tape.release(stream);
        (mean, stages)
    }
}

impl Run<'_> {
    /// The sum of the tokens that are no padding, by the attention mask in the width and the type of the stream, over how
    /// many they are: the pooling of Sentence Transformers.
    fn mean_of_tokens(&self, tape: &mut Tape, stream: Tensor) -> Tensor {
        let vector = tape.shape(&[self.b(), self.h()]);
        let mask = tape.constant("attention mask of each channel", stream.shape, stream.dtype);
        let masked = multiply_by_constant(tape, stream, mask, "tokens that are no padding");
        let wide = if self.autocast { Dtype::Fp32 } else { stream.dtype };
        // A sum's gradient is the sum's own, seen by every term.
        let summed = Operation { rule: Rule::Pass, inputs: &[masked], keeps: &[], extras: &[], keeps_output: false };
        let sum = tape.apply(&summed, "sum of tokens", vector, wide);
        tape.release(masked);
        let counted = tape.constant("number of tokens", vector, wide);
        let count = tape.constant("number of tokens", vector, wide);
        tape.release(counted);
        let mean = multiply_by_constant(tape, sum, count, "vector");
        tape.release_each([sum, count, mask]);
        mean
    }

    /// Cross-entropy of every vector's likeness to all of the others, of which its own is the right one.
    fn loss_of_pairs(&self, tape: &mut Tape, vectors: [Tensor; 2]) -> Tensor {
        let units = vectors.map(|vector| self.of_length_one(tape, vector));
        tape.release_each(vectors);
        let narrow = units.map(|unit| cast(tape, unit, self.compute(), "vectors in 16 bits"));
        let square = tape.shape(&[self.b(), Dim { symbol: "b", size: self.batch }]);
        let product =
            Operation { rule: Rule::Product, inputs: &narrow, keeps: &narrow, extras: &[], keeps_output: false };
        let likeness = tape.apply(&product, "likeness", square, self.compute());
        tape.product_workspace();
        tape.release_each(narrow);
        tape.release_each(units);
        let scores = fresh(tape, likeness, "scores", square);
        tape.release(likeness);
        let own = tape.shape(&[self.b()]);
        let labels = tape.constant("labels", own, Dtype::Int64);
        let wide = cast(tape, scores, if self.autocast { Dtype::Fp32 } else { scores.dtype }, "scores in fp32");
        let log_softmax = unary_keeping_output(tape, wide, "log-softmax of scores");
        let loss = nll_loss(tape, log_softmax, &[labels]);
        tape.release_each([log_softmax, wide, labels, scores]);
        loss
    }

    /// A vector by its length.
    fn of_length_one(&self, tape: &mut Tape, vector: Tensor) -> Tensor {
        let row = tape.shape(&[self.b(), Dim { symbol: "", size: 1 }]);
        let length =
            Operation { rule: Rule::Each, inputs: &[vector], keeps: &[vector], extras: &[], keeps_output: true };
        let length = tape.apply(&length, "length of a vector", row, vector.dtype);
        let unit = multiply(tape, [vector, length], "vector of length one", vector.shape);
        tape.release(length);
        unit
    }
}
