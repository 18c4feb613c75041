//! Norms: one fused operation, or root mean square written out in fp32.

use super::super::entry::Dim;
use super::super::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};
use super::Run;
use super::operations::{cast, copy, fresh, multiply};
use crate::framework::transformers::NormCode;

/// The names of what a norm keeps, for its place in the layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) weight: &'static str,
    pub(super) bias: &'static str,
    pub(super) widened: &'static str,
    pub(super) statistic: &'static str,
    pub(super) mean: &'static str,
    pub(super) normalised: &'static str,
    pub(super) output: &'static str,
}

/// Spells out [`Names`] for one norm.
macro_rules! names {
    ($norm:literal) => {
        $crate::memory::activations::norm::Names {
            weight: concat!($norm, ".weight"),
            bias: concat!($norm, ".bias"),
            widened: concat!($norm, ".input in fp32"),
            statistic: concat!($norm, ".reciprocal deviation"),
            mean: concat!($norm, ".mean"),
            normalised: concat!($norm, ".normalised input"),
            output: concat!($norm, ".output"),
        }
    };
}
pub(super) use names;

impl Run<'_> {
    /// A norm over the last dimension of `input`, whose leading dimensions are `leading`.
    pub(super) fn norm(&self, tape: &mut Tape, input: Tensor, leading: &[Dim], width: Dim, names: Names) -> Tensor {
        let vector = tape.shape(&[width]);
        let weight = tape.parameter(names.weight, vector, self.weights);
        let mut dims = leading.to_vec();
        dims.push(Dim { symbol: "", size: 1 });
        let row = tape.shape(&dims);
        if self.code.norm == NormCode::Fused {
            let bias = tape.parameter(names.bias, vector, self.weights);
            let extras = [
                Extra { name: names.mean, shape: row, dtype: Dtype::Fp32 },
                Extra { name: names.statistic, shape: row, dtype: Dtype::Fp32 },
            ];
            let operation = Operation {
                rule: Rule::Each,
                inputs: &[input, weight, bias],
                keeps: &[input],
                extras: &extras,
                keeps_output: false,
            };
            let output = if self.autocast { Dtype::Fp32 } else { input.dtype };
            return tape.apply(&operation, names.output, input.shape, output);
        }
        self.root_mean_square(tape, input, weight, row, names)
    }

    fn root_mean_square(&self, tape: &mut Tape, input: Tensor, weight: Tensor, row: u16, names: Names) -> Tensor {
        let wide = cast(tape, input, Dtype::Fp32, names.widened);
        let power = Operation { rule: Rule::Power, inputs: &[wide], keeps: &[wide], extras: &[], keeps_output: false };
        let square = tape.apply(&power, "square", wide.shape, Dtype::Fp32);
        let variance = fresh(tape, square, "variance", row);
        tape.release(square);
        let shifted = copy(tape, variance, "variance", row);
        // Gemma's code has the variance in no variable.
        let held = self.code.norm != NormCode::OnePlusWeight;
        if !held {
            tape.release(variance);
        }
        let root = Operation { rule: Rule::Rsqrt, inputs: &[shifted], keeps: &[], extras: &[], keeps_output: true };
        let deviation = tape.apply(&root, names.statistic, row, Dtype::Fp32);
        tape.release(shifted);
        let normalised = multiply(tape, [wide, deviation], names.normalised, wide.shape);
        tape.release(deviation);
        tape.release(wide);
        let output = self.weigh(tape, normalised, weight, input.dtype, names);
        tape.release(normalised);
        if held {
            tape.release(variance);
        }
        output
    }

    fn weigh(&self, tape: &mut Tape, normalised: Tensor, weight: Tensor, dtype: Dtype, names: Names) -> Tensor {
        let shape = normalised.shape;
        match self.code.norm {
            NormCode::CastThenWeight | NormCode::Fused => {
                let narrow = cast(tape, normalised, dtype, names.normalised);
                let output = multiply(tape, [weight, narrow], names.output, shape);
                tape.release(narrow);
                output
            }
            NormCode::WeightThenCast => {
                let weighed = multiply(tape, [weight, normalised], names.output, shape);
                let output = cast(tape, weighed, dtype, names.output);
                tape.release(weighed);
                output
            }
            NormCode::OnePlusWeight => {
                let wide = cast(tape, weight, Dtype::Fp32, names.weight);
                let one_plus = copy(tape, wide, names.weight, weight.shape);
                tape.release(wide);
                let weighed = multiply(tape, [normalised, one_plus], names.output, shape);
                tape.release(one_plus);
                let output = cast(tape, weighed, dtype, names.output);
                tape.release(weighed);
                output
            }
        }
    }
}
