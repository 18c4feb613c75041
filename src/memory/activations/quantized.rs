//! Products with quantized matrices, as bitsandbytes runs them.

use super::super::entry::Dim;
use super::super::tape::{Dtype, Operation, Rule, Tape, Tensor};
use super::operations::cast;
use super::{Linear, Run};
use crate::scenario::BaseWeights;

/// Up to so many tokens the forward product reads 4-bit codes directly.
const DIRECT: u64 = 1536;

impl Run<'_> {
    /// A product with a quantized matrix: nothing of a 4-bit one is kept, and backward unpacks it again; the 8-bit one
    /// keeps its input.
    pub(super) fn unpacked_product(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        (positions, base): (Dim, BaseWeights),
    ) -> Tensor {
        let compute = self.compute();
        let narrowed = cast(tape, input, compute, "input in 16 bits");
        let scratch = self.forward_scratch(tape, narrowed, linear, base);
        let inputs = [linear.weight, narrowed, linear.bias.unwrap_or(linear.weight)];
        let kept = [narrowed];
        if base == BaseWeights::Int8 {
            tape.estimate(narrowed);
        }
        let operation = Operation {
            rule: Rule::Unpack,
            inputs: if linear.bias.is_some() { &inputs } else { &inputs[..2] },
            keeps: if base == BaseWeights::Int8 { &kept } else { &[] },
            extras: &[],
            keeps_output: false,
        };
        let shape = tape.shape(&[self.b(), positions, linear.outputs]);
        let product = tape.apply(&operation, name, shape, compute);
        if let Some(scratch) = scratch {
            tape.release(scratch);
        }
        tape.release(narrowed);
        let output = cast(tape, product, input.dtype, name);
        tape.release(product);
        output
    }

    fn forward_scratch(&self, tape: &mut Tape, input: Tensor, linear: Linear, base: BaseWeights) -> Option<Tensor> {
        let tokens = self.batch.saturating_mul(self.sequence);
        match base {
            BaseWeights::Int8 => {
                let codes = tape.constant("input in 8 bits", input.shape, Dtype::Bool);
                tape.estimate(codes);
                Some(codes)
            }
            BaseWeights::Nf4 | BaseWeights::Fp4 if tokens > DIRECT => {
                Some(tape.constant("dequantized weight", linear.weight.shape, self.compute()))
            }
            BaseWeights::Nf4 | BaseWeights::Fp4 => None,
        }
    }
}
