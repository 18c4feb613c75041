//! Gemma 3n's and 4's vectors for each token and layer: looked up and projected once, and let in by each layer through a gate.

use crate::layers::Run;
use crate::layers::attention::Shared;
use crate::layers::embedding::look_up;
use crate::layers::norm::names;
use crate::layers::operations::{ONE, fresh, join, multiply};
use crate::model::architecture::{Activation, FeedForward, Layer, PerLayerInputs};
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

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
        let ids = self.code.bounds_layer_ids.then(|| self.ids_within(tape));
        let looked_up = look_up(tape, table, ids.map(|[ids, _]| ids), "per-layer embedding", flat);
        let scaled = fresh(tape, looked_up, "per-layer embedding", flat);
        tape.release(looked_up);
        tape.release_each(ids.into_iter().flatten());
        let of_tokens = tape.view(scaled, apart);
        tape.release(scaled);
        let matrix = self.weights(tape, Part::PerLayerProjection, self.h(), all, false);
        let projected = self.linear(tape, stream, matrix, "per-layer projection");
        // Gemma 3n scales it in place.
        let scaled = if self.code.bounds_layer_ids {
            tape.scaled_by_buffer(projected)
        } else {
            let scaled = fresh(tape, projected, "per-layer projection", flat);
            tape.release(projected);
            scaled
        };
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

    /// `[b, s]`: the numbers of tokens, with zero where the table of vectors has no row; and where it has one.
    fn ids_within(&self, tape: &mut Tape) -> [Tensor; 2] {
        let shape = tape.shape(&[self.b(), self.s()]);
        let [low, high, within] = ["not below zero", "below the table's end", "in the table"]
            .map(|name| tape.constant(name, shape, Dtype::Bool));
        tape.release_each([low, high]);
        let scalar = tape.shape(&[]);
        let zero = tape.constant("zero", scalar, Dtype::Int64);
        let ids = tape.constant("token ids of the table", shape, Dtype::Int64);
        tape.release(zero);
        [ids, within]
    }

    /// `[b, s, p]`: a layer's own vectors, cut out of those of all layers before anything else.
    pub(crate) fn own_vectors(&self, tape: &mut Tape, layer: &Layer, shared: Shared) -> Option<Tensor> {
        let vectors = shared.vectors.filter(|_| self.code.normed_values)?;
        let shape = self.stream(tape, Dim { symbol: "p", size: layer.variant.per_layer_input? });
        Some(tape.view_with_new_gradient(vectors, shape))
    }

    /// A layer's output with its vectors let in; the output is let go.
    pub(super) fn with_vectors(&self, tape: &mut Tape, layer: &Layer, output: Tensor, own: Tensor) -> Tensor {
        let read = tape.share(output);
        let normed = self.of_vectors(tape, layer, read, own);
        let sum = join(tape, [output, normed], "residual stream", output.shape);
        tape.release_each([normed, own, output]);
        sum
    }

    /// `[b, s, h]`: what a layer's vectors give behind a gate that reads this, after their norm; it goes.
    pub(crate) fn of_vectors(&self, tape: &mut Tape, layer: &Layer, read: Tensor, own: Tensor) -> Tensor {
        let width = tape.dims(own.shape).dims().last().copied().unwrap_or(ONE);
        let activation = match &layer.feed_forward {
            FeedForward::Dense(mlp) => mlp.activation,
            FeedForward::Experts(experts) => experts.activation,
            FeedForward::Linear | FeedForward::None => Activation::Gelu,
        };
        let matrix = self.weights(tape, Part::PerLayerInputGate, self.h(), width, false);
        let gate = self.linear(tape, read, matrix, "per-layer input.gate");
        tape.release(read);
        let open = self.activation(tape, gate, activation, "per-layer input.open gate");
        tape.release(gate);
        let product = multiply(tape, [open, own], "per-layer input.product", own.shape);
        tape.release(open);
        let matrix = self.weights(tape, Part::PerLayerInputProjection, width, self.h(), false);
        let projected = self.linear(tape, product, matrix, "per-layer input.projection");
        tape.release(product);
        let normed = self.stream_norm(tape, projected, names!("per-layer input norm"));
        tape.release(projected);
        normed
    }
}
