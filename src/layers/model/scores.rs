//! Scores of sequences or tokens in place of logits, as the classes of Transformers compute them, and their loss.

use super::{ONE, Recording};
use crate::layers::operations::{activated_first, cast, dropout, nll_loss, unary_keeping_output};
use crate::layers::{Linear, Run};
use crate::model::architecture::{FirstActivation, Output, ScoreHead, Scores};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Segment, Tape, Tensor};

impl Recording<'_> {
    /// The loss of what the class scores, and the first node of that loss. What the model returned stays with the caller.
    pub(crate) fn scored(&mut self, stream: Tensor, output: Output, scores: Scores) -> (Tensor, usize) {
        let run = self.run;
        let tape = &mut self.tape;
        tape.enter(Segment::Head);
        let logits = match (output, scores.head) {
            (Output::Sequences(_), ScoreHead::Pooled(activation)) => {
                let first = run.first_token(tape, stream);
                run.pooled_scores(tape, first, activation, scores)
            }
            (Output::Sequences(_), ScoreHead::FirstToken(activation)) => {
                let first = run.first_token(tape, stream);
                run.scores_of_first(tape, first, activation, scores)
            }
            (Output::Sequences(_), ScoreHead::Transformed) => {
                let first = run.first_token(tape, stream);
                let read = run.head_transform_over(tape, first, ONE);
                tape.release(first);
                run.dropped_scores(tape, read, scores, ONE)
            }
            (_, ScoreHead::Transformed) => {
                let read = run.head_transform(tape, stream);
                run.dropped_scores(tape, read, scores, run.s())
            }
            (Output::Sequences(_), _) => run.scores_of_last(tape, stream, scores),
            _ => {
                let read = tape.share(stream);
                run.dropped_scores(tape, read, scores, run.s())
            }
        };
        let loss_start = tape.node_count();
        tape.enter(Segment::Loss);
        let kind = [matches!(output, Output::Tokens(_)), scores.labels == 1];
        let loss = match output {
            Output::Sequences(scores) if run.code.finds_labels && scores.labels > 1 => {
                run.loss_of_labelled(tape, logits)
            }
            _ => run.loss_of_scores(tape, logits, kind),
        };
        (loss, loss_start)
    }
}

impl Run<'_> {
    /// The matrix of the scores; beside adapters a copy of it that is trained.
    fn classifier_of(&self, tape: &mut Tape, scores: Scores) -> Linear {
        let labels = Dim { symbol: "C", size: scores.labels };
        self.trained_weights(tape, Part::Classifier, labels, scores.head != ScoreHead::LastToken)
    }

    /// A matrix from the stream's width that is trained beside adapters too.
    fn trained_weights(&self, tape: &mut Tape, part: Part, outputs: Dim, bias: bool) -> Linear {
        let inputs = self.h();
        let matrix = tape.shape(&[outputs, inputs]);
        let weight = tape.adapter(part.name(Piece::Weight), matrix, self.weights);
        let bias = bias.then(|| {
            let vector = tape.shape(&[outputs]);
            tape.adapter(part.name(Piece::Bias), vector, self.weights)
        });
        Linear { part, piece: Piece::Weight, weight, bias, inputs, outputs }
    }

    /// What is read, after dropout, through the matrix.
    fn dropped_scores(&self, tape: &mut Tape, read: Tensor, scores: Scores, positions: Dim) -> Tensor {
        let matrix = self.classifier_of(tape, scores);
        let dropped = dropout(tape, scores.dropout, read, "dropped output", "output dropout mask");
        tape.release(read);
        let logits = self.linear_over(tape, dropped, matrix, "scores", positions);
        tape.release(dropped);
        logits
    }

    /// BERT's: the first token through a matrix and an activation.
    fn pooled_scores(&self, tape: &mut Tape, first: Tensor, activation: FirstActivation, scores: Scores) -> Tensor {
        let pooled = self.pooled(tape, first, activation);
        self.dropped_scores(tape, pooled, scores, ONE)
    }

    /// The square matrix, which is trained with the other, an activation, and the other.
    fn scores_of_first(&self, tape: &mut Tape, first: Tensor, activation: FirstActivation, scores: Scores) -> Tensor {
        let matrix = self.trained_weights(tape, Part::HeadTransform, self.h(), true);
        let drops = scores.dropout && activation != FirstActivation::Relu;
        let dropped = dropout(tape, drops, first, "dropped first token", "first token dropout mask");
        tape.release(first);
        let projected = self.linear_over(tape, dropped, matrix, "head transform", ONE);
        tape.release(dropped);
        let activated = activated_first(tape, projected, activation, "head activation");
        tape.release(projected);
        self.dropped_scores(tape, activated, scores, ONE)
    }

    /// A decoder's: scores of every token, of which each sequence's last that is no padding is taken.
    fn scores_of_last(&self, tape: &mut Tape, stream: Tensor, scores: Scores) -> Tensor {
        let matrix = self.classifier_of(tape, scores);
        let all = self.linear(tape, stream, matrix, "scores");
        let [tokens, positions, rows] =
            [&[self.b(), self.s()][..], &[self.s()], &[self.b()]].map(|dims| tape.shape(dims));
        let is_token = tape.constant("tokens that are no padding", tokens, Dtype::Bool);
        let counted = tape.constant("tokens that are no padding", tokens, Dtype::Int32);
        tape.release(is_token);
        let numbers = tape.constant("numbers of tokens", positions, Dtype::Int32);
        let numbered = tape.constant("numbers of tokens", tokens, Dtype::Int32);
        let last = tape.constant("last token of each sequence", rows, Dtype::Int64);
        tape.release(numbered);
        let sequences = tape.constant("numbers of sequences", rows, Dtype::Int64);
        let shape = tape.shape(&[self.b(), matrix.outputs]);
        let taken = Operation {
            rule: Rule::Index,
            inputs: &[all],
            keeps: &[sequences, last],
            extras: &[],
            keeps_output: false,
        };
        let pooled = tape.apply(&taken, "scores of the last token", shape, all.dtype);
        tape.release_each([sequences, counted, numbers, last, all]);
        pooled
    }

    /// Cross-entropy in fp32 of the sequences that have a label, which all have: their scores and labels are gathered.
    fn loss_of_labelled(&self, tape: &mut Tape, logits: Tensor) -> Tensor {
        let rows = tape.shape(&[self.b()]);
        let has_label = tape.constant("sequences that have a label", rows, Dtype::Bool);
        let numbers = tape.constant("numbers of sequences", rows, Dtype::Int64);
        tape.release(has_label);
        let keeps = [numbers, logits];
        let gather =
            Operation { rule: Rule::Scatter, inputs: &[logits], keeps: &keeps, extras: &[], keeps_output: false };
        let scores = tape.apply(&gather, "scores of sequences with a label", logits.shape, logits.dtype);
        let labels = tape.constant("labels", rows, Dtype::Int64);
        let wide = cast(tape, scores, Dtype::Fp32, "scores in fp32");
        let log_softmax = unary_keeping_output(tape, wide, "log-softmax of scores");
        tape.release(wide);
        let loss = nll_loss(tape, log_softmax, &[labels]);
        tape.release_each([log_softmax, scores, labels, numbers, logits]);
        loss
    }

    /// Cross-entropy of labels as they are given, which a decoder's class for tokens computes in fp32; of one label how far
    /// off it is.
    fn loss_of_scores(&self, tape: &mut Tape, logits: Tensor, [of_tokens, one]: [bool; 2]) -> Tensor {
        let widens = of_tokens && self.architecture.encoder.is_none() || self.autocast;
        let wide = cast(tape, logits, if widens { Dtype::Fp32 } else { logits.dtype }, "scores in fp32");
        let read = if one { tape.share(wide) } else { unary_keeping_output(tape, wide, "log-softmax of scores") };
        let loss = nll_loss(tape, read, &[]);
        tape.release_each([read, wide, logits]);
        loss
    }
}
