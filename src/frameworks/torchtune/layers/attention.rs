//! Attention: `MultiHeadAttention`.

use super::TransformerDecoder;
use crate::layers::attention::sizes::Sizes;
use crate::model::architecture::Attention;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};

impl TransformerDecoder<'_> {
    /// From the normed stream to the output projection. Queries, keys and values stay until it returns.
    pub(crate) fn attention(&self, tape: &mut Tape, input: Tensor, attention: &Attention) -> Tensor {
        let run = self.run;
        let sizes = Sizes::of(attention);
        let bias = attention.qkv_bias;
        let project = |tape: &mut Tape, (part, name): (Part, &'static str), outputs: Dim| {
            let matrix = run.weights(tape, part, run.h(), outputs, bias);
            run.linear(tape, input, matrix, name)
        };
        let query = project(tape, (Part::Query, "attention.query"), sizes.query);
        let query = self.turned(tape, query, [sizes.heads, sizes.head], "attention.query after rotary embedding");
        let key = project(tape, (Part::Key, "attention.key"), sizes.kv);
        let value = project(tape, (Part::Value, "attention.value"), sizes.kv);
        let key = self.turned(tape, key, [sizes.kv_heads, sizes.head], "attention.key after rotary embedding");
        // The fused kernel writes the gradient of values in the layout of the projection, unless they were copied by head.
        let grouped = attention.heads != attention.kv_heads && attention.kv_heads > 1;
        let by_head = grouped && !self.release.repeats_by_token && !attention.softcap;
        let value = run.heads(tape, value, sizes.kv_heads, sizes.head, by_head);
        let mut parts = [key, value];
        for (part, name) in parts.iter_mut().zip(["attention.key for every head", "attention.value for every head"]) {
            let repeated = run.repeat(tape, *part, attention, sizes, name);
            tape.release(std::mem::replace(part, repeated));
        }
        let [key, value] = parts;
        let (flat, held) = if attention.softcap {
            self.capped(tape, [query, key, value], attention, sizes)
        } else {
            (self.fused(tape, [query, key, value], sizes), Vec::new())
        };
        let matrix = run.weights(tape, Part::AttentionOutput, sizes.query, run.h(), false);
        let output = run.linear(tape, flat, matrix, "attention.output");
        for tensor in [flat, query, key, value].into_iter().chain(held) {
            tape.release(tensor);
        }
        output
    }

    /// What one kernel computes, `[b, s, q]`.
    fn fused(&self, tape: &mut Tape, inputs: [Tensor; 3], sizes: Sizes) -> Tensor {
        let run = self.run;
        let context = if run.padding {
            self.masked_by_blocks(tape, inputs, sizes)
        } else {
            run.kernel(tape, inputs, None, (sizes, false))
        };
        let shape = run.stream(tape, sizes.query);
        let flat = tape.view(context, shape);
        tape.release(context);
        flat
    }

    /// Queries or keys taken apart by head, rotated, and seen head by head.
    fn turned(&self, tape: &mut Tape, input: Tensor, [heads, head]: [Dim; 2], name: &'static str) -> Tensor {
        let run = self.run;
        let by_token = tape.shape(&[run.b(), run.s(), heads, head]);
        let apart = tape.view(input, by_token);
        tape.release(input);
        let rotated = self.rotated(tape, apart, [heads, head], name);
        tape.release(apart);
        let by_head = tape.shape(&[run.b(), heads, run.s(), head]);
        let seen = tape.view(rotated, by_head);
        tape.release(rotated);
        seen
    }

    /// Packed sequences go through the compiled flexible kernel, which keeps what a fused one does but for a seed, and sums
    /// each row of products with the context's gradient first.
    fn masked_by_blocks(&self, tape: &mut Tape, inputs: [Tensor; 3], sizes: Sizes) -> Tensor {
        let run = self.run;
        let rows = tape.shape(&[run.b(), sizes.heads, run.s()]);
        let operation = Operation {
            rule: Rule::Again(rows),
            inputs: &inputs,
            keeps: &inputs,
            extras: &[Extra { name: "attention.log-sum-exp", shape: rows, dtype: Dtype::Fp32 }],
            keeps_output: true,
        };
        let shape = tape.shape(&[run.b(), sizes.heads, run.s(), sizes.head]);
        tape.apply(&operation, "attention.context", shape, inputs[0].dtype)
    }
}
