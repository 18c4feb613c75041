//! Gemma 3n's sparse gates: what lies not so many deviations above the mean of its token is shut, as if the best of a normal
//! distribution were chosen.

use crate::layers::Run;
use crate::layers::norm::row;
use crate::layers::operations::{join, multiply_by_constant, subtract, unary_keeping_output};
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// `[b, s, f]`: the projected gate less what its token must exceed, where that is positive; the projection goes.
    pub(crate) fn sparse_gate(&self, tape: &mut Tape, gate: Tensor) -> Tensor {
        let each = row(tape, &[self.b(), self.s()]);
        let (share, times) = deviations(tape, gate.dtype);
        let mean = of_each_row(tape, (Rule::Each, gate), "mlp.mean of the gate", each);
        let deviation = of_each_row(tape, (Rule::Deviation, gate), "mlp.deviation of the gate", each);
        let above = multiply_by_constant(tape, deviation, times, "mlp.cutoff above the mean");
        let cutoff = join(tape, [mean, above], "mlp.cutoff", each);
        tape.release(above);
        let beyond = subtract(tape, [gate, cutoff], "mlp.gate beyond the cutoff", gate.shape);
        let open = unary_keeping_output(tape, beyond, "mlp.sparse gate");
        tape.release_each([beyond, share, times, mean, deviation, cutoff, gate]);
        open
    }
}

/// `[]`: a share of a normal distribution, and how many deviations that lies above its mean.
fn deviations(tape: &mut Tape, dtype: Dtype) -> (Tensor, Tensor) {
    let scalar = tape.shape(&[]);
    let share = tape.constant("share of shut channels", scalar, Dtype::Fp32);
    let mut made = share;
    // Twice it, less one; the inverse of the error function; times a deviation and the root of two; plus a mean.
    for step in 0..6 {
        let next = tape.constant("deviations of that share", scalar, Dtype::Fp32);
        if step > 0 {
            tape.release(made);
        }
        made = next;
    }
    if dtype != Dtype::Fp32 {
        let narrow = tape.constant("deviations of that share", scalar, dtype);
        tape.release(made);
        made = narrow;
    }
    (share, made)
}

/// One number for each row of channels, which a deviation keeps beside what it is of.
fn of_each_row(tape: &mut Tape, (rule, input): (Rule, Tensor), name: &'static str, each: u16) -> Tensor {
    let deviates = rule == Rule::Deviation;
    let inputs = [input];
    let keeps = if deviates { &inputs[..] } else { &[] };
    let operation = Operation { rule, inputs: &inputs, keeps, extras: &[], keeps_output: deviates };
    tape.apply(&operation, name, each, input.dtype)
}
