//! Falcon's way to take a fused projection apart: queries are sliced, keys and values copied by their index.

use super::Run;
use super::attention::sizes::{Projected, Sizes};
use super::operations::copy;
use crate::model::architecture::Attention;
use crate::model::family::Projection;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// Queries, keys and values of a fused projection, which the caller keeps.
    pub(crate) fn taken_by_index(
        &self,
        tape: &mut Tape,
        fused: Tensor,
        attention: &Attention,
        sizes: Sizes,
    ) -> Projected {
        let query_shape = tape.shape(&[self.b(), sizes.heads, self.s(), sizes.head]);
        let kv_shape = tape.shape(&[self.b(), sizes.kv_heads, self.s(), sizes.head]);
        let query = tape.view_with_new_gradient(fused, query_shape);
        if attention.projection != Projection::FusedByGroup
            && attention.kv_heads == attention.heads
            && attention.heads > 1
        {
            let [key, value] = [kv_shape; 2].map(|shape| tape.view_with_new_gradient(fused, shape));
            return Projected { query, key, value, gate: None };
        }
        let [key, value] = ["attention.key", "attention.value"].map(|name| by_index(tape, fused, kv_shape, name));
        if attention.projection != Projection::FusedByGroup {
            return Projected { query, key, value, gate: None };
        }
        let parts = [("attention.query", query), ("attention.key", key), ("attention.value", value)];
        let one_to_one = attention.kv_heads == attention.heads;
        let whole = parts.map(|(name, part)| {
            let stays = part.shape == query_shape || one_to_one;
            (name, if stays { tape.share(part) } else { tape.view_with_new_gradient(part, query_shape) })
        });
        // Heads of several groups lie apart, so that putting them in one dimension copies.
        let copies = !one_to_one && attention.kv_heads > 1;
        let flat =
            whole.map(|(name, part)| if copies { copy(tape, part, name, query_shape) } else { tape.share(part) });
        for tensor in whole.into_iter().chain(parts).map(|(_, tensor)| tensor) {
            tape.release(tensor);
        }
        let [query, key, value] = flat;
        Projected { query, key, value, gate: None }
    }
}

/// A copy of the head at one index, which is kept.
fn by_index(tape: &mut Tape, fused: Tensor, shape: u16, name: &'static str) -> Tensor {
    let one = tape.shape(&[super::model::ONE]);
    let index = tape.constant("index of the head", one, Dtype::Int64);
    let selection =
        Operation { rule: Rule::Index, inputs: &[fused], keeps: &[index], extras: &[], keeps_output: false };
    let output = tape.apply(&selection, name, shape, fused.dtype);
    tape.release(index);
    output
}
