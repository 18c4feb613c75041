//! Attention: projections, rotation, and the kernel, fused or eager.

use super::super::entry::Dim;
use super::super::tape::{Dtype, Extra, Operation, Rule, Tape, Tensor};
use super::Run;
use super::gate::through_gate;
use super::norm::{names, norm_without_weight};
use super::operations::{
    cast, copy, dropout, fresh, join, kept_factors, multiply_by_constant, soft_cap, subtract, unary_keeping_output,
};
use super::rotary::{Tables, interleaved, rotate_complex};
use crate::framework::transformers::{FusedProjection, Rotation, ScoreCode, TableCode};
use crate::model::architecture::{Attention, Indexer, KeyValues};
use crate::model::family::{Projection, QkNorm};

/// Queries, keys and values, `[b, heads, s, d]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Projected {
    pub(super) query: Tensor,
    pub(super) key: Tensor,
    pub(super) value: Tensor,
    /// What the output is multiplied by, where there is a gate.
    pub(super) gate: Option<Tensor>,
}

/// What all layers share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shared {
    /// Rotary tables, where positions rotate.
    pub(super) tables: Option<Tables>,
    /// The mask, where one is made.
    pub(super) mask: Option<Tensor>,
    /// The bias that scores have for their distance, where positions are that.
    pub(super) bias: Option<Tensor>,
}

impl Shared {
    /// Each tensor, which a checkpointed layer holds until it is computed again.
    pub(super) fn tensors(self) -> impl Iterator<Item = Tensor> {
        self.tables.into_iter().flat_map(|tables| [tables.cos, tables.sin]).chain(self.mask).chain(self.bias)
    }
}

/// The dimensions of one layer's attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) heads: Dim,
    pub(super) kv_heads: Dim,
    pub(super) head: Dim,
    pub(super) query: Dim,
    kv: Dim,
    /// Channels of one head's values.
    value_head: Dim,
    /// Channels of all heads' values: what the output projection reads.
    context: Dim,
}

impl Sizes {
    pub(super) fn of(attention: &Attention) -> Self {
        let (head, query) = (attention.head_dim, attention.query_size());
        let own_values = attention.variant.value_head_dim.map(|size| (size, attention.heads * size));
        let (value_head, context) = match attention.latent {
            None => {
                let (size, all) = own_values.unwrap_or((head, query));
                (Dim { symbol: "d", size }, Dim { symbol: "q", size: all })
            }
            Some(latent) => {
                let size = latent.value_head_dim;
                (Dim { symbol: "v", size }, Dim { symbol: "av", size: attention.heads * size })
            }
        };
        Self {
            value_head,
            context,
            heads: Dim { symbol: "a", size: attention.heads },
            kv_heads: Dim { symbol: "k", size: attention.kv_heads },
            head: Dim { symbol: "d", size: attention.head_dim },
            query: Dim { symbol: "q", size: attention.query_size() },
            kv: Dim { symbol: "kv", size: attention.kv_size() },
        }
    }
}

impl Run<'_> {
    /// The attention half of a layer, from the normed stream to the output projection; with the attention weights,
    /// which eager attention returns and the layer holds on to.
    pub(super) fn attention(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        shared: Shared,
    ) -> (Tensor, Option<Tensor>) {
        // Keys and values of groups are expanded as they are taken apart; what follows knows only all heads.
        let spread = match attention.projection {
            Projection::FusedByGroup => &Attention { kv_heads: attention.heads, ..attention.clone() },
            Projection::Separate | Projection::Fused => attention,
        };
        let sizes = Sizes::of(spread);
        if let Some(indexer) = attention.variant.indexer {
            self.index(tape, indexer);
        }
        let mut held = Vec::new();
        let mut projected = if let Some(latent) = attention.latent {
            let (projected, parts) = self.project_latent(tape, input, attention, latent, shared);
            held = parts;
            projected
        } else {
            let projected = self.project(tape, input, attention, Sizes::of(attention), &mut held);
            let rotated = self.rotated(tape, projected, spread, sizes, shared, &mut held);
            self.after_rotation(tape, rotated, spread, sizes)
        };
        if !self.graph && attention.latent.is_none() {
            // Serving reads keys and values from the cache, which is counted by itself.
            projected.key = tape.move_out(projected.key);
            projected.value = tape.move_out(projected.value);
        }
        if self.code.flattened_heads {
            projected = self.flattened(tape, projected);
        }
        let (context, weights) = if self.fused_attention {
            (self.fused(tape, projected, spread, sizes), None)
        } else {
            let (context, weights) = self.eager(tape, projected, spread, sizes, shared, &mut held);
            (context, Some(weights))
        };
        let context = through_gate(tape, context, projected.gate);
        let names = ["attention.output.weight", "attention.output.bias"];
        let output = self.weights(tape, names, sizes.context, self.h(), attention.output_bias);
        let mut output = self.linear(tape, context, output, "attention.output");
        tape.release(context);
        if self.code.drops_inside_attention {
            output = self.drop_attention(tape, output);
        }
        for tensor in [projected.query, projected.key, projected.value].into_iter().chain(projected.gate).chain(held) {
            tape.release(tensor);
        }
        (output, weights)
    }

    /// What some families do to rotated queries and keys: norms, or a factor for each position.
    fn after_rotation(&self, tape: &mut Tape, rotated: Projected, attention: &Attention, sizes: Sizes) -> Projected {
        let mut projected = rotated;
        if self.code.norms_after_rotation && attention.qk_norm != QkNorm::None {
            let head = sizes.head;
            let weighed = attention.qk_norm != QkNorm::WithoutWeight;
            let normed = |tape: &mut Tape, input: Tensor, heads, names| {
                let leading = [self.b(), heads, self.s()];
                let output = if weighed {
                    self.norm(tape, input, &leading, head, names)
                } else if attention.rotary_dim > 0 {
                    norm_without_weight(tape, input, &leading, names)
                } else {
                    tape.share(input)
                };
                tape.release(input);
                output
            };
            projected.query = normed(tape, projected.query, sizes.heads, names!("attention.query norm"));
            projected.key = normed(tape, projected.key, sizes.kv_heads, names!("attention.key norm"));
        }
        if self.code.unrotated_queries_scaled && attention.rotary_dim == 0 {
            let shape = tape.shape(&[self.s()]);
            let scale = tape.constant("attention.query scale", shape, Dtype::Fp32);
            let wide = multiply_by_constant(tape, projected.query, scale, "attention.scaled query in fp32");
            let scaled = cast(tape, wide, projected.query.dtype, "attention.scaled query");
            for tensor in [wide, scale, projected.query] {
                tape.release(tensor);
            }
            projected.query = scaled;
        }
        if self.code.queries_scaled_by_position {
            let shape = tape.shape(&[self.s()]);
            let scale = tape.constant("attention.query scale", shape, projected.query.dtype);
            let scaled = multiply_by_constant(tape, projected.query, scale, "attention.scaled query");
            tape.release(scale);
            tape.release(projected.query);
            projected.query = scaled;
        }
        projected
    }

    /// The norm on queries and keys that comes before they are rotated.
    fn early_norm(&self, attention: &Attention) -> QkNorm {
        if self.code.norms_after_rotation { QkNorm::None } else { attention.qk_norm }
    }

    fn project(
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

    /// Copies of queries, keys and values in which heads and sequences are one dimension; where there is one of either,
    /// they lie so already.
    fn flattened(&self, tape: &mut Tape, projected: Projected) -> Projected {
        let parts = [
            (projected.query, "attention.query"),
            (projected.key, "attention.key"),
            (projected.value, "attention.value"),
        ];
        let [query, key, value] = parts.map(|(part, name)| {
            if self.batch == 1 || tape.dims(part.shape).dims()[1].size == 1 {
                return part;
            }
            let flat = copy(tape, part, name, part.shape);
            tape.release(part);
            flat
        });
        Projected { query, key, value, gate: projected.gate }
    }

    fn project_apart(&self, tape: &mut Tape, input: Tensor, attention: &Attention, sizes: Sizes) -> Projected {
        let bias = attention.qkv_bias;
        let norm_later = self.code.norms_after_projections;
        let query_names = names!("attention.query norm");
        let key_names = names!("attention.key norm");
        let channels = Self::query_channels(attention, sizes);
        let matrix = self.weights(tape, ["attention.query.weight", "attention.query.bias"], self.h(), channels, bias);
        let projected = self.linear(tape, input, matrix, "attention.query");
        let (mut query, gate) = self.apart_from_gate(tape, projected, attention, sizes);
        if self.code.scaled_queries {
            let scaled = fresh(tape, query, "attention.scaled query", query.shape);
            tape.release(query);
            query = scaled;
        }
        query = self.apart(tape, query, attention, sizes.heads);
        if !norm_later {
            query = self.normed_heads(tape, query, attention, sizes.heads, sizes.query, query_names);
        }
        if attention.variant.key_values == KeyValues::Earlier {
            return Projected { gate, ..self.with_earlier_keys(tape, query, attention, sizes) };
        }
        let matrix = self.weights(tape, ["attention.key.weight", "attention.key.bias"], self.h(), sizes.kv, bias);
        let mut key = self.linear(tape, input, matrix, "attention.key");
        key = self.apart(tape, key, attention, sizes.kv_heads);
        if !norm_later {
            key = self.normed_heads(tape, key, attention, sizes.kv_heads, sizes.kv, key_names);
        }
        let value = if attention.variant.key_values == KeyValues::One {
            tape.share(key)
        } else {
            let values = Dim { symbol: "kv", size: sizes.kv_heads.size * sizes.value_head.size };
            let names = ["attention.value.weight", "attention.value.bias"];
            let matrix = self.weights(tape, names, self.h(), values, bias);
            let value = self.linear(tape, input, matrix, "attention.value");
            self.heads(tape, value, sizes.kv_heads, sizes.value_head, self.copies_value_gradient(attention))
        };
        if norm_later {
            query = self.normed_heads(tape, query, attention, sizes.heads, sizes.query, query_names);
            key = self.normed_heads(tape, key, attention, sizes.kv_heads, sizes.kv, key_names);
        }
        Projected { query, key, value, gate }
    }

    /// Keys and values are those of an earlier layer, which counts them.
    fn with_earlier_keys(&self, tape: &mut Tape, query: Tensor, attention: &Attention, sizes: Sizes) -> Projected {
        let query = self.normed_heads(tape, query, attention, sizes.heads, sizes.query, names!("attention.query norm"));
        let [key, value] =
            [("attention.key", sizes.head), ("attention.value", sizes.value_head)].map(|(name, width)| {
                let shape = tape.shape(&[self.b(), sizes.kv_heads, self.s(), width]);
                let made = tape.constant(name, shape, query.dtype);
                tape.move_out(made)
            });
        Projected { query, key, value, gate: None }
    }

    /// The scores of an indexer in fp32, before and after they are scaled.
    fn index(&self, tape: &mut Tape, indexer: Indexer) {
        let heads = Dim { symbol: "a_i", size: indexer.heads };
        let shape = tape.shape(&[self.b(), self.s(), heads, self.s()]);
        let scores = ["indexer.scores", "indexer.scaled scores"].map(|name| tape.constant(name, shape, Dtype::Fp32));
        for tensor in scores {
            tape.release(tensor);
        }
    }

    /// Heads apart where they are normed one by one, else the projection as it is, with its heads apart unless a norm
    /// over all of them comes first.
    fn apart(&self, tape: &mut Tape, input: Tensor, attention: &Attention, heads: Dim) -> Tensor {
        let head = Dim { symbol: "d", size: attention.head_dim };
        match self.early_norm(attention) {
            QkNorm::FullWidth => input,
            QkNorm::None | QkNorm::WithoutWeight => {
                self.heads(tape, input, heads, head, self.copies_gradient(attention, heads))
            }
            QkNorm::PerHead | QkNorm::EachHead => {
                let shape = tape.shape(&[self.b(), self.s(), heads, head]);
                let apart = match heads.size {
                    1 => tape.view(input, shape),
                    _ => tape.view_with_new_gradient(input, shape),
                };
                tape.release(input);
                apart
            }
        }
    }

    /// Heads after their norm, where there is one.
    fn normed_heads(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        heads: Dim,
        width: Dim,
        names: super::norm::Names,
    ) -> Tensor {
        let head = Dim { symbol: "d", size: attention.head_dim };
        let leading = [self.b(), self.s(), heads];
        let normed = match self.early_norm(attention) {
            QkNorm::None | QkNorm::WithoutWeight => return input,
            QkNorm::FullWidth => self.norm(tape, input, &leading[..2], width, names),
            QkNorm::PerHead => self.norm(tape, input, &leading, head, names),
            QkNorm::EachHead => self.norm_of_each_head(tape, input, &leading, head, names),
        };
        tape.release(input);
        self.heads(tape, normed, heads, head, self.copies_gradient(attention, heads))
    }

    /// The gradient of rotated heads is contiguous and is copied into the projection's layout, unless there is one
    /// head or a norm over heads lies between.
    fn copies_gradient(&self, attention: &Attention, heads: Dim) -> bool {
        if self.code.tables == TableCode::Gathered {
            return false;
        }
        if self.code.rotation == Rotation::Complex {
            return heads.size > 1 && !self.fused_attention;
        }
        heads.size > 1
            && attention.rotary_dim > 0
            && matches!(self.early_norm(attention), QkNorm::None | QkNorm::FullWidth)
            || heads.size > 1 && attention.rotary_dim == 0 && !self.fused_attention
    }

    /// The fused kernel writes the value's gradient in the projection's layout; eager attention does not.
    fn copies_value_gradient(&self, attention: &Attention) -> bool {
        attention.kv_heads > 1 && !self.fused_attention
    }

    /// `[b, s, heads·d]` as `[b, heads, s, d]`.
    pub(super) fn heads(&self, tape: &mut Tape, input: Tensor, heads: Dim, head: Dim, copies: bool) -> Tensor {
        let shape = tape.shape(&[self.b(), heads, self.s(), head]);
        let view = if copies { tape.view_with_new_gradient(input, shape) } else { tape.view(input, shape) };
        tape.release(input);
        view
    }

    fn project_together(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        sizes: Sizes,
        held: &mut Vec<Tensor>,
    ) -> Projected {
        let width = Dim { symbol: "(q+2kv)", size: sizes.query.size + 2 * sizes.kv.size };
        let names = ["attention.query key value.weight", "attention.query key value.bias"];
        let matrix = self.weights(tape, names, self.h(), width, attention.qkv_bias);
        let fused = self.linear(tape, input, matrix, "attention.query key value");
        let query_shape = tape.shape(&[self.b(), sizes.heads, self.s(), sizes.head]);
        let kv_shape = tape.shape(&[self.b(), sizes.kv_heads, self.s(), sizes.head]);
        let code = match self.code.fused_projection {
            FusedProjection::SplitByHeads if attention.kv_heads == 1 => FusedProjection::SplitThenHeads,
            FusedProjection::SplitByHeads => FusedProjection::HeadsThenSplit,
            other => other,
        };
        let [query, key, value] = match code {
            FusedProjection::SplitThenHeads => {
                let [query, key, value] = tape.split(fused, [query_shape, kv_shape, kv_shape]);
                let copied = !self.fused_attention;
                let query = self.heads(tape, query, sizes.heads, sizes.head, copied && sizes.heads.size > 1);
                let value = self.heads(tape, value, sizes.kv_heads, sizes.head, copied && sizes.kv_heads.size > 1);
                [query, key, value]
            }
            FusedProjection::HeadsThenSplit | FusedProjection::SplitByHeads => {
                let three = Dim { symbol: "3d", size: 3 * sizes.head.size };
                let apart = self.heads(tape, fused, sizes.heads, three, sizes.heads.size > 1);
                let parts = tape.split(apart, [query_shape, kv_shape, kv_shape]);
                tape.release(apart);
                return Projected { query: parts[0], key: parts[1], value: parts[2], gate: None };
            }
            FusedProjection::Selected => {
                let parts = [query_shape, kv_shape, kv_shape].map(|shape| tape.view_with_new_gradient(fused, shape));
                held.push(fused);
                return Projected { query: parts[0], key: parts[1], value: parts[2], gate: None };
            }
            FusedProjection::Indexed => {
                let taken = self.taken_by_index(tape, fused, attention, sizes);
                held.push(fused);
                return taken;
            }
            FusedProjection::Slices => {
                let query = self.slice(tape, fused, sizes.query);
                let key = self.slice(tape, fused, sizes.kv);
                let value = self.slice(tape, fused, sizes.kv);
                let query = self.heads(tape, query, sizes.heads, sizes.head, sizes.heads.size > 1);
                let key = self.heads(tape, key, sizes.kv_heads, sizes.head, sizes.kv_heads.size > 1);
                let value = self.heads(tape, value, sizes.kv_heads, sizes.head, self.copies_value_gradient(attention));
                [query, key, value]
            }
        };
        tape.release(fused);
        Projected { query, key, value, gate: None }
    }

    fn slice(&self, tape: &mut Tape, input: Tensor, channels: Dim) -> Tensor {
        let shape = self.stream(tape, channels);
        tape.view_with_new_gradient(input, shape)
    }

    fn rotated(
        &self,
        tape: &mut Tape,
        projected: Projected,
        attention: &Attention,
        sizes: Sizes,
        shared: Shared,
        held: &mut Vec<Tensor>,
    ) -> Projected {
        if self.code.tables == TableCode::Gathered {
            return self.rotated_by_gathered(tape, projected, attention, sizes, held);
        }
        let Some(tables) = shared.tables.filter(|_| attention.rotary_dim > 0) else { return projected };
        if self.code.rotation == Rotation::Complex {
            let Projected { query, key, value, gate } = projected;
            let names = ["attention.query after rotary embedding", "attention.key after rotary embedding"];
            let [turned_query, turned_key] = rotate_complex(tape, [query, key], tables, names);
            tape.release(query);
            tape.release(key);
            return Projected { query: turned_query, key: turned_key, value, gate };
        }
        let tables = if self.code.tables == TableCode::Interleaved {
            interleaved(tape, tables)
        } else {
            Tables { cos: tape.share(tables.cos), sin: tape.share(tables.sin) }
        };
        let Projected { query, key, value, gate } = projected;
        let names = ["attention.query after rotary embedding", "attention.key after rotary embedding"];
        let wide = if self.code.rotary_inputs_in_fp32 { [Dtype::Fp32; 2] } else { [query.dtype, key.dtype] };
        let inputs = [cast(tape, query, wide[0], names[0]), cast(tape, key, wide[1], names[1])];
        let heads = [sizes.heads, sizes.kv_heads];
        let turned = if self.code.turned_together {
            self.turn_together(tape, inputs, heads, attention, tables, names, held)
        } else {
            [0, 1].map(|i| self.rotate(tape, inputs[i], heads[i], attention, tables, names[i]))
        };
        let turned = if self.code.rotary_in_fp32 {
            let narrowed = [cast(tape, turned[0], query.dtype, names[0]), cast(tape, turned[1], key.dtype, names[1])];
            for tensor in turned {
                tape.release(tensor);
            }
            narrowed
        } else {
            turned
        };
        for tensor in [inputs[0], inputs[1], tables.cos, tables.sin] {
            tape.release(tensor);
        }
        if self.code.holds_turned_parts {
            held.extend([query, key]);
        } else {
            tape.release(query);
            tape.release(key);
        }
        Projected { query: turned[0], key: turned[1], value, gate }
    }

    /// The turned parts of queries and keys first, then both put together with the rest.
    #[expect(clippy::too_many_arguments, reason = "queries and keys with everything they are turned by")]
    fn turn_together(
        &self,
        tape: &mut Tape,
        inputs: [Tensor; 2],
        heads: [Dim; 2],
        attention: &Attention,
        tables: Tables,
        names: [&'static str; 2],
        held: &mut Vec<Tensor>,
    ) -> [Tensor; 2] {
        let slices = [0, 1].map(|i| self.in_parts(tape, inputs[i], heads[i], attention));
        let parts = [0, 1].map(|i| self.turn(tape, slices[i], heads[i], attention, tables, names[i]));
        [0, 1].map(|i| {
            let whole = join(tape, parts[i], names[i], inputs[i].shape);
            if self.code.holds_turned_parts {
                held.extend(parts[i]);
            } else {
                tape.release(parts[i][0]);
                tape.release(parts[i][1]);
            }
            whole
        })
    }

    /// Keys or values repeated for every query head of their group.
    fn repeat(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        sizes: Sizes,
        name: &'static str,
    ) -> Tensor {
        let groups = attention.heads / attention.kv_heads;
        if groups == 1 {
            return tape.share(input);
        }
        let shape = tape.shape(&[self.b(), sizes.heads, self.s(), sizes.head]);
        let expanded = tape.view_with_new_gradient(input, shape);
        // One head: the repetition stays a view.
        if attention.kv_heads == 1 {
            return expanded;
        }
        let repeated = copy(tape, expanded, name, shape);
        tape.release(expanded);
        repeated
    }

    fn fused(&self, tape: &mut Tape, projected: Projected, attention: &Attention, sizes: Sizes) -> Tensor {
        let masked = self.masked(attention.sliding_window);
        let compute = self.compute();
        let [query, mut key, mut value] = [projected.query, projected.key, projected.value].map(|t| tape.share(t));
        if masked && !self.code.expanded_late {
            for (slot, name) in
                [(&mut key, "attention.key for every head"), (&mut value, "attention.value for every head")]
            {
                let repeated = self.repeat(tape, *slot, attention, sizes, name);
                tape.release(*slot);
                *slot = repeated;
            }
        }
        // The caller's variables last until the context is known.
        let wide = [query, key, value];
        let [query, key, value] = [
            (query, "attention.query after rotary embedding"),
            (key, "attention.key after rotary embedding"),
            (value, "attention.value"),
        ]
        .map(|(tensor, name)| cast(tape, tensor, compute, name));
        let mask = masked.then(|| self.additive_mask(tape, compute));
        let context = self.kernel(tape, [query, key, value], mask, sizes);
        if let Some(mask) = mask {
            tape.release(mask);
        }
        for tensor in [query, key, value] {
            tape.release(tensor);
        }
        // The kernel's output has the layout of the queries: rotated parts put together are contiguous by head, and
        // the output projection then reads a copy.
        // Latent attention needs value heads as wide as key heads for that kernel.
        let by_head = sizes.value_head.size == sizes.head.size
            && self.code.rotation == Rotation::Concatenated
            && compute == Dtype::Bf16
            && mask.is_none();
        let shape = self.stream(tape, sizes.context);
        let flat = if by_head && attention.heads > 1 {
            copy(tape, context, "attention.context", shape)
        } else {
            tape.view(context, shape)
        };
        tape.release(context);
        for tensor in wide {
            tape.release(tensor);
        }
        flat
    }

    fn additive_mask(&self, tape: &mut Tape, compute: Dtype) -> Tensor {
        // The kernel wants rows that begin at multiples of eight elements.
        let row = Dim { symbol: "s", size: self.sequence.next_multiple_of(8) };
        let shape = tape.shape(&[self.b(), self.s(), row]);
        tape.constant("attention.additive mask", shape, compute)
    }

    /// FlashAttention for 16-bit inputs without a mask, the memory-efficient kernel otherwise.
    fn kernel(&self, tape: &mut Tape, inputs: [Tensor; 3], mask: Option<Tensor>, sizes: Sizes) -> Tensor {
        let flash = mask.is_none() && inputs[0].dtype == Dtype::Bf16 && sizes.value_head.size == sizes.head.size;
        let rows = if flash { self.sequence } else { self.sequence.next_multiple_of(32) };
        let row = Dim { symbol: "s", size: rows };
        let log_sum_exp = tape.shape(&[self.b(), sizes.heads, row]);
        let seed = tape.shape(&[Dim { symbol: "", size: if flash { 2 } else { 1 } }]);
        let offset = tape.shape(&[Dim { symbol: "", size: 1 }]);
        let extras = [
            Extra { name: "attention.log-sum-exp", shape: log_sum_exp, dtype: Dtype::Fp32 },
            Extra { name: "attention.random seed", shape: seed, dtype: Dtype::Int64 },
            Extra { name: "attention.random offset", shape: offset, dtype: Dtype::Int64 },
        ];
        let [query, key, value] = inputs;
        let keeps = [query, key, value, mask.unwrap_or(query)];
        let operation = Operation {
            rule: Rule::All,
            inputs: &inputs,
            keeps: if mask.is_some() { &keeps } else { &keeps[..3] },
            extras: &extras,
            keeps_output: true,
        };
        let shape = tape.shape(&[self.b(), sizes.heads, self.s(), sizes.value_head]);
        tape.apply(&operation, "attention.context", shape, query.dtype)
    }

    /// Scores and their softmax as tensors: the context and the attention weights.
    fn eager(
        &self,
        tape: &mut Tape,
        projected: Projected,
        attention: &Attention,
        sizes: Sizes,
        shared: Shared,
        held: &mut Vec<Tensor>,
    ) -> (Tensor, Tensor) {
        let mut locals = Vec::new();
        let key = self.every_head(tape, projected.key, attention, sizes, "attention.key for every head");
        let value = self.every_head(tape, projected.value, attention, sizes, "attention.value for every head");
        let products = self.scores(tape, [projected.query, key], attention, sizes, shared.bias, &mut locals);
        let (scores, outdated) = self.mask_scores(tape, products, shared, attention.softcap, held);
        let weights = if attention.sinks {
            let (weights, shifted) = self.softmax_with_sinks(tape, scores, sizes);
            locals.extend(shifted);
            weights
        } else {
            self.softmax(tape, scores, outdated, projected.query.dtype)
        };
        let shape = tape.shape(&[self.b(), sizes.heads, self.s(), sizes.value_head]);
        let repeated = attention.heads != attention.kv_heads && attention.kv_heads > 1;
        let factors =
            [(weights, true, "attention.weights"), (value, repeated || self.code.flattened_heads, "attention.value")];
        let context = self.batched(tape, factors, "attention.context", shape);
        let stream = self.stream(tape, sizes.context);
        let merged = tape.view_with_new_gradient(context, shape);
        tape.release(context);
        let flat = if attention.heads == 1 {
            tape.view(merged, stream)
        } else {
            copy(tape, merged, "attention.context", stream)
        };
        for tensor in locals.into_iter().chain([merged, value]) {
            tape.release(tensor);
        }
        (flat, weights)
    }

    /// The product of queries and keys, which are its own. What the code has in variables goes to `locals`.
    fn scores(
        &self,
        tape: &mut Tape,
        [query, key]: [Tensor; 2],
        attention: &Attention,
        sizes: Sizes,
        bias: Option<Tensor>,
        locals: &mut Vec<Tensor>,
    ) -> Tensor {
        let expanded = attention.heads != attention.kv_heads;
        // A repetition that stayed a view is copied where it is read.
        let repeated = expanded && attention.kv_heads > 1;
        let by_head =
            matches!(self.code.rotation, Rotation::Concatenated | Rotation::Halves) || attention.latent.is_some();
        let contiguous = self.code.flattened_heads || by_head && self.code.tables != TableCode::Gathered;
        let wide = |tape: &mut Tape, tensor: Tensor, name| {
            let dtype = if self.code.scores_in_fp32 { Dtype::Fp32 } else { tensor.dtype };
            cast(tape, tensor, dtype, name)
        };
        let query = wide(tape, query, "attention.query in fp32");
        let wide_key = wide(tape, key, "attention.key in fp32");
        let factors = [
            (query, contiguous, "attention.query after rotary embedding"),
            (wide_key, if expanded { repeated } else { contiguous }, "attention.key after rotary embedding"),
        ];
        let bias = bias.filter(|_| self.code.scores == ScoreCode::Biased);
        let bias = bias.map(|bias| cast(tape, bias, self.compute(), "bias of positions in 16 bits"));
        let shape = tape.shape(&[self.b(), sizes.heads, self.s(), self.s()]);
        let products = self.batched(tape, factors, "attention.scores", shape);
        if let Some(bias) = bias {
            tape.release(bias);
        }
        if self.code.expanded_late {
            tape.release(key);
            tape.release(wide_key);
        } else {
            locals.extend([key, wide_key]);
        }
        locals.push(query);
        products
    }

    /// Keys or values repeated for every query head of their group, before autocast's copy or after it.
    fn every_head(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        sizes: Sizes,
        name: &'static str,
    ) -> Tensor {
        let dtype = if self.code.expanded_late { self.compute() } else { input.dtype };
        let narrow = cast(tape, input, dtype, name);
        let whole = self.repeat(tape, narrow, attention, sizes, name);
        tape.release(narrow);
        whole
    }

    /// Softmax over the scores and one more column, a learned score of each head, which is dropped again; with the
    /// scores that stay in a variable until attention returns.
    fn softmax_with_sinks(&self, tape: &mut Tape, scores: Tensor, sizes: Sizes) -> (Tensor, Option<Tensor>) {
        let dim = |symbol, size| Dim { symbol, size };
        let [heads, column] = [vec![sizes.heads], vec![self.b(), sizes.heads, self.s(), dim("", 1)]];
        let [vector, column] = [heads, column].map(|dims| tape.shape(&dims));
        let wider = dim("(s+1)", self.sequence.saturating_add(1));
        let wider = tape.shape(&[self.b(), sizes.heads, self.s(), wider]);
        let sinks = tape.parameter("attention.sinks", vector, self.weights);
        let sinks = tape.view_with_new_gradient(sinks, column);
        let with_sinks = join(tape, [scores, sinks], "attention.scores and sinks", wider);
        let which = Extra { name: "attention.largest score's index", shape: column, dtype: Dtype::Int64 };
        let largest =
            Operation { rule: Rule::Index, inputs: &[with_sinks], keeps: &[], extras: &[which], keeps_output: false };
        let largest = tape.apply(&largest, "attention.largest score", column, with_sinks.dtype);
        let shifted = subtract(tape, [with_sinks, largest], "attention.shifted scores", wider);
        tape.release(with_sinks);
        tape.release(largest);
        let softmax = unary_keeping_output(tape, shifted, "attention.softmax");
        let without = tape.view_with_new_gradient(softmax, scores.shape);
        let dropped = dropout(tape, self.dropout[2], without, "attention.dropped weights", "attention.dropout mask");
        let weights = cast(tape, dropped, self.compute(), "attention.weights");
        tape.release(scores);
        for tensor in [dropped, without, softmax] {
            tape.release(tensor);
        }
        (weights, Some(shifted))
    }

    /// A batched matrix product, which keeps both factors as it reads them: in the type of the product, and with the
    /// heads of all sequences in one dimension, a copy unless they lie so already.
    fn batched(
        &self,
        tape: &mut Tape,
        factors: [(Tensor, bool, &'static str); 2],
        name: &'static str,
        shape: u16,
    ) -> Tensor {
        let dtype = if self.autocast { Dtype::Bf16 } else { factors[0].0.dtype };
        let narrow = factors.map(|(factor, _, name)| cast(tape, factor, dtype, name));
        let mut read = narrow;
        for (read, (_, contiguous, name)) in read.iter_mut().zip(factors) {
            // One sequence, or one head of each: what is read lies in one piece without a copy.
            let one = self.batch == 1 || tape.dims(read.shape).dims()[1].size == 1;
            *read = if contiguous || one { tape.share(*read) } else { copy(tape, *read, name, read.shape) };
        }
        let (kept, count) = kept_factors(read);
        let keeps = &kept[..count];
        let operation = Operation { rule: Rule::Each, inputs: &read, keeps, extras: &[], keeps_output: false };
        let product = tape.apply(&operation, name, shape, dtype);
        for tensor in read.into_iter().chain(narrow) {
            tape.release(tensor);
        }
        product
    }

    /// Attention weights, in the type of the queries.
    fn softmax(&self, tape: &mut Tape, scores: Tensor, outdated: Option<Tensor>, query: Dtype) -> Tensor {
        let in_fp32 = self.code.softmax_in_fp32;
        let wide = if in_fp32 || self.autocast { Dtype::Fp32 } else { scores.dtype };
        let widened = cast(tape, scores, wide, "attention.scores in fp32");
        let softmax = unary_keeping_output(tape, widened, "attention.softmax");
        tape.release(widened);
        if let Some(outdated) = outdated {
            tape.release(outdated);
        }
        // Llama's code casts to the queries' type in one expression with the softmax; GPT-2's to the values' type, after
        // the scores are gone.
        let weights = if in_fp32 {
            let weights = cast(tape, softmax, query, "attention.weights");
            tape.release(scores);
            weights
        } else {
            tape.release(scores);
            let dtype = if self.code.scores == ScoreCode::InPlace { softmax.dtype } else { self.compute() };
            cast(tape, softmax, dtype, "attention.weights")
        };
        tape.release(softmax);
        let acts = self.dropout[2] && !self.code.attention_dropout_on_output;
        let dropped = dropout(tape, acts, weights, "attention.dropped weights", "attention.dropout mask");
        tape.release(weights);
        dropped
    }

    /// From the product of queries and keys to what the softmax reads, with what stays until that is done.
    fn mask_scores(
        &self,
        tape: &mut Tape,
        products: Tensor,
        shared: Shared,
        softcap: bool,
        held: &mut Vec<Tensor>,
    ) -> (Tensor, Option<Tensor>) {
        let scaled = match self.code.scores {
            ScoreCode::Chosen => {
                let scalar = tape.shape(&[]);
                held.push(tape.constant("lowest score", scalar, Dtype::Fp32));
                let chosen = self.chosen(tape, products);
                tape.release(products);
                chosen
            }
            ScoreCode::Scaled | ScoreCode::BiasedThenFilled => {
                let scaled = fresh(tape, products, "attention.scaled scores", products.shape);
                tape.release(products);
                scaled
            }
            ScoreCode::Biased => products,
            ScoreCode::InPlace => {
                let scaled = tape.view_with_new_gradient(products, products.shape);
                tape.release(products);
                scaled
            }
        };
        let scaled =
            if softcap { soft_cap(tape, scaled, ["attention.scores tanh", "attention.capped scores"]) } else { scaled };
        let Some(mask) = shared.mask else { return (scaled, None) };
        if let (ScoreCode::BiasedThenFilled, Some(bias)) = (self.code.scores, shared.bias) {
            return (filled(tape, scaled, bias, mask, held), None);
        }
        let masked = join(tape, [scaled, mask], "attention.masked scores", scaled.shape);
        match self.code.scores {
            ScoreCode::Scaled | ScoreCode::Chosen | ScoreCode::BiasedThenFilled => tape.release(scaled),
            ScoreCode::Biased => held.extend([scaled, tape.share(masked)]),
            ScoreCode::InPlace => return (masked, Some(scaled)),
        }
        (masked, None)
    }
    /// What a layer's own buffer lets through; the buffer is what backward needs.
    fn chosen(&self, tape: &mut Tape, products: Tensor) -> Tensor {
        let positions = Dim { symbol: "", size: self.architecture.max_position_embeddings };
        let square = tape.shape(&[positions, positions]);
        let buffer = tape.parameter("attention.causal mask", square, Dtype::Bool);
        let choice =
            Operation { rule: Rule::Each, inputs: &[products], keeps: &[buffer], extras: &[], keeps_output: false };
        tape.apply(&choice, "attention.chosen scores", products.shape, products.dtype)
    }
}

/// Scores with their bias, filled where the mask covers them, which is what backward needs.
fn filled(tape: &mut Tape, scaled: Tensor, bias: Tensor, mask: Tensor, held: &mut Vec<Tensor>) -> Tensor {
    let biased = join(tape, [scaled, bias], "attention.biased scores", scaled.shape);
    tape.release(scaled);
    let fill = Operation { rule: Rule::Each, inputs: &[biased], keeps: &[mask], extras: &[], keeps_output: false };
    let filled = tape.apply(&fill, "attention.masked scores", biased.shape, biased.dtype);
    tape.release(biased);
    held.push(tape.share(filled));
    filled
}
