//! Attention with capped scores, which are tensors: `Gemma2Attention`.

use super::TransformerDecoder;
use crate::layers::attention::sizes::Sizes;
use crate::layers::operations::{cast, copy, soft_cap, unary_keeping_output};
use crate::model::architecture::Attention;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl TransformerDecoder<'_> {
    /// The context of queries, keys and values by head, `[b, s, q]`; and what stays in variables until attention returns.
    pub(crate) fn capped(
        &self,
        tape: &mut Tape,
        [query, key, value]: [Tensor; 3],
        attention: &Attention,
        sizes: Sizes,
    ) -> (Tensor, Vec<Tensor>) {
        let run = self.run;
        // Queries are scaled in place.
        let scaled = tape.view_with_new_gradient(query, query.shape);
        let square = tape.shape(&[run.b(), sizes.heads, run.s(), run.s()]);
        let factors = [(scaled, false, "attention.query"), (key, false, "attention.key")];
        let products = run.batched(tape, factors, "attention.scores", square);
        let mut held = self.mask(tape, attention.sliding_window.is_some());
        held.push(scaled);
        let scores = soft_cap(tape, products, ["attention.tanh of scores", "attention.capped scores"]);
        let mask = Operation { rule: Rule::Pass, inputs: &[scores], keeps: &[], extras: &[], keeps_output: false };
        let masked = tape.apply(&mask, "attention.masked scores", square, Dtype::Fp32);
        tape.release(scores);
        let softmax = unary_keeping_output(tape, masked, "attention.softmax");
        let weights = cast(tape, softmax, query.dtype, "attention.weights");
        tape.release(softmax);
        tape.release(masked);
        let shape = tape.shape(&[run.b(), sizes.heads, run.s(), sizes.head]);
        let factors = [(weights, true, "attention.weights"), (value, false, "attention.value")];
        let context = run.batched(tape, factors, "attention.context", shape);
        tape.release(weights);
        let flat = run.stream(tape, sizes.query);
        let together =
            if attention.heads > 1 { copy(tape, context, "attention.context", flat) } else { tape.view(context, flat) };
        tape.release(context);
        (together, held)
    }

    /// Every layer makes its own: what is later than a token, and what lies before its window, in fp32.
    fn mask(&self, tape: &mut Tape, windowed: bool) -> Vec<Tensor> {
        let run = self.run;
        let shape = tape.shape(&[run.s(), run.s()]);
        let bits = |tape: &mut Tape| tape.constant("attention.causal positions", shape, Dtype::Bool);
        let [ones, causal] = [bits(tape), bits(tape)];
        tape.release(ones);
        let hidden = bits(tape);
        let mask = tape.constant("attention.causal mask", shape, Dtype::Fp32);
        tape.release(hidden);
        tape.release(causal);
        if !windowed {
            return vec![mask];
        }
        let [ones, after, before, window] = ["attention.ones", "attention.band", "attention.band", "attention.window"]
            .map(|name| tape.constant(name, shape, Dtype::Fp32));
        tape.release(after);
        tape.release(before);
        let within = bits(tape);
        let both = tape.constant("attention.window mask", shape, Dtype::Fp32);
        tape.release(within);
        tape.release(mask);
        vec![both, ones, window]
    }
}
