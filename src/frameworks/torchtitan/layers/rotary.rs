//! Rotary position embedding of neighbouring channels, as complex numbers: `ComplexRoPE`.

use super::Decoder;
use crate::layers::operations::{cast, multiply_by_constant};
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

impl Decoder<'_> {
    /// Queries and keys, `[b, s, heads, d]`, rotated; what was given is let go. Rows of the table are picked by position,
    /// for each layer anew.
    pub(super) fn rotated(&self, tape: &mut Tape, [query, key]: [Tensor; 2], head: Dim) -> [Tensor; 2] {
        let run = self.run;
        // A complex number is two of fp32.
        let rows = tape.shape(&[run.b(), run.s(), head]);
        let table = tape.constant("rotary table by position", rows, Dtype::Fp32);
        let wide = [(query, "attention.query in fp32"), (key, "attention.key in fp32")]
            .map(|(tensor, name)| cast(tape, tensor, Dtype::Fp32, name));
        let turned = [(wide[0], "attention.query rotated in fp32"), (wide[1], "attention.key rotated in fp32")]
            .map(|(tensor, name)| multiply_by_constant(tape, tensor, table, name));
        let names = ["attention.query after rotary embedding", "attention.key after rotary embedding"];
        let [first, second] = [0, 1].map(|side| cast(tape, turned[side], query.dtype, names[side]));
        tape.release_each(wide.into_iter().chain(turned));
        tape.release_each([table, query, key]);
        [first, second]
    }
}
