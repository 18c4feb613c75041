//! Kimi K3's activation function of two halves: `β·tanh(gate/β)·sigmoid(gate)·β'·tanh(up/β')`, in fp32.

use super::Run;
use super::operations::{cast, multiply, unary_keeping_output};
use crate::model::architecture::Mlp;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

impl Run<'_> {
    /// Gate and up of a dense network, put together and taken apart again.
    pub(crate) fn situ_product(&self, tape: &mut Tape, input: Tensor, width: Dim, mlp: &Mlp) -> Tensor {
        let gate = self.up(tape, input, (Part::Gate, "mlp.gate"), width, mlp.bias);
        let up = self.up(tape, input, (Part::Up, "mlp.up"), width, mlp.bias);
        let product = situ(tape, [gate, up], "mlp.product");
        tape.release(gate);
        tape.release(up);
        product
    }
}

/// The product of both halves, each through its own function.
pub(crate) fn situ(tape: &mut Tape, [gate, up]: [Tensor; 2], name: &'static str) -> Tensor {
    let (wide_gate, wide_up) =
        (cast(tape, gate, Dtype::Fp32, "gate in fp32"), cast(tape, up, Dtype::Fp32, "up in fp32"));
    let bounded_gate = unary_keeping_output(tape, wide_gate, "bounded gate");
    let open = unary_keeping_output(tape, wide_gate, "open gate");
    let activated = multiply(tape, [bounded_gate, open], "activated gate", gate.shape);
    tape.release(bounded_gate);
    tape.release(open);
    let bounded_up = unary_keeping_output(tape, wide_up, "bounded up");
    let product = multiply(tape, [activated, bounded_up], name, gate.shape);
    let narrow = cast(tape, product, gate.dtype, name);
    for tensor in [product, bounded_up, activated, wide_up, wide_gate] {
        tape.release(tensor);
    }
    narrow
}
