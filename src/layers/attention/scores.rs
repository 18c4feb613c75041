//! What becomes of eager attention's scores: scale, cap, mask, softmax and dropout.

use super::{Shared, Sizes};
use crate::families::code::ScoreCode;
use crate::layers::Run;
use crate::layers::operations::{add, cast, dropout, fresh, join, soft_cap, softmax, subtract};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// From the product of queries and keys to what the softmax reads, with what stays until that is done.
    pub(crate) fn mask_scores(
        &self,
        tape: &mut Tape,
        products: Tensor,
        shared: Shared,
        softcap: bool,
        held: &mut Vec<Tensor>,
    ) -> (Tensor, Option<Tensor>) {
        let scaled = match self.code.scores {
            ScoreCode::DividedThenChosen => {
                let scalar = tape.shape(&[]);
                let divisor = tape.constant("attention.divisor of scores", scalar, products.dtype);
                let operation = Operation {
                    rule: Rule::Each,
                    inputs: &[products],
                    keeps: &[divisor],
                    extras: &[],
                    keeps_output: false,
                };
                let scaled = tape.apply(&operation, "attention.scaled scores", products.shape, products.dtype);
                tape.release_each([products, divisor]);
                held.push(tape.constant("lowest score", scalar, scaled.dtype));
                let chosen = self.chosen(tape, scaled);
                tape.release(scaled);
                chosen
            }
            ScoreCode::Chosen => {
                let scalar = tape.shape(&[]);
                held.push(tape.constant("lowest score", scalar, Dtype::Fp32));
                let chosen = self.chosen(tape, products);
                tape.release(products);
                chosen
            }
            ScoreCode::Scaled | ScoreCode::BiasedThenFilled | ScoreCode::BiasedInPlace => {
                let scaled = fresh(tape, products, "attention.scaled scores", products.shape);
                tape.release(products);
                scaled
            }
            ScoreCode::Biased | ScoreCode::Disentangled => products,
            ScoreCode::InPlace => {
                let scaled = tape.view_with_new_gradient(products, products.shape);
                tape.release(products);
                scaled
            }
        };
        let scaled =
            if softcap { soft_cap(tape, scaled, ["attention.scores tanh", "attention.capped scores"]) } else { scaled };
        let scaled = match shared.bias {
            Some(bias) if self.code.scores == ScoreCode::Scaled => {
                let biased = add(tape, [scaled, bias], "attention.biased scores");
                tape.release(scaled);
                biased
            }
            Some(bias) if self.code.scores == ScoreCode::BiasedInPlace => tape.add_into(scaled, bias),
            _ => scaled,
        };
        let stays = self.code.scores == ScoreCode::BiasedInPlace;
        let Some(mask) = shared.mask else {
            held.extend(stays.then(|| tape.share(scaled)));
            return (scaled, None);
        };
        if let (ScoreCode::BiasedThenFilled, Some(bias)) = (self.code.scores, shared.bias) {
            return (filled(tape, scaled, bias, mask, held), None);
        }
        let masked = join(tape, [scaled, mask], "attention.masked scores", scaled.shape);
        match self.code.scores {
            ScoreCode::Scaled
            | ScoreCode::Chosen
            | ScoreCode::DividedThenChosen
            | ScoreCode::BiasedThenFilled
            | ScoreCode::BiasedInPlace
            | ScoreCode::Disentangled => tape.release(scaled),
            ScoreCode::Biased => held.extend([scaled, tape.share(masked)]),
            ScoreCode::InPlace => return (masked, Some(scaled)),
        }
        held.extend(stays.then(|| tape.share(masked)));
        (masked, None)
    }

    /// What a layer's own buffer lets through; the buffer is what backward needs.
    fn chosen(&self, tape: &mut Tape, products: Tensor) -> Tensor {
        let positions = Dim { symbol: "", size: self.architecture.max_position_embeddings };
        let square = tape.shape(&[positions, positions]);
        let buffer = tape.parameter("attention.causal mask", square, Dtype::Bool);
        let choice =
            Operation { rule: Rule::Each, inputs: &[products], keeps: &[buffer], extras: &[], keeps_output: false };
        tape.apply(&choice, "attention.chosen scores", products.shape, products.dtype)
    }

    /// Attention weights, in the type of the queries or of the values.
    pub(crate) fn softmax(
        &self,
        tape: &mut Tape,
        scores: Tensor,
        outdated: Option<Tensor>,
        [query, value]: [Dtype; 2],
    ) -> Tensor {
        let in_fp32 = self.code.softmax_in_fp32;
        let wide = if in_fp32 || self.autocast { Dtype::Fp32 } else { scores.dtype };
        let widened = cast(tape, scores, wide, "attention.scores in fp32");
        let softmax = softmax(tape, widened, "attention.softmax");
        tape.release(widened);
        if let Some(outdated) = outdated {
            tape.release(outdated);
        }
        // Llama's code casts to the queries' type in one expression with the softmax; GPT-2's to the values' type, after
        // the scores are gone.
        let weights = if in_fp32 {
            let weights = cast(tape, softmax, query, "attention.weights");
            tape.release(softmax);
            tape.release(scores);
            weights
        } else {
            tape.release(scores);
            let dtype = if self.code.scores == ScoreCode::InPlace || self.code.weights_as_softmax {
                softmax.dtype
            } else {
                value
            };
            let weights = cast(tape, softmax, dtype, "attention.weights");
            tape.release(softmax);
            weights
        };
        let acts = self.dropout[2] && (self.code.drops_weights_too || !self.code.attention_dropout_on_output);
        let dropped = dropout(tape, acts, weights, "attention.dropped weights", "attention.dropout mask");
        tape.release(weights);
        dropped
    }

    /// Softmax over the scores and one more column, a learned score of each head, which is dropped again; with the
    /// scores that stay in a variable until attention returns.
    pub(crate) fn softmax_with_sinks(&self, tape: &mut Tape, scores: Tensor, sizes: Sizes) -> (Tensor, Option<Tensor>) {
        let dim = |symbol, size| Dim { symbol, size };
        let [heads, column] = [vec![sizes.heads], vec![self.b(), sizes.heads, self.s(), dim("", 1)]];
        let [vector, column] = [heads, column].map(|dims| tape.shape(&dims));
        let keys = tape.dims(scores.shape).dims().last().map_or(0, |keys| keys.size);
        let wider = tape.shape(&[self.b(), sizes.heads, self.s(), dim("(s+1)", keys.saturating_add(1))]);
        let sinks = tape.parameter(Part::Sinks.name(Piece::Whole), vector, self.weights);
        let sinks = tape.view_with_new_gradient(sinks, column);
        let with_sinks = join(tape, [scores, sinks], "attention.scores and sinks", wider);
        let which = Extra { name: "attention.largest score's index", shape: column, dtype: Dtype::Int64 };
        let largest =
            Operation { rule: Rule::Index, inputs: &[with_sinks], keeps: &[], extras: &[which], keeps_output: false };
        let largest = tape.apply(&largest, "attention.largest score", column, with_sinks.dtype);
        let shifted = subtract(tape, [with_sinks, largest], "attention.shifted scores", wider);
        tape.release(largest);
        tape.release(with_sinks);
        let softmax = softmax(tape, shifted, "attention.softmax");
        let without = tape.view_with_new_gradient(softmax, scores.shape);
        let dropped = dropout(tape, self.dropout[2], without, "attention.dropped weights", "attention.dropout mask");
        let weights = cast(tape, dropped, self.compute(), "attention.weights");
        tape.release(scores);
        for tensor in [dropped, without, softmax] {
            tape.release(tensor);
        }
        (weights, Some(shifted))
    }
}

/// Scores with their bias, filled where the mask covers them, which is what backward needs.
fn filled(tape: &mut Tape, scaled: Tensor, bias: Tensor, mask: Tensor, held: &mut Vec<Tensor>) -> Tensor {
    let biased = join(tape, [scaled, bias], "attention.biased scores", scaled.shape);
    tape.release(scaled);
    let fill = Operation { rule: Rule::Each, inputs: &[biased], keeps: &[mask], extras: &[], keeps_output: false };
    let filled = tape.apply(&fill, "attention.masked scores", biased.shape, biased.dtype);
    tape.release(biased);
    held.push(tape.share(filled));
    filled
}
