//! Graphs that a compiler made: each is one node, whose backward pass is a list of steps.
//!
//! What such a graph reads it lets go of as soon as it was read: the gradient that comes in, and what it kept.

use super::{Dtype, FusedKernel, Kind, NOTHING, Rule, Source, StorageId, Tape, Tensor};

/// A tensor that a step speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// The gradient that comes in.
    Incoming,
    /// What forward kept, by its place among that.
    Kept(u8),
    /// What an earlier step made, by its place among those.
    Made(u8),
}

/// What a graph does on the way back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// It makes a tensor.
    Make(Made),
    /// What was made last is a product of matrices, which takes a workspace.
    Product,
    /// FlashAttention's backward over queries and keys of these shapes has its results, and takes what it needs.
    Attention {
        /// `[b, a, s, d]`.
        query: u16,
        /// `[b, k, s, d]`.
        key: u16,
    },
    /// It lets go of a tensor.
    Release(Value),
}

/// A tensor that a graph makes on the way back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    /// Whose gradient it is.
    pub(crate) name: &'static str,
    /// Its shape.
    pub(crate) shape: u16,
    /// Its type.
    pub(crate) dtype: Dtype,
    /// The input that it is handed to when the graph is through, by its place; the first is a value, the others are
    /// parameters.
    pub(crate) of: Option<u8>,
}

/// The gradients of a graph's inputs: their places, and storages.
type Results = Vec<(u8, StorageId)>;

impl Tape {
    /// Records a graph that has computed its output, keeps these tensors and goes back by these steps.
    pub(crate) fn compiled(&mut self, inputs: &[Tensor], kept: &[Tensor], steps: Vec<Step>, output: Tensor) -> Tensor {
        let graph = u16::try_from(self.graphs.len()).unwrap_or(u16::MAX);
        let source = self.record(Rule::Compiled(graph), inputs, output.shape, output.dtype, kept.len());
        if let Source::Node(node) = source {
            for tensor in kept {
                self.keep(node as usize, tensor.storage);
            }
        }
        self.graphs.push(steps);
        Tensor { source, ..output }
    }

    /// Counts a tensor among what a graph of the whole model keeps: whoever records the graph holds it.
    pub(crate) fn keep_in_graph(&mut self, tensor: Tensor) {
        let (segment, recomputing) = (self.segment, self.recomputing);
        if let Some(storage) = self.storages.get_mut(tensor.storage as usize)
            && !storage.saved
        {
            (storage.saved, storage.owner) = (true, segment);
            storage.recomputed |= recomputing;
        }
    }

    /// The gradient of a value, which whoever records a graph holds.
    pub(crate) fn value_gradient(&mut self, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
        let storage = self.allocate(name, shape, dtype, Kind::Gradient);
        Tensor { storage, shape, dtype, source: Source::Constant }
    }

    /// It is the gradient of a parameter.
    pub(crate) fn count_as_parameter_gradient(&mut self, tensor: Tensor) {
        if let Some(storage) = self.storages.get_mut(tensor.storage as usize) {
            storage.kind = Kind::ParameterGradient;
        }
    }

    pub(super) fn back_through_graph(&mut self, index: usize, twin: Option<usize>, given: &[Tensor], graph: u16) {
        let keeper = twin.unwrap_or(index);
        let (first, count) = std::mem::take(&mut self.nodes[keeper].kept);
        let first = first as usize;
        let mut kept = self.kept[first..first + usize::from(count)].to_vec();
        if let Some((incoming, dtype)) = self.nodes[index].gradient.take() {
            let node = self.nodes[index];
            self.segment = node.segment;
            let steps = self.graphs.get_mut(usize::from(graph)).map(std::mem::take).unwrap_or_default();
            for (slot, gradient) in self.go_back(&steps, &mut kept, incoming) {
                if let Some(input) = self.input(&node, usize::from(slot)) {
                    self.route(input.source, gradient, if slot == 0 { dtype } else { input.dtype });
                }
            }
        }
        for storage in kept {
            self.unrefer(storage);
        }
        self.release_each(given.iter().copied());
    }

    /// Goes back by these steps; what they let go of of what was kept is nothing afterwards.
    pub(crate) fn go_back(&mut self, steps: &[Step], kept: &mut [StorageId], incoming: StorageId) -> Results {
        let (mut made, mut results, mut incoming) = (Vec::new(), Vec::new(), incoming);
        for step in steps {
            match *step {
                Step::Make(Made { name, shape, dtype, of }) => {
                    let parameter = of.is_some_and(|slot| slot > 0);
                    let kind = if parameter { Kind::ParameterGradient } else { Kind::Gradient };
                    let storage = self.allocate(name, shape, dtype, kind);
                    if let (false, Some(storage)) = (parameter, self.storages.get_mut(storage as usize)) {
                        storage.estimated = true;
                    }
                    made.push(storage);
                    results.extend(of.map(|slot| (slot, storage)));
                }
                Step::Product => self.product_workspace(),
                Step::Attention { query, key } => {
                    self.fused_backward_scratch(FusedKernel::Flash, query, key, Dtype::Bf16);
                }
                Step::Release(value) => {
                    let place = match value {
                        Value::Incoming => Some(&mut incoming),
                        Value::Kept(place) => kept.get_mut(usize::from(place)),
                        Value::Made(place) => made.get_mut(usize::from(place)),
                    };
                    if let Some(place) = place {
                        let storage = std::mem::replace(place, NOTHING);
                        self.unrefer(storage);
                    }
                }
            }
        }
        self.unrefer(incoming);
        results
    }
}
