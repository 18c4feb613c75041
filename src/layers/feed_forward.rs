//! Dense feed-forward networks, plain and gated.

use super::Run;
use super::liger::product_of_copied_halves;
use super::operations::{
    cast, copy, dropout, fresh, join, multiply, power, subtract, unary_keeping_input, unary_keeping_output,
};
use crate::model::architecture::{Activation, Mlp};
use crate::model::family::MlpKind;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// The feed-forward half of a layer, from the normed stream to the down projection. Where the layer has it in its
    /// own code, the input is let go as soon as it is read.
    pub(crate) fn mlp(&self, tape: &mut Tape, input: Tensor, mlp: &Mlp) -> Tensor {
        let width = Dim { symbol: "f", size: mlp.intermediate_size };
        let product = match mlp.kind {
            MlpKind::Plain => {
                let up = self.up(tape, input, (Part::Up, "mlp.up"), width, mlp.bias);
                if self.code.feed_forward_in_layer {
                    tape.release(input);
                }
                let activated = self.activation(tape, up, mlp.activation, "mlp.activation");
                tape.release(up);
                activated
            }
            MlpKind::Gated if mlp.activation == Activation::Situ => self.situ_product(tape, input, width, mlp),
            MlpKind::Gated if self.liger.is_some() => self.gated_product(tape, input, width, mlp),
            MlpKind::Gated => {
                let mut gate = self.up(tape, input, (Part::Gate, "mlp.gate"), width, mlp.bias);
                if mlp.sparse {
                    gate = self.sparse_gate(tape, gate);
                }
                let activated = self.activation(tape, gate, mlp.activation, "mlp.activated gate");
                let held = self.code.holds_gate.then(|| tape.share(gate));
                tape.release(gate);
                let up = self.up(tape, input, (Part::Up, "mlp.up"), width, mlp.bias);
                let product = multiply(tape, [activated, up], "mlp.product", activated.shape);
                if let Some(gate) = held {
                    let down = self.down(tape, product, mlp, width);
                    tape.release_each([gate, activated, up]);
                    return down;
                }
                tape.release_each([activated, up]);
                product
            }
            MlpKind::GatedFused => {
                let both = Dim { symbol: "2f", size: 2 * width.size };
                let fused = self.up(tape, input, (Part::GateAndUp, "mlp.gate and up"), both, mlp.bias);
                let half = self.stream(tape, width);
                let [gate, up] = tape.split(fused, [half, half]);
                let mut product = if self.liger.is_some() {
                    product_of_copied_halves(tape, [gate, up])
                } else {
                    let activated = self.activation(tape, gate, mlp.activation, "mlp.activated gate");
                    let product = multiply(tape, [up, activated], "mlp.product", half);
                    tape.release(activated);
                    product
                };
                if self.code.drops_inside_feed_forward {
                    let dropped = self.dropped_product(tape, product);
                    tape.release(product);
                    product = dropped;
                }
                let down = self.down(tape, product, mlp, width);
                tape.release_each([gate, up, fused]);
                return down;
            }
        };
        self.down(tape, product, mlp, width)
    }

    /// Back to the stream's width; what is read is let go.
    fn down(&self, tape: &mut Tape, product: Tensor, mlp: &Mlp, width: Dim) -> Tensor {
        let down = self.weights(tape, Part::Down, width, self.h(), mlp.bias);
        let output = self.linear(tape, product, down, "mlp.down");
        tape.release(product);
        output
    }

    fn dropped_product(&self, tape: &mut Tape, product: Tensor) -> Tensor {
        dropout(tape, self.dropout[1], product, "mlp.dropped product", "mlp.dropout mask")
    }

    pub(crate) fn up(
        &self,
        tape: &mut Tape,
        input: Tensor,
        (part, name): (Part, &'static str),
        width: Dim,
        bias: bool,
    ) -> Tensor {
        let linear = self.weights(tape, part, self.h(), width, bias);
        self.linear(tape, input, linear, name)
    }

    pub(crate) fn activation(
        &self,
        tape: &mut Tape,
        input: Tensor,
        activation: Activation,
        name: &'static str,
    ) -> Tensor {
        match activation {
            Activation::Silu | Activation::Gelu | Activation::Situ => unary_keeping_input(tape, input, name),
            Activation::Relu => unary_keeping_output(tape, input, name),
            Activation::ReluSquared => {
                let positive = unary_keeping_output(tape, input, "mlp.positive part");
                // Autocast computes powers in fp32.
                let wide = if self.autocast { Dtype::Fp32 } else { positive.dtype };
                let base = cast(tape, positive, wide, "mlp.positive part in fp32");
                let squared = power(tape, base, name);
                tape.release(base);
                tape.release(positive);
                squared
            }
            Activation::QuickGelu => quick_gelu(tape, input, name),
            Activation::Xielu => self.xielu(tape, input, name),
            Activation::GeluPython => self.gelu_in_python(tape, input),
            Activation::GeluFunction => gelu_function(tape, input, name),
        }
    }

    /// `αp·x² + βx` for positive `x`, `αn·(eˣ - 1 - x) + βx` for the others, operation by operation; both everywhere.
    fn xielu(&self, tape: &mut Tape, input: Tensor, name: &'static str) -> Tensor {
        let shape = input.shape;
        // Under autocast the learned numbers are fp32 and have a dimension, so that products with them widen.
        let wide = if self.autocast { Dtype::Fp32 } else { input.dtype };
        let one = tape.shape(&[Dim { symbol: "", size: 1 }]);
        let [positive_slope, negative] = ["mlp.activation.alpha_p", "mlp.activation.alpha_n"].map(|name| {
            let parameter = tape.parameter(name, one, self.weights);
            let operation =
                Operation { rule: Rule::Each, inputs: &[parameter], keeps: &[], extras: &[], keeps_output: false };
            tape.apply(&operation, name, one, wide)
        });
        let negative_slope = copy(tape, negative, "mlp.activation.alpha_n", one);
        tape.release(negative);
        let is_positive = tape.constant("mlp.sign", shape, Dtype::Bool);
        let scaled = multiply(tape, [positive_slope, input], "mlp.scaled input", shape);
        let square = multiply(tape, [scaled, input], "mlp.scaled square", shape);
        tape.release(scaled);
        let linear = fresh(tape, input, "mlp.linear part", shape);
        let above = join(tape, [square, linear], "mlp.value above zero", shape);
        tape.release(square);
        tape.release(linear);
        let minimum = unary_keeping_input(tape, input, "mlp.minimum");
        let widened = cast(tape, minimum, wide, "mlp.minimum in fp32");
        let exponential = unary_keeping_output(tape, widened, "mlp.exponential");
        tape.release(widened);
        tape.release(minimum);
        let difference = subtract(tape, [exponential, input], "mlp.exponential less input", shape);
        tape.release(exponential);
        let curved = multiply(tape, [difference, negative_slope], "mlp.curved part", shape);
        tape.release(difference);
        let linear = fresh(tape, input, "mlp.linear part", shape);
        let below = join(tape, [curved, linear], "mlp.value below zero", shape);
        tape.release(curved);
        tape.release(linear);
        let inputs = [above, below];
        let operation =
            Operation { rule: Rule::Each, inputs: &inputs, keeps: &[is_positive], extras: &[], keeps_output: false };
        let output = tape.apply(&operation, name, shape, wide);
        for tensor in [above, below, is_positive, positive_slope, negative_slope] {
            tape.release(tensor);
        }
        output
    }

    /// `0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`, operation by operation.
    fn gelu_in_python(&self, tape: &mut Tape, input: Tensor) -> Tensor {
        let shape = input.shape;
        let half = fresh(tape, input, "mlp.half input", shape);
        // Autocast computes powers in fp32, and all that follows from them.
        let wide = if self.autocast { Dtype::Fp32 } else { input.dtype };
        let base = cast(tape, input, wide, "mlp.input in fp32");
        let cube = power(tape, base, "mlp.cube");
        tape.release(base);
        let scaled = fresh(tape, cube, "mlp.scaled cube", shape);
        tape.release(cube);
        let sum = join(tape, [input, scaled], "mlp.sum", shape);
        tape.release(scaled);
        let inner = fresh(tape, sum, "mlp.inner", shape);
        tape.release(sum);
        let tanh = unary_keeping_output(tape, inner, "mlp.tanh");
        tape.release(inner);
        let shifted = copy(tape, tanh, "mlp.one plus tanh", shape);
        tape.release(tanh);
        let product = multiply(tape, [half, shifted], "mlp.activation", shape);
        tape.release(half);
        tape.release(shifted);
        product
    }
}

/// BLOOM's: the tanh approximation in one node, whose forward and backward make their temporaries one after another.
fn gelu_function(tape: &mut Tape, input: Tensor, name: &'static str) -> Tensor {
    let shape = input.shape;
    // Half the input, and the product of a scaled input with a sum that needs its square.
    let [half, scaled, factor] =
        ["half input", "scaled input", "scaled square"].map(|name| tape.constant(name, shape, input.dtype));
    let square = tape.constant("square", shape, input.dtype);
    tape.release(factor);
    let sum = tape.constant("one plus square", shape, input.dtype);
    tape.release(square);
    let inner = tape.constant("inner", shape, input.dtype);
    for tensor in [scaled, sum] {
        tape.release(tensor);
    }
    let tanh = tape.constant("tanh", shape, input.dtype);
    tape.release(inner);
    let shifted = tape.constant("one plus tanh", shape, input.dtype);
    tape.release(tanh);
    let function =
        Operation { rule: Rule::GeluFunction, inputs: &[input], keeps: &[input], extras: &[], keeps_output: false };
    let output = tape.apply(&function, name, shape, input.dtype);
    tape.release(half);
    tape.release(shifted);
    output
}

/// `x·σ(1.702x)`: the product keeps both factors, the sigmoid what it gives.
fn quick_gelu(tape: &mut Tape, input: Tensor, name: &'static str) -> Tensor {
    let scaled = fresh(tape, input, "mlp.scaled input", input.shape);
    let sigmoid = unary_keeping_output(tape, scaled, "mlp.sigmoid");
    tape.release(scaled);
    let product = multiply(tape, [input, sigmoid], name, input.shape);
    tape.release(sigmoid);
    product
}
