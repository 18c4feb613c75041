//! Gates between the two products of an expert.

use crate::layers::operations::{copy, fresh, multiply, unary_keeping_input, unary_keeping_output};
use crate::layers::situ::situ;
use crate::model::architecture::Activation;
use crate::tape::{Operation, Rule, Tape, Tensor};

/// The first half of the channels, activated, times the second.
pub(crate) fn gate_of_halves(tape: &mut Tape, fused: Tensor, half: u16, activation: Activation) -> Tensor {
    let [gate, up] = tape.split(fused, [half, half]);
    if activation == Activation::Situ {
        let product = situ(tape, [gate, up], "experts.product");
        tape.release(gate);
        tape.release(up);
        return product;
    }
    let activated = match activation {
        Activation::Relu => unary_keeping_output(tape, gate, "experts.activated gate"),
        _ => unary_keeping_input(tape, gate, "experts.activated gate"),
    };
    let product = multiply(tape, [activated, up], "experts.product", half);
    for tensor in [activated, gate, up] {
        tape.release(tensor);
    }
    product
}

/// Even and odd channels, clamped: `gate·sigmoid(α·gate)·(up + 1)`.
pub(crate) fn clamped_gate(tape: &mut Tape, fused: Tensor, half: u16) -> Tensor {
    let parts = [0, 1].map(|_| tape.view_with_new_gradient(fused, half));
    let gate = clamp(tape, parts[0], Rule::ClampAbove, "experts.clamped gate");
    tape.release(parts[0]);
    let up = clamp(tape, parts[1], Rule::Clamp, "experts.clamped up");
    tape.release(parts[1]);
    let scaled = fresh(tape, gate, "experts.scaled gate", half);
    let sigmoid = unary_keeping_output(tape, scaled, "experts.sigmoid of the gate");
    tape.release(scaled);
    let activated = multiply(tape, [gate, sigmoid], "experts.activated gate", half);
    tape.release(sigmoid);
    let shifted = copy(tape, up, "experts.up plus one", half);
    let product = multiply(tape, [shifted, activated], "experts.product", half);
    for tensor in [shifted, activated, up, gate] {
        tape.release(tensor);
    }
    product
}

fn clamp(tape: &mut Tape, input: Tensor, rule: Rule, name: &'static str) -> Tensor {
    let operation = Operation { rule, inputs: &[input], keeps: &[input], extras: &[], keeps_output: false };
    tape.apply(&operation, name, input.shape, input.dtype)
}
