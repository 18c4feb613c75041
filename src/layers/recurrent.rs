//! Recurrent mixers.
//!
//! Convolutions and scans are counted as the fused kernels that the modelling code looks for (causal-conv1d,
//! mamba-ssm, flash-linear-attention) compute them: what those keep for backward was read, never measured, and
//! carries a band. What stands around them is the modelling code's own. Without those packages Transformers falls
//! back to plain PyTorch, which keeps far more than is said here.

mod delta;
mod lightning;
mod mamba;
mod mamba2;

use super::operations::{cast, copy, fresh, multiply, unary_keeping_input, unary_keeping_output};
use super::{Linear, Run};
use crate::model::part::{Part, Piece};
use crate::model::recurrent::Recurrent;
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// What a fused kernel reads, keeps, and computes again in backward.
struct Kernel<'a> {
    /// Inputs, some of which are parameters.
    inputs: &'a [Tensor],
    /// Tensors that stand before it and are kept.
    keeps: &'a [Tensor],
    /// Tensors that it makes to keep: name, shape and type.
    makes: &'a [(&'static str, u16, Dtype)],
    /// Tensors that it makes in forward and does not keep.
    transient: &'a [(&'static str, u16, Dtype)],
    /// The shape of what backward computes again.
    again: u16,
    /// Whether it keeps its output.
    keeps_output: bool,
}

impl Run<'_> {
    /// The recurrent half of a layer, from the normed stream to the output projection.
    pub(crate) fn recurrent(&self, tape: &mut Tape, input: Tensor, recurrent: &Recurrent) -> Tensor {
        let input = if self.padding && !matches!(recurrent, Recurrent::Lightning(_)) {
            fresh(tape, input, "mixer.input without padding", input.shape)
        } else {
            tape.share(input)
        };
        let output = match recurrent {
            Recurrent::DeltaNet(net) => self.delta_net(tape, input, net),
            Recurrent::KimiDelta(delta) => self.kimi_delta(tape, input, delta),
            Recurrent::Mamba(mamba) => self.mamba(tape, input, mamba),
            Recurrent::Mamba2(mamba) => self.mamba_2(tape, input, mamba),
            Recurrent::Lightning(lightning) => self.lightning(tape, input, lightning),
            Recurrent::ShortConvolution(short) => self.short_convolution(tape, input, short),
        };
        tape.release(input);
        output
    }

    /// `[b, s, channels]` out of a linear layer.
    fn projected(
        &self,
        tape: &mut Tape,
        input: Tensor,
        (part, name): (Part, &'static str),
        [inputs, outputs]: [Dim; 2],
        bias: bool,
    ) -> Tensor {
        let matrix = self.weights(tape, part, inputs, outputs, bias);
        self.linear(tape, input, matrix, name)
    }

    /// A vector parameter.
    fn vector(&self, tape: &mut Tape, name: &'static str, size: u64) -> Tensor {
        let shape = tape.shape(&[Dim { symbol: "", size }]);
        tape.parameter(name, shape, self.weights)
    }

    /// Filters of a convolution, with their bias where there is one.
    fn filters(&self, tape: &mut Tape, channels: Dim, kernel: u64, bias: bool) -> Vec<Tensor> {
        let shape = tape.shape(&[channels, Dim { symbol: "", size: 1 }, Dim { symbol: "", size: kernel }]);
        let mut filters = vec![tape.parameter(Part::Convolution.name(Piece::Weight), shape, self.weights)];
        if bias {
            filters.push(self.vector(tape, "mixer.convolution.bias", channels.size));
        }
        filters
    }

    /// A causal convolution with its activation: keeps what it reads.
    fn convolved(&self, tape: &mut Tape, input: Tensor, channels: Dim, kernel: u64, bias: bool) -> Tensor {
        let mut inputs = vec![input];
        inputs.append(&mut self.filters(tape, channels, kernel, bias));
        let operation =
            Operation { rule: Rule::Each, inputs: &inputs, keeps: &[input], extras: &[], keeps_output: false };
        let output = tape.apply(&operation, "mixer.convolved", input.shape, input.dtype);
        tape.estimate(output);
        output
    }

    /// A norm in fp32 over the last `width` channels beside a gate, as modelling code writes it. `weight_last` says
    /// that the weight multiplies in the type of the input, and `gate_first` that the gate comes before the norm.
    fn gated_norm(&self, tape: &mut Tape, input: Tensor, gate: Tensor, norm: GatedNorm) -> Tensor {
        let shape = input.shape;
        let row = tape.shape(&[self.b(), self.s(), norm.rows]);
        let weight = self.vector(tape, "mixer.norm.weight", norm.weight);
        let open = open(tape, gate, norm.sigmoid);
        let mut wide = cast(tape, input, Dtype::Fp32, "mixer.norm.input in fp32");
        if norm.gate_first {
            let product = multiply(tape, [wide, open], "mixer.norm.gated input", shape);
            tape.release(wide);
            wide = product;
        }
        let power = Operation { rule: Rule::Power, inputs: &[wide], keeps: &[wide], extras: &[], keeps_output: false };
        let square = tape.apply(&power, "square", shape, Dtype::Fp32);
        let variance = fresh(tape, square, "variance", row);
        tape.release(square);
        let root = Operation { rule: Rule::Rsqrt, inputs: &[variance], keeps: &[], extras: &[], keeps_output: true };
        let deviation = tape.apply(&root, "mixer.norm.reciprocal deviation", row, Dtype::Fp32);
        tape.release(variance);
        let normalised = multiply(tape, [wide, deviation], "mixer.norm.normalised input", shape);
        tape.release(deviation);
        tape.release(wide);
        let narrow = if norm.weight_in_fp32 { Dtype::Fp32 } else { input.dtype };
        let narrowed = cast(tape, normalised, narrow, "mixer.norm.normalised input");
        tape.release(normalised);
        let mut output = multiply(tape, [weight, narrowed], "mixer.norm.output", shape);
        tape.release(narrowed);
        if !norm.gate_first {
            let product = multiply(tape, [output, open], "mixer.gated output", shape);
            tape.release(output);
            output = product;
        }
        tape.release(open);
        let last = cast(tape, output, input.dtype, "mixer.norm.output");
        tape.release(output);
        last
    }

    /// The output projection of a mixer.
    fn mixed(&self, tape: &mut Tape, context: Tensor, width: Dim, bias: bool) -> Tensor {
        let names = (Part::MixerOutput, "mixer.output");
        self.projected(tape, context, names, [width, self.h()], bias)
    }

    /// A linear layer of a mixer, as [`crate::states::quantized`] and kernels take it: the matrix alone.
    fn matrix(&self, tape: &mut Tape, part: Part, inputs: Dim, outputs: Dim) -> Linear {
        self.weights(tape, part, inputs, outputs, false)
    }
}

/// How a gated norm is written.
#[derive(Debug, Clone, Copy)]
struct GatedNorm {
    /// Norms of one token: heads or groups.
    rows: Dim,
    /// Length of the weight.
    weight: u64,
    /// Whether the gate multiplies before the norm (Mamba-2).
    gate_first: bool,
    /// Whether the weight multiplies in fp32.
    weight_in_fp32: bool,
    /// Whether the gate opens by a sigmoid; else `silu`.
    sigmoid: bool,
}

/// A dimension.
const fn dim(symbol: &'static str, size: u64) -> Dim {
    Dim { symbol, size }
}

/// A contiguous copy that a kernel makes of what it reads.
fn contiguous(tape: &mut Tape, input: Tensor, name: &'static str, shape: u16) -> Tensor {
    let copied = copy(tape, input, name, shape);
    tape.estimate(copied);
    copied
}

/// A gate in fp32 through its activation.
fn open(tape: &mut Tape, gate: Tensor, sigmoid: bool) -> Tensor {
    let wide = cast(tape, gate, Dtype::Fp32, "mixer.gate in fp32");
    let open = if sigmoid {
        unary_keeping_output(tape, wide, "mixer.open gate")
    } else {
        unary_keeping_input(tape, wide, "mixer.open gate")
    };
    tape.release(wide);
    open
}

/// A fused kernel. All that it makes is an estimate.
fn compute_fused(tape: &mut Tape, kernel: &Kernel<'_>, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
    let mut made = Vec::with_capacity(kernel.makes.len() + kernel.transient.len());
    for (name, shape, dtype) in kernel.transient.iter().chain(kernel.makes) {
        let tensor = tape.constant(name, *shape, *dtype);
        tape.estimate(tensor);
        made.push(tensor);
    }
    let mut keeps = kernel.keeps.to_vec();
    keeps.extend(&made[kernel.transient.len()..]);
    let operation = Operation {
        rule: Rule::Again(kernel.again),
        inputs: kernel.inputs,
        keeps: &keeps,
        extras: &[],
        keeps_output: kernel.keeps_output,
    };
    let output = tape.apply(&operation, name, shape, dtype);
    tape.estimate(output);
    for tensor in made {
        tape.release(tensor);
    }
    output
}
