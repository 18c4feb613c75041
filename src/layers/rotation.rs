//! Adapters that rotate what a linear layer reads, block by block, as PEFT's code runs them.

use super::operations::{cast, copy, kept_factors, subtract};
use super::{Linear, Run};
use crate::model::part::Piece;
use crate::shape::Dim;
use crate::states::adapters::{Adapters, Blocks, Names};
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// `input·R` in the type of what comes in, for the layer to read; and the same in the adapter's type, which stays in
    /// a variable until the layer returns.
    pub(crate) fn rotated_by_blocks(
        &self,
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        (adapters, names): (&Adapters, &Names),
        positions: Dim,
    ) -> [Tensor; 2] {
        let blocks = Blocks::of(adapters, linear.inputs.size);
        let read = cast(tape, input, adapters.dtype, names.input);
        let rotation = self.rotation(tape, linear, adapters.dtype, blocks);
        let [count, size] = dims(blocks);
        let apart = tape.shape(&[self.b(), positions, count, size]);
        let apart = tape.view_with_new_gradient(read, apart);
        let product = self.batched_product(tape, [apart, rotation], names.rotated, apart.shape);
        // Blocks come out one after the other, and are put beside each other again.
        let rotated = copy(tape, product, names.rotated, input.shape);
        let wide = cast(tape, rotated, read.dtype, names.rotated);
        tape.release_each([rotated, product, apart, rotation, read]);
        let narrow = cast(tape, wide, input.dtype, names.rotated);
        [narrow, wide]
    }

    /// The rotation of each block, by the Cayley transform's Neumann series in PEFT's five terms:
    /// `R = I + 2Q + 2Q² + 2Q³ + Q⁴`, where `Q` is skew-symmetric.
    fn rotation(&self, tape: &mut Tape, linear: Linear, dtype: Dtype, blocks: Blocks) -> Tensor {
        let [count, size] = dims(blocks);
        let (square, matrices) = (tape.shape(&[size, size]), tape.shape(&[count, size, size]));
        let skew = skew_symmetric(tape, linear, dtype, (blocks, matrices));
        let identity = tape.constant("oft identity", square, dtype);
        let start = tape.constant("oft rotation", matrices, dtype);
        tape.release(identity);
        let sum = tape.add_scaled_into(start, skew);
        let second = self.batched_product(tape, [skew, skew], "oft second power", matrices);
        let sum = tape.add_scaled_into(sum, second);
        let third = self.batched_product(tape, [second, skew], "oft third power", matrices);
        let sum = tape.add_scaled_into(sum, third);
        let fourth = self.batched_product(tape, [third, skew], "oft fourth power", matrices);
        tape.release(third);
        let sum = tape.add_into(sum, fourth);
        tape.release_each([fourth, second, skew]);
        sum
    }

    /// A product for each block; under autocast of copies that no cache keeps.
    fn batched_product(&self, tape: &mut Tape, factors: [Tensor; 2], name: &'static str, shape: u16) -> Tensor {
        let compute = if self.autocast { Dtype::Bf16 } else { factors[0].dtype };
        let [left, right] = factors.map(|factor| cast(tape, factor, compute, "oft factor in 16 bits"));
        let (kept, count) = kept_factors([left, right]);
        // The right one's gradient comes first.
        let operation = Operation {
            rule: Rule::Product,
            inputs: &[right, left],
            keeps: &kept[..count],
            extras: &[],
            keeps_output: false,
        };
        let product = tape.apply(&operation, name, shape, compute);
        tape.product_workspace();
        tape.release_each([left, right]);
        product
    }
}

fn dims(blocks: Blocks) -> [Dim; 2] {
    [blocks.count, blocks.size].map(|size| Dim { symbol: "", size })
}

/// `Q = U - Uᵀ`, where the parameter is written into the upper triangle of `U`.
fn skew_symmetric(tape: &mut Tape, linear: Linear, dtype: Dtype, (blocks, matrices): (Blocks, u16)) -> Tensor {
    let [count, _] = dims(blocks);
    let triangles = tape.shape(&[count, Dim { symbol: "", size: blocks.above_the_diagonal() }]);
    let triangles = tape.adapter(linear.part.name(Piece::Rotation), triangles, dtype);
    let write = Operation { rule: Rule::Each, inputs: &[triangles], keeps: &[], extras: &[], keeps_output: false };
    let upper = tape.apply(&write, "oft upper triangle", matrices, dtype);
    let transposed = tape.view(upper, matrices);
    let skew = subtract(tape, [upper, transposed], "oft skew-symmetric matrix", matrices);
    tape.release_each([transposed, upper]);
    skew
}
