//! TRL's head and loss: logarithms of probabilities of the labels that count, a tile of the vocabulary at a time.
//!
//! `add_fused_lm_head` of trl/trainer/utils.py and `SFTTrainer.compute_loss`, TRL 1.16.

use super::operations::fresh;
use super::{Linear, Run};
use crate::scenario::Objective;
use crate::shape::Dim;
use crate::tape::tiles::{PerToken, Scored};
use crate::tape::{Dtype, Extra, Operation, Rule, Segment, Tape, Tensor};

/// What the model gives back, which the trainer holds until it has its metrics.
pub(crate) struct Outputs {
    /// The logarithm of the probability of each position's label.
    log_probabilities: Tensor,
    /// Everything that goes when the loss is known.
    held: Vec<Tensor>,
}

impl Outputs {
    /// All of it goes.
    pub(crate) fn release(self, tape: &mut Tape) {
        tape.release_each(self.held);
    }
}

impl Run<'_> {
    /// Tokens whose labels count, of the `b·(s − 1)` that have a label.
    fn scored_tokens(&self) -> Dim {
        let labelled = self.batch.saturating_mul(self.sequence.saturating_sub(1));
        Dim { symbol: "N", size: self.scored.map_or(labelled, |scored| scored.min(labelled)) }
    }

    /// The model's part: the rows that count, what their labels' probabilities are, and both put back into their places.
    pub(crate) fn tiled_head(&self, tape: &mut Tape, stream: Tensor, head: Linear) -> Outputs {
        tape.enter(Segment::Loss);
        let scored = self.scored_tokens();
        let labelled = Dim { symbol: "(s-1)", size: self.sequence.saturating_sub(1) };
        let places = tape.shape(&[self.b(), labelled]);
        let [picked, rows] = [tape.shape(&[scored, self.narrow()]), tape.shape(&[scored])];
        let before_last = tape.shape(&[self.b(), labelled, self.narrow()]);
        let shifted = tape.view_with_new_gradient(stream, before_last);
        let mask = tape.constant("loss.label mask", places, Dtype::Bool);
        let hidden = tape.rows_of_mask(shifted, mask, "scored rows", picked);
        tape.release(shifted);
        let all_labels = Tape::buffer(places, Dtype::Int64);
        let labels = tape.rows_of_mask(all_labels, mask, "scored labels", rows);
        // Gradients of the head and of the rows are the head's, whichever kernel makes them.
        tape.enter(Segment::Head);
        let compute = if self.autocast { self.compute() } else { hidden.dtype };
        let Linear { weight, bias, .. } = head;
        let PerToken { log_probability, entropy, is_top1 } =
            tape.log_probabilities(Scored { hidden, weight, bias, labels, compute });
        tape.release_each([hidden, labels]);
        tape.enter(Segment::Loss);
        let log_probabilities = tape.scatter_by_mask(log_probability, mask, "log-probabilities");
        let entropies = tape.scatter_by_mask(entropy, mask, "entropies");
        // What else the trainer has metrics of.
        let measured = match self.objective {
            Objective::Dpo | Objective::Kto => Some(tape.scatter_by_mask(entropy, mask, "mean logits")),
            Objective::Grpo => None,
            _ => Some(tape.scatter_by_mask(is_top1, mask, "likeliest labels")),
        };
        tape.release_each([log_probability, entropy, is_top1]);
        // The model's own loss, which nobody asks for.
        let own = mean(tape, log_probabilities, "loss of the model");
        let kept = [mask, log_probabilities, entropies].into_iter().chain(measured).chain([own]);
        Outputs { log_probabilities, held: kept.collect() }
    }

    /// The trainer's part: the sum over all positions by how many count.
    pub(crate) fn tiled_loss(tape: &mut Tape, outputs: Outputs) -> Tensor {
        tape.enter(Segment::Loss);
        let Outputs { log_probabilities, held } = outputs;
        let scalar = tape.shape(&[]);
        // What the loop has counted over all micro batches, and the loss by how many these are.
        tape.constant("number of labels of the step", scalar, Dtype::Int64);
        let negated = fresh(tape, log_probabilities, "loss of each token", log_probabilities.shape);
        let loss = mean(tape, negated, "loss");
        tape.release_each(held);
        tape.release(negated);
        tape.constant("loss of the micro batch", scalar, Dtype::Fp32);
        loss
    }
}

/// A sum by how many labels there are, which backward keeps; its gradient is one number.
fn mean(tape: &mut Tape, terms: Tensor, name: &'static str) -> Tensor {
    let scalar = tape.shape(&[]);
    let count = Extra { name: "loss.number of labels", shape: scalar, dtype: Dtype::Int64 };
    let operation = Operation { rule: Rule::Pass, inputs: &[terms], keeps: &[], extras: &[count], keeps_output: false };
    tape.apply(&operation, name, scalar, Dtype::Fp32)
}
