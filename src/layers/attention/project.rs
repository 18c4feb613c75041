//! Queries, keys and values out of the normed stream, and the heads that the projections are taken apart into.

use super::{Projected, Sizes};
use crate::families::code::{Rotation, TableCode};
use crate::layers::Run;
use crate::layers::norm::{Names, names};
use crate::layers::operations::fresh;
use crate::model::architecture::{Attention, KeyValues};
use crate::model::family::{Projection, QkNorm};
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

/// Queries or keys: their heads, the width of all of them, and the names of their norm.
#[derive(Clone, Copy)]
struct Side {
    heads: Dim,
    width: Dim,
    names: Names,
    /// Whether eager attention reads them transposed: keys.
    transposed: bool,
}

impl Run<'_> {
    pub(crate) fn project(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        sizes: Sizes,
        held: &mut Vec<Tensor>,
    ) -> Projected {
        match attention.projection {
            Projection::Separate => self.project_apart(tape, input, attention, sizes),
            Projection::Fused | Projection::FusedByGroup => self.project_together(tape, input, attention, sizes, held),
        }
    }

    fn project_apart(&self, tape: &mut Tape, input: Tensor, attention: &Attention, sizes: Sizes) -> Projected {
        let bias = attention.qkv_bias;
        let queries =
            Side { heads: sizes.heads, width: sizes.query, names: names!("attention.query norm"), transposed: false };
        let keys =
            Side { heads: sizes.kv_heads, width: sizes.kv, names: names!("attention.key norm"), transposed: true };
        // Projections as they are until the last of them is there.
        let late = self.code.heads_after_projections && self.heads_stay_together(attention);
        let channels = Self::query_channels(attention, sizes);
        let matrix = self.weights(tape, Part::Query, self.h(), channels, bias);
        let projected = self.linear(tape, input, matrix, "attention.query");
        let (mut query, gate) = self.apart_from_gate(tape, projected, attention, sizes);
        if self.code.scaled_queries {
            let scaled = fresh(tape, query, "attention.scaled query", query.shape);
            tape.release(query);
            query = scaled;
        }
        query = self.side(tape, query, attention, queries, late);
        if attention.variant.key_values == KeyValues::Earlier {
            return Projected { gate, ..self.with_earlier_keys(tape, query, attention, (sizes, queries)) };
        }
        let matrix = self.weights(tape, Part::Key, self.h(), sizes.kv, attention.key_bias());
        let mut key = self.linear(tape, input, matrix, "attention.key");
        key = self.side(tape, key, attention, keys, late);
        let value = if attention.variant.key_values == KeyValues::One {
            tape.share(key)
        } else {
            let values = Dim { symbol: "kv", size: sizes.kv_heads.size * sizes.value_head.size };
            let matrix = self.weights(tape, Part::Value, self.h(), values, bias);
            let value = self.linear(tape, input, matrix, "attention.value");
            if late {
                query = self.copied_heads(tape, query, attention, queries);
                key = self.copied_heads(tape, key, attention, keys);
            }
            self.heads(tape, value, sizes.kv_heads, sizes.value_head, self.copies_value_gradient(attention))
        };
        if self.code.norms_after_projections && !late {
            query = self.normed_heads(tape, query, attention, queries);
            key = self.normed_heads(tape, key, attention, keys);
        }
        Projected { query, key, value, gate }
    }

    /// A projection with its heads apart and normed as far as that comes before the next projection.
    fn side(&self, tape: &mut Tape, input: Tensor, attention: &Attention, side: Side, late: bool) -> Tensor {
        if late {
            return self.normed_whole(tape, input, attention, side);
        }
        let apart = self.apart(tape, input, attention, side);
        if self.code.norms_after_projections { apart } else { self.normed_heads(tape, apart, attention, side) }
    }

    /// The heads of queries or keys, with a gradient that is copied where the projection's layout is another.
    fn copied_heads(&self, tape: &mut Tape, input: Tensor, attention: &Attention, side: Side) -> Tensor {
        let head = Dim { symbol: "d", size: attention.head_dim };
        self.heads(tape, input, side.heads, head, self.copies_gradient(attention, side.heads, side.transposed))
    }

    /// Keys and values are those of an earlier layer, which counts them.
    fn with_earlier_keys(
        &self,
        tape: &mut Tape,
        query: Tensor,
        attention: &Attention,
        (sizes, queries): (Sizes, Side),
    ) -> Projected {
        let query = self.normed_heads(tape, query, attention, queries);
        let [key, value] = self.made_before(tape, sizes, query.dtype);
        Projected { query, key, value, gate: None }
    }

    /// Keys and values of a layer before, which counts them.
    pub(super) fn made_before(&self, tape: &mut Tape, sizes: Sizes, dtype: Dtype) -> [Tensor; 2] {
        [("attention.key", sizes.head), ("attention.value", sizes.value_head)].map(|(name, width)| {
            let shape = tape.shape(&[self.b(), sizes.kv_heads, self.s(), width]);
            let made = tape.constant(name, shape, dtype);
            tape.move_out(made)
        })
    }

    /// Heads apart where they are normed one by one, else the projection as it is, with its heads apart unless a norm
    /// over all of them comes first.
    fn apart(&self, tape: &mut Tape, input: Tensor, attention: &Attention, side: Side) -> Tensor {
        let heads = side.heads;
        let head = Dim { symbol: "d", size: attention.head_dim };
        match self.early_norm(attention) {
            QkNorm::FullWidth => input,
            QkNorm::None | QkNorm::WithoutWeight => self.copied_heads(tape, input, attention, side),
            QkNorm::PerHead | QkNorm::EachHead => {
                let shape = tape.shape(&[self.b(), self.s(), heads, head]);
                // Liger's norm hands on a gradient in the layout in which it reads.
                let in_layout = self.liger.is_some_and(|patch| patch.query_key_norms) && !self.norms_transposed(heads);
                let apart = if heads.size == 1 || in_layout {
                    tape.view(input, shape)
                } else {
                    tape.view_with_new_gradient(input, shape)
                };
                tape.release(input);
                apart
            }
        }
    }

    /// Whether no norm looks at each head of a projection.
    fn heads_stay_together(&self, attention: &Attention) -> bool {
        matches!(self.early_norm(attention), QkNorm::None | QkNorm::WithoutWeight | QkNorm::FullWidth)
            && attention.variant.key_values == KeyValues::Own
    }

    /// A projection after the norm over all of it, where there is one.
    fn normed_whole(&self, tape: &mut Tape, input: Tensor, attention: &Attention, side: Side) -> Tensor {
        if self.early_norm(attention) != QkNorm::FullWidth {
            return input;
        }
        let normed = self.query_key_norm(tape, input, &[self.b(), self.s()], side.width, side.names);
        tape.release(input);
        normed
    }

    /// Heads after their norm, where there is one.
    fn normed_heads(&self, tape: &mut Tape, input: Tensor, attention: &Attention, side: Side) -> Tensor {
        let Side { heads, width, names, .. } = side;
        let head = Dim { symbol: "d", size: attention.head_dim };
        let leading = [self.b(), self.s(), heads];
        let normed = match self.early_norm(attention) {
            QkNorm::None | QkNorm::WithoutWeight => return input,
            QkNorm::FullWidth => self.query_key_norm(tape, input, &leading[..2], width, names),
            QkNorm::PerHead => self.query_key_norm(tape, input, &leading, head, names),
            QkNorm::EachHead => self.norm_of_each_head(tape, input, &leading, head, names),
        };
        tape.release(input);
        self.copied_heads(tape, normed, attention, side)
    }

    /// The norm on queries and keys that comes before they are rotated.
    fn early_norm(&self, attention: &Attention) -> QkNorm {
        if self.code.norms_after_rotation { QkNorm::None } else { attention.qk_norm }
    }

    /// The gradient of rotated heads is contiguous and is copied into the projection's layout, unless there is one
    /// head or a norm over heads lies between.
    pub(crate) fn copies_gradient(&self, attention: &Attention, heads: Dim, transposed: bool) -> bool {
        // Liger's rotation hands on gradients in the projection's layout, but for heads that it does not turn.
        if self.code.tables == TableCode::Gathered || self.liger.is_some() && attention.rotary_dim > 0 {
            return false;
        }
        if self.code.rotation == Rotation::Complex {
            return heads.size > 1 && !self.fused_attention;
        }
        if self.lies_by_head(heads) {
            return true;
        }
        heads.size > 1
            && attention.rotary_dim > 0
            && matches!(self.early_norm(attention), QkNorm::None | QkNorm::FullWidth)
            // Of one sequence what was transposed lies as columns, which a product reads as they are.
            || heads.size > 1 && attention.rotary_dim == 0 && !self.fused_attention && !(transposed && self.batch == 1)
    }

    /// The fused kernel writes the value's gradient in the projection's layout; eager attention does not.
    pub(crate) fn copies_value_gradient(&self, attention: &Attention) -> bool {
        let heads = Dim { symbol: "k", size: attention.kv_heads };
        attention.kv_heads > 1 && !self.fused_attention || self.lies_by_head(heads)
    }
}
