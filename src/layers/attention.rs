//! Attention: projections, rotation, and the kernel, fused or eager.

mod cached;
mod distances;
mod eager;
mod encoded;
mod fused;
mod normed;
mod project;
mod rotate;
mod scores;
pub(crate) mod sizes;
mod together;

pub(crate) use self::distances::Disentangled;
pub(crate) use self::encoded::Encoded;
use self::sizes::{Projected, Sizes};
use super::Run;
use super::gate::through_gate;
use super::operations::copy;
use super::rotary::Tables;
use crate::model::architecture::{Attention, Indexer};
use crate::model::family::Projection;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

/// What the heads of a layer give.
pub(crate) struct Attended {
    /// The weighed values of all heads, `[b, s, q]`.
    pub(crate) context: Tensor,
    /// The attention weights, where they are a tensor.
    pub(crate) weights: Option<Tensor>,
    /// What the code that computes them has in variables.
    pub(crate) locals: Vec<Tensor>,
}

/// What all layers share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    /// Rotary tables, where positions rotate.
    pub(crate) tables: Option<Tables>,
    /// The mask, where one is made.
    pub(crate) mask: Option<Tensor>,
    /// The bias that scores have for their distance, where positions are that.
    pub(crate) bias: Option<Tensor>,
    /// The distances that queries and keys meet, where attention is disentangled.
    pub(crate) distances: Option<Disentangled>,
    /// The images that some layers attend to, where there are any.
    pub(crate) encoded: Option<Encoded>,
    /// Vectors for each token and layer, `[b, s, L, p]`, where layers have some.
    pub(crate) vectors: Option<Tensor>,
    /// Keys and values of an earlier layer, for those that have none of their own.
    pub(crate) earlier: Option<[Tensor; 2]>,
}

impl Shared {
    /// Layers that share nothing.
    pub(crate) const NONE: Self =
        Self { tables: None, mask: None, bias: None, distances: None, encoded: None, vectors: None, earlier: None };

    /// Each tensor, which a checkpointed layer holds until it is computed again.
    pub(crate) fn tensors(self) -> impl Iterator<Item = Tensor> {
        let tables = self.tables.into_iter().flat_map(|tables| [tables.cos, tables.sin]);
        let distances = self.distances.into_iter().flat_map(Disentangled::tensors);
        let encoded = self.encoded.into_iter().flat_map(Encoded::tensors);
        let beside = self.vectors.into_iter().chain(self.earlier.into_iter().flatten());
        tables.chain(self.mask).chain(self.bias).chain(distances).chain(encoded).chain(beside)
    }
}

impl Run<'_> {
    /// The attention half of a layer, from the normed stream to the output projection; with the attention weights,
    /// which eager attention returns and the layer holds on to.
    pub(crate) fn attention(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        shared: Shared,
    ) -> (Tensor, Option<Tensor>) {
        let Attended { context, weights, locals } = self.attend(tape, input, attention, shared);
        let mut output = self.attention_output(tape, context, attention);
        tape.release(context);
        if self.code.drops_inside_attention {
            output = self.drop_attention(tape, output);
        }
        for tensor in locals {
            tape.release(tensor);
        }
        (output, weights)
    }

    /// What the heads give, before the output projection.
    pub(crate) fn attend(&self, tape: &mut Tape, input: Tensor, attention: &Attention, shared: Shared) -> Attended {
        // Keys and values of groups are expanded as they are taken apart; what follows knows only all heads.
        let spread = match attention.projection {
            Projection::FusedByGroup => &Attention { kv_heads: attention.heads, ..attention.clone() },
            Projection::Separate | Projection::Fused => attention,
        };
        let sizes = Sizes::of(spread);
        if let Some(distances) = shared.distances {
            return self.attend_disentangled(tape, input, attention, (shared.mask, distances));
        }
        if let Some(indexer) = attention.variant.indexer {
            self.index(tape, indexer);
        }
        // Variables go in the order in which they came: what was projected before its parts.
        let (mut whole, mut held) = (Vec::new(), Vec::new());
        let mut projected = if let Some(latent) = attention.latent {
            let (projected, parts) = self.project_latent(tape, input, attention, latent, shared);
            whole = parts;
            projected
        } else if self.code.normed_values {
            self.project_normed(tape, input, attention, sizes, shared)
        } else {
            let projected = self.project(tape, input, attention, Sizes::of(attention), &mut whole);
            let rotated = if self.liger.is_some() {
                self.turned_in_place(tape, projected, (spread, sizes), shared)
            } else {
                self.rotated(tape, projected, spread, sizes, shared, &mut held)
            };
            self.after_rotation(tape, rotated, spread, sizes)
        };
        if attention.latent.is_none() {
            projected = self.with_past(tape, projected, attention);
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
        let Projected { query, key, value, gate } = projected;
        let locals = whole.into_iter().chain([query, key, value]).chain(gate).chain(held).collect();
        Attended { context, weights, locals }
    }

    /// The output projection.
    pub(crate) fn attention_output(&self, tape: &mut Tape, context: Tensor, attention: &Attention) -> Tensor {
        let width = Sizes::of(attention).context;
        let output = self.weights(tape, Part::AttentionOutput, width, self.h(), attention.output_bias);
        self.linear(tape, context, output, "attention.output")
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

    /// `[b, s, heads·d]` as `[b, heads, s, d]`.
    pub(crate) fn heads(&self, tape: &mut Tape, input: Tensor, heads: Dim, head: Dim, copies: bool) -> Tensor {
        self.heads_of(tape, input, [heads, self.s(), head], copies)
    }

    /// The same of any number of tokens.
    pub(crate) fn heads_of(&self, tape: &mut Tape, input: Tensor, dims: [Dim; 3], copies: bool) -> Tensor {
        let [heads, tokens, head] = dims;
        let shape = tape.shape(&[self.b(), heads, tokens, head]);
        let view = if copies { tape.view_with_new_gradient(input, shape) } else { tape.view(input, shape) };
        tape.release(input);
        if !self.code.contiguous_heads || heads.size == 1 || tokens.size == 1 {
            return view;
        }
        let lying = copy(tape, view, "attention.heads one after the other", shape);
        tape.release(view);
        lying
    }

    /// Whether heads were copied to lie one after the other, and the fused kernel gives what it computes in that order too.
    pub(crate) fn lies_by_head(&self, heads: Dim) -> bool {
        let flash = self.fused_attention && self.compute() == Dtype::Bf16;
        self.code.contiguous_heads && flash && heads.size > 1 && self.sequence > 1
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

    /// Keys or values repeated for every query head of their group.
    pub(crate) fn repeat(
        &self,
        tape: &mut Tape,
        input: Tensor,
        attention: &Attention,
        sizes: Sizes,
        name: &'static str,
    ) -> Tensor {
        self.repeat_over(tape, input, (attention, self.keys(attention.sliding_window)), sizes, name)
    }

    /// The same of so many tokens.
    pub(crate) fn repeat_over(
        &self,
        tape: &mut Tape,
        input: Tensor,
        (attention, tokens): (&Attention, Dim),
        sizes: Sizes,
        name: &'static str,
    ) -> Tensor {
        let groups = attention.heads / attention.kv_heads;
        if groups == 1 {
            return tape.share(input);
        }
        let shape = tape.shape(&[self.b(), sizes.heads, tokens, sizes.head]);
        let expanded = tape.view_with_new_gradient(input, shape);
        // One head: the repetition stays a view.
        if attention.kv_heads == 1 {
            return expanded;
        }
        let repeated = copy(tape, expanded, name, shape);
        tape.release(expanded);
        repeated
    }
}
