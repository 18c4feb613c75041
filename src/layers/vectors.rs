//! Adapters made of vectors beside a linear layer, as PEFT's code runs them.

use super::operations::{cast, fresh, join, multiply};
use super::{Linear, Run};
use crate::model::part::Piece;
use crate::shape::Dim;
use crate::states::adapters::{Adapters, Names};
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// `input·l`, in the wider type of both and then in the input's; with what stays in variables until the layer
    /// returns.
    pub(crate) fn times_vector(
        tape: &mut Tape,
        input: Tensor,
        linear: Linear,
        (adapters, names): (&Adapters, &Names),
    ) -> (Tensor, [Tensor; 2]) {
        let one = Dim { symbol: "", size: 1 };
        let vector = learned_vector(tape, [one, linear.inputs], linear, (adapters, names));
        let wide = cast(tape, input, adapters.dtype, names.input);
        let product = multiply(tape, [wide, vector], names.times, input.shape);
        let narrow = cast(tape, product, input.dtype, names.times);
        tape.release(product);
        (narrow, [wide, vector])
    }

    /// `output·l`, in the wider type of both and then in the output's.
    pub(crate) fn output_times_vector(
        tape: &mut Tape,
        output: Tensor,
        linear: Linear,
        (adapters, names): (&Adapters, &Names),
    ) -> Tensor {
        let one = Dim { symbol: "", size: 1 };
        let vector = learned_vector(tape, [linear.outputs, one], linear, (adapters, names));
        let product = multiply(tape, [output, vector], names.times, output.shape);
        let narrow = cast(tape, product, output.dtype, names.times);
        tape.release_each([product, output]);
        tape.release(vector);
        narrow
    }

    /// `output + b·B(d·A(dropout(input)))` in the type of the input, where all layers share `A` and `B` and
    /// use as much of them as they are large.
    pub(crate) fn beside_shared(
        &self,
        tape: &mut Tape,
        [input, output]: [Tensor; 2],
        linear: Linear,
        (adapters, names): (&Adapters, &Names),
        positions: Dim,
    ) -> Tensor {
        let rank = Dim { symbol: "r", size: adapters.rank };
        let shared = |tape: &mut Tape, piece, inputs: Dim, outputs: Dim| {
            let weight = Tape::buffer(tape.shape(&[outputs, inputs]), adapters.dtype);
            Linear { piece, weight, bias: None, inputs, outputs, ..linear }
        };
        let down = shared(tape, Piece::LoraA, linear.inputs, rank);
        let up = shared(tape, Piece::LoraB, rank, linear.outputs);
        let [low_name, scaled_name, high_name] = names.shared;
        let vectors = [(Piece::VeraB, linear.outputs), (Piece::VeraD, rank)];
        let [after, between] = vectors.map(|(piece, size)| {
            let shape = tape.shape(&[size]);
            tape.adapter(linear.part.name(piece), shape, adapters.dtype)
        });
        let read = cast(tape, input, adapters.dtype, names.input);
        let dropped = self.adapter_dropout(tape, read, names);
        let low = self.product(tape, dropped, down, low_name, positions);
        tape.release(dropped);
        let scaled = multiply(tape, [between, low], scaled_name, low.shape);
        tape.release(low);
        let high = self.product(tape, scaled, up, high_name, positions);
        tape.release(scaled);
        let beside = multiply(tape, [after, high], names.high, high.shape);
        tape.release(high);
        let sum = join(tape, [output, beside], names.sum, output.shape);
        tape.release_each([beside, output]);
        let narrow = cast(tape, sum, output.dtype, names.sum);
        tape.release(sum);
        // And then in the type of what came in, which autocast's products did not have.
        let returned = cast(tape, narrow, input.dtype, names.sum);
        tape.release_each([narrow, read]);
        returned
    }
}

/// A learned vector as it multiplies: PEFT begins with the number 1 and multiplies that by each adapter's.
fn learned_vector(tape: &mut Tape, dims: [Dim; 2], linear: Linear, (adapters, names): (&Adapters, &Names)) -> Tensor {
    let [rows, columns] = dims;
    let matrix = tape.shape(&dims);
    let flat = tape.shape(&[if rows.size > 1 { rows } else { columns }]);
    let vector = tape.adapter(linear.part.name(Piece::Vector), matrix, adapters.dtype);
    let view = tape.view(vector, flat);
    let scaling = fresh(tape, view, names.vector, flat);
    tape.release(view);
    scaling
}
