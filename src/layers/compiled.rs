//! Layers that `torch.compile` made a graph of: by themselves, or as parts of one graph of the whole model.
//!
//! A graph keeps what the partitioner chose between forward and backward: inputs of products, both residual streams and
//! the statistics of norms; what is computed from those element by element is computed again. In backward each tensor goes
//! with the last kernel that reads it, and gradients are written over what is not needed any more.

mod backward;
mod forward;
mod whole;

use super::attention::Shared;
use super::{Linear, Run};
use crate::model::architecture::{Attention, FeedForward, Layer, Mixer, Mlp};
use crate::model::part::{Part, Piece};
use crate::scenario::Compile;
use crate::shape::Dim;
use crate::tape::compiled::{Made, Step, Value};
use crate::tape::{Dtype, Tape, Tensor};

/// Rows of so many elements and more are padded.
const PADDED_FROM: u64 = 1024;

/// Bytes of which the rows of a padded tensor are multiples.
const STRIDE: u64 = 128;

/// A graph under way: what it reads, what it keeps, and how it goes back.
struct Graph {
    /// The stream first, then parameters.
    inputs: Vec<Tensor>,
    /// Each held once.
    kept: Vec<Tensor>,
    steps: Vec<Step>,
    made: u8,
    /// Whether what backward needs stays; else it goes with its last use in forward.
    keeps: bool,
    /// Whether this is its second forward pass, inside backward.
    again: bool,
}

/// A matrix of a graph.
#[derive(Clone, Copy)]
struct Matrix {
    part: Part,
    weight: Tensor,
    /// Its place among the inputs, and its bias's with the shape of that.
    slot: u8,
    bias: Option<(u8, u16)>,
    /// The copy that autocast makes.
    copy: Option<(Tensor, Value)>,
    inputs: Dim,
    outputs: Dim,
}

impl Graph {
    fn new(stream: Tensor, keeps: bool) -> Self {
        Self { inputs: vec![stream], kept: Vec::new(), steps: Vec::new(), made: 0, keeps, again: false }
    }

    /// One more parameter is read; its place.
    fn reads(&mut self, parameter: Tensor) -> u8 {
        self.inputs.push(parameter);
        place(self.inputs.len())
    }

    /// A tensor that backward needs, which the graph holds from now on.
    fn keep(&mut self, tensor: Tensor) -> Value {
        self.kept.push(tensor);
        Value::Kept(place(self.kept.len()))
    }

    /// What was kept is read for the last time in forward.
    fn done(&self, tape: &mut Tape, tensors: &[Tensor]) {
        if !self.keeps {
            tape.release_each(tensors.iter().copied());
        }
    }

    /// On the way back a tensor is made.
    fn make(&mut self, made: Made) -> Value {
        self.steps.push(Step::Make(made));
        self.made = self.made.saturating_add(1);
        Value::Made(self.made - 1)
    }

    /// On the way back the product of two matrices is made.
    fn multiply(&mut self, made: Made) -> Value {
        let value = self.make(made);
        self.steps.push(Step::Product);
        value
    }

    /// On the way back these tensors are read for the last time.
    fn let_go(&mut self, values: &[Value]) {
        self.steps.extend(values.iter().map(|value| Step::Release(*value)));
    }
}

/// The place of the last of so many.
fn place(count: usize) -> u8 {
    u8::try_from(count.saturating_sub(1)).unwrap_or(u8::MAX)
}

/// What of a layer a graph is made of: attention, then a dense gated network.
pub(crate) const fn parts_of(layer: &Layer) -> Option<(&Attention, &Mlp)> {
    match (&layer.mixer, &layer.feed_forward) {
        (Mixer::Attention(attention), FeedForward::Dense(mlp)) => Some((attention, mlp)),
        _ => None,
    }
}

impl Run<'_> {
    /// A layer that is a graph by itself; nothing where layers are not compiled so.
    pub(crate) fn compiled_layer(
        &self,
        tape: &mut Tape,
        layer: &Layer,
        input: Tensor,
        shared: Shared,
    ) -> Option<Tensor> {
        let (attention, mlp) = parts_of(layer).filter(|_| self.compile == Compile::Layers)?;
        let mut graph = Graph::new(input, true);
        if let Some(tables) = shared.tables {
            for table in [tables.cos, tables.sin] {
                graph.keep(tape.share(table));
            }
        }
        let (parts, output) = self.forward_of_graph(tape, &mut graph, (attention, mlp), input);
        self.backward_of_graph(tape, &mut graph, &parts);
        let Graph { inputs, kept, steps, .. } = graph;
        let output = tape.compiled(&inputs, &kept, steps, output);
        tape.release_each(kept);
        Some(output)
    }

    /// `[b, s, width]` of this type, as the compiler lays it out.
    fn rows(&self, tape: &mut Tape, width: Dim, dtype: Dtype) -> u16 {
        let rows = self.batch.saturating_mul(self.sequence);
        match padding(width.size, dtype) {
            0 => self.stream(tape, width),
            padding => padded(tape, [rows, width.size], padding),
        }
    }

    /// A matrix of the model that a graph reads, with its copy under autocast.
    fn graph_matrix(
        &self,
        tape: &mut Tape,
        graph: &mut Graph,
        part: Part,
        [inputs, outputs]: [Dim; 2],
        bias: bool,
    ) -> Matrix {
        let Linear { weight, bias, .. } = self.weights(tape, part, inputs, outputs, bias);
        let slot = graph.reads(weight);
        let bias = bias.map(|bias| (graph.reads(bias), bias.shape));
        let copy = self.autocast.then(|| {
            let shape = match padding(inputs.size, Dtype::Bf16) {
                0 => weight.shape,
                padding => padded(tape, [outputs.size, inputs.size], padding),
            };
            let copy = tape.constant(part.name(Piece::Weight), shape, Dtype::Bf16);
            tape.count_as_weight_copy(copy);
            (copy, graph.keep(copy))
        });
        Matrix { part, weight, slot, bias, copy, inputs, outputs }
    }
}

/// Elements that a row of a tensor is padded by: Inductor's comprehensive padding.
const fn padding(row: u64, dtype: Dtype) -> u64 {
    let multiple = STRIDE / (dtype.bits() / 8) as u64;
    if row < PADDED_FROM { 0 } else { (multiple - row % multiple) % multiple }
}

/// So many rows, each but the last padded by so much.
fn padded(tape: &mut Tape, [rows, row]: [u64; 2], padding: u64) -> u16 {
    let whole = rows.saturating_mul(row);
    let size = whole.saturating_add(rows.saturating_sub(1).saturating_mul(padding));
    tape.shape(&[Dim { symbol: "padded rows", size }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_rows_are_multiples_of_128_bytes() {
        assert_eq!([960, 1000, 1024, 1664].map(|row| padding(row, Dtype::Bf16)), [0; 4]);
        assert_eq!([2784, 2464, 1056].map(|row| padding(row, Dtype::Bf16)), [32; 3]);
        assert_eq!(padding(1040, Dtype::Fp32), 16);
    }
}
