//! Single operations of PyTorch, as the rules use them.

use super::{Linear, Run};
use crate::model::part::{Codes, Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};

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

impl Run<'_> {
    /// A linear layer: keeps its input, in the type of the product.
    pub(crate) fn linear(&self, tape: &mut Tape, input: Tensor, linear: Linear, name: &'static str) -> Tensor {
        self.linear_over(tape, input, linear, name, self.s())
    }

    /// A linear layer over so many positions of each sequence, with its adapter where it has one.
    pub(crate) fn linear_over(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        positions: Dim,
    ) -> Tensor {
        // The head stays as it is, and a router is no linear layer of its own.
        let base = self.base.filter(|_| matches!(linear.part.codes(), Codes::Always | Codes::AtLoading));
        let output = match base {
            Some(base) => self.unpacked_product(tape, input, linear, name, (positions, base)),
            None if self.code.transposed_linears && linear.part != Part::Head => {
                self.transposed_product(tape, input, linear, name, positions)
            }
            None => self.product(tape, input, linear, name, positions),
        };
        match self.adapters.and_then(|adapters| Some((adapters, adapters.names(linear.part)?))) {
            Some((adapters, names)) => self.adapted(tape, [input, output], linear, adapters, names),
            None => output,
        }
    }

    /// One matrix product with its bias: keeps its input, in the type of the product, where the matrix is trained,
    /// and the matrix where the input needs a gradient.
    pub(crate) fn product(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        positions: Dim,
    ) -> Tensor {
        let compute = if self.autocast { Dtype::Bf16 } else { linear.weight.dtype };
        let cast_weight = |tape: &mut Tape, weight| if self.autocast { tape.cached_copy(weight) } else { weight };
        // Autocast casts the last argument first, so that on the way back the weight's gradient is cast before the bias's.
        // GPT-2's adds its product to the bias, which is then the first.
        let last = linear.bias.filter(|_| !self.code.conv1d).map(|bias| cast_weight(tape, bias));
        let weight = cast_weight(tape, linear.weight);
        let narrowed = cast(tape, input, compute, "input in 16 bits");
        let first = linear.bias.filter(|_| self.code.conv1d).map(|bias| cast_weight(tape, bias));
        let bias = last.or(first);
        let shape = tape.shape(&[self.b(), positions, linear.outputs]);
        let inputs = [weight, narrowed, bias.unwrap_or(weight)];
        let (kept, count) = kept_factors([narrowed, weight]);
        let operation = Operation {
            rule: Rule::Affine,
            inputs: if bias.is_some() { &inputs } else { &inputs[..2] },
            keeps: &kept[..count],
            extras: &[],
            keeps_output: false,
        };
        let output = tape.apply(&operation, name, shape, compute);
        if bias.is_some() {
            tape.product_with_bias_workspace();
        } else {
            tape.product_workspace();
        }
        tape.release(narrowed);
        if self.autocast {
            tape.release(weight);
            if let Some(bias) = bias {
                tape.release(bias);
            }
        }
        output
    }

    /// A product with the transposed matrix, whose 16-bit copy lasts as long as it is needed, and then a sum with the bias
    /// in the wider type of the two.
    fn transposed_product(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        positions: Dim,
    ) -> Tensor {
        let Linear { weight, bias, outputs, .. } = linear;
        let compute = if self.autocast { Dtype::Bf16 } else { weight.dtype };
        let narrowed = cast(tape, input, compute, "input in 16 bits");
        let copied = match (self.autocast, weight.needs_gradient()) {
            (true, true) => tape.weight_copy(weight, compute),
            (true, false) => tape.cached_copy(weight),
            (false, _) => weight,
        };
        let (kept, count) = kept_factors([narrowed, copied]);
        let inputs = [copied, narrowed];
        let operation =
            Operation { rule: Rule::Product, inputs: &inputs, keeps: &kept[..count], extras: &[], keeps_output: false };
        let shape = tape.shape(&[self.b(), positions, outputs]);
        let product = tape.apply(&operation, name, shape, compute);
        tape.product_workspace();
        tape.release(narrowed);
        if self.autocast {
            tape.release(copied);
        }
        let Some(bias) = bias else { return product };
        let sum = add(tape, [product, bias], name);
        tape.release(product);
        sum
    }

    /// The matrix and bias of a linear layer.
    pub(crate) fn weights(&self, tape: &mut Tape, part: Part, inputs: Dim, outputs: Dim, bias: bool) -> Linear {
        let matrix = tape.shape(&[outputs, inputs]);
        let weight = tape.parameter(part.name(Piece::Weight), matrix, self.weights);
        let bias = bias.then(|| {
            let vector = tape.shape(&[outputs]);
            tape.parameter(part.name(Piece::Bias), vector, self.weights)
        });
        Linear { part, weight, bias, inputs, outputs }
    }
}
