//! Products with quantized matrices.

use super::super::entry::Dim;
use super::super::tape::{Dtype, Operation, Rule, Tape, Tensor};
use super::operations::cast;
use super::{Linear, Run};

/// Up to so many tokens bitsandbytes' forward product reads 4-bit codes directly.
const DIRECT: u64 = 1536;

/// Inputs that share a scale in fp8 products.
const GROUP: u64 = 128;

/// How a product reads a quantized matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// bitsandbytes: both factors in 8 bits.
    Int8,
    /// bitsandbytes: 4-bit codes, unpacked for many tokens.
    FourBits,
    /// GPTQ and AWQ: unpacked before a plain product of more tokens than this; read from their code, never measured.
    Unpacking(u64),
    /// The input in 8-bit floats with a scale for every 128 channels; read from code, never measured.
    Fp8,
}

impl Run<'_> {
    /// A product with a quantized matrix: nothing of a 4-bit one is kept, and backward unpacks it again; the 8-bit one
    /// keeps its input.
    pub(super) fn unpacked_product(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        (positions, kernel): (Dim, Kernel),
    ) -> Tensor {
        let compute = self.compute();
        let narrowed = cast(tape, input, compute, "input in 16 bits");
        let scratch = self.forward_scratch(tape, narrowed, linear, kernel);
        let inputs = [linear.weight, narrowed, linear.bias.unwrap_or(linear.weight)];
        let kept = [narrowed];
        if kernel == Kernel::Int8 {
            tape.estimate(narrowed);
        }
        let operation = Operation {
            rule: Rule::Unpack,
            inputs: if linear.bias.is_some() { &inputs } else { &inputs[..2] },
            keeps: if kernel == Kernel::Int8 { &kept } else { &[] },
            extras: &[],
            keeps_output: false,
        };
        let shape = tape.shape(&[self.b(), positions, linear.outputs]);
        let product = tape.apply(&operation, name, shape, compute);
        for scratch in scratch.into_iter().flatten() {
            tape.release(scratch);
        }
        tape.release(narrowed);
        let output = cast(tape, product, input.dtype, name);
        tape.release(product);
        output
    }

    fn forward_scratch(&self, tape: &mut Tape, input: Tensor, linear: Linear, kernel: Kernel) -> [Option<Tensor>; 2] {
        let tokens = self.batch.saturating_mul(self.sequence);
        match kernel {
            Kernel::Int8 => {
                let codes = tape.constant("input in 8 bits", input.shape, Dtype::Bool);
                tape.estimate(codes);
                [Some(codes), None]
            }
            Kernel::FourBits if tokens > DIRECT => {
                [Some(tape.constant("dequantized weight", linear.weight.shape, self.compute())), None]
            }
            Kernel::Unpacking(direct) if tokens > direct => {
                let weight = tape.constant("dequantized weight", linear.weight.shape, self.compute());
                tape.estimate(weight);
                [Some(weight), None]
            }
            Kernel::FourBits | Kernel::Unpacking(_) => [None; 2],
            Kernel::Fp8 => {
                let codes = tape.constant("input in 8 bits", input.shape, Dtype::Bool);
                let groups = Dim { symbol: "", size: linear.inputs.size.div_ceil(GROUP) };
                let scales = self.stream(tape, groups);
                let scales = tape.constant("scales of the input", scales, Dtype::Fp32);
                for tensor in [codes, scales] {
                    tape.estimate(tensor);
                }
                [Some(codes), Some(scales)]
            }
        }
    }
}
