//! Lightning attention block by block, and the short convolution between two gates.

use super::{Kernel, compute_fused, contiguous, dim};
use crate::layers::Run;
use crate::layers::norm::names;
use crate::layers::operations::{copy, fresh, multiply, unary_keeping_input, unary_keeping_output};
use crate::model::part::Part;
use crate::model::recurrent::{Lightning, ShortConvolution};
use crate::tape::{Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// PyTorch's own operations: scores within each block, a state between blocks. What the loop over blocks keeps was
    /// measured; its order in backward is that of one kernel, so that all of it is an estimate.
    pub(crate) fn lightning(&self, tape: &mut Tape, input: Tensor, lightning: &Lightning) -> Tensor {
        let (heads, width) = (dim("a", lightning.heads), dim("W", lightning.width()));
        let three = dim("3W", 3 * width.size);
        let names = (Part::MixerQueryKeyValue, "mixer.query key value");
        let fused = self.projected(tape, input, names, [self.h(), three], false);
        let activated = unary_keeping_input(tape, fused, "mixer.activated query key value");
        tape.release(fused);
        let wide = self.stream(tape, width);
        let parts = tape.split(activated, [wide, wide, wide]);
        let [query, key, value] = [(0, "mixer.queries"), (1, "mixer.keys"), (2, "mixer.values")]
            .map(|(part, name)| self.by_head(tape, parts[part], lightning, name, wide));
        let block = lightning.block.min(self.sequence);
        let blocks = self.sequence.div_ceil(lightning.block);
        // The first block reads no state, and what the last one adds to it is not read.
        let after_first = tape.shape(&[self.b(), dim("s", self.sequence - block), width]);
        let before_last = tape.shape(&[self.b(), dim("s", (blocks - 1) * block), width]);
        let read = estimated(tape, query, "mixer.decayed queries", after_first);
        let written = [
            estimated(tape, key, "mixer.decayed keys", before_last),
            self.by_head(tape, value, lightning, "mixer.values for the next state", before_last),
        ];
        let rest = dim("rest", self.sequence - (blocks - 1) * lightning.block);
        let scores = tape.shape(&[self.b(), heads, dim("s", (blocks - 1) * block), dim("block", block)]);
        let last_scores = tape.shape(&[self.b(), heads, rest, rest]);
        // The first state is empty, and the last is not decayed again.
        let decays = tape.shape(&[dim("blocks", blocks.saturating_sub(2)), heads]);
        let head = dim("d", lightning.head_dim);
        let states = tape.shape(&[self.b(), dim("blocks", blocks), heads, head, head]);
        let kernel = Kernel {
            inputs: &[query, key, value, read, written[0], written[1]],
            keeps: &[query, key, value, read, written[0], written[1]],
            makes: &[
                ("mixer.decayed scores of each block", scores, query.dtype),
                ("mixer.decayed scores of the last block", last_scores, query.dtype),
                ("mixer.decay between blocks", decays, self.weights),
                ("mixer.states between blocks", states, query.dtype),
            ],
            transient: &[],
            again: states,
            keeps_output: false,
        };
        let context = compute_fused(tape, &kernel, "mixer.context of each block", wide, query.dtype);
        let whole = copy(tape, context, "mixer.context", wide);
        tape.release(context);
        let normed = self.norm(tape, whole, &[self.b(), self.s()], width, names!("mixer.norm"));
        let gate = self.projected(tape, input, (Part::MixerGate, "mixer.gate"), [self.h(), width], false);
        let open = unary_keeping_output(tape, gate, "mixer.open gate");
        tape.release(gate);
        let gated = multiply(tape, [open, normed], "mixer.gated output", wide);
        tape.release(open);
        let output = self.mixed(tape, gated, width, false);
        let variables = [gated, normed, whole, query, key, value, read, activated];
        for tensor in variables.into_iter().chain(written).chain(parts) {
            tape.release(tensor);
        }
        output
    }

    /// What a batched product over all heads reads: a copy, unless there is one sequence or one head.
    fn by_head(&self, tape: &mut Tape, input: Tensor, lightning: &Lightning, name: &'static str, shape: u16) -> Tensor {
        if self.batch == 1 || lightning.heads == 1 {
            return tape.view_with_new_gradient(input, shape);
        }
        contiguous(tape, input, name, shape)
    }

    /// LFM2: `C·convolution(B·x)`, all three out of one matrix.
    pub(crate) fn short_convolution(&self, tape: &mut Tape, input: Tensor, short: &ShortConvolution) -> Tensor {
        let hidden = self.h();
        let names = (Part::MixerInput, "mixer.input projection");
        let three = dim("3h", 3 * hidden.size);
        let fused = self.projected(tape, input, names, [hidden, three], short.bias);
        let stream = self.stream(tape, hidden);
        let [before, after, values] = tape.split(fused, [stream, stream, stream]);
        let product = multiply(tape, [before, values], "mixer.gated input", stream);
        let mut inputs = vec![product];
        let filters = self.filters(tape, hidden, short.kernel, short.bias);
        let copies = filters.iter().map(|filter| if self.autocast { tape.cached_copy(*filter) } else { *filter });
        inputs.extend(copies);
        // PyTorch's convolution pads both ends; what follows reads all but the last outputs.
        let padded = tape.shape(&[self.b(), dim("(s+k-1)", self.sequence.saturating_add(short.kernel - 1)), hidden]);
        let operation = Operation {
            rule: Rule::Each,
            inputs: &inputs,
            keeps: &[product, inputs[1]],
            extras: &[],
            keeps_output: false,
        };
        let whole = tape.apply(&operation, "mixer.convolved", padded, product.dtype);
        tape.estimate(whole);
        for copied in inputs.drain(1..) {
            tape.release(copied);
        }
        let convolved = tape.view_with_new_gradient(whole, stream);
        tape.release(whole);
        let gated = multiply(tape, [after, convolved], "mixer.gated output", stream);
        let context = copy(tape, gated, "mixer.gated output by token", stream);
        tape.release(gated);
        let output = self.mixed(tape, context, hidden, short.bias);
        for tensor in [context, convolved, product, before, after, values, fused] {
            tape.release(tensor);
        }
        output
    }
}

/// A product with a constant decay.
fn estimated(tape: &mut Tape, input: Tensor, name: &'static str, shape: u16) -> Tensor {
    let output = fresh(tape, input, name, shape);
    tape.estimate(output);
    output
}
