//! Norms over the stream: PyTorch's root mean square norm in fp32, the one that releases before 0.5 wrote out, Gemma's.

use super::TransformerDecoder;
use crate::layers::norm::{Names, row};
use crate::layers::operations::{cast, copy, fresh, multiply, power};
use crate::model::family::NormKind;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl TransformerDecoder<'_> {
    /// A norm over the residual stream.
    pub(crate) fn norm(&self, tape: &mut Tape, input: Tensor, names: Names) -> Tensor {
        let run = self.run;
        let leading = [run.b(), run.s()];
        if run.architecture.norm == NormKind::GemmaRms {
            return run.norm(tape, input, &leading, run.h(), names);
        }
        let row = row(tape, &leading);
        let vector = tape.shape(&[run.h()]);
        let weight = tape.parameter(names.weight, vector, run.weights);
        if self.release.norms_of_torch {
            of_torch(tape, input, weight, row, names)
        } else {
            written_out(tape, input, weight, row, names)
        }
    }
}

/// `rms_norm` of an fp32 copy with a 16-bit weight, which PyTorch puts together from other operations.
fn of_torch(tape: &mut Tape, input: Tensor, weight: Tensor, row: u16, names: Names) -> Tensor {
    let wide = cast(tape, input, Dtype::Fp32, names.widened);
    let square = power(tape, wide, "square");
    let mean = fresh(tape, square, "variance", row);
    let deviation = root(tape, mean, row, names);
    tape.release(square);
    tape.release(mean);
    let normalised = multiply(tape, [wide, deviation], names.normalised, wide.shape);
    let weighed = multiply(tape, [normalised, weight], names.output, wide.shape);
    for tensor in [normalised, deviation, wide] {
        tape.release(tensor);
    }
    let output = cast(tape, weighed, input.dtype, names.output);
    tape.release(weighed);
    output
}

/// The same operation by operation, narrowed before it is multiplied by the weight.
fn written_out(tape: &mut Tape, input: Tensor, weight: Tensor, row: u16, names: Names) -> Tensor {
    let wide = cast(tape, input, Dtype::Fp32, names.widened);
    let square = power(tape, wide, "square");
    let mean = fresh(tape, square, "variance", row);
    tape.release(square);
    let shifted = copy(tape, mean, "variance", row);
    tape.release(mean);
    let deviation = root(tape, shifted, row, names);
    tape.release(shifted);
    let normalised = multiply(tape, [wide, deviation], names.normalised, wide.shape);
    tape.release(deviation);
    let narrow = cast(tape, normalised, input.dtype, names.normalised);
    tape.release(normalised);
    let output = multiply(tape, [narrow, weight], names.output, wide.shape);
    tape.release(narrow);
    tape.release(wide);
    output
}

fn root(tape: &mut Tape, mean: Tensor, row: u16, names: Names) -> Tensor {
    let root = Operation { rule: Rule::Rsqrt, inputs: &[mean], keeps: &[], extras: &[], keeps_output: true };
    tape.apply(&root, names.statistic, row, Dtype::Fp32)
}
