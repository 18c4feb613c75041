//! Queries, keys and values out of one matrix, in the ways that modelling code takes them apart.

use super::{Projected, Sizes};
use crate::families::code::FusedProjection;
use crate::layers::Run;
use crate::model::architecture::Attention;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    pub(crate) fn project_together(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        sizes: Sizes,
        held: &mut Vec<Tensor>,
    ) -> Projected {
        let width = Dim { symbol: "(q+2kv)", size: sizes.query.size + 2 * sizes.kv.size };
        let matrix = self.weights(tape, Part::QueryKeyValue, self.h(), width, attention.qkv_bias);
        let fused = self.linear(tape, input, matrix, "attention.query key value");
        let query_shape = tape.shape(&[self.b(), sizes.heads, self.s(), sizes.head]);
        let kv_shape = tape.shape(&[self.b(), sizes.kv_heads, self.s(), sizes.head]);
        let code = match self.code.fused_projection {
            FusedProjection::SplitByHeads if attention.kv_heads == 1 => FusedProjection::SplitThenHeads,
            FusedProjection::SplitByHeads => FusedProjection::HeadsThenSplit,
            other => other,
        };
        let shapes = [query_shape, kv_shape, kv_shape];
        let [query, key, value] = match code {
            FusedProjection::SplitThenHeads => {
                let [query, key, value] = tape.split(fused, shapes);
                let copied = !self.fused_attention;
                let query = self.heads(tape, query, sizes.heads, sizes.head, copied && sizes.heads.size > 1);
                let value = self.heads(tape, value, sizes.kv_heads, sizes.head, copied && sizes.kv_heads.size > 1);
                tape.release(fused);
                return Projected { query, key, value, gate: None };
            }
            FusedProjection::HeadsThenSplit | FusedProjection::SplitByHeads => {
                let three = Dim { symbol: "3d", size: 3 * sizes.head.size };
                let apart = self.heads(tape, fused, sizes.heads, three, sizes.heads.size > 1);
                held.push(apart);
                let [query, key, value] = tape.split(apart, shapes);
                return Projected { query, key, value, gate: None };
            }
            FusedProjection::Indexed => {
                held.push(fused);
                return self.taken_by_index(tape, fused, attention, sizes);
            }
            FusedProjection::Unbound => tape.split(fused, shapes),
            FusedProjection::Selected => shapes.map(|shape| tape.view_with_new_gradient(fused, shape)),
            FusedProjection::Slices => {
                let [query, key, value] = [sizes.query, sizes.kv, sizes.kv].map(|it| self.slice(tape, fused, it));
                let copied = self.liger.is_none();
                let query = self.heads(tape, query, sizes.heads, sizes.head, copied && sizes.heads.size > 1);
                let key = self.heads(tape, key, sizes.kv_heads, sizes.head, copied && sizes.kv_heads.size > 1);
                let value = self.heads(tape, value, sizes.kv_heads, sizes.head, self.copies_value_gradient(attention));
                [query, key, value]
            }
        };
        held.push(fused);
        Projected { query, key, value, gate: None }
    }

    fn slice(&self, tape: &mut Tape, input: Tensor, channels: Dim) -> Tensor {
        let shape = self.stream(tape, channels);
        tape.view_with_new_gradient(input, shape)
    }
}
