//! Attention between the fused projection and the output projection: `CausalSelfAttention`.

use super::Gpt;
use super::linear::adapter;
use crate::layers::attention::sizes::Sizes;
use crate::layers::norm::names;
use crate::layers::operations::{cast, copy, fresh, join, soft_cap, unary_keeping_output};
use crate::layers::rotary::{Tables, turned_halves};
use crate::model::architecture::Attention;
use crate::model::family::QkNorm;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

impl Gpt<'_> {
    /// From the normed stream to the output projection. The variables of the code stay until it returns.
    pub(crate) fn attention(&self, tape: &mut Tape, input: Tensor, attention: &Attention, tables: Tables) -> Tensor {
        let sizes = Sizes::of(attention);
        let qkv = self.project(tape, input, attention, sizes);
        let parts = [sizes.query, sizes.kv, sizes.kv].map(|channels| self.run.stream(tape, channels));
        let [query, key, value] = tape.split(qkv, parts);
        let query = self.heads_of(tape, query, attention, (sizes.heads, sizes.query), names!("attention.query norm"));
        let key = self.heads_of(tape, key, attention, (sizes.kv_heads, sizes.kv), names!("attention.key norm"));
        // The fused kernel writes the gradient of values in the layout of the projection, unless they were copied.
        let grouped = sizes.heads.size != sizes.kv_heads.size;
        let by_head = (grouped || attention.softcap) && sizes.kv_heads.size > 1;
        let value = self.run.heads(tape, value, sizes.kv_heads, sizes.head, by_head);
        let names = ["attention.query after rotary embedding", "attention.key after rotary embedding"];
        let turned_query = self.turned(tape, query, sizes.heads, attention, tables, names[0]);
        let turned_key = self.turned(tape, key, sizes.kv_heads, attention, tables, names[1]);
        let query = self.with_rest(tape, [query, turned_query], sizes.heads, attention, names[0]);
        let key = self.with_rest(tape, [key, turned_key], sizes.kv_heads, attention, names[1]);
        let [mut key, mut value] = [key, value];
        if grouped {
            let copies = self.release.copies_one_value || sizes.kv_heads.size > 1;
            key = self.for_every_head(tape, key, sizes, "attention.key for every head", true);
            value = self.for_every_head(tape, value, sizes, "attention.value for every head", copies);
        }
        let context = if attention.softcap {
            self.capped(tape, [query, key, value], attention, sizes)
        } else {
            let mask = attention.sliding_window.map(|_| self.window_mask(tape));
            let aligned = mask.map(|mask| self.aligned(tape, mask));
            let context = self.run.kernel(tape, [query, key, value], aligned, (sizes, false));
            // What the memory-efficient kernel writes lies as the projection reads it.
            let flat = self.flat(tape, context, sizes, mask.is_some());
            for mask in aligned.into_iter().chain(mask) {
                tape.release(mask);
            }
            flat
        };
        let matrix = self.run.weights(tape, Part::AttentionOutput, sizes.query, self.run.h(), attention.output_bias);
        let adapted =
            self.lora.is_some_and(|lora| lora.output).then_some(adapter!(AttentionOutput, "attention.output"));
        let output = self.linear(tape, context, matrix, "attention.output", adapted);
        for tensor in [context, turned_key, turned_query, query, key, value, qkv] {
            tape.release(tensor);
        }
        output
    }

    /// Heads of queries or keys, `[b, heads, s, d]`, normed before they are taken apart or after.
    fn heads_of(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        (heads, width): (Dim, Dim),
        names: crate::layers::norm::Names,
    ) -> Tensor {
        let mut part = input;
        if attention.qk_norm == QkNorm::FullWidth {
            part = self.norm(tape, input, &[self.run.b(), self.run.s()], width, names);
            tape.release(input);
        }
        let head = Dim { symbol: "d", size: attention.head_dim };
        let apart = self.run.heads(tape, part, heads, head, heads.size > 1);
        if attention.qk_norm != QkNorm::PerHead {
            return apart;
        }
        let normed = self.norm(tape, apart, &[self.run.b(), heads, self.run.s()], head, names);
        tape.release(apart);
        normed
    }

    /// The channels that rotate, turned: `x·cos + rotated·sin`, in the type of the tables, and back.
    fn turned(
        &self,
        tape: &mut Tape,
        input: Tensor,
        heads: Dim,
        attention: &Attention,
        tables: Tables,
        name: &'static str,
    ) -> Tensor {
        let run = self.run;
        let size = attention.rotary_dim;
        let d = |size| Dim { symbol: "d", size };
        let [whole, first, second] =
            [size, size / 2, size - size / 2].map(|size| tape.shape(&[run.b(), heads, run.s(), d(size)]));
        let turning =
            if size == attention.head_dim { tape.share(input) } else { tape.view_with_new_gradient(input, whole) };
        let output = turned_halves(tape, turning, [first, second], tables, name);
        tape.release(turning);
        output
    }

    /// The turned channels and the others in one tensor, even where there are no others.
    fn with_rest(
        &self,
        tape: &mut Tape,
        [input, turned]: [Tensor; 2],
        heads: Dim,
        attention: &Attention,
        name: &'static str,
    ) -> Tensor {
        let rest = Dim { symbol: "d", size: attention.head_dim - attention.rotary_dim };
        let rest = tape.shape(&[self.run.b(), heads, self.run.s(), rest]);
        let passing = tape.view_with_new_gradient(input, rest);
        let whole = join(tape, [turned, passing], name, input.shape);
        tape.release(passing);
        tape.release(input);
        whole
    }

    /// Keys or values for every query head: a copy, or a view of the one head that there is.
    fn for_every_head(&self, tape: &mut Tape, input: Tensor, sizes: Sizes, name: &'static str, copies: bool) -> Tensor {
        let shape = tape.shape(&[self.run.b(), sizes.heads, self.run.s(), sizes.head]);
        let expanded = tape.view_with_new_gradient(input, shape);
        if !copies {
            tape.release(input);
            return expanded;
        }
        let repeated = copy(tape, expanded, name, shape);
        tape.release(expanded);
        tape.release(input);
        repeated
    }

    /// `[b, heads, s, d]` as `[b, s, q]`: a copy, unless there is one head or it lies so already.
    fn flat(&self, tape: &mut Tape, context: Tensor, sizes: Sizes, lies_so: bool) -> Tensor {
        let shape = self.run.stream(tape, sizes.query);
        let flat = if lies_so || sizes.heads.size == 1 {
            tape.view(context, shape)
        } else {
            copy(tape, context, "attention.context", shape)
        };
        tape.release(context);
        flat
    }

    /// A layer with a window makes a mask of its own, `[s, s]`, and first one without the window.
    fn window_mask(&self, tape: &mut Tape) -> Tensor {
        let causal = self.causal_mask(tape);
        let shape = causal.shape;
        let mask = tape.constant("attention.window mask", shape, self.run.weights);
        tape.release(causal);
        mask
    }

    /// The kernel wants rows that begin at multiples of eight elements, and reads a wider copy where they do not.
    fn aligned(&self, tape: &mut Tape, mask: Tensor) -> Tensor {
        let row = Dim { symbol: "s", size: self.run.sequence.next_multiple_of(8) };
        if row.size == self.run.sequence {
            return tape.share(mask);
        }
        let shape = tape.shape(&[self.run.s(), row]);
        tape.constant("attention.aligned window mask", shape, self.run.weights)
    }

    fn causal_mask(&self, tape: &mut Tape) -> Tensor {
        let shape = tape.shape(&[self.run.s(), self.run.s()]);
        let ones = tape.constant("attention.causal mask", shape, self.run.weights);
        let mask = tape.constant("attention.causal mask", shape, self.run.weights);
        tape.release(ones);
        let filled = tape.constant("attention.masked positions", shape, Dtype::Bool);
        tape.release(filled);
        mask
    }

    /// Scores as tensors, capped before their softmax in fp32.
    fn capped(&self, tape: &mut Tape, parts: [Tensor; 3], attention: &Attention, sizes: Sizes) -> Tensor {
        let run = self.run;
        let [query, key, value] = parts;
        let square = tape.shape(&[run.b(), sizes.heads, run.s(), run.s()]);
        let factors = [(query, true, "attention.query"), (key, true, "attention.key")];
        let products = run.batched(tape, factors, "attention.scores", square);
        let scaled = fresh(tape, products, "attention.scaled scores", square);
        tape.release(products);
        let scores = soft_cap(tape, scaled, ["attention.tanh of scores", "attention.capped scores"]);
        let mask = match attention.sliding_window {
            Some(_) => self.window_mask(tape),
            None => self.causal_mask(tape),
        };
        let masked = copy(tape, scores, "attention.masked scores", square);
        tape.release(scores);
        let wide = cast(tape, masked, Dtype::Fp32, "attention.scores in fp32");
        let softmax = unary_keeping_output(tape, wide, "attention.softmax");
        tape.release(wide);
        let weights = cast(tape, softmax, masked.dtype, "attention.weights");
        tape.release(softmax);
        tape.release(masked);
        let copied = sizes.heads.size != sizes.kv_heads.size;
        let shape = tape.shape(&[run.b(), sizes.heads, run.s(), sizes.head]);
        let factors = [(weights, true, "attention.weights"), (value, copied, "attention.value")];
        let context = run.batched(tape, factors, "attention.context", shape);
        let flat = self.flat(tape, context, sizes, false);
        tape.release(weights);
        tape.release(mask);
        flat
    }
}
