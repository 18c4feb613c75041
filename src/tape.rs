//! A tape: the forward and backward pass of a model as a sequence of allocations and releases.
//!
//! Rules in [`crate::layers`] record operations as an implementation performs them. The tape keeps for each
//! storage who refers to it (a variable of the running code, a node of the autograd graph, autocast's cache) and
//! writes down when it is born and when it dies, by the rules of PyTorch's autograd engine. Nothing is added up here:
//! [`self::timeline`] reads the events.

mod backward;
mod cache;
pub(crate) mod compiled;
pub(crate) mod course;
mod dtype;
pub(crate) mod forward;
mod graph;
pub(crate) mod kernels;
mod labels;
mod leaves;
mod masked;
mod modes;
mod record;
pub(crate) mod recorded;
mod rule;
pub(crate) mod tiles;
pub(crate) mod timeline;
mod views;

use self::compiled::Step;
use self::record::{Input, Leaf, MOST, NOTHING, Node, Saving};
use crate::allocator::Stream;
use crate::gpu::kernels::Kernels;
use crate::ledger::Held;
use crate::shape::{Dim, Shape};
use crate::units::Overflow;

pub(crate) use dtype::Dtype;
pub(crate) use record::{Event, Extra, Kind, Operation, Segment, Source, Storage, StorageId, Tensor};
pub(crate) use rule::{FusedKernel, Rule};

/// From so many shapes on, which only what is computed in chunks has, the last few are looked through first.
const MANY: usize = 1024;
const RECENT: usize = 8;

/// Who reduces gradients of parameters as they come, and what that allocates.
pub(crate) trait Reducer: std::fmt::Debug {
    /// A pass begins.
    fn begun(&mut self, tape: &mut Tape);

    /// Gradients have come.
    fn arrived(&mut self, tape: &mut Tape);

    /// Everything has gone back.
    fn ended(&mut self, tape: &mut Tape);
}

/// An operation that is not run again, since a checkpoint kept what it gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recalled {
    /// None.
    Nothing,
    /// The next one: this is what it gave.
    Next(StorageId),
    /// It has been given; what else its kernel would take it does not.
    Given,
}

/// The recording.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a mode of the recording that comes and goes by itself")]
pub(crate) struct Tape {
    /// Every allocation.
    pub(crate) storages: Vec<Storage>,
    /// Every birth and death, in order.
    pub(crate) events: Vec<Event>,
    shapes: Vec<Shape>,
    elements: Vec<u64>,
    nodes: Vec<Node>,
    /// What the nodes read, one node's after another's.
    inputs: Vec<Input>,
    /// What the nodes keep for backward, one node's after another's.
    kept: Vec<StorageId>,
    leaves: Vec<Leaf>,
    /// The leaves of which autocast has a copy now.
    cached: Vec<u32>,
    segment: Segment,
    /// The stream that allocates.
    stream: Stream,
    saving: Saving,
    recomputing: bool,
    stopped: bool,
    overflow: bool,
    /// Whether gradients of earlier steps or micro batches stand already.
    keep_gradients: bool,
    /// Whether the optimizer steps each parameter when its gradient is there, and lets that go.
    steps_in_backward: bool,
    /// The gradients of which it did.
    pub(crate) stepped: Vec<StorageId>,
    /// Whether gradients of parameters are handed on as they come, and those that were.
    collects: bool,
    gradients: Vec<StorageId>,
    /// Who reduces them.
    reducer: Option<Box<dyn Reducer>>,
    /// Whether parameters are frozen.
    frozen: bool,
    /// Whether gradients are summed in place where nobody else holds the first.
    sums_in_place: bool,
    /// Whether a checkpoint that is computed again ends with the last tensor that is needed.
    stops_early: bool,
    /// What the next operation is not run for, since a checkpoint kept what it gave.
    recalled: Recalled,
    /// Whether what is recorded now makes tensors of a subclass: a DTensor.
    of_subclass: bool,
    /// What kernels take for themselves; nothing where only tensors are looked at.
    kernels: Option<Kernels>,
    /// What a cache holds of each layer, where it is carried from pass to pass.
    carried: Option<Vec<Vec<(&'static str, Tensor)>>>,
    /// Where parameters are read once more in the order in which they were read first: the next of them.
    rereads: Option<usize>,
    /// Gradients of the pieces of values that were cut in many, each with the node that cut it.
    pieces: Vec<(u32, StorageId)>,
    /// What the backward passes of compiled graphs do.
    graphs: Vec<Vec<Step>>,
    /// Keys and values that a layer hands on to later ones.
    handed_on: Option<[Tensor; 2]>,
}

impl Tape {
    /// An empty tape with room for so many recorded layers. Without `graph` nothing is kept for backward.
    pub(crate) fn new(layers: usize, graph: bool, keep_gradients: bool) -> Self {
        // What most layers need, so that lists seldom move; room that nothing is written to costs nothing.
        let room = 96 * (layers + 2);
        Self {
            storages: Vec::with_capacity(2 * room),
            events: Vec::with_capacity(4 * room),
            shapes: Vec::with_capacity(128),
            elements: Vec::with_capacity(128),
            nodes: Vec::with_capacity(room),
            inputs: Vec::with_capacity(2 * room),
            kept: Vec::with_capacity(2 * room),
            leaves: Vec::with_capacity(room / 2),
            cached: Vec::new(),
            segment: Segment::Embedding,
            stream: Stream::Program,
            saving: if graph { Saving::Keep } else { Saving::Inference },
            recomputing: false,
            stopped: false,
            overflow: false,
            keep_gradients,
            steps_in_backward: false,
            stepped: Vec::new(),
            collects: false,
            gradients: Vec::new(),
            reducer: None,
            frozen: false,
            sums_in_place: false,
            stops_early: true,
            recalled: Recalled::Nothing,
            of_subclass: false,
            kernels: None,
            carried: None,
            rereads: None,
            pieces: Vec::new(),
            graphs: Vec::new(),
            handed_on: None,
        }
    }

    /// From here on [`Self::parameter`] makes parameters that are not trained.
    pub(crate) fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Whether it does.
    pub(crate) const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// From here on it makes parameters that are trained, or not.
    pub(crate) fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// From here on the optimizer steps each parameter when its gradient is there.
    pub(crate) fn step_in_backward(&mut self) {
        self.steps_in_backward = true;
    }

    /// Gradients are summed as the engine does with plain tensors: into the one that came first, if nobody else holds it
    /// and it is no view. Tensors of a subclass, or under a mode that looks on, get a new one for every sum.
    pub(crate) fn sum_in_place(&mut self) {
        self.sums_in_place = true;
    }

    /// Records what makes tensors of a subclass, and is given back what it gives: their gradients are never summed in place.
    pub(crate) fn of_subclass<T>(&mut self, recorded: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.of_subclass, true);
        let made = recorded(self);
        self.of_subclass = before;
        made
    }

    /// From here on things happen in this part of the model.
    pub(crate) fn enter(&mut self, segment: Segment) {
        self.segment = segment;
    }

    /// The part of the model in which things happen.
    pub(crate) const fn segment(&self) -> Segment {
        self.segment
    }

    /// Whether things happen in this part of the model.
    pub(crate) fn is_in(&self, segment: Segment) -> bool {
        self.segment == segment
    }

    /// Events so far: a position to come back to.
    pub(crate) fn position(&self) -> usize {
        self.events.len()
    }

    /// Nodes so far.
    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// An error where some size did not fit in 64 bits.
    pub(crate) fn check(&self) -> Result<(), Overflow> {
        if self.overflow { Err(Overflow) } else { Ok(()) }
    }

    /// A shape for tensors to refer to.
    pub(crate) fn shape(&mut self, dims: &[Dim]) -> u16 {
        let shape = Shape::new(dims);
        // What is computed in many chunks asks for the same few shapes over and over.
        if self.shapes.len() > MANY {
            let known = self.shapes.len() - RECENT;
            if let Some(index) = self.shapes[known..].iter().position(|recent| *recent == shape) {
                return u16::try_from(known + index).unwrap_or_default();
            }
        }
        let elements = shape.elements().unwrap_or_else(|_| {
            self.overflow = true;
            0
        });
        // Layers of one kind have the same few shapes; comparing sizes first makes that cheap to see.
        let known =
            self.elements.iter().zip(&self.shapes).position(|(size, known)| *size == elements && *known == shape);
        if let Some(known) = known.and_then(|known| u16::try_from(known).ok()) {
            return known;
        }
        self.shapes.push(shape);
        self.elements.push(elements);
        u16::try_from(self.shapes.len() - 1).unwrap_or_else(|_| {
            self.overflow = true;
            0
        })
    }

    /// The dimensions of a shape.
    pub(crate) fn dims(&self, shape: u16) -> &Shape {
        &self.shapes[usize::from(shape)]
    }

    /// A tensor without a gradient that stands from step to step and is counted by itself.
    pub(crate) const fn buffer(shape: u16, dtype: Dtype) -> Tensor {
        Tensor { storage: NOTHING, shape, dtype, source: Source::Constant }
    }

    /// A tensor without a gradient, newly allocated.
    pub(crate) fn constant(&mut self, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
        let storage = self.allocate(name, shape, dtype, Kind::Value);
        Tensor { storage, shape, dtype, source: Source::Constant }
    }

    /// The same of what stands from the step before.
    pub(crate) fn left_by_step_before(&mut self, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
        let tensor = self.constant(name, shape, dtype);
        self.held_by_program(tensor, Held::FromStepBefore);
        tensor
    }

    /// What an earlier layer handed on, which the one that runs next may replace.
    pub(crate) const fn before_handing_on(&mut self, earlier: Option<[Tensor; 2]>) {
        self.handed_on = earlier;
    }

    /// A layer hands these on in place of what was; who runs it takes them.
    pub(crate) fn hand_on(&mut self, tensors: [Tensor; 2]) {
        let own = tensors.map(|tensor| self.share(tensor));
        let before = self.handed_on.replace(own);
        self.release_each(before.into_iter().flatten());
    }

    /// What the layer before this call handed on, or what was.
    pub(crate) const fn take_handed_on(&mut self) -> Option<[Tensor; 2]> {
        self.handed_on.take()
    }

    /// Another name for the same tensor, held apart from it.
    pub(crate) fn share(&mut self, tensor: Tensor) -> Tensor {
        self.refer(tensor.storage);
        tensor
    }

    /// A node that backward does not free holds a tensor besides what it saves: it outlasts the step.
    pub(crate) fn keep_past_backward(&mut self, tensor: Tensor) {
        if self.saving != Saving::Keep || !tensor.needs_gradient() {
            return;
        }
        self.refer(tensor.storage);
        self.outlasts(tensor.storage);
        let segment = self.segment;
        if let Some(storage) = self.storages.get_mut(tensor.storage as usize)
            && !storage.saved
        {
            (storage.saved, storage.owner) = (true, segment);
        }
    }

    /// The running code goes on with a copy that is counted elsewhere.
    pub(crate) fn move_out(&mut self, tensor: Tensor) -> Tensor {
        self.unrefer(tensor.storage);
        Tensor { storage: NOTHING, ..tensor }
    }

    /// The running code lets go of a tensor.
    pub(crate) fn release(&mut self, tensor: Tensor) {
        self.unrefer(tensor.storage);
    }

    /// The running code lets go of what it may have.
    pub(crate) fn release_each(&mut self, tensors: impl IntoIterator<Item = Tensor>) {
        for tensor in tensors {
            self.release(tensor);
        }
    }

    /// Records an operation and allocates its output.
    pub(crate) fn apply(&mut self, operation: &Operation<'_>, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
        let needs_gradient = self.saving != Saving::Inference && operation.inputs.iter().any(Tensor::needs_gradient);
        let packs = operation.keeps.len() + operation.extras.len() + usize::from(operation.keeps_output);
        let source = if needs_gradient {
            self.record(operation.rule, operation.inputs, shape, dtype, packs)
        } else {
            Source::Constant
        };
        let node = match source {
            Source::Node(node) => Some(node as usize),
            Source::Constant | Source::Frozen(_) | Source::Part(..) | Source::Leaf(_) => None,
        };
        let keeps_last = operation.rule.keeps_last();
        let keep_inputs = |tape: &mut Self| {
            for (node, kept) in node.into_iter().flat_map(|node| operation.keeps.iter().map(move |it| (node, it))) {
                tape.keep(node, kept.storage);
            }
        };
        if !keeps_last {
            keep_inputs(self);
        }
        let mut made = [NOTHING; MOST];
        let before = operation.extras_before_output();
        for (slot, extra) in made.iter_mut().zip(&operation.extras[..before]) {
            *slot = self.allocate(extra.name, extra.shape, extra.dtype, Kind::Value);
        }
        let storage = match self.recalled {
            Recalled::Next(storage) => {
                self.recalled = Recalled::Given;
                storage
            }
            Recalled::Nothing | Recalled::Given => self.allocate(name, shape, dtype, Kind::Value),
        };
        for (slot, extra) in made.iter_mut().zip(operation.extras).skip(before) {
            *slot = self.allocate(extra.name, extra.shape, extra.dtype, Kind::Value);
        }
        if keeps_last {
            keep_inputs(self);
        }
        for storage in made.into_iter().take(operation.extras.len()) {
            if let Some(node) = node {
                self.keep(node, storage);
            }
            self.unrefer(storage);
        }
        if let (Some(node), true) = (node, operation.keeps_output) {
            self.keep(node, storage);
        }
        Tensor { storage, shape, dtype, source }
    }
}

/// A place in one of the tape's lists; no recording comes near the end of 32 bits.
fn position(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
