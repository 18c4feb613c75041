//! Layers of an encoder and of a decoder, which attends to the encoder's output too: T5's, whose scores have a bias by
//! distance, and those of BART and its kin.

pub(crate) mod bias;
mod plain;
mod sounds;

use super::attention::Shared;
use super::attention::sizes::{Projected, Sizes};
use super::layer::{ATTENTION_NORM, FEED_FORWARD_NORM};
use super::norm::{Names, names};
use super::operations::{cast, dropout, join, multiply};
use super::{Linear, Run};
use crate::model::architecture::{Attention, FeedForward, Layer, Mlp};
use crate::model::family::MlpKind;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

const CROSS_ATTENTION_NORM: Names = names!("cross attention norm");

/// What the layers of a stack share: masks, biases, and what a decoder attends to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stack {
    /// The additive mask of eager attention in a decoder.
    pub(crate) mask: Option<Tensor>,
    /// The bias of scores, once a layer has made it.
    pub(crate) bias: Option<Tensor>,
    /// What the encoder gives, in a decoder.
    pub(crate) encoded: Option<Tensor>,
    /// Zeros in place of a bias for attention to the encoder, once a layer has made them.
    pub(crate) cross_bias: Option<Tensor>,
}

impl Stack {
    /// Each tensor that a layer is given by position, and a checkpoint around it keeps.
    pub(crate) fn tensors(self) -> impl Iterator<Item = Tensor> {
        [self.mask, self.bias, self.encoded, self.cross_bias].into_iter().flatten()
    }
}

/// The names of the linear layers of one attention, with their weights and biases.
struct Matrices {
    query: Part,
    key: Part,
    value: Part,
    output: Part,
}

const SELF_ATTENTION: Matrices =
    Matrices { query: Part::Query, key: Part::Key, value: Part::Value, output: Part::AttentionOutput };
const CROSS_ATTENTION: Matrices =
    Matrices { query: Part::CrossQuery, key: Part::CrossKey, value: Part::CrossValue, output: Part::CrossOutput };

/// An attention of a layer: what its keys and values are made of, what is added to its scores, what its parts are called.
struct Side<'a> {
    attention: &'a Attention,
    matrices: &'static Matrices,
    source: Tensor,
    mask: Option<Tensor>,
    kind: BiasKind,
}

/// What is added to scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BiasKind {
    /// A bias by distance, in both directions.
    Both,
    /// A bias by distance to earlier tokens.
    Earlier,
    /// Zeros.
    Zeros,
}

impl Run<'_> {
    /// A layer of either stack, from the residual stream that enters to the one that leaves. What it makes for the
    /// layers after it stands in `stack` then.
    pub(crate) fn stack_layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor, stack: &mut Stack) -> Tensor {
        let (Some(attention), FeedForward::Dense(mlp)) = (layer.attention(), &layer.feed_forward) else {
            return tape.share(input);
        };
        if !self.architecture.is_t5() {
            return self.of_stack(layer).plain_layer(tape, layer, (attention, mlp), input, *stack);
        }
        let normed = self.stream_norm(tape, input, ATTENTION_NORM);
        let kind = if layer.variant.attends_to_encoder { BiasKind::Earlier } else { BiasKind::Both };
        let side = Side { attention, matrices: &SELF_ATTENTION, source: normed, mask: stack.mask, kind };
        let mut bias = stack.bias;
        let (attended, mut weights) = self.biased_attention(tape, normed, &side, &mut bias, layer);
        if !self.code.biases_by_layer {
            stack.bias = bias;
        }
        let mut stream = self.add_dropped(tape, input, attended);
        tape.release(normed);
        if let (true, Some(encoded)) = (layer.variant.attends_to_encoder, stack.encoded) {
            let normed = self.stream_norm(tape, stream, CROSS_ATTENTION_NORM);
            let (matrices, kind) = (&CROSS_ATTENTION, BiasKind::Zeros);
            let side = Side { attention, matrices, source: encoded, mask: None, kind };
            let mut bias = stack.cross_bias;
            let (attended, cross_weights) = self.biased_attention(tape, normed, &side, &mut bias, layer);
            if !self.code.biases_by_layer {
                stack.cross_bias = bias;
            }
            let sum = self.add_dropped(tape, stream, attended);
            tape.release(normed);
            tape.release(stream);
            stream = sum;
            // One variable takes the weights of both.
            if let Some(outdated) = std::mem::replace(&mut weights, cross_weights) {
                tape.release(outdated);
            }
        }
        let normed = self.stream_norm(tape, stream, FEED_FORWARD_NORM);
        let fed = self.dropped_mlp(tape, normed, mlp);
        tape.release(normed);
        let output = self.add_dropped(tape, stream, fed);
        tape.release(stream);
        if let Some(weights) = weights {
            tape.release(weights);
        }
        output
    }

    /// The stream with a sublayer's output added after dropout; the output is let go.
    fn add_dropped(&self, tape: &mut Tape, stream: Tensor, output: Tensor) -> Tensor {
        let dropped = dropout(tape, self.dropout[1], output, "dropped output", "output dropout mask");
        let sum = join(tape, [stream, dropped], "residual stream", stream.shape);
        tape.release(dropped);
        tape.release(output);
        sum
    }

    /// Attention with a bias of its scores, which is made where `bias` has none yet; with the attention weights.
    fn biased_attention(
        &self,
        tape: &mut Tape,
        input: Tensor,
        side: &Side<'_>,
        bias: &mut Option<Tensor>,
        layer: &Layer,
    ) -> (Tensor, Option<Tensor>) {
        let sizes = Sizes::of(side.attention);
        let copies = !self.fused_attention && sizes.heads.size > 1;
        let project = |tape: &mut Tape, input, part: Part| {
            let matrix = self.matrix_of(tape, part, [self.h(), sizes.query]);
            let projected = self.linear(tape, input, matrix, part.words());
            self.heads(tape, projected, sizes.heads, sizes.head, copies)
        };
        let query = project(tape, input, side.matrices.query);
        let key = project(tape, side.source, side.matrices.key);
        let value = project(tape, side.source, side.matrices.value);
        let buckets = layer.variant.relative_buckets.filter(|_| side.kind != BiasKind::Zeros);
        let made = *bias.get_or_insert_with(|| match buckets {
            Some(buckets) => self.bias_by_distance(tape, buckets, sizes.heads, side.kind),
            None => self.no_bias(tape, sizes.heads),
        });
        let projected = Projected { query, key, value, gate: None };
        let (context, weights) = if self.fused_attention {
            (self.fused_with_bias(tape, projected, made, sizes, side.kind), None)
        } else {
            let shared = Shared { mask: side.mask, bias: Some(made), ..Shared::NONE };
            let (context, weights) = self.eager(tape, projected, side.attention, sizes, shared, &mut Vec::new());
            (context, Some(weights))
        };
        let matrix = self.matrix_of(tape, side.matrices.output, [sizes.query, self.h()]);
        let output = self.linear(tape, context, matrix, side.matrices.output.words());
        for tensor in [context, query, key, value] {
            tape.release(tensor);
        }
        if self.code.biases_by_layer {
            tape.release(made);
        }
        (output, weights)
    }

    fn matrix_of(&self, tape: &mut Tape, part: Part, [inputs, outputs]: [Dim; 2]) -> Linear {
        self.weights(tape, part, inputs, outputs, false)
    }

    /// The feed-forward network, with dropout before its last matrix, whose type its input is given.
    fn dropped_mlp(&self, tape: &mut Tape, input: Tensor, mlp: &Mlp) -> Tensor {
        let width = Dim { symbol: "f", size: mlp.intermediate_size };
        let mut parts = Vec::new();
        let product = if mlp.kind == MlpKind::Plain {
            let up = self.up(tape, input, (Part::Up, "mlp.up"), width, false);
            let activated = self.activation(tape, up, mlp.activation, "mlp.activation");
            tape.release(up);
            activated
        } else {
            let gate = self.up(tape, input, (Part::Gate, "mlp.gate"), width, false);
            let activated = self.activation(tape, gate, mlp.activation, "mlp.activated gate");
            tape.release(gate);
            let up = self.up(tape, input, (Part::Up, "mlp.up"), width, false);
            let product = multiply(tape, [activated, up], "mlp.product", activated.shape);
            // Both stay in variables until the network returns.
            parts.extend([activated, up]);
            product
        };
        let dropped = dropout(tape, self.dropout[1], product, "mlp.dropped product", "mlp.dropout mask");
        tape.release(product);
        let read = cast(tape, dropped, self.weights, "mlp.product in the weights' type");
        tape.release(dropped);
        let down = self.matrix_of(tape, Part::Down, [width, self.h()]);
        let output = self.linear(tape, read, down, "mlp.down");
        tape.release(read);
        for part in parts {
            tape.release(part);
        }
        output
    }

    /// The decoder's input: the labels, moved by one, with what is made on the way.
    pub(crate) fn moved_labels(&self, tape: &mut Tape) -> Tensor {
        let shape = tape.shape(&[self.b(), self.s()]);
        let ids = tape.constant("decoder input ids", shape, Dtype::Int64);
        let others = Dim { symbol: "(s-1)", size: self.sequence.saturating_sub(1) };
        let cut = tape.shape(&[self.b(), others]);
        for (name, shape, dtype) in [("labels but the last", cut, Dtype::Int64), ("ignored labels", shape, Dtype::Bool)]
        {
            let passing = tape.constant(name, shape, dtype);
            tape.release(passing);
        }
        ids
    }
}
