//! Norms: one fused operation, or root mean square written out in fp32.

use super::Run;
use super::operations::{cast, copy, fresh, multiply, power, subtract};
use crate::families::code::NormCode;
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};

/// The names of what a norm keeps, for its place in the layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) weight: &'static str,
    pub(crate) bias: &'static str,
    pub(crate) widened: &'static str,
    pub(crate) statistic: &'static str,
    pub(crate) mean: &'static str,
    pub(crate) normalised: &'static str,
    pub(crate) centred: &'static str,
    pub(crate) output: &'static str,
}

/// One value for each row of `leading`.
pub(crate) fn row(tape: &mut Tape, leading: &[Dim]) -> u16 {
    let mut dims = leading.to_vec();
    dims.push(Dim { symbol: "", size: 1 });
    tape.shape(&dims)
}

/// Spells out [`Names`] for one norm.
macro_rules! names {
    ($norm:literal) => {
        $crate::layers::norm::Names {
            weight: concat!($norm, ".weight"),
            bias: concat!($norm, ".bias"),
            widened: concat!($norm, ".input in fp32"),
            statistic: concat!($norm, ".reciprocal deviation"),
            mean: concat!($norm, ".mean"),
            normalised: concat!($norm, ".normalised input"),
            centred: concat!($norm, ".centred input"),
            output: concat!($norm, ".output"),
        }
    };
}

pub(crate) use names;

impl Run<'_> {
    /// A norm over the last dimension of `input`, whose leading dimensions are `leading`.
    pub(crate) fn norm(&self, tape: &mut Tape, input: Tensor, leading: &[Dim], width: Dim, names: Names) -> Tensor {
        match self.liger {
            Some(patch) => self.row_norm(tape, (patch, false), input, (leading, width), names),
            None => self.own_norm(tape, input, leading, width, names),
        }
    }

    /// A norm on queries or keys.
    pub(crate) fn query_key_norm(
        &self,
        tape: &mut Tape,
        input: Tensor,
        leading: &[Dim],
        width: Dim,
        names: Names,
    ) -> Tensor {
        match self.liger.filter(|patch| patch.query_key_norms) {
            Some(patch) => {
                let by_head = leading.get(2).is_some_and(|heads| self.norms_transposed(*heads));
                self.row_norm(tape, (patch, by_head), input, (leading, width), names)
            }
            None => self.own_norm(tape, input, leading, width, names),
        }
    }

    /// A norm as the family's own code computes it.
    fn own_norm(&self, tape: &mut Tape, input: Tensor, leading: &[Dim], width: Dim, names: Names) -> Tensor {
        let row = row(tape, leading);
        if self.code.norm == NormCode::FusedWithoutWeight {
            let wide = cast(tape, input, Dtype::Fp32, names.widened);
            let normed = self.fused_norm(tape, wide, &[wide], row, names);
            tape.release(wide);
            let output = cast(tape, normed, input.dtype, names.output);
            tape.release(normed);
            return output;
        }
        let vector = tape.shape(&[width]);
        if self.code.norm == NormCode::Fused {
            let parameters = [names.weight, names.bias].map(|name| tape.parameter(name, vector, self.weights));
            let inputs = [input, parameters[0], parameters[1]];
            let count = usize::try_from(self.architecture.norm.parameter_tensors()).unwrap_or(parameters.len());
            return self.fused_norm(tape, input, &inputs[..=count], row, names);
        }
        let weight = tape.parameter(names.weight, vector, self.weights);
        match self.code.norm {
            NormCode::FusedOnePlusWeight => self.fused_one_plus(tape, input, weight, row, names),
            NormCode::LayerWrittenOut => layer_written_out(tape, input, weight, row, names),
            NormCode::InputThenWeight => input_by_root_mean_square(tape, input, weight, row, names),
            _ => self.root_mean_square(tape, input, weight, row, names),
        }
    }

    /// Layer norms of heads, each with its own weight and none with a bias.
    pub(crate) fn norm_of_each_head(
        &self,
        tape: &mut Tape,
        input: Tensor,
        leading: &[Dim; 3],
        head: Dim,
        names: Names,
    ) -> Tensor {
        let row = row(tape, leading);
        let matrix = tape.shape(&[leading[2], head]);
        let weight = tape.parameter(names.weight, matrix, self.weights);
        if self.code.norm == NormCode::LayerWrittenOut {
            return layer_written_out(tape, input, weight, row, names);
        }
        // One module for each head, between a split and a concatenation.
        let split = tape.view_with_new_gradient(input, input.shape);
        let normed = self.fused_norm(tape, split, &[split, weight], row, names);
        tape.release(split);
        let output = copy(tape, normed, names.output, normed.shape);
        tape.release(normed);
        output
    }

    fn fused_norm(&self, tape: &mut Tape, input: Tensor, inputs: &[Tensor], row: u16, names: Names) -> Tensor {
        let extras = [
            Extra { name: names.mean, shape: row, dtype: Dtype::Fp32 },
            Extra { name: names.statistic, shape: row, dtype: Dtype::Fp32 },
        ];
        if !self.autocast {
            let in_rows = self.copied_in_rows(tape, input);
            let rule = if in_rows.is_some() { Rule::EachFromRows } else { Rule::Each };
            let operation = Operation { rule, inputs, keeps: &[input], extras: &extras, keeps_output: false };
            let output = tape.apply(&operation, names.output, input.shape, input.dtype);
            tape.release_each(in_rows);
            return output;
        }
        // Autocast computes it in fp32; arguments are cast from the last to the first, and all are kept.
        let mut wide = [input; 3];
        let copies = [names.widened, names.weight, names.bias];
        for slot in (0..inputs.len()).rev() {
            wide[slot] = cast(tape, inputs[slot], Dtype::Fp32, copies[slot]);
            if slot > 0 {
                tape.count_as_weight_copy(wide[slot]);
            }
        }
        let wide = &wide[..inputs.len()];
        let in_rows = self.copied_in_rows(tape, wide[0]);
        let rule = if in_rows.is_some() { Rule::EachFromRows } else { Rule::Each };
        let operation = Operation { rule, inputs: wide, keeps: wide, extras: &extras, keeps_output: false };
        let output = tape.apply(&operation, names.output, input.shape, Dtype::Fp32);
        tape.release_each(in_rows);
        tape.release_each(wide.iter().copied());
        output
    }

    /// The copy that a norm reads of a stream that lies channel by channel; nobody but its kernel has it.
    fn copied_in_rows(&self, tape: &mut Tape, input: Tensor) -> Option<Tensor> {
        let apart = self.stream_by_channel && self.kernels.is_some();
        apart.then(|| tape.constant("norm input in rows", input.shape, input.dtype))
    }

    /// Nemotron's layer norm: input, one plus the weight and bias in the type of matrix products, all kept.
    fn fused_one_plus(&self, tape: &mut Tape, input: Tensor, weight: Tensor, row: u16, names: Names) -> Tensor {
        let bias = tape.parameter(names.bias, weight.shape, self.weights);
        let one_plus = copy(tape, weight, names.weight, weight.shape);
        let compute = self.compute();
        let wide = [(input, names.output), (one_plus, names.weight), (bias, names.bias)];
        let narrow = wide.map(|(tensor, name)| cast(tape, tensor, compute, name));
        tape.release(one_plus);
        if self.autocast {
            tape.count_as_weight_copy(narrow[2]);
        }
        let extras = [
            Extra { name: names.mean, shape: row, dtype: Dtype::Fp32 },
            Extra { name: names.statistic, shape: row, dtype: Dtype::Fp32 },
        ];
        let operation =
            Operation { rule: Rule::Each, inputs: &narrow, keeps: &narrow, extras: &extras, keeps_output: false };
        let output = tape.apply(&operation, names.output, input.shape, compute);
        for tensor in narrow {
            tape.release(tensor);
        }
        output
    }

    fn root_mean_square(&self, tape: &mut Tape, input: Tensor, weight: Tensor, row: u16, names: Names) -> Tensor {
        if self.code.norm == NormCode::PowerThenWideWeight {
            let normalised = by_power_of_mean_square(tape, input, row, names);
            return self.weigh(tape, normalised, weight, input.dtype, names);
        }
        // Gemma's code has the variance in no variable.
        let held = !matches!(self.code.norm, NormCode::OnePlusWeight | NormCode::CastThenWeightAtOnce);
        let (normalised, variance) = by_root_mean_square(tape, input, row, names, held);
        let output = self.weigh(tape, normalised, weight, input.dtype, names);
        if let Some(variance) = variance {
            tape.release(variance);
        }
        output
    }

    /// Lets go of what it weighs.
    fn weigh(&self, tape: &mut Tape, normalised: Tensor, weight: Tensor, dtype: Dtype, names: Names) -> Tensor {
        let shape = normalised.shape;
        match self.code.norm {
            NormCode::CastThenWeight
            | NormCode::CastThenWeightAtOnce
            | NormCode::InputThenWeight
            | NormCode::Fused
            | NormCode::FusedOnePlusWeight
            | NormCode::LayerWrittenOut
            | NormCode::FusedWithoutWeight => {
                let narrow = cast(tape, normalised, dtype, names.normalised);
                let output = multiply(tape, [weight, narrow], names.output, shape);
                tape.release(narrow);
                tape.release(normalised);
                output
            }
            NormCode::WeightThenCast => {
                let weighed = multiply(tape, [weight, normalised], names.output, shape);
                let output = cast(tape, weighed, dtype, names.output);
                tape.release(weighed);
                tape.release(normalised);
                output
            }
            NormCode::WideWeightThenCast => {
                let wide = cast(tape, weight, Dtype::Fp32, names.weight);
                tape.count_as_weight_copy(wide);
                let weighed = multiply(tape, [wide, normalised], names.output, shape);
                tape.release(wide);
                let output = cast(tape, weighed, dtype, names.output);
                tape.release(weighed);
                tape.release(normalised);
                output
            }
            NormCode::OnePlusWeight | NormCode::PowerThenWideWeight => {
                let mut wide = cast(tape, weight, Dtype::Fp32, names.weight);
                if self.code.norm == NormCode::OnePlusWeight {
                    let one_plus = copy(tape, wide, names.weight, weight.shape);
                    tape.release(std::mem::replace(&mut wide, one_plus));
                } else {
                    tape.count_as_weight_copy(wide);
                }
                let weighed = multiply(tape, [normalised, wide], names.output, shape);
                tape.release(wide);
                // The weighed value takes its place in the variable.
                tape.release(normalised);
                let output = cast(tape, weighed, dtype, names.output);
                tape.release(weighed);
                output
            }
        }
    }
}

/// Divided by the root of the mean square of the last dimension, in fp32; and the variance, where the code holds it.
fn by_root_mean_square(tape: &mut Tape, input: Tensor, row: u16, names: Names, held: bool) -> (Tensor, Option<Tensor>) {
    let wide = cast(tape, input, Dtype::Fp32, names.widened);
    let square = power(tape, wide, "square");
    let variance = fresh(tape, square, "variance", row);
    tape.release(square);
    let shifted = copy(tape, variance, "variance", row);
    if !held {
        tape.release(variance);
    }
    let root = Operation { rule: Rule::Rsqrt, inputs: &[shifted], keeps: &[], extras: &[], keeps_output: true };
    let deviation = tape.apply(&root, names.statistic, row, Dtype::Fp32);
    tape.release(shifted);
    let normalised = multiply(tape, [wide, deviation], names.normalised, wide.shape);
    tape.release(deviation);
    tape.release(wide);
    (normalised, held.then_some(variance))
}

/// Gemma 4's: times the power -1/2 of the mean square, which keeps that as a second number for each row.
fn by_power_of_mean_square(tape: &mut Tape, input: Tensor, row: u16, names: Names) -> Tensor {
    let wide = cast(tape, input, Dtype::Fp32, names.widened);
    let square = power(tape, wide, "square");
    let mean = fresh(tape, square, names.mean, row);
    tape.release(square);
    let shifted = copy(tape, mean, names.mean, row);
    tape.release(mean);
    let deviation = power(tape, shifted, names.statistic);
    let normalised = multiply(tape, [wide, deviation], names.normalised, wide.shape);
    tape.release_each([deviation, shifted, wide]);
    normalised
}

/// A norm without a weight, as Gemma 4's code computes it.
pub(crate) fn unweighed_norm(tape: &mut Tape, input: Tensor, leading: &[Dim], names: Names) -> Tensor {
    let row = row(tape, leading);
    let normalised = by_power_of_mean_square(tape, input, row, names);
    let output = cast(tape, normalised, input.dtype, names.output);
    tape.release(normalised);
    output
}

/// T5's: the input itself by the root of its mean square, cast where the weight has 16 bits, times the weight.
fn input_by_root_mean_square(tape: &mut Tape, input: Tensor, weight: Tensor, row: u16, names: Names) -> Tensor {
    let wide = cast(tape, input, Dtype::Fp32, names.widened);
    let square = power(tape, wide, "square");
    tape.release(wide);
    let variance = fresh(tape, square, "variance", row);
    tape.release(square);
    let shifted = copy(tape, variance, "variance", row);
    let root = Operation { rule: Rule::Rsqrt, inputs: &[shifted], keeps: &[], extras: &[], keeps_output: true };
    let deviation = tape.apply(&root, names.statistic, row, Dtype::Fp32);
    tape.release(shifted);
    let normalised = multiply(tape, [input, deviation], names.normalised, input.shape);
    tape.release(deviation);
    let narrow = cast(tape, normalised, weight.dtype, names.normalised);
    tape.release(normalised);
    let output = multiply(tape, [weight, narrow], names.output, narrow.shape);
    tape.release(narrow);
    tape.release(variance);
    output
}

/// Root mean square over the last dimension without a weight, in fp32 and in one expression.
pub(crate) fn norm_without_weight(tape: &mut Tape, input: Tensor, leading: &[Dim], names: Names) -> Tensor {
    let row = row(tape, leading);
    let (normalised, _) = by_root_mean_square(tape, input, row, names, false);
    let output = cast(tape, normalised, input.dtype, names.output);
    tape.release(normalised);
    output
}

/// Cohere's layer norm, operation by operation in fp32.
fn layer_written_out(tape: &mut Tape, input: Tensor, weight: Tensor, row: u16, names: Names) -> Tensor {
    let shape = input.shape;
    let wide = cast(tape, input, Dtype::Fp32, names.widened);
    let mean = fresh(tape, wide, names.mean, row);
    let centred = subtract(tape, [wide, mean], names.centred, shape);
    let power =
        Operation { rule: Rule::Power, inputs: &[centred], keeps: &[centred], extras: &[], keeps_output: false };
    let square = tape.apply(&power, "square", shape, Dtype::Fp32);
    tape.release(centred);
    let variance = fresh(tape, square, "variance", row);
    tape.release(square);
    let centred = subtract(tape, [wide, mean], names.centred, shape);
    let shifted = copy(tape, variance, "variance", row);
    let root = Operation { rule: Rule::Rsqrt, inputs: &[shifted], keeps: &[], extras: &[], keeps_output: true };
    let deviation = tape.apply(&root, names.statistic, row, Dtype::Fp32);
    tape.release(shifted);
    let normalised = multiply(tape, [centred, deviation], names.normalised, shape);
    for tensor in [centred, deviation, wide] {
        tape.release(tensor);
    }
    let wide_weight = cast(tape, weight, Dtype::Fp32, names.weight);
    tape.count_as_weight_copy(wide_weight);
    let weighed = multiply(tape, [wide_weight, normalised], names.output, shape);
    tape.release(wide_weight);
    tape.release(normalised);
    let output = cast(tape, weighed, input.dtype, names.output);
    for tensor in [weighed, variance, mean] {
        tape.release(tensor);
    }
    output
}
