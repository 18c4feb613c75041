//! Eager attention: scores and their softmax as tensors, between two batched products.

use super::{Projected, Shared, Sizes};
use crate::families::code::{Rotation, ScoreCode, TableCode};
use crate::layers::Run;
use crate::layers::operations::{cast, copy, kept_factors};
use crate::model::architecture::Attention;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// Scores and their softmax as tensors: the context and the attention weights.
    pub(crate) fn eager(
        &self,
        tape: &mut Tape,
        projected: Projected,
        attention: &Attention,
        sizes: Sizes,
        shared: Shared,
        held: &mut Vec<Tensor>,
    ) -> (Tensor, Tensor) {
        let mut locals = Vec::new();
        let key = self.every_head(tape, projected.key, attention, sizes, "attention.key for every head");
        let value = self.every_head(tape, projected.value, attention, sizes, "attention.value for every head");
        let products = self.scores(tape, [projected.query, key], attention, sizes, shared.bias, &mut locals);
        let (scores, outdated) = self.mask_scores(tape, products, shared, attention.softcap, held);
        let weights = if attention.sinks {
            let (weights, shifted) = self.softmax_with_sinks(tape, scores, sizes);
            locals.extend(shifted);
            weights
        } else {
            self.softmax(tape, scores, outdated, [projected.query.dtype, projected.value.dtype])
        };
        let shape = tape.shape(&[self.b(), sizes.heads, self.s(), sizes.value_head]);
        let repeated = attention.heads != attention.kv_heads && attention.kv_heads > 1;
        let lies = self.code.flattened_heads || self.code.contiguous_heads;
        let factors = [(weights, true, "attention.weights"), (value, repeated || lies, "attention.value")];
        let context = self.batched(tape, factors, "attention.context", shape);
        // A function of its own has them where heads are put together behind it.
        if self.code.scores_in_fp32 {
            tape.release_each(std::mem::take(&mut locals));
        }
        let (flat, merged) = self.heads_together(tape, context, sizes);
        for tensor in locals.into_iter().chain([merged, value]) {
            tape.release(tensor);
        }
        (flat, weights)
    }

    /// What all heads give, `[b, s, q]`, and behind what it is a copy of; `context`, `[b, a, s, d]`, goes.
    pub(crate) fn heads_together(&self, tape: &mut Tape, context: Tensor, sizes: Sizes) -> (Tensor, Tensor) {
        let (shape, stream) = (context.shape, self.stream(tape, sizes.context));
        // The heads of one sequence are a view of its rows, which the product reads as they are.
        let merged =
            if self.batch == 1 { tape.view(context, shape) } else { tape.view_with_new_gradient(context, shape) };
        tape.release(context);
        let flat = if sizes.heads.size == 1 || self.sequence == 1 {
            tape.view(merged, stream)
        } else {
            copy(tape, merged, "attention.context", stream)
        };
        (flat, merged)
    }

    /// Keys or values repeated for every query head of their group, before autocast's copy or after it.
    fn every_head(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        sizes: Sizes,
        name: &'static str,
    ) -> Tensor {
        let dtype = if self.code.expanded_late { self.compute() } else { input.dtype };
        let narrow = cast(tape, input, dtype, name);
        let whole = self.repeat(tape, narrow, attention, sizes, name);
        tape.release(narrow);
        whole
    }

    /// The product of queries and keys, which are its own. What the code has in variables goes to `locals`.
    fn scores(
        &self,
        tape: &mut Tape,
        [query, key]: [Tensor; 2],
        attention: &Attention,
        sizes: Sizes,
        bias: Option<Tensor>,
        locals: &mut Vec<Tensor>,
    ) -> Tensor {
        let expanded = attention.heads != attention.kv_heads;
        // A repetition that stayed a view is copied where it is read.
        let repeated = expanded && attention.kv_heads > 1;
        let by_head =
            matches!(self.code.rotation, Rotation::Concatenated | Rotation::Halves) || attention.latent.is_some();
        let contiguous = self.code.flattened_heads
            || self.code.contiguous_heads
            || by_head && self.code.tables != TableCode::Gathered;
        let wide = |tape: &mut Tape, tensor: Tensor, name| {
            let dtype = if self.code.scores_in_fp32 { Dtype::Fp32 } else { tensor.dtype };
            cast(tape, tensor, dtype, name)
        };
        let query = wide(tape, query, "attention.query in fp32");
        let wide_key = wide(tape, key, "attention.key in fp32");
        let factors = [
            (query, contiguous, "attention.query after rotary embedding"),
            (wide_key, if expanded { repeated } else { contiguous }, "attention.key after rotary embedding"),
        ];
        let bias = bias.filter(|_| self.code.scores == ScoreCode::Biased);
        let bias = bias.map(|bias| cast(tape, bias, self.compute(), "bias of positions in 16 bits"));
        let shape = tape.shape(&[self.b(), sizes.heads, self.s(), self.keys(attention.sliding_window)]);
        let rule = if self.code.scores == ScoreCode::Biased { Rule::ScaledProduct } else { Rule::Product };
        let products = self.batched_by(rule, tape, factors, "attention.scores", shape);
        if let Some(bias) = bias {
            tape.release(bias);
        }
        if self.code.expanded_late {
            tape.release(key);
            tape.release(wide_key);
        } else {
            locals.extend([key, wide_key]);
        }
        locals.push(query);
        products
    }

    /// A batched matrix product, which keeps both factors as it reads them: in the type of the product, and with the
    /// heads of all sequences in one dimension, a copy unless they lie so already.
    pub(crate) fn batched(
        &self,
        tape: &mut Tape,
        factors: [(Tensor, bool, &'static str); 2],
        name: &'static str,
        shape: u16,
    ) -> Tensor {
        self.batched_by(Rule::Product, tape, factors, name, shape)
    }

    fn batched_by(
        &self,
        rule: Rule,
        tape: &mut Tape,
        factors: [(Tensor, bool, &'static str); 2],
        name: &'static str,
        shape: u16,
    ) -> Tensor {
        let dtype = if self.autocast { Dtype::Bf16 } else { factors[0].0.dtype };
        // Arguments are cast from the last to the first.
        let [(first, _, first_name), (second, _, second_name)] = factors;
        let second = cast(tape, second, dtype, second_name);
        let narrow = [cast(tape, first, dtype, first_name), second];
        let mut read = narrow;
        for (read, (_, contiguous, name)) in read.iter_mut().zip(factors) {
            // One sequence, or one head of each: what is read lies in one piece without a copy.
            let one = self.batch == 1 || tape.dims(read.shape).dims()[1].size == 1;
            *read = if contiguous || one { tape.share(*read) } else { copy(tape, *read, name, read.shape) };
        }
        let (kept, count) = kept_factors(read);
        let keeps = &kept[..count];
        // The second factor's gradient is made first.
        let inputs = [read[1], read[0]];
        let operation = Operation { rule, inputs: &inputs, keeps, extras: &[], keeps_output: false };
        let product = tape.apply(&operation, name, shape, dtype);
        tape.product_workspace();
        for tensor in read.into_iter().chain(narrow) {
            tape.release(tensor);
        }
        product
    }
}
