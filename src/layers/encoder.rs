//! What encoders do otherwise: types of tokens, layers whose norms come last and whose parts are modules of their own,
//! and what stands between the layers and the head.

mod disentangled;
mod distances;

use super::attention::{Attended, Shared};
use super::embedding::{Embedded, look_up};
use super::layer::{ATTENTION_NORM, FEED_FORWARD_NORM, Outputs};
use super::model::ONE;
use super::norm::names;
use super::operations::{activated_first, add, cast, dropout, join};
use super::{Linear, Run};
use crate::families::code::{PositionCode, Sublayers};
use crate::model::architecture::{Attention, FirstActivation, Layer, Mlp};
use crate::model::family::{Placement, PositionKind};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

impl Run<'_> {
    /// Tokens, their types and positions, a norm and dropout.
    pub(crate) fn embed_for_encoder(&self, tape: &mut Tape) -> Embedded {
        if self.span().is_some() {
            return self.embed_masked(tape);
        }
        let mut until_return = Vec::new();
        if self.architecture.positions == PositionKind::Rotary {
            let shape = tape.shape(&[self.s()]);
            until_return.push(tape.constant("position ids", shape, Dtype::Int64));
        }
        let mut locals = Vec::new();
        let positions = self.positions_of_tokens(tape);
        let types = self.architecture.encoder.and_then(|encoder| encoder.token_types);
        let types = types.map(|types| (Dim { symbol: "", size: types }, self.type_ids(tape)));
        let (table, mut stream) = self.embed_tokens(tape);
        if let Some((rows, ids)) = types {
            let shape = tape.shape(&[rows, self.table_width()]);
            let types = tape.parameter(Part::TokenTypeEmbedding.name(Piece::Weight), shape, self.weights);
            let looked_up = look_up(tape, types, Some(ids), "token type embedding", stream.shape);
            let sum = join(tape, [stream, looked_up], "embedding with token types", stream.shape);
            locals.extend([ids, looked_up, stream]);
            stream = sum;
        }
        if self.architecture.positions == PositionKind::Learned {
            let positions_table = self.position_table(tape);
            let shape = if positions.is_some() { stream.shape } else { tape.shape(&[self.s(), self.table_width()]) };
            let looked_up = look_up(tape, positions_table, positions, "position embedding", shape);
            let sum = add(tape, [stream, looked_up], "embedding with positions");
            // MPNet's has what was looked up in a variable of its own.
            if self.distances().is_none() {
                tape.release(stream);
            } else {
                locals.push(stream);
            }
            locals.extend(positions.into_iter().chain([looked_up]));
            stream = sum;
        }
        if self.architecture.embedding_norm.is_some() {
            let normed = self.norm(tape, stream, &[self.b(), self.s()], self.table_width(), names!("embedding norm"));
            tape.release(stream);
            stream = normed;
        }
        let acts = self.dropout[0] && self.code.embedding_dropout;
        let dropped = dropout(tape, acts, stream, "dropped embedding", "embedding.dropout mask");
        tape.release(stream);
        for tensor in locals {
            tape.release(tensor);
        }
        let dropped = if self.narrow_tables() && !self.code.widens_in_layers {
            self.widened(tape, dropped, true)
        } else {
            dropped
        };
        // The model's own code has what enters its layers in a variable.
        until_return.push(tape.share(dropped));
        Embedded { table, stream: dropped, for_recomputation: Vec::new(), until_return }
    }

    /// The number of each token's position, where that is no part of a buffer.
    pub(crate) fn positions_of_tokens(&self, tape: &mut Tape) -> Option<Tensor> {
        let counted = self.code.positions == PositionCode::FromTokens;
        let shape = tape.shape(&[self.b(), self.s()]);
        counted.then(|| {
            let make = |tape: &mut Tape, dtype| tape.constant("position ids", shape, dtype);
            let is_token = tape.constant("tokens that are no padding", shape, Dtype::Bool);
            let tokens = tape.constant("tokens that are no padding", shape, Dtype::Int32);
            tape.release(is_token);
            // A running sum of 64-bit numbers, and its product with what was summed.
            let [summed, wide] = [0, 1].map(|_| make(tape, Dtype::Int64));
            tape.release(wide);
            let mut narrow = make(tape, Dtype::Int32);
            tape.release(summed);
            if self.distances().is_none() {
                // RoBERTa adds what a cache has.
                let after = make(tape, Dtype::Int32);
                tape.release(std::mem::replace(&mut narrow, after));
            }
            let product = make(tape, Dtype::Int32);
            tape.release(narrow);
            let long = make(tape, Dtype::Int64);
            let positions = make(tape, Dtype::Int64);
            tape.release_each([long, product, tokens]);
            positions
        })
    }

    /// Types gathered from a buffer by position: once for all sequences, or for each.
    fn type_ids(&self, tape: &mut Tape) -> Tensor {
        let batch = if self.code.positions == PositionCode::FromTokens { self.b() } else { ONE };
        let shape = tape.shape(&[batch, self.s()]);
        tape.constant("token type ids", shape, Dtype::Int64)
    }

    /// Whether a layer is one of BERT's.
    pub(crate) fn is_bert(&self, layer: &Layer) -> bool {
        self.code.bidirectional && layer.placement == Placement::AfterResidual
    }

    /// Attention, then a module that projects, drops, adds and norms; the same again for the feed-forward network. What
    /// each first part gives stays in a variable until its second part has returned.
    pub(crate) fn bert_layer(
        &self,
        tape: &mut Tape,
        attention: &Attention,
        mlp: &Mlp,
        input: Tensor,
        shared: Shared,
    ) -> Outputs {
        let Attended { context, weights, locals } = self.attend(tape, input, attention, shared);
        // Its variables go before the module that projects is called, where that is another.
        let sublayers = self.code.sublayers;
        let mut held = vec![context];
        if sublayers.project_inside() {
            held.extend(locals);
        } else {
            tape.release_each(locals);
        }
        let projected = self.attention_output(tape, context, attention);
        match sublayers {
            Sublayers::Apart => {}
            Sublayers::Whole | Sublayers::WholeAttention => tape.release_each(std::mem::take(&mut held)),
            // Its variable goes from step to step.
            Sublayers::NormedAttention => tape.release(held.remove(0)),
        }
        let mut weights = weights;
        let outlasts_dropout = sublayers == Sublayers::WholeAttention;
        if outlasts_dropout {
            tape.release_each(weights.take());
            held.push(tape.share(projected));
        }
        let dropped = self.dropped_attention(tape, projected);
        let sum = join(tape, [dropped, input], "residual stream", input.shape);
        if outlasts_dropout {
            tape.release(dropped);
        }
        let middle = self.stream_norm(tape, sum, ATTENTION_NORM);
        tape.release(sum);
        if !outlasts_dropout {
            tape.release(dropped);
        }
        tape.release_each(held);

        let width = Dim { symbol: "f", size: mlp.intermediate_size };
        let up = self.up(tape, middle, (Part::Up, "mlp.up"), width, mlp.bias);
        let activated = self.activation(tape, up, mlp.activation, "mlp.activation");
        tape.release(up);
        let down = self.weights(tape, Part::Down, width, self.h(), mlp.bias);
        let fed = self.linear(tape, activated, down, "mlp.down");
        let whole = matches!(sublayers, Sublayers::Whole | Sublayers::NormedAttention);
        if whole {
            tape.release(activated);
        }
        let fed = if sublayers == Sublayers::NormedAttention {
            fed
        } else {
            self.dropped(tape, fed, ["mlp.dropped output", "mlp.output dropout mask"])
        };
        let sum = join(tape, [fed, middle], "residual stream", input.shape);
        let output = self.stream_norm(tape, sum, FEED_FORWARD_NORM);
        tape.release_each([sum, fed, middle]);
        if !whole {
            tape.release(activated);
        }
        (output, weights)
    }

    /// From the last layer to what the head reads: a matrix, an activation and a norm.
    pub(crate) fn head_transform(&self, tape: &mut Tape, stream: Tensor) -> Tensor {
        self.head_transform_over(tape, stream, self.s())
    }

    /// The same of so many tokens of each sequence.
    pub(crate) fn head_transform_over(&self, tape: &mut Tape, stream: Tensor, positions: Dim) -> Tensor {
        let Some(encoder) = self.architecture.encoder else { return tape.share(stream) };
        let part = Part::HeadTransform;
        let matrix = self.weights(tape, part, self.h(), self.narrow(), encoder.transform_bias);
        let projected = self.linear_over(tape, stream, matrix, "head transform", positions);
        let activated = self.activation(tape, projected, encoder.transform_act, "head activation");
        tape.release(projected);
        // Autocast norms in fp32; what it copies of 16-bit weights comes before.
        let wide = if self.autocast && self.weights == Dtype::Fp32 { Dtype::Fp32 } else { activated.dtype };
        let read = cast(tape, activated, wide, "head activation in fp32");
        let normed = self.norm(tape, read, &[self.b(), positions], self.narrow(), names!("head norm"));
        tape.release(read);
        tape.release(activated);
        normed
    }

    /// The first token of each sequence through a matrix and a tangent.
    pub(crate) fn pool(&self, tape: &mut Tape, stream: Tensor) -> Tensor {
        let shape = tape.shape(&[self.b(), ONE, self.h()]);
        let first = tape.view(stream, shape);
        self.pooled(tape, first, FirstActivation::Tangent)
    }

    /// The same of a token that was taken, with this activation; the token goes.
    pub(crate) fn pooled(&self, tape: &mut Tape, first: Tensor, activation: FirstActivation) -> Tensor {
        let matrix: Linear = self.weights(tape, Part::Pooler, self.h(), self.h(), true);
        let projected = self.linear_over(tape, first, matrix, "pooler", ONE);
        let pooled = activated_first(tape, projected, activation, "pooled output");
        tape.release(first);
        tape.release(projected);
        pooled
    }
}
