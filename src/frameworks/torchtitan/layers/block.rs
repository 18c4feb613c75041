//! One layer: `TransformerBlock`, with `GQAttention`, `FlexAttention` and `FeedForward`.

use super::{Decoder, Pass};
use crate::layers::attention::sizes::Sizes;
use crate::layers::layer::{ATTENTION_NORM, FEED_FORWARD_NORM};
use crate::layers::operations::{copy, join, multiply, unary_keeping_input};
use crate::model::architecture::{Attention, FeedForward, Layer, Mlp};
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Decoder<'_> {
    pub(super) fn block(&self, tape: &mut Tape, layer: &Layer, input: Tensor, pass: &mut Pass) -> Tensor {
        let run = self.run;
        let (Some(attention), FeedForward::Dense(mlp)) = (layer.attention(), &layer.feed_forward) else {
            return tape.share(input);
        };
        let normed = run.norm_of_stream(tape, input, ATTENTION_NORM);
        let attended = self.attention(tape, normed, attention, pass);
        tape.release(normed);
        let middle = join(tape, [input, attended], "residual stream", input.shape);
        tape.release(attended);
        let normed = run.norm_of_stream(tape, middle, FEED_FORWARD_NORM);
        let fed = self.feed_forward(tape, normed, mlp, pass);
        tape.release(normed);
        let output = join(tape, [middle, fed], "residual stream", input.shape);
        tape.release_each([fed, middle]);
        output
    }

    /// What the products of a half of a layer read: all tokens, where GPUs divide them.
    fn read(&self, tape: &mut Tape, normed: Tensor) -> Tensor {
        let run = self.run;
        match (run.all_tokens(tape, normed), run.divided) {
            (Some(all), _) => all,
            (None, Some(_)) => tape.view_with_new_gradient(normed, normed.shape),
            (None, None) => tape.share(normed),
        }
    }

    fn product(&self, tape: &mut Tape, input: Tensor, (part, name): (Part, &'static str), sizes: [Dim; 2]) -> Tensor {
        let own = self.own();
        let [inputs, outputs] = sizes;
        let matrix = own.weights(tape, part, inputs, outputs, false);
        own.linear(tape, input, matrix, name)
    }

    /// Sums what each GPU has of a half's output. The policy of checkpoints names the collectives of another path, and keeps
    /// nothing of these: measured.
    fn summed(&self, tape: &mut Tape, term: Tensor, name: &'static str) -> Tensor {
        if self.run.divided.is_some() { self.run.reduced(tape, term, name) } else { term }
    }

    fn attention(&self, tape: &mut Tape, normed: Tensor, attention: &Attention, pass: &mut Pass) -> Tensor {
        let run = self.run;
        let sizes = Sizes::of(attention);
        let read = self.read(tape, normed);
        let both = Dim { symbol: "(q+2kv)", size: sizes.query.size + 2 * sizes.kv.size };
        let names = (Part::QueryKeyValue, "attention.query, key and value");
        let fused = pass.saved(tape, |tape| self.product(tape, read, names, [run.h(), both]));
        tape.release(read);
        let shapes = [sizes.heads, sizes.kv_heads, sizes.kv_heads]
            .map(|heads| tape.shape(&[run.b(), run.s(), heads, sizes.head]));
        let parts = tape.split(fused, shapes);
        let names = ["attention.query", "attention.key", "attention.value"];
        let [query, key, value] = [0, 1, 2].map(|part| copy(tape, parts[part], names[part], shapes[part]));
        tape.release_each(parts);
        tape.release(fused);
        let [query, key] = self.rotated(tape, [query, key], sizes.head);
        let context = self.flex(tape, [query, key, value], sizes, pass);
        let flat = run.stream(tape, sizes.query);
        let flat = tape.view(context, flat);
        tape.release(context);
        // Every second product of a layer is computed again.
        let output = self.product(tape, flat, (Part::AttentionOutput, "attention.output"), [sizes.query, run.h()]);
        tape.release(flat);
        tape.release_each([query, key, value]);
        self.summed(tape, output, "attention.output")
    }

    /// The compiled kernel: it keeps what it reads, the logarithms of sums and the context, and a checkpoint with a policy
    /// keeps all of them, since to the policy the graph is one operation.
    fn flex(&self, tape: &mut Tape, inputs: [Tensor; 3], sizes: Sizes, pass: &mut Pass) -> Tensor {
        let run = self.run;
        let rows = tape.shape(&[run.b(), sizes.heads, run.s()]);
        let shape = tape.shape(&[run.b(), sizes.heads, run.s(), sizes.head]);
        let rule = Rule::Flex(rows);
        let name = "attention.context";
        if let Pass::Again(kept) = pass
            && let [.., query, key, value, sums, context] = kept[..]
        {
            kept.truncate(kept.len() - 5);
            let keeps = [query, key, value, sums, context];
            let operation = Operation { rule, inputs: &inputs, keeps: &keeps, extras: &[], keeps_output: false };
            let output = tape.recall(context, |tape| tape.apply(&operation, name, shape, inputs[0].dtype));
            tape.release_each([query, key, value, sums]);
            return output;
        }
        let sums = tape.constant("attention.log-sum-exp", rows, Dtype::Fp32);
        let largest = tape.constant("attention.largest scores", rows, Dtype::Fp32);
        let keeps = [inputs[0], inputs[1], inputs[2], sums];
        let operation = Operation { rule, inputs: &inputs, keeps: &keeps, extras: &[], keeps_output: true };
        let context = tape.apply(&operation, name, shape, inputs[0].dtype);
        tape.release(largest);
        if let Pass::First(kept) = pass {
            for tensor in [context, sums, inputs[2], inputs[1], inputs[0]] {
                kept.push(tape.keep_in_checkpoint(tensor));
            }
        }
        tape.release(sums);
        context
    }

    fn feed_forward(&self, tape: &mut Tape, normed: Tensor, mlp: &Mlp, pass: &mut Pass) -> Tensor {
        let run = self.run;
        let width = Dim { symbol: "f", size: mlp.intermediate_size };
        let read = self.read(tape, normed);
        let gate = pass.saved(tape, |tape| self.product(tape, read, (Part::Gate, "mlp.gate"), [run.h(), width]));
        let activated = unary_keeping_input(tape, gate, "mlp.activated gate");
        let up = self.product(tape, read, (Part::Up, "mlp.up"), [run.h(), width]);
        tape.release(read);
        let product = multiply(tape, [activated, up], "mlp.product", activated.shape);
        tape.release_each([activated, up, gate]);
        let output = pass.saved(tape, |tape| self.product(tape, product, (Part::Down, "mlp.down"), [width, run.h()]));
        tape.release(product);
        self.summed(tape, output, "mlp.down")
    }
}
