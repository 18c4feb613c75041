//! Rotary position embedding: pairs of neighbouring channels, or the two halves of a head.

use super::TransformerDecoder;
use crate::frameworks::torchtune::release::Rotation;
use crate::layers::operations::{cast, join, multiply_by_constant, subtract};
use crate::layers::rotary::{Tables, turned_halves};
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

impl TransformerDecoder<'_> {
    /// Queries or keys, `[b, s, heads, d]`, rotated. The caller lets go of what it gave.
    pub(crate) fn rotated(
        &self,
        tape: &mut Tape,
        input: Tensor,
        [heads, head]: [Dim; 2],
        name: &'static str,
    ) -> Tensor {
        match self.parts.rotation {
            Rotation::Pairs => self.in_pairs(tape, input, [heads, head], name),
            Rotation::Halves | Rotation::NarrowHalves => self.by_halves(tape, input, [heads, head], name),
        }
    }

    /// Rows of the table for these tokens: a view of the model's own, but for packed sequences one a token.
    fn rows(&self, tape: &mut Tape, head: Dim, copies: u64) -> Tensor {
        let run = self.run;
        let width = Dim { symbol: "d", size: head.size * copies };
        if run.padding {
            let shape = tape.shape(&[run.b(), run.s(), width]);
            return tape.constant("rotary cosines and sines of tokens", shape, Dtype::Fp32);
        }
        let shape = tape.shape(&[run.s(), width]);
        Tape::buffer(shape, Dtype::Fp32)
    }

    /// `x₀·cos - x₁·sin` and `x₁·cos + x₀·sin` in fp32, put together again.
    fn in_pairs(&self, tape: &mut Tape, input: Tensor, [heads, head]: [Dim; 2], name: &'static str) -> Tensor {
        let run = self.run;
        let table = self.rows(tape, head, 1);
        let wide = cast(tape, input, Dtype::Fp32, "attention.heads in fp32");
        let half = tape.shape(&[run.b(), run.s(), heads, Dim { symbol: "d/2", size: head.size / 2 }]);
        let turned = |tape: &mut Tape| {
            let channel = tape.view_with_new_gradient(wide, half);
            let product = multiply_by_constant(tape, channel, table, name);
            tape.release(channel);
            product
        };
        let parts = [turned(tape), turned(tape)];
        let first = subtract(tape, parts, name, half);
        for part in parts {
            tape.release(part);
        }
        let parts = [turned(tape), turned(tape)];
        let second = join(tape, parts, name, half);
        for part in parts {
            tape.release(part);
        }
        let stacked = join(tape, [first, second], name, wide.shape);
        tape.release(first);
        tape.release(second);
        let output = cast(tape, stacked, input.dtype, name);
        for tensor in [stacked, wide, table] {
            tape.release(tensor);
        }
        output
    }

    /// `x·cos + rotated·sin`, in the type of the tables, and back.
    fn by_halves(&self, tape: &mut Tape, input: Tensor, [heads, head]: [Dim; 2], name: &'static str) -> Tensor {
        let run = self.run;
        let table = self.rows(tape, head, 2);
        let narrow = self.parts.rotation == Rotation::NarrowHalves && input.dtype != Dtype::Fp32;
        let [cos, sin] = ["rotary cosines", "rotary sines"].map(|name| {
            if !narrow {
                return tape.share(table);
            }
            let batch = if run.padding { run.b() } else { Dim { symbol: "", size: 1 } };
            let shape = tape.shape(&[batch, run.s(), head]);
            tape.constant(name, shape, input.dtype)
        });
        let half = |size| Dim { symbol: "d/2", size };
        let [first, second] =
            [head.size / 2, head.size - head.size / 2].map(|size| tape.shape(&[run.b(), run.s(), heads, half(size)]));
        let output = turned_halves(tape, input, [first, second], Tables { cos, sin }, name);
        for tensor in [cos, sin, table] {
            tape.release(tensor);
        }
        output
    }
}
