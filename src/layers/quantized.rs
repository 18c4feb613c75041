//! Products with quantized matrices.

use super::operations::cast;
use super::{Linear, Run};
use crate::shape::Dim;
use crate::states::quantized::Kernel;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// Weights that share a scale in bitsandbytes' 4-bit formats.
const BLOCK: u64 = 64;

/// Inputs that share a scale in fp8 products.
const GROUP: u64 = 128;

impl Run<'_> {
    /// A product with a quantized matrix: nothing of a 4-bit one is kept, and backward unpacks it again; the 8-bit one
    /// keeps its input.
    pub(crate) fn unpacked_product(
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
            rule: if kernel == (Kernel::FourBits { nested: true }) { Rule::UnpackNested } else { Rule::Unpack },
            inputs: if linear.bias.is_some() { &inputs } else { &inputs[..2] },
            keeps: if kernel == Kernel::Int8 { &kept } else { &[] },
            extras: &[],
            keeps_output: false,
        };
        let shape = tape.shape(&[self.b(), positions, linear.outputs]);
        let product = tape.apply(&operation, name, shape, compute);
        match kernel {
            Kernel::FourBits { .. } if self.reads_codes(linear) => {}
            Kernel::FourBits { .. } if linear.bias.is_some() => tape.product_with_bias_workspace(),
            Kernel::FourBits { .. } | Kernel::FakeQuantized { .. } => tape.product_workspace(),
            Kernel::Int8 | Kernel::Unpacking(_) | Kernel::Fp8 => {}
        }
        for scratch in scratch.into_iter().flatten() {
            tape.release(scratch);
        }
        let output = cast(tape, product, input.dtype, name);
        tape.release(product);
        tape.release(narrowed);
        output
    }

    /// Whether bitsandbytes' product reads 4-bit codes as they are, which it does for few tokens: `gemm_4bit` of 0.50 on
    /// Hopper, whose thresholds other cards share in part.
    fn reads_codes(&self, linear: Linear) -> bool {
        const SMALL: u64 = 4 << 20;
        const PROCESSORS: u64 = 132;
        let tokens = self.batch.saturating_mul(self.sequence);
        let (inputs, outputs) = (linear.inputs.size, linear.outputs.size);
        let blocks = outputs.div_ceil(64);
        if tokens <= 4 || !inputs.is_multiple_of(BLOCK) {
            return tokens <= 4;
        }
        if inputs.saturating_mul(outputs) < SMALL {
            let most = match () {
                () if 2 * inputs < outputs && 3 * blocks < PROCESSORS => 512,
                () if 2 * inputs < outputs => 320,
                () if 4 * blocks <= PROCESSORS => 32,
                () if 2 * blocks <= PROCESSORS => 16,
                () => 0,
            };
            return tokens <= most;
        }
        let most = match blocks / PROCESSORS {
            3.. => 64,
            2 => 48,
            1 => 32,
            _ if 2 * blocks >= PROCESSORS && (inputs < outputs || 4 * blocks >= 3 * PROCESSORS) => 16,
            _ => 7,
        };
        tokens <= most
    }

    fn forward_scratch(&self, tape: &mut Tape, input: Tensor, linear: Linear, kernel: Kernel) -> [Option<Tensor>; 3] {
        let tokens = self.batch.saturating_mul(self.sequence);
        match kernel {
            Kernel::Int8 => {
                let codes = tape.constant("input in 8 bits", input.shape, Dtype::Bool);
                tape.estimate(codes);
                [Some(codes), None, None]
            }
            Kernel::FourBits { nested } if !self.reads_codes(linear) => {
                let elements = linear.inputs.size.saturating_mul(linear.outputs.size);
                let scales = tape.shape(&[Dim { symbol: "", size: elements.div_ceil(BLOCK) }]);
                let scales = nested.then(|| {
                    ["dequantized scales", "scales with their offset"]
                        .map(|name| tape.constant(name, scales, Dtype::Fp32))
                });
                let weight = tape.constant("dequantized weight", linear.weight.shape, self.compute());
                let [first, second] = scales.map_or([None; 2], |scales| scales.map(Some));
                [first, second, Some(weight)]
            }
            Kernel::Unpacking(direct) if tokens > direct => {
                let weight = tape.constant("dequantized weight", linear.weight.shape, self.compute());
                tape.estimate(weight);
                [Some(weight), None, None]
            }
            Kernel::FourBits { .. } | Kernel::Unpacking(_) => [None; 3],
            // Measured: 8 bytes an element before the product, 16 where the arithmetic is wide, and 2 within it.
            Kernel::FakeQuantized { wide } => {
                let steps = ["input by its scale", "rounded input", "input in codes"];
                let dtype = if wide { Dtype::Fp32 } else { self.compute() };
                let mut computed: Vec<Tensor> =
                    steps.iter().map(|name| tape.constant(name, input.shape, dtype)).collect();
                if wide {
                    computed.push(tape.constant("input out of codes", input.shape, self.compute()));
                }
                let rounded = tape.constant("input rounded to codes", input.shape, self.compute());
                for tensor in computed.iter().chain([&rounded]) {
                    tape.estimate(*tensor);
                }
                for tensor in computed {
                    tape.release(tensor);
                }
                [Some(rounded), None, None]
            }
            Kernel::Fp8 => {
                let codes = tape.constant("input in 8 bits", input.shape, Dtype::Bool);
                let groups = Dim { symbol: "", size: linear.inputs.size.div_ceil(GROUP) };
                let scales = self.stream(tape, groups);
                let scales = tape.constant("scales of the input", scales, Dtype::Fp32);
                for tensor in [codes, scales] {
                    tape.estimate(tensor);
                }
                [Some(codes), Some(scales), None]
            }
        }
    }
}
