//! Single operations of PyTorch, as the rules use them.

use crate::model::architecture::FirstActivation;
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};

/// A dimension of one.
pub(crate) const ONE: Dim = Dim { symbol: "", size: 1 };

/// One input, one output of the same shape; keeps its input.
pub(crate) fn unary_keeping_input(tape: &mut Tape, input: Tensor, name: &'static str) -> Tensor {
    let operation = Operation { rule: Rule::Each, inputs: &[input], keeps: &[input], extras: &[], keeps_output: false };
    tape.apply(&operation, name, input.shape, input.dtype)
}

/// One input, one output of the same shape; keeps its output.
pub(crate) fn unary_keeping_output(tape: &mut Tape, input: Tensor, name: &'static str) -> Tensor {
    let operation = Operation { rule: Rule::Each, inputs: &[input], keeps: &[], extras: &[], keeps_output: true };
    tape.apply(&operation, name, input.shape, input.dtype)
}

/// The softmax over the last dimension; keeps its output.
pub(crate) fn softmax(tape: &mut Tape, input: Tensor, name: &'static str) -> Tensor {
    let operation = Operation { rule: Rule::Softmax, inputs: &[input], keeps: &[], extras: &[], keeps_output: true };
    tape.apply(&operation, name, input.shape, input.dtype)
}

/// A power: keeps its input, and has two temporaries in backward.
pub(crate) fn power(tape: &mut Tape, input: Tensor, name: &'static str) -> Tensor {
    let operation =
        Operation { rule: Rule::Power, inputs: &[input], keeps: &[input], extras: &[], keeps_output: false };
    tape.apply(&operation, name, input.shape, input.dtype)
}

/// A product with or sum over constants: a new tensor of this shape, nothing kept, a new gradient.
pub(crate) fn fresh(tape: &mut Tape, input: Tensor, name: &'static str, shape: u16) -> Tensor {
    let operation = Operation { rule: Rule::Each, inputs: &[input], keeps: &[], extras: &[], keeps_output: false };
    tape.apply(&operation, name, shape, input.dtype)
}

/// A copy in another type; the same tensor where it has that type already.
pub(crate) fn cast(tape: &mut Tape, input: Tensor, dtype: Dtype, name: &'static str) -> Tensor {
    if input.dtype == dtype {
        return tape.share(input);
    }
    let operation = Operation { rule: Rule::Each, inputs: &[input], keeps: &[], extras: &[], keeps_output: false };
    tape.apply(&operation, name, input.shape, dtype)
}

/// A contiguous copy, or one that adds a constant: the gradient goes on unchanged.
pub(crate) fn copy(tape: &mut Tape, input: Tensor, name: &'static str, shape: u16) -> Tensor {
    let operation = Operation { rule: Rule::Pass, inputs: &[input], keeps: &[], extras: &[], keeps_output: false };
    tape.apply(&operation, name, shape, input.dtype)
}

/// A sum or concatenation: the gradient goes on to each part.
pub(crate) fn join(tape: &mut Tape, parts: [Tensor; 2], name: &'static str, shape: u16) -> Tensor {
    let operation = Operation { rule: Rule::Pass, inputs: &parts, keeps: &[], extras: &[], keeps_output: false };
    tape.apply(&operation, name, shape, parts[0].dtype.promoted(parts[1].dtype))
}

/// A tensor repeated along dimensions that it does not have: its gradient is the sum over them.
pub(crate) fn repeat(tape: &mut Tape, input: Tensor, name: &'static str, shape: u16) -> Tensor {
    let operation = Operation { rule: Rule::Add, inputs: &[input], keeps: &[], extras: &[], keeps_output: false };
    tape.apply(&operation, name, shape, input.dtype)
}

/// A sum with a vector that is added to every row: the vector's gradient is the sum over rows.
pub(crate) fn add(tape: &mut Tape, terms: [Tensor; 2], name: &'static str) -> Tensor {
    let operation = Operation { rule: Rule::Add, inputs: &terms, keeps: &[], extras: &[], keeps_output: false };
    tape.apply(&operation, name, terms[0].shape, terms[0].dtype.promoted(terms[1].dtype))
}

/// A difference from a value for each row: the row's gradient is the negated one, summed.
pub(crate) fn subtract(tape: &mut Tape, terms: [Tensor; 2], name: &'static str, shape: u16) -> Tensor {
    let operation = Operation { rule: Rule::Subtract, inputs: &terms, keeps: &[], extras: &[], keeps_output: false };
    tape.apply(&operation, name, shape, terms[0].dtype.promoted(terms[1].dtype))
}

/// An elementwise product, each factor kept if the other needs a gradient.
pub(crate) fn multiply(tape: &mut Tape, factors: [Tensor; 2], name: &'static str, shape: u16) -> Tensor {
    let (kept, count) = kept_factors(factors);
    let operation =
        Operation { rule: Rule::Multiply, inputs: &factors, keeps: &kept[..count], extras: &[], keeps_output: false };
    tape.apply(&operation, name, shape, factors[0].dtype.promoted(factors[1].dtype))
}

/// Which factors of a product backward needs, and how many they are: each where the other needs a gradient.
pub(crate) fn kept_factors(factors: [Tensor; 2]) -> ([Tensor; 2], usize) {
    let [one, other] = factors;
    match (other.needs_gradient(), one.needs_gradient()) {
        (true, true) => (factors, 2),
        (true, false) => (factors, 1),
        (false, true) => ([other, one], 1),
        (false, false) => (factors, 0),
    }
}

/// A product with a factor that needs no gradient, which is all that is kept.
pub(crate) fn multiply_by_constant(tape: &mut Tape, input: Tensor, factor: Tensor, name: &'static str) -> Tensor {
    let operation = Operation {
        rule: Rule::Multiply,
        inputs: &[input, factor],
        keeps: &[factor],
        extras: &[],
        keeps_output: false,
    };
    tape.apply(&operation, name, input.shape, input.dtype.promoted(factor.dtype))
}

/// A clamp, by the rule of its bounds; keeps its input.
pub(crate) fn clamp(tape: &mut Tape, rule: Rule, input: Tensor, name: &'static str) -> Tensor {
    let operation = Operation { rule, inputs: &[input], keeps: &[input], extras: &[], keeps_output: false };
    tape.apply(&operation, name, input.shape, input.dtype)
}

/// A quotient of two computed values, both of which are kept.
pub(crate) fn divide(tape: &mut Tape, terms: [Tensor; 2], name: &'static str) -> Tensor {
    let operation = Operation { rule: Rule::Divide, inputs: &terms, keeps: &terms, extras: &[], keeps_output: false };
    tape.apply(&operation, name, terms[0].shape, terms[0].dtype.promoted(terms[1].dtype))
}

/// `cap·tanh(x / cap)`: keeps the tangent.
pub(crate) fn soft_cap(tape: &mut Tape, input: Tensor, [tangent, name]: [&'static str; 2]) -> Tensor {
    let quotient = fresh(tape, input, name, input.shape);
    tape.release(input);
    let tanh = unary_keeping_output(tape, quotient, tangent);
    tape.release(quotient);
    let capped = fresh(tape, tanh, name, tanh.shape);
    tape.release(tanh);
    capped
}

/// Dropout, where it acts: keeps a mask of one byte an element.
pub(crate) fn dropout(tape: &mut Tape, acts: bool, input: Tensor, name: &'static str, mask: &'static str) -> Tensor {
    if !acts {
        return tape.share(input);
    }
    let mask = Extra { name: mask, shape: input.shape, dtype: Dtype::Bool };
    let operation =
        Operation { rule: Rule::Dropout, inputs: &[input], keeps: &[], extras: &[mask], keeps_output: false };
    tape.apply(&operation, name, input.shape, input.dtype)
}

/// `[]`: the mean of what log-softmax gives of the right labels, in its type; keeps it and these, and what they weigh together.
pub(crate) fn nll_loss(tape: &mut Tape, log_softmax: Tensor, labels: &[Tensor]) -> Tensor {
    let scalar = tape.shape(&[]);
    let keeps: Vec<Tensor> = std::iter::once(log_softmax).chain(labels.iter().copied()).collect();
    let operation = Operation {
        rule: Rule::Each,
        inputs: &[log_softmax],
        keeps: &keeps,
        extras: &[Extra { name: "loss.total weight", shape: scalar, dtype: log_softmax.dtype }],
        keeps_output: false,
    };
    tape.apply(&operation, "loss", scalar, log_softmax.dtype)
}

/// The first token after its matrix and an activation.
pub(crate) fn activated_first(
    tape: &mut Tape,
    projected: Tensor,
    activation: FirstActivation,
    name: &'static str,
) -> Tensor {
    match activation {
        FirstActivation::Tangent | FirstActivation::Relu => unary_keeping_output(tape, projected, name),
        FirstActivation::Gelu => unary_keeping_input(tape, projected, name),
    }
}
