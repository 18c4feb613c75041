//! Linear layers, and the door that every product with a matrix of a model goes through.

use super::operations::{add, cast, kept_factors};
use super::{Kernel, Run};
use crate::model::part::{Codes, Part, Piece, Split};
use crate::scenario::AdapterKind;
use crate::shape::Dim;
use crate::states::adapters::multiplies_input;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

/// A matrix and, where it has one, its bias.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linear {
    /// Of which part it is.
    pub(crate) part: Part,
    /// Whether it is the part's own matrix, or which of its adapter's two.
    pub(crate) piece: Piece,
    pub(crate) weight: Tensor,
    pub(crate) bias: Option<Tensor>,
    pub(crate) inputs: Dim,
    pub(crate) outputs: Dim,
}

impl Linear {
    /// How ranks divide it: of an adapter the one of the two matrices that reads or makes what is divided, as vLLM's
    /// layers with adapters do.
    pub(crate) const fn split(&self) -> Split {
        match (self.part.split(), self.piece) {
            (Split::Column | Split::Vocabulary, Piece::LoraA) | (Split::Row, Piece::LoraB) => Split::Replicated,
            (split, _) => split,
        }
    }
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
        // What is computed has its adapter in it.
        let adapters = self.adapters.filter(|_| !linear.weight.is_computed());
        let Some((adapters, names)) = adapters.and_then(|it| Some((it, it.names(linear.part)?))) else {
            return self.own_product(tape, input, linear, name, positions);
        };
        match adapters.kind {
            AdapterKind::Ia3 if multiplies_input(linear.part) => {
                let (scaled, held) = Self::times_vector(tape, input, linear, (adapters, names));
                let output = self.own_product(tape, scaled, linear, name, positions);
                tape.release(scaled);
                tape.release_each(held);
                output
            }
            AdapterKind::Ia3 => {
                let output = self.own_product(tape, input, linear, name, positions);
                Self::output_times_vector(tape, output, linear, (adapters, names))
            }
            AdapterKind::Vera => {
                let output = self.own_product(tape, input, linear, name, positions);
                self.beside_shared(tape, [input, output], linear, (adapters, names), positions)
            }
            AdapterKind::Oft => {
                let [narrow, wide] = self.rotated_by_blocks(tape, input, linear, (adapters, names), positions);
                let output = self.own_product(tape, narrow, linear, name, positions);
                tape.release(narrow);
                // In the type of what came in, which autocast's products do not have.
                let returned = cast(tape, output, input.dtype, name);
                tape.release_each([output, wide]);
                returned
            }
            AdapterKind::Lora | AdapterKind::Rslora => {
                let output = self.own_product(tape, input, linear, name, positions);
                self.adapted(tape, [input, output], linear, (adapters, names), positions)
            }
        }
    }

    /// The product with a layer's own matrix, as it lies.
    fn own_product(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        positions: Dim,
    ) -> Tensor {
        let base = self.base_of(linear);
        let product = |tape: &mut Tape, input: Tensor| match base {
            Some(base) => self.unpacked_product(tape, input, linear, name, (positions, base)),
            None if self.code.transposed_linears && linear.part != Part::Head => {
                self.transposed_product(tape, input, linear, name, positions)
            }
            None => self.plain_product(tape, input, linear, name, positions),
        };
        self.through(tape, linear.split(), input, (name, product))
    }

    /// How the product reads its matrix where that is quantized: the head stays as it is, and a router is no linear layer
    /// of its own.
    pub(crate) fn base_of(&self, linear: Linear) -> Option<Kernel> {
        self.base.filter(|_| matches!(linear.part.codes(), Codes::Always | Codes::AtLoading))
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
        let product = |tape: &mut Tape, input: Tensor| self.plain_product(tape, input, linear, name, positions);
        self.through(tape, linear.split(), input, (name, product))
    }

    fn plain_product(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        name: &'static str,
        positions: Dim,
    ) -> Tensor {
        let compute = if self.autocast { Dtype::Bf16 } else { linear.weight.dtype };
        // A cache has copies of parameters alone: not of a matrix that is computed, and not of one that is no parameter.
        let casts = !linear.weight.is_parameter();
        let cast_weight = |tape: &mut Tape, weight: Tensor| match (self.autocast, casts) {
            (false, _) => weight,
            (true, true) => cast(tape, weight, compute, "weight in 16 bits"),
            (true, false) => tape.cached_copy(weight),
        };
        // Autocast casts the last argument first, so that on the way back the weight's gradient is cast before the bias's.
        // GPT-2's adds its product to the bias, which is then the first.
        let last = linear.bias.filter(|_| !self.code.conv1d).map(|bias| cast_weight(tape, bias));
        let weight = cast_weight(tape, linear.weight);
        let narrowed = cast(tape, input, compute, "input in 16 bits");
        let first = linear.bias.filter(|_| self.code.conv1d).map(|bias| cast_weight(tape, bias));
        let bias = last.or(first);
        let shape = tape.shape(&[self.b(), positions, linear.outputs]);
        let inputs = [weight, narrowed, bias.unwrap_or(weight)];
        let (kept, count) = match kept_factors([narrowed, weight]) {
            (_, 1) if self.keeps_inputs => ([narrowed, weight], 2),
            kept => kept,
        };
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
        Linear { part, piece: Piece::Weight, weight, bias, inputs, outputs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_adapter_one_matrix_is_divided() {
        let dim = Dim { symbol: "", size: 8 };
        let weight = Tape::buffer(0, Dtype::Bf16);
        let split = |part, piece| Linear { part, piece, weight, bias: None, inputs: dim, outputs: dim }.split();
        for (part, whole, low, high) in [
            (Part::Query, Split::Column, Split::Replicated, Split::Column),
            (Part::Down, Split::Row, Split::Row, Split::Replicated),
            (Part::Head, Split::Vocabulary, Split::Replicated, Split::Vocabulary),
            (Part::Router, Split::Replicated, Split::Replicated, Split::Replicated),
        ] {
            let pieces = [Piece::Weight, Piece::LoraA, Piece::LoraB].map(|piece| split(part, piece));
            assert_eq!(pieces, [whole, low, high], "{part:?}");
        }
    }
}
