//! A compiled layer's forward pass: products, one kernel for what lies between two of them, and attention.

use super::{Graph, Matrix};
use crate::layers::Run;
use crate::layers::attention::sizes::Sizes;
use crate::layers::layer::{ATTENTION_NORM, FEED_FORWARD_NORM};
use crate::layers::norm::{Names, names, row};
use crate::model::architecture::{Attention, Mlp};
use crate::model::family::QkNorm;
use crate::model::part::Part;
use crate::scenario::Compile;
use crate::shape::Dim;
use crate::tape::compiled::Value;
use crate::tape::{Dtype, FusedKernel, Tape, Tensor};

/// A norm of a graph.
pub(super) struct Norm {
    pub(super) names: Names,
    /// The weight's place among the inputs, and its shape.
    pub(super) slot: u8,
    pub(super) shape: u16,
    /// What it reads, and the reciprocal deviations of that.
    pub(super) input: Value,
    pub(super) deviation: Value,
}

/// What a layer's graph reads and keeps, by what it is.
pub(super) struct Parts {
    pub(super) norms: [Norm; 2],
    /// Those of queries and keys.
    pub(super) head_norms: Option<[Norm; 2]>,
    /// What both norms give.
    pub(super) normed: [Value; 2],
    /// Queries, keys, values, the context, and the logarithms of its sums.
    pub(super) attended: [Value; 5],
    /// Queries, and keys or values, as attention reads them.
    pub(super) heads: [u16; 2],
    /// Keys or values as they are projected.
    pub(super) projected: u16,
    /// Gate, up and their product.
    pub(super) fed: [Value; 3],
    /// Of queries, keys, values and the output.
    pub(super) attention: [Matrix; 4],
    /// Of gate, up and down.
    pub(super) feed_forward: [Matrix; 3],
    /// The type of the residual stream.
    pub(super) stream: Dtype,
}

/// Products whose outputs are the stream's.
const STREAM: &str = "residual stream";

impl Run<'_> {
    /// Records a layer's forward pass in a graph that may be larger. Returns what the way back needs, and the stream.
    pub(super) fn forward_of_graph(
        &self,
        tape: &mut Tape,
        graph: &mut Graph,
        (attention, mlp): (&Attention, &Mlp),
        input: Tensor,
    ) -> (Parts, Tensor) {
        let sizes = Sizes::of(attention);
        let read = graph.keep(tape.share(input));
        let (first, normed, normed_value) = self.graph_norm(tape, graph, read, ATTENTION_NORM);
        let matrix = |tape: &mut Tape, graph: &mut Graph, part, dims| {
            self.graph_matrix(tape, graph, part, dims, attention.qkv_bias)
        };
        let query = matrix(tape, graph, Part::Query, [self.h(), sizes.query]);
        let key = matrix(tape, graph, Part::Key, [self.h(), sizes.kv]);
        let value = matrix(tape, graph, Part::Value, [self.h(), sizes.kv]);
        let projections = [(query, "attention.query"), (key, "attention.key"), (value, "attention.value")];
        let [queries, keys, values] = projections.map(|(matrix, name)| self.graph_product(tape, graph, &matrix, name));
        graph.done(tape, &[normed]);
        let normed_heads = [
            (queries, sizes.heads, names!("attention.query norm")),
            (keys, sizes.kv_heads, names!("attention.key norm")),
        ];
        let head_norms = (attention.qk_norm == QkNorm::PerHead).then(|| {
            normed_heads.map(|(side, heads, names)| self.graph_head_norm(tape, graph, side, (heads, sizes.head), names))
        });
        // A mask that the graph makes itself is read beside keys and values of every head.
        let spreads = self.compile == Compile::Model && attention.heads != attention.kv_heads;
        let heads = [sizes.heads, if spreads { sizes.heads } else { sizes.kv_heads }]
            .map(|heads| tape.shape(&[self.b(), heads, self.s(), sizes.head]));
        let projected = keys.shape;
        let turned = ["attention.query after rotary embedding", "attention.key after rotary embedding"];
        let [queries, keys] =
            [(queries, heads[0], turned[0]), (keys, heads[1], turned[1])].map(|(side, shape, name)| {
                let turned = tape.constant(name, shape, side.dtype);
                if head_norms.is_none() || !graph.keeps {
                    tape.release(side);
                }
                turned
            });
        let values = if spreads {
            let spread = tape.constant("attention.value for every head", heads[1], values.dtype);
            tape.release(values);
            spread
        } else {
            Tensor { shape: heads[1], ..values }
        };
        let context = tape.constant("attention.context", heads[0], queries.dtype);
        let sums = tape.shape(&[self.b(), sizes.heads, self.s()]);
        let sums = tape.constant("attention.log-sum-exp", sums, Dtype::Fp32);
        if self.compile == Compile::Layers {
            for (name, size) in [("attention.random seed", 2), ("attention.random offset", 1)] {
                let shape = tape.shape(&[Dim { symbol: "", size }]);
                let number = tape.constant(name, shape, Dtype::Int64);
                graph.keep(number);
            }
        }
        tape.fused_forward_scratch(FusedKernel::Flash, [queries, keys, values]);
        let attended = [queries, keys, values, context, sums].map(|tensor| graph.keep(tensor));
        graph.done(tape, &[queries, keys, values, sums]);
        let output = self.graph_matrix(tape, graph, Part::AttentionOutput, [sizes.query, self.h()], false);
        let middle = self.stream_product(tape, graph, &output, input.dtype);
        graph.done(tape, &[context]);
        let middle_value = graph.keep(middle);
        let (second, normed, second_value) = self.graph_norm(tape, graph, middle_value, FEED_FORWARD_NORM);
        let (feed_forward, fed, stream) = self.graph_feed_forward(tape, graph, mlp, normed, input.dtype);
        graph.done(tape, &[middle]);
        let parts = Parts {
            norms: [first, second],
            head_norms,
            normed: [normed_value, second_value],
            attended,
            heads,
            projected,
            fed,
            attention: [query, key, value, output],
            feed_forward,
            stream: input.dtype,
        };
        (parts, stream)
    }

    fn graph_feed_forward(
        &self,
        tape: &mut Tape,
        graph: &mut Graph,
        mlp: &Mlp,
        normed: Tensor,
        stream: Dtype,
    ) -> ([Matrix; 3], [Value; 3], Tensor) {
        let width = Dim { symbol: "f", size: mlp.intermediate_size };
        let into = [Part::Gate, Part::Up];
        let [gate, up] = into.map(|part| self.graph_matrix(tape, graph, part, [self.h(), width], false));
        let [gates, ups] =
            [(gate, "mlp.gate"), (up, "mlp.up")].map(|(matrix, name)| self.graph_product(tape, graph, &matrix, name));
        graph.done(tape, &[normed]);
        // Where nothing stays the product is written over the gate.
        let product = if graph.keeps {
            tape.constant("mlp.product", gates.shape, gates.dtype)
        } else {
            tape.release(ups);
            gates
        };
        let fed = [gates, ups, product].map(|tensor| graph.keep(tensor));
        let down = self.graph_matrix(tape, graph, Part::Down, [width, self.h()], false);
        let output = self.stream_product(tape, graph, &down, stream);
        graph.done(tape, &[product]);
        ([gate, up, down], fed, output)
    }

    /// A product in the type of products.
    fn graph_product(&self, tape: &mut Tape, graph: &Graph, matrix: &Matrix, name: &'static str) -> Tensor {
        let shape = self.rows(tape, matrix.outputs, self.compute());
        let output = tape.constant(name, shape, self.compute());
        tape.product_workspace();
        if let Some((copy, _)) = matrix.copy {
            graph.done(tape, &[copy]);
        }
        output
    }

    /// A product over which the sum with the stream is written, or beside it where that is of another type.
    fn stream_product(&self, tape: &mut Tape, graph: &Graph, matrix: &Matrix, stream: Dtype) -> Tensor {
        let output = self.graph_product(tape, graph, matrix, STREAM);
        if output.dtype == stream {
            return output;
        }
        let shape = self.rows(tape, self.h(), stream);
        let sum = tape.constant(STREAM, shape, stream);
        tape.release(output);
        sum
    }

    fn graph_norm(&self, tape: &mut Tape, graph: &mut Graph, input: Value, names: Names) -> (Norm, Tensor, Value) {
        let vector = tape.shape(&[self.h()]);
        let slot = graph.reads(tape.parameter(names.weight, vector, self.weights));
        let statistic = row(tape, &[self.b(), self.s()]);
        let statistic = tape.constant(names.statistic, statistic, Dtype::Fp32);
        let shape = self.rows(tape, self.h(), self.compute());
        let output = tape.constant(names.output, shape, self.compute());
        let deviation = graph.keep(statistic);
        graph.done(tape, &[statistic]);
        let kept = graph.keep(output);
        (Norm { names, slot, shape: vector, input, deviation }, output, kept)
    }

    /// A norm on the heads of queries or keys, whose input is kept as it was projected.
    fn graph_head_norm(
        &self,
        tape: &mut Tape,
        graph: &mut Graph,
        input: Tensor,
        (heads, head): (Dim, Dim),
        names: Names,
    ) -> Norm {
        let vector = tape.shape(&[head]);
        let slot = graph.reads(tape.parameter(names.weight, vector, self.weights));
        let statistic = row(tape, &[self.b(), self.s(), heads]);
        let statistic = tape.constant(names.statistic, statistic, Dtype::Fp32);
        let input = graph.keep(input);
        let deviation = graph.keep(statistic);
        graph.done(tape, &[statistic]);
        Norm { names, slot, shape: vector, input, deviation }
    }
}
