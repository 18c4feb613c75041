//! Adapters whose magnitudes are trained apart from their directions (`DoRA`), as PEFT's code runs them.

use super::operations::{copy, fresh, join, multiply};
use super::{Linear, Run};
use crate::model::part::Piece;
use crate::shape::Dim;
use crate::states::adapters::Names;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// `(m - 1)·base + m·B(A(x))·scaling`, where `m` is the magnitude over the norm of the matrix and its adapter.
    pub(crate) fn beside_with_magnitude(
        &self,
        tape: &mut Tape,
        [read, output]: [Tensor; 2],
        linear: Linear,
        pair: [Linear; 2],
        (names, positions): (&Names, Dim),
    ) -> Tensor {
        let dropped = self.adapter_dropout(tape, read, names);
        let mut held = self.product_as_matrix(tape, read.dtype, pair);
        let matrix = self.base_matrix(tape, linear, read.dtype);
        let norm = norm_of_rows(tape, linear, read.dtype);
        let vector = tape.shape(&[linear.outputs]);
        let magnitude = tape.adapter(names.part.name(Piece::LoraMagnitude), vector, pair[0].weight.dtype);
        let quotient =
            Operation { rule: Rule::Each, inputs: &[magnitude], keeps: &[norm], extras: &[], keeps_output: false };
        let scale = tape.apply(&quotient, "lora magnitude over norm", vector, magnitude.dtype.promoted(norm.dtype));
        let high = self.low_rank(tape, dropped, pair, (names, positions));
        let base = self.base_output(tape, [dropped, output], Linear { weight: matrix, ..linear }, positions);
        let less_one = copy(tape, scale, "lora magnitude over norm, less one", vector);
        let kept = multiply(tape, [less_one, base], "lora correction of the base", output.shape);
        let directed = multiply(tape, [scale, high], names.high, output.shape);
        let scaled = fresh(tape, directed, names.high, output.shape);
        tape.release(directed);
        let sum = join(tape, [kept, scaled], names.sum, output.shape);
        held.extend([scaled, kept, less_one, base, high, scale, norm, matrix, dropped]);
        for tensor in held {
            tape.release(tensor);
        }
        sum
    }

    /// `B·A` as a matrix, from the identity; its graph goes with it, since the norm takes no gradient.
    fn product_as_matrix(&self, tape: &mut Tape, dtype: Dtype, [down, up]: [Linear; 2]) -> Vec<Tensor> {
        let compute = if self.autocast { Dtype::Bf16 } else { down.weight.dtype };
        let square = tape.shape(&[down.inputs, down.inputs]);
        let low = tape.shape(&[down.inputs, down.outputs]);
        let whole = tape.shape(&[down.inputs, up.outputs]);
        let identity = tape.constant("lora identity", square, down.weight.dtype);
        let read = if self.autocast { tape.constant("lora identity", square, compute) } else { tape.share(identity) };
        self.touch(tape, down);
        let low = tape.constant("lora A of the identity", low, compute);
        self.touch(tape, up);
        let mut product = tape.constant("lora product as a matrix", whole, compute);
        tape.release(identity);
        if compute != dtype {
            let wide = tape.constant("lora product as a matrix", whole, dtype);
            tape.release(product);
            product = wide;
        }
        vec![read, low, product]
    }

    /// The first use of a matrix under autocast makes the copy that later ones read.
    fn touch(&self, tape: &mut Tape, linear: Linear) {
        if self.autocast {
            let narrow = tape.cached_copy(linear.weight);
            tape.release(narrow);
        }
    }

    /// The base's matrix in the type of what the adapter reads.
    fn base_matrix(&self, tape: &mut Tape, linear: Linear, dtype: Dtype) -> Tensor {
        if self.base.is_some() {
            let unpacked = tape.constant("dequantized weight", linear.weight.shape, self.compute());
            tape.estimate(unpacked);
            if unpacked.dtype == dtype {
                return unpacked;
            }
            let wide = tape.constant("dequantized weight", linear.weight.shape, dtype);
            tape.estimate(wide);
            tape.release(unpacked);
            return wide;
        }
        if linear.weight.dtype == dtype { linear.weight } else { tape.weight_copy(linear.weight, dtype) }
    }

    /// What the base gives without its bias: computed again where dropout acts on its input.
    fn base_output(&self, tape: &mut Tape, [dropped, output]: [Tensor; 2], linear: Linear, positions: Dim) -> Tensor {
        if self.adapters.is_some_and(|adapters| adapters.dropout) {
            return self.product(tape, dropped, Linear { bias: None, ..linear }, "lora base output", positions);
        }
        let Some(bias) = linear.bias else { return tape.share(output) };
        let operation = Operation { rule: Rule::Pass, inputs: &[output], keeps: &[], extras: &[], keeps_output: false };
        tape.apply(&operation, "lora base output", output.shape, output.dtype.promoted(bias.dtype))
    }
}

/// The norm of each row of the matrix with its adapter, for which both stand beside their sum.
fn norm_of_rows(tape: &mut Tape, linear: Linear, dtype: Dtype) -> Tensor {
    let vector = tape.shape(&[linear.outputs]);
    let scaled = tape.constant("lora scaled product", linear.weight.shape, dtype);
    let sum = tape.constant("lora matrix with adapter", linear.weight.shape, dtype);
    tape.release(scaled);
    let norm = tape.constant("lora norm of each row", vector, dtype);
    tape.release(sum);
    norm
}
