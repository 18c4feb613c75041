//! A compiled layer's backward pass, as steps. Weights' gradients are made before inputs', and an input's gradient is
//! written over what the same kernel reads for the last time.

use super::forward::{Norm, Parts};
use super::{Graph, Matrix};
use crate::layers::Run;
use crate::model::part::Piece;
use crate::tape::compiled::{Made, Step, Value};
use crate::tape::{Dtype, Tape};

impl Run<'_> {
    /// The way back through a layer, from the gradient of its output to that of its input.
    pub(super) fn backward_of_graph(&self, tape: &mut Tape, graph: &mut Graph, parts: &Parts) {
        let [gate, up, down] = &parts.feed_forward;
        let [first, second] = &parts.norms;
        let [_, second_normed] = parts.normed;
        let [gates, ups, product] = parts.fed;
        // Under autocast products read the gradient of the stream in 16 bits.
        let incoming = self.narrowed(tape, graph, parts);
        let (gradient, of_up) = if graph.again {
            // What was computed again waits until both gradients are there.
            let gradient = self.input_gradient(tape, graph, down, ("mlp.product", None));
            let shape = self.rows(tape, up.outputs, self.compute());
            let of_up = graph.make(Made { name: "mlp.up", shape, dtype: self.compute(), of: None });
            self.weight_gradient(graph, down);
            graph.let_go(&[product, gates, ups]);
            (gradient, of_up)
        } else {
            self.weight_gradient(graph, down);
            graph.let_go(&[product]);
            let gradient = self.input_gradient(tape, graph, down, ("mlp.product", None));
            // One kernel writes the gradients of gate and up over two of the three that it reads.
            graph.let_go(&[gates]);
            (gradient, ups)
        };
        Self::let_go_narrowed(graph, incoming);
        self.weight_gradient(graph, up);
        let from_up = self.input_gradient(tape, graph, up, (second.names.output, None));
        graph.let_go(&[of_up]);
        self.weight_gradient(graph, gate);
        graph.let_go(&[second_normed]);
        let from_gate = self.input_gradient(tape, graph, gate, (second.names.output, None));
        graph.let_go(&[gradient]);
        self.norm_gradient(graph, second);
        graph.let_go(&[from_gate]);
        let middle = if parts.stream == self.compute() {
            graph.let_go(&[Value::Incoming]);
            from_up
        } else {
            graph.let_go(&[from_up]);
            Value::Incoming
        };
        let [from_query, from_key, from_value] = self.attention_backward(tape, graph, parts);
        self.norm_gradient(graph, first);
        if parts.stream != self.compute() {
            let shape = self.rows(tape, self.h(), parts.stream);
            graph.make(Made { name: "residual stream", shape, dtype: parts.stream, of: Some(0) });
            graph.let_go(&[from_query]);
        }
        graph.let_go(&[from_key, from_value, middle]);
    }

    /// From the gradient of the sum after attention to those of what the projections read.
    fn attention_backward(&self, tape: &mut Tape, graph: &mut Graph, parts: &Parts) -> [Value; 3] {
        let [query, key, value, output] = &parts.attention;
        let [queries, keys, values, context, sums] = parts.attended;
        let narrowed = self.narrowed(tape, graph, parts);
        self.weight_gradient(graph, output);
        let incoming = self.input_gradient(tape, graph, output, ("attention.context", None));
        Self::let_go_narrowed(graph, narrowed);
        let compute = self.compute();
        let [of_heads, of_keys] = parts.heads;
        let head = |graph: &mut Graph, name, shape| graph.make(Made { name, shape, dtype: compute, of: None });
        let from_queries = head(graph, "attention.query after rotary embedding", of_heads);
        let from_keys = head(graph, "attention.key after rotary embedding", of_keys);
        let from_values = head(graph, "attention.value for every head", of_keys);
        graph.steps.push(Step::Attention { query: of_heads, key: of_keys });
        graph.let_go(&[incoming, queries, keys, values, context, sums]);
        // Turned back, and summed over the heads of a group.
        let turned_keys = head(graph, "attention.key", parts.projected);
        graph.let_go(&[from_keys]);
        let from_values = if tape.dims(of_keys).elements() == tape.dims(parts.projected).elements() {
            from_values
        } else {
            let summed = head(graph, "attention.value", parts.projected);
            graph.let_go(&[from_values]);
            summed
        };
        let turned_queries = head(graph, "attention.query", of_heads);
        graph.let_go(&[from_queries]);
        for norm in parts.head_norms.iter().flatten() {
            self.norm_gradient(graph, norm);
        }
        let name = parts.norms[0].names.output;
        let mut through = |graph: &mut Graph, matrix: &Matrix, gradient, read: &[Value], of| {
            self.weight_gradient(graph, matrix);
            graph.let_go(read);
            let made = self.input_gradient(tape, graph, matrix, (name, of));
            graph.let_go(&[gradient]);
            made
        };
        let from_value = through(graph, value, from_values, &[], None);
        let from_key = through(graph, key, turned_keys, &[], None);
        // What norms and the sum before add to is written over the last of them.
        let of = (parts.stream == compute).then_some(0);
        let from_query = through(graph, query, turned_queries, &parts.normed[..1], of);
        [from_query, from_key, from_value]
    }

    /// The gradient of a stream that is wider than products are, in their type.
    fn narrowed(&self, tape: &mut Tape, graph: &mut Graph, parts: &Parts) -> Option<Value> {
        (parts.stream != self.compute()).then(|| {
            let shape = self.rows(tape, self.h(), self.compute());
            graph.make(Made { name: "residual stream", shape, dtype: self.compute(), of: None })
        })
    }

    fn let_go_narrowed(graph: &mut Graph, narrowed: Option<Value>) {
        if let Some(narrowed) = narrowed {
            graph.let_go(&[narrowed]);
        }
    }

    /// A matrix's gradient, and its bias's.
    fn weight_gradient(&self, graph: &mut Graph, matrix: &Matrix) {
        let made = Made {
            name: matrix.part.name(Piece::Weight),
            shape: matrix.weight.shape,
            dtype: self.weights,
            of: Some(matrix.slot),
        };
        if self.autocast {
            let narrow = graph.multiply(Made { dtype: Dtype::Bf16, of: None, ..made });
            graph.make(made);
            graph.let_go(&[narrow]);
        } else {
            graph.multiply(made);
        }
        if let Some((slot, shape)) = matrix.bias {
            graph.make(Made { name: matrix.part.name(Piece::Bias), shape, dtype: self.weights, of: Some(slot) });
        }
    }

    /// The gradient of what a matrix reads; its copy goes.
    fn input_gradient(
        &self,
        tape: &mut Tape,
        graph: &mut Graph,
        matrix: &Matrix,
        (name, of): (&'static str, Option<u8>),
    ) -> Value {
        let shape = self.rows(tape, matrix.inputs, self.compute());
        let value = graph.multiply(Made { name, shape, dtype: self.compute(), of });
        if let Some((_, copy)) = matrix.copy {
            graph.let_go(&[copy]);
        }
        value
    }

    /// A norm's weight has its gradient; what it read goes.
    fn norm_gradient(&self, graph: &mut Graph, norm: &Norm) {
        graph.make(Made { name: norm.names.weight, shape: norm.shape, dtype: self.weights, of: Some(norm.slot) });
        graph.let_go(&[norm.input, norm.deviation]);
    }
}
