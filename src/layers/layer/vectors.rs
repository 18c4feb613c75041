//! Gemma 4's vectors for each token and layer: looked up and projected once, and let in by each layer through a gate.

use crate::layers::Run;
use crate::layers::attention::Shared;
use crate::layers::embedding::look_up;
use crate::layers::norm::names;
use crate::layers::operations::{fresh, join, multiply};
use crate::model::architecture::{Activation, FeedForward, Layer, PerLayerInputs};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// `[b, s, L, p]`: what a table of its own and a projection of the embedded sequence give together.
    pub(crate) fn vectors_of_layers(&self, tape: &mut Tape, stream: Tensor, inputs: PerLayerInputs) -> Tensor {
        let layers = Dim { symbol: "L", size: self.architecture.num_hidden_layers() };
        let width = Dim { symbol: "p", size: inputs.width };
        let all = Dim { symbol: "(L·p)", size: layers.size.saturating_mul(width.size) };
        let flat = self.stream(tape, all);
        let apart = tape.shape(&[self.b(), self.s(), layers, width]);
        let rows = Dim { symbol: "", size: inputs.vocab_size };
        let shape = tape.shape(&[rows, all]);
        let table = tape.parameter(Part::PerLayerEmbedding.name(Piece::Weight), shape, self.weights);
        let looked_up = look_up(tape, table, None, "per-layer embedding", flat);
        let scaled = fresh(tape, looked_up, "per-layer embedding", flat);
        tape.release(looked_up);
        let of_tokens = tape.view(scaled, apart);
        tape.release(scaled);
        let matrix = self.weights(tape, Part::PerLayerProjection, self.h(), all, false);
        let projected = self.linear(tape, stream, matrix, "per-layer projection");
        let scaled = fresh(tape, projected, "per-layer projection", flat);
        tape.release(projected);
        let vectors = tape.view(scaled, apart);
        tape.release(scaled);
        let leading = [self.b(), self.s(), layers];
        let normed = self.norm(tape, vectors, &leading, width, names!("per-layer projection norm"));
        tape.release(vectors);
        let sum = join(tape, [normed, of_tokens], "per-layer inputs", apart);
        let output = fresh(tape, sum, "per-layer inputs", apart);
        tape.release_each([sum, normed, of_tokens]);
        output
    }

    /// `[b, s, p]`: a layer's own vectors, cut out of those of all layers before anything else.
    pub(super) fn own_vectors(&self, tape: &mut Tape, layer: &Layer, shared: Shared) -> Option<Tensor> {
        let vectors = shared.vectors.filter(|_| self.code.normed_values)?;
        let shape = self.stream(tape, Dim { symbol: "p", size: layer.variant.per_layer_input? });
        Some(tape.view_with_new_gradient(vectors, shape))
    }

    /// A layer's output with its vectors let in; the output is let go.
    pub(super) fn with_vectors(&self, tape: &mut Tape, layer: &Layer, output: Tensor, own: Tensor) -> Tensor {
        let Some(size) = layer.variant.per_layer_input else { return output };
        let width = Dim { symbol: "p", size };
        let activation = match &layer.feed_forward {
            FeedForward::Dense(mlp) => mlp.activation,
            FeedForward::Experts(experts) => experts.activation,
            FeedForward::Linear | FeedForward::None => Activation::Gelu,
        };
        let matrix = self.weights(tape, Part::PerLayerInputGate, self.h(), width, false);
        let gate = self.linear(tape, output, matrix, "per-layer input.gate");
        let open = self.activation(tape, gate, activation, "per-layer input.open gate");
        tape.release(gate);
        let product = multiply(tape, [open, own], "per-layer input.product", own.shape);
        tape.release(open);
        let matrix = self.weights(tape, Part::PerLayerInputProjection, width, self.h(), false);
        let projected = self.linear(tape, product, matrix, "per-layer input.projection");
        tape.release(product);
        let normed = self.stream_norm(tape, projected, names!("per-layer input norm"));
        tape.release(projected);
        let sum = join(tape, [output, normed], "residual stream", output.shape);
        tape.release_each([normed, own, output]);
        sum
    }
}
