//! Liger's head and loss in one: logits of a chunk of tokens at a time, and the gradients of the head and of its input,
//! made in forward.

use crate::layers::{Linear, Run};
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Segment, Tape, Tensor, tiles};

/// What the loss makes of its inputs' gradients, and what it computes them from.
struct Inputs {
    stream: Tensor,
    head: Linear,
    weight_gradient: Option<Tensor>,
    /// Whether products are written where they belong: not where autocast has to cast their factors.
    written: bool,
}

impl Run<'_> {
    /// Cross-entropy of shifted labels, from what the head reads.
    pub(crate) fn loss_with_gradients(&self, tape: &mut Tape, stream: Tensor, head: Linear) -> Tensor {
        tape.enter(Segment::Loss);
        let padded = self.padded_labels(tape);
        let [tokens, scalar] = [tape.shape(&[self.b(), self.s()]), tape.shape(&[])];
        let labels = tape.constant("shifted labels", padded, Dtype::Int64);
        // Of one sequence they are a view of the padded ones.
        let shifted = (self.batch > 1).then(|| tape.constant("shifted labels", tokens, Dtype::Int64));
        tape.enter(Segment::Head);
        let input_gradient = tape.constant("gradient of the head's input", stream.shape, stream.dtype);
        let gradient = |tape: &mut Tape, name, parameter: Tensor| {
            parameter.needs_gradient().then(|| tape.constant(name, parameter.shape, parameter.dtype))
        };
        let weight_gradient = gradient(tape, "gradient of the head", head.weight);
        let bias_gradient = head.bias.and_then(|bias| gradient(tape, "gradient of the head's bias", bias));
        tape.enter(Segment::Loss);
        let losses = tape.constant("loss of each token", tokens, Dtype::Fp32);
        let counts = tape.constant("tokens that count", tokens, Dtype::Bool);
        let count = tape.constant("number of tokens that count", scalar, Dtype::Int64);
        let counted = tape.constant("tokens that count", tokens, Dtype::Int64);
        tape.release_each([counted, count]);
        let written = stream.dtype == head.weight.dtype && (!self.autocast || stream.dtype == Dtype::Bf16);
        self.chunks(tape, &Inputs { stream, head, weight_gradient, written });
        let mut inputs = vec![stream];
        inputs.extend(weight_gradient.map(|_| head.weight));
        inputs.extend(bias_gradient.and(head.bias));
        let gradients: Vec<Tensor> = [input_gradient].into_iter().chain(weight_gradient).chain(bias_gradient).collect();
        let operation =
            Operation { rule: Rule::Ready, inputs: &inputs, keeps: &gradients, extras: &[], keeps_output: false };
        // Gradients of the head and of its input are the head's, whichever kernel makes them.
        tape.enter(Segment::Head);
        let loss = tape.apply(&operation, "loss", scalar, Dtype::Fp32);
        tape.assign(loss, Segment::Loss);
        tape.reduction_scratch(tokens, scalar);
        tape.release_each([counts, losses]);
        tape.release_each(gradients);
        tape.release(labels);
        tape.release_each(shifted);
        loss
    }

    /// So many rows at a time that a chunk's logits take about as much as the head's input: `2^⌈log₂(T / ⌈V/h⌉)⌉`.
    fn chunks(&self, tape: &mut Tape, inputs: &Inputs) {
        let head = inputs.head;
        let rows = self.batch.saturating_mul(self.sequence);
        let parts = head.outputs.size.div_ceil(head.inputs.size.max(1)).max(1);
        let most = rows.div_ceil(parts).checked_next_power_of_two().unwrap_or(rows).min(rows).max(1);
        let reused = inputs.written.then(|| {
            let shape = tape.shape(&[Dim { symbol: "chunk", size: most }, head.outputs]);
            tape.constant("logits of a chunk", shape, inputs.stream.dtype)
        });
        for chunk in tiles::parts(rows, most) {
            if inputs.written {
                Self::written_chunk(tape, inputs);
            } else {
                self.cast_chunk(tape, Dim { symbol: "chunk", ..chunk }, inputs);
            }
        }
        tape.release_each(reused);
    }

    /// Logits, the gradient of the input and that of the head, each written where it belongs; in fp32 the last is made and
    /// then added.
    fn written_chunk(tape: &mut Tape, inputs: &Inputs) {
        tape.product_workspace();
        tape.product_workspace();
        let Some(gradient) = inputs.weight_gradient else { return };
        let added = (gradient.dtype == Dtype::Fp32)
            .then(|| tape.constant("gradient of the head from a chunk", gradient.shape, Dtype::Fp32));
        tape.product_workspace();
        tape.release_each(added);
    }

    /// The same by products whose factors autocast casts: the transposed head anew each time, the head itself once.
    fn cast_chunk(&self, tape: &mut Tape, rows: Dim, inputs: &Inputs) {
        let Inputs { head, weight_gradient, .. } = *inputs;
        let [input, logits] = [head.inputs, head.outputs].map(|width| tape.shape(&[rows, width]));
        let transposed = tape.constant("head in 16 bits", head.weight.shape, self.compute());
        let narrow = tape.constant("input of a chunk in 16 bits", input, self.compute());
        let logits = tape.constant("logits of a chunk", logits, self.compute());
        tape.product_workspace();
        tape.release_each([narrow, transposed]);
        let weight = tape.cached_copy_without_graph(head.weight);
        let gradient = tape.constant("gradient of a chunk's input", input, self.compute());
        tape.product_workspace();
        tape.release_each([weight, gradient]);
        if weight_gradient.is_some() {
            let narrow = tape.constant("input of a chunk in 16 bits", input, self.compute());
            tape.product_workspace();
            tape.release(narrow);
        }
        tape.release(logits);
    }
}
