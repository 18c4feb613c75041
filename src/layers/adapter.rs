//! Low-rank adapters beside a linear layer, as PEFT's code runs them.

use super::operations::{cast, copy, dropout, fresh, join};
use super::{Kernel, Linear, Run};
use crate::model::part::Piece;
use crate::shape::Dim;
use crate::states::adapters::{Adapters, Names};
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// `output + B(A(dropout(input)))·scaling`: the input in the adapter's type, the sum in the output's.
    pub(crate) fn adapted(
        &self,
        tape: &mut Tape,
        [input, output]: [Tensor; 2],
        linear: Linear,
        (adapters, names): (&Adapters, &Names),
        positions: Dim,
    ) -> Tensor {
        let rank = Dim { symbol: "r", size: adapters.rank };
        let matrix = |tape: &mut Tape, piece, inputs: Dim, outputs: Dim| {
            let shape = tape.shape(&[outputs, inputs]);
            let weight = tape.adapter(linear.part.name(piece), shape, adapters.dtype);
            Linear { piece, weight, bias: None, inputs, outputs, ..linear }
        };
        let down = matrix(tape, Piece::LoraA, linear.inputs, rank);
        let up = matrix(tape, Piece::LoraB, rank, linear.outputs);
        let base = self.base_of(linear);
        // Beside a quantized layer autocast converts by itself, and without it the adapter's output is converted back.
        let converts = base.is_none() || !self.autocast;
        let output = if matches!(base, Some(Kernel::FourBits { .. })) {
            let cloned = copy(tape, output, names.sum, output.shape);
            tape.release(output);
            cloned
        } else {
            output
        };
        let read = if converts { cast(tape, input, adapters.dtype, names.input) } else { tape.share(input) };
        let beside = if adapters.dora {
            self.beside_with_magnitude(tape, [read, output], linear, [down, up], (names, positions))
        } else {
            let plain = self.beside(tape, read, [down, up], (names, positions));
            if base.is_some() && converts {
                let converted = cast(tape, plain, output.dtype, names.high);
                tape.release(plain);
                converted
            } else {
                plain
            }
        };
        let sum = join(tape, [output, beside], names.sum, output.shape);
        // Beside a quantized layer what the adapter adds is a variable, which outlasts what it was added to.
        let outlasts = base.is_some() && !adapters.dora;
        tape.release_each(if outlasts { [output, beside] } else { [beside, output] });
        let narrow = cast(tape, sum, output.dtype, names.sum);
        tape.release(sum);
        tape.release(read);
        narrow
    }

    /// What the adapter adds.
    fn beside(
        &self,
        tape: &mut Tape,
        read: Tensor,
        [down, up]: [Linear; 2],
        (names, positions): (&Names, Dim),
    ) -> Tensor {
        let dropped = self.adapter_dropout(tape, read, names);
        let low = self.product(tape, dropped, down, names.low, positions);
        // Nobody holds on to what went through dropout once it has been read.
        tape.release(dropped);
        let high = self.product(tape, low, up, names.high, positions);
        let held = self.adapters.is_some_and(|adapters| adapters.holds_low).then(|| tape.share(low));
        tape.release(low);
        let scaled = fresh(tape, high, names.high, high.shape);
        tape.release(high);
        if let Some(low) = held {
            tape.release(low);
        }
        scaled
    }

    pub(crate) fn adapter_dropout(&self, tape: &mut Tape, read: Tensor, names: &Names) -> Tensor {
        let acts = self.adapters.is_some_and(|adapters| adapters.dropout);
        dropout(tape, acts, read, names.dropped, names.mask)
    }

    pub(crate) fn low_rank(
        &self,
        tape: &mut Tape,
        read: Tensor,
        [down, up]: [Linear; 2],
        (names, positions): (&Names, Dim),
    ) -> Tensor {
        let low = self.product(tape, read, down, names.low, positions);
        let high = self.product(tape, low, up, names.high, positions);
        tape.release(low);
        high
    }
}
