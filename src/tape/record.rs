//! What a tape records: types of elements, storages, tensors, operations, nodes and leaves.

use super::dtype::Dtype;
use super::rule::{FusedKernel, Rule};
use crate::allocator::Stream;
use crate::ledger::Held;

/// The index of a storage on its tape.
pub(crate) type StorageId = u32;

/// The part of the model in which something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// Embedding, positions, masks.
    Embedding,
    /// A vision or audio tower.
    Tower,
    /// What brings its outputs into the stream.
    Projector,
    /// The `n`th recorded layer; a run of equal layers records its first and its last.
    Layer(usize),
    /// The norm after the last layer.
    FinalNorm,
    /// The output projection.
    Head,
    /// The loss.
    Loss,
}

/// What a storage is, apart from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Computed in forward.
    Value,
    /// A copy of a weight in another type: 16 bits under autocast, fp32 in some norms.
    WeightCopy,
    /// The gradient of a value.
    Gradient,
    /// The gradient of a parameter.
    ParameterGradient,
    /// Scratch within one operation, or the sum of two gradients.
    Scratch,
    /// Held from pass to pass by the loop that makes them.
    Standing,
    /// Held from pass to pass by a cache.
    Cache,
    /// Behind a view that shows less, by which a cache holds it.
    BehindCache,
    /// What a kernel library takes for itself: no tensor of the program.
    Workspace,
}

/// One allocation.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Storage {
    /// What it holds, in words.
    pub(crate) name: &'static str,
    /// Its shape, one of the tape's.
    pub(crate) shape: u16,
    /// The type of its elements.
    pub(crate) dtype: Dtype,
    /// Bytes.
    pub(crate) bytes: u64,
    /// What it is.
    pub(crate) kind: Kind,
    /// The segment that keeps it for backward first; where none does, the one that made it.
    pub(crate) owner: Segment,
    /// The segment that made it.
    pub(crate) made_in: Segment,
    /// Over how many GPUs it is divided: its shape is the whole of it.
    pub(crate) ways: u32,
    /// The stream that allocates it.
    pub(crate) stream: Stream,
    /// Whether some node of the graph, or a checkpoint, ever kept it.
    pub(crate) saved: bool,
    /// Whether a recomputation made or needs it.
    pub(crate) recomputed: bool,
    /// Whether its size or its lifetime was read from code but never measured.
    pub(crate) estimated: bool,
    /// Whether a program holds on to it beyond its step.
    pub(crate) held: Held,
    /// Whether what flows is a view of it: products of matrices are taken flat, and their gradients viewed back.
    pub(crate) viewed: bool,
    /// Whether it is known to outlast the step: a value at which the graph begins, its gradient, or what a node holds that
    /// backward does not free.
    pub(crate) outlasts: bool,
    pub(crate) references: u32,
}

/// Birth or death of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It is allocated.
    Allocate(StorageId),
    /// It is released.
    Release(StorageId),
}

/// Where a gradient goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nowhere.
    Constant,
    /// Nowhere: a parameter that is not trained.
    Frozen(u32),
    /// To the node that made the value.
    Node(u32),
    /// To one of the parts into which a node has split a value.
    Part(u32, u8),
    /// To a parameter.
    Leaf(u32),
}

impl Source {
    pub(crate) const fn needs_gradient(self) -> bool {
        matches!(self, Self::Node(_) | Self::Part(..) | Self::Leaf(_))
    }

    /// One of the parts of what a node has split.
    pub(crate) const fn part(self, slot: u8) -> Self {
        if let Self::Node(node) = self { Self::Part(node, slot) } else { self }
    }
}

/// A reference that the running code holds to a storage, with the shape and type it has there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tensor {
    pub(crate) storage: StorageId,
    /// Its shape, one of the tape's.
    pub(crate) shape: u16,
    /// The type of its elements.
    pub(crate) dtype: Dtype,
    pub(crate) source: Source,
}

impl Tensor {
    /// Whether backward sends a gradient here.
    pub(crate) const fn needs_gradient(&self) -> bool {
        self.source.needs_gradient()
    }

    /// Whether it is a parameter, trained or not.
    pub(crate) const fn is_parameter(&self) -> bool {
        matches!(self.source, Source::Leaf(_) | Source::Frozen(_))
    }

    /// Whether an operation with a graph made it.
    pub(crate) const fn is_computed(&self) -> bool {
        matches!(self.source, Source::Node(_) | Source::Part(..))
    }
}

/// A reference to nothing: what operations yield after an early stop.
pub(crate) const NOTHING: StorageId = StorageId::MAX;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Input {
    pub(crate) source: Source,
    pub(crate) shape: u16,
    pub(crate) dtype: Dtype,
    pub(crate) name: &'static str,
}

/// Most tensors that one operation makes beside its output.
pub(crate) const MOST: usize = 12;

/// Most inputs of one operation.
pub(crate) const INPUTS: usize = 10;

/// An operation of the graph. What it reads and keeps stands on the tape: most nodes read one tensor or two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) rule: Rule,
    /// The first of its inputs among the tape's, and how many they are.
    pub(crate) inputs: (u32, u8),
    /// The first of what it keeps among the tape's, and how much that is.
    pub(crate) kept: (u32, u8),
    /// How many tensors it would keep outside a checkpoint.
    pub(crate) packs: u8,
    pub(crate) output_shape: u16,
    pub(crate) output_dtype: Dtype,
    pub(crate) segment: Segment,
    pub(crate) gradient: Option<(StorageId, Dtype)>,
    /// The gradients of the parts of a split.
    pub(crate) parts: [Option<StorageId>; 3],
    /// Whether its output is a tensor of a subclass, whose gradients are summed into a new one each time.
    pub(crate) of_subclass: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) name: &'static str,
    pub(crate) owner: Segment,
    /// How many operations read it and have not sent their gradient yet.
    pub(crate) uses: u32,
    /// What has arrived while others are missing.
    pub(crate) waiting: Option<StorageId>,
    /// Its 16-bit copy in autocast's cache, and the node that made it.
    pub(crate) cached_copy: Option<(StorageId, Source)>,
    /// Whether it is a computed value that was made to require a gradient.
    pub(crate) value: bool,
    /// Whether its gradient is never cleared.
    pub(crate) stands: bool,
}

/// What happens to tensors that a node would keep for backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saving {
    /// There is no graph.
    Inference,
    /// They are kept.
    Keep,
    /// A checkpoint will compute them again.
    Discard,
    /// A recomputation keeps them and stops after so many.
    Until(u32),
}

/// One extra tensor that an operation makes beside its output and keeps: statistics, masks, seeds.
pub(crate) struct Extra {
    /// What it holds.
    pub(crate) name: &'static str,
    /// Its shape.
    pub(crate) shape: u16,
    /// Its type.
    pub(crate) dtype: Dtype,
}

/// An operation to record.
pub(crate) struct Operation<'a> {
    /// How gradients flow back through it.
    pub(crate) rule: Rule,
    /// What it reads.
    pub(crate) inputs: &'a [Tensor],
    /// Which tensors that exist before it are kept for backward.
    pub(crate) keeps: &'a [Tensor],
    /// What it makes beside its output and keeps.
    pub(crate) extras: &'a [Extra],
    /// Whether its output is kept for backward.
    pub(crate) keeps_output: bool,
}

impl Operation<'_> {
    /// How many of the extra tensors are there before the output.
    pub(crate) fn extras_before_output(&self) -> usize {
        match self.rule {
            Rule::Dropout => self.extras.len(),
            // The seed and the offset of its random numbers; not so the sums that come last.
            Rule::Fused(FusedKernel::Efficient) => self.extras.len().min(2),
            _ => 0,
        }
    }
}
