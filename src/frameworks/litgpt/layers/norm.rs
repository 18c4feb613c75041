//! LitGPT's root mean square norm; layer norms are PyTorch's.

use super::Gpt;
use crate::layers::norm::{Names, row};
use crate::layers::operations::{cast, copy, fresh, multiply};
use crate::model::family::NormKind;
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Gpt<'_> {
    /// A norm over the last dimension of `input`, whose leading dimensions are `leading`.
    pub(crate) fn norm(&self, tape: &mut Tape, input: Tensor, leading: &[Dim], width: Dim, names: Names) -> Tensor {
        match self.run.architecture.norm {
            NormKind::Rms | NormKind::GemmaRms => self.root_mean_square(tape, input, leading, width, names),
            _ => self.run.norm(tape, input, leading, width, names),
        }
    }

    /// `x / √(mean(x·x) + ε) · weight` in fp32, whose variables stay until it returns.
    fn root_mean_square(&self, tape: &mut Tape, input: Tensor, leading: &[Dim], width: Dim, names: Names) -> Tensor {
        let row = row(tape, leading);
        let wide = cast(tape, input, Dtype::Fp32, names.widened);
        let square = multiply(tape, [wide, wide], "square", wide.shape);
        let mean = fresh(tape, square, "variance", row);
        tape.release(square);
        let shifted = copy(tape, mean, "variance", row);
        let root = Operation { rule: Rule::Rsqrt, inputs: &[shifted], keeps: &[], extras: &[], keeps_output: true };
        let deviation = tape.apply(&root, names.statistic, row, Dtype::Fp32);
        tape.release(shifted);
        let normalised = multiply(tape, [wide, deviation], names.normalised, wide.shape);
        tape.release(deviation);
        let vector = tape.shape(&[width]);
        let weight = tape.parameter(names.weight, vector, self.run.weights);
        // Gemma's weight is stored as its difference from one.
        let from_one = self.run.architecture.norm == NormKind::GemmaRms;
        let weight = if from_one { copy(tape, weight, names.weight, vector) } else { weight };
        tape.count_as_weight_copy(weight);
        if !self.release.weighs_norms_in_fp32 {
            let narrow = cast(tape, normalised, input.dtype, names.normalised);
            tape.release(normalised);
            let output = multiply(tape, [narrow, weight], names.output, wide.shape);
            for tensor in [weight, narrow, mean, wide] {
                tape.release(tensor);
            }
            return output;
        }
        let wide_weight = cast(tape, weight, Dtype::Fp32, names.weight);
        tape.count_as_weight_copy(wide_weight);
        let weighed = multiply(tape, [normalised, wide_weight], names.output, wide.shape);
        tape.release(wide_weight);
        let output = cast(tape, weighed, input.dtype, names.output);
        for tensor in [weighed, weight, normalised, mean, wide] {
            tape.release(tensor);
        }
        output
    }
}
