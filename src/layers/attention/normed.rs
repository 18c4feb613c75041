//! Gemma 3n's and 4's heads: queries are normed and turned before keys are projected, values are normed too, and all lie as they
//! were projected until the kernel reads them.

use super::{Projected, Shared, Sizes};
use crate::layers::Run;
use crate::layers::norm::{Names, names, unweighed_norm};
use crate::model::architecture::{Attention, KeyValues};
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// Queries, keys and values `[b, heads, s, d]`, as the kernel reads them.
    pub(super) fn project_normed(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        sizes: Sizes,
        shared: Shared,
    ) -> Projected {
        let matrix = self.weights(tape, Part::Query, self.h(), sizes.query, attention.qkv_bias);
        let projected = self.linear(tape, input, matrix, "attention.query");
        let query = self.heads_as_projected(tape, projected, (sizes.heads, sizes.head), !self.fused_attention);
        let query = self.normed_and_turned(tape, query, (attention, sizes.heads), shared, QUERY);
        if attention.variant.key_values == KeyValues::Earlier {
            let [key, value] = match shared.earlier {
                Some(earlier) => earlier.map(|tensor| tape.share(tensor)),
                None => self.made_before(tape, sizes, query.dtype),
            };
            return Projected { query, key, value, gate: None };
        }
        let matrix = self.weights(tape, Part::Key, self.h(), sizes.kv, attention.key_bias());
        let projected = self.linear(tape, input, matrix, "attention.key");
        let heads = (sizes.kv_heads, sizes.head);
        let mut key = self.heads_as_projected(tape, projected, heads, !self.fused_attention);
        if self.code.values_behind_keys {
            key = self.normed_and_turned(tape, key, (attention, sizes.kv_heads), shared, KEY);
        }
        let value = if attention.variant.key_values == KeyValues::One {
            tape.share(key)
        } else {
            let matrix = self.weights(tape, Part::Value, self.h(), sizes.kv, attention.qkv_bias);
            let projected = self.linear(tape, input, matrix, "attention.value");
            // The gradient of what was repeated for each head lies head by head too.
            let repeated = attention.heads != attention.kv_heads && self.repeats_for_kernel(attention, sizes);
            self.heads_as_projected(tape, projected, heads, !self.fused_attention || repeated)
        };
        if !self.code.values_behind_keys {
            key = self.normed_and_turned(tape, key, (attention, sizes.kv_heads), shared, KEY);
        }
        let leading = [self.b(), self.s(), sizes.kv_heads];
        let normed = unweighed_norm(tape, value, &leading, names!("attention.value norm"));
        tape.release(value);
        let value = self.as_the_kernel_reads(tape, normed, sizes.kv_heads, sizes.head);
        if attention.variant.hands_on {
            tape.hand_on([key, value]);
        }
        Projected { query, key, value, gate: None }
    }

    fn normed_and_turned(
        &self,
        tape: &mut Tape,
        input: Tensor,
        (attention, heads): (&Attention, Dim),
        shared: Shared,
        (names, turned): (Names, &'static str),
    ) -> Tensor {
        let head = Dim { symbol: "d", size: attention.head_dim };
        let normed = self.query_key_norm(tape, input, &[self.b(), self.s(), heads], head, names);
        tape.release(input);
        let Some(tables) = shared.tables else { return self.as_the_kernel_reads(tape, normed, heads, head) };
        let rotated = self.rotate(tape, normed, heads, attention, tables, turned);
        tape.release(normed);
        self.as_the_kernel_reads(tape, rotated, heads, head)
    }

    /// `[b, s, heads·d]` as `[b, s, heads, d]`. A gradient that lies head by head, as eager attention's does, is copied.
    fn heads_as_projected(
        &self,
        tape: &mut Tape,
        projected: Tensor,
        (heads, head): (Dim, Dim),
        by_head: bool,
    ) -> Tensor {
        let shape = tape.shape(&[self.b(), self.s(), heads, head]);
        let copies = by_head && heads.size > 1;
        let view = if copies { tape.view_with_new_gradient(projected, shape) } else { tape.view(projected, shape) };
        tape.release(projected);
        view
    }

    /// The same transposed.
    fn as_the_kernel_reads(&self, tape: &mut Tape, input: Tensor, heads: Dim, head: Dim) -> Tensor {
        let shape = tape.shape(&[self.b(), heads, self.s(), head]);
        let view = tape.view(input, shape);
        tape.release(input);
        view
    }
}

const QUERY: (Names, &str) = (names!("attention.query norm"), "attention.query after rotary embedding");
const KEY: (Names, &str) = (names!("attention.key norm"), "attention.key after rotary embedding");
