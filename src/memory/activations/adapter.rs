//! Low-rank adapters beside a linear layer, as PEFT's code runs them.

use super::super::adapters::{Adapters, Names};
use super::super::entry::Dim;
use super::super::tape::{Tape, Tensor};
use super::operations::{cast, copy, dropout, fresh, join};
use super::{Linear, Run};
use crate::scenario::BaseWeights;

impl Run<'_> {
    /// `output + B(A(dropout(input)))·scaling`: the input in the adapter's type, the sum in the output's.
    pub(super) fn adapted(
        &self,
        tape: &mut Tape,
        [input, output]: [Tensor; 2],
        [inputs, outputs]: [Dim; 2],
        adapters: &Adapters,
        names: &Names,
    ) -> Tensor {
        let rank = Dim { symbol: "r", size: adapters.rank };
        let matrix = |tape: &mut Tape, name, inputs: Dim, outputs: Dim| {
            let shape = tape.shape(&[outputs, inputs]);
            Linear { weight: tape.adapter(name, shape, adapters.dtype), bias: None, inputs, outputs }
        };
        let down = matrix(tape, names.down, inputs, rank);
        let up = matrix(tape, names.up, rank, outputs);
        // Beside a quantized layer autocast converts by itself, and without it the adapter's output is converted back.
        let converts = self.base.is_none() || !self.autocast;
        let output = if matches!(self.base, Some(BaseWeights::Nf4 | BaseWeights::Fp4)) {
            let cloned = copy(tape, output, names.sum, output.shape);
            tape.release(output);
            cloned
        } else {
            output
        };
        let read = if converts { cast(tape, input, adapters.dtype, names.input) } else { tape.share(input) };
        let dropped = dropout(tape, adapters.dropout, read, names.dropped, names.mask);
        let low = self.product(tape, dropped, down, names.low, self.s());
        tape.release(dropped);
        let high = self.product(tape, low, up, names.high, self.s());
        tape.release(low);
        let scaled = fresh(tape, high, names.high, high.shape);
        tape.release(high);
        let scaled = if self.base.is_some() && converts {
            let converted = cast(tape, scaled, output.dtype, names.high);
            tape.release(scaled);
            converted
        } else {
            scaled
        };
        let sum = join(tape, [output, scaled], names.sum, output.shape);
        tape.release(scaled);
        tape.release(output);
        let narrow = cast(tape, sum, output.dtype, names.sum);
        tape.release(sum);
        tape.release(read);
        narrow
    }
}
