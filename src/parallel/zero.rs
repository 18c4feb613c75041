//! DeepSpeed's ZeRO-1 and ZeRO-2 on the first rank: gradients are put into a bucket as they come, and a full bucket is reduced.
//!
//! Read in `deepspeed/runtime/zero/stage_1_and_2.py` of DeepSpeed 0.19, with `contiguous_gradients` as its integration in
//! the Trainer has it.

use std::collections::HashMap;

use crate::allocator::Stream;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::tape::{Dtype, Kind, Reducer, Segment, StorageId, Tape};
use crate::units::Overflow;

/// The partitions of what is trained: a flat group of matrices, one of norms and biases, each cut into a part for each GPU.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partitions {
    /// Where each tensor lies, by the layer that it is in and its name.
    places: HashMap<(Option<u64>, &'static str), Lies>,
    /// Elements of all tensors.
    pub(crate) all: u64,
    /// Elements of all whole tensors of which the first GPU has a piece.
    pub(crate) first: u64,
    /// The most elements that it has of one tensor.
    pub(crate) largest: u64,
    /// Elements of a GPU's parts.
    pub(crate) part: u64,
}

/// Where a tensor lies among all that are trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Lies {
    /// How many come before it.
    index: usize,
    /// The first and the last GPU that has a piece of it.
    owners: [u64; 2],
}

/// Weight decay is for matrices: the Trainer puts everything else into a second group.
const fn decays(tensor: &Tensor) -> bool {
    !matches!(tensor.role, Role::Norm | Role::Bias | Role::ExpertBiases { .. })
}

impl Partitions {
    /// The partitions of tensors, in the order of the model's parameters, over so many GPUs.
    pub(crate) fn of(blocks: &[BlockParameters], ways: u64) -> Result<Self, Overflow> {
        let mut partitions = Self::default();
        for decayed in [true, false] {
            partitions.group(&in_order(blocks, decayed), ways.max(1))?;
        }
        Ok(partitions)
    }

    /// A flat group, padded to twice as many GPUs.
    fn group(&mut self, tensors: &[(Option<u64>, &Tensor)], ways: u64) -> Result<(), Overflow> {
        let mut all = 0_u64;
        for (_, tensor) in tensors {
            all = all.checked_add(tensor.parameters()?.get()).ok_or(Overflow)?;
        }
        let part = all.div_ceil(2 * ways) * 2;
        self.all = self.all.checked_add(all).ok_or(Overflow)?;
        self.part = self.part.checked_add(part).ok_or(Overflow)?;
        let mut at = 0;
        for (layer, tensor) in tensors {
            let elements = tensor.parameters()?.get();
            if elements == 0 {
                continue;
            }
            let owners = [at, at + elements - 1].map(|element| element / part);
            let index = self.places.len();
            self.places.insert((*layer, tensor.name()), Lies { index, owners });
            if owners[0] == 0 {
                self.first += elements;
                self.largest = self.largest.max(elements.min(part - at));
            }
            at += elements;
        }
        Ok(())
    }

    fn place(&self, tape: &Tape, gradient: StorageId) -> Lies {
        let of = tape.gradient_of(gradient);
        of.and_then(|(_, layer, name)| self.places.get(&(layer, name))).copied().unwrap_or_default()
    }
}

/// Tensors in the order of the model's parameters, each with its layer: those that are decayed, or the others.
fn in_order(blocks: &[BlockParameters], decayed: bool) -> Vec<(Option<u64>, &Tensor)> {
    let of = |block: &BlockParameters| matches!(block.block, Block::Group(_));
    let before = |block: &&BlockParameters| matches!(block.block, Block::Embedding);
    let wanted = |tensor: &&Tensor| decays(tensor) == decayed;
    let outside = |block: &BlockParameters| !of(block) && !matches!(block.block, Block::Embedding);
    let mut ordered: Vec<(Option<u64>, &Tensor)> = Vec::new();
    for block in blocks.iter().filter(before) {
        ordered.extend(block.tensors.iter().filter(wanted).map(|tensor| (None, tensor)));
    }
    let mut layers: Vec<(u64, &BlockParameters)> = blocks
        .iter()
        .filter(|block| of(block))
        .flat_map(|block| (block.span[0]..=block.span[1]).map(move |it| (it, block)))
        .collect();
    layers.sort_by_key(|(number, _)| *number);
    for (number, block) in layers {
        ordered.extend(block.tensors.iter().filter(wanted).map(|tensor| (Some(number), tensor)));
    }
    for block in blocks.iter().filter(|block| outside(block)) {
        ordered.extend(block.tensors.iter().filter(wanted).map(|tensor| (None, tensor)));
    }
    ordered
}

/// How gradients are reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reduction {
    /// 1 or 2.
    pub(crate) stage: u64,
    /// Elements of a bucket.
    pub(crate) bucket: u64,
    /// Whether one bucket is filled while the other is reduced.
    pub(crate) overlaps: bool,
    /// Whether states, and with them the gradients of a partition, are in host memory.
    pub(crate) offloads: bool,
    /// Whether it is one of several micro batches.
    pub(crate) accumulates: bool,
}

/// A gradient in the bucket.
#[derive(Debug)]
struct Arrived {
    elements: u64,
    /// The first and the last GPU that has a piece of it.
    owners: [u64; 2],
    /// Itself, where it is larger than the bucket.
    large: Option<StorageId>,
}

/// What reduces gradients as they come.
#[derive(Debug)]
pub(crate) struct Zero {
    partitions: Partitions,
    how: Reduction,
    /// The buckets, once a gradient has come.
    buckets: Vec<StorageId>,
    content: Vec<Arrived>,
    /// The gradients of this GPU's partition, once one of them was reduced.
    own: Option<StorageId>,
    /// Large gradients of others' partitions that ZeRO-1 keeps.
    kept: Vec<StorageId>,
}

const BUCKET: &str = "reduce bucket";
const FLAT: &str = "bucket for several ranks, flattened";
const OWN: &str = "weights of this rank's partition";
const EARLIER: &str = "weights of earlier micro batches";

impl Zero {
    /// Nothing has come yet.
    pub(crate) const fn new(partitions: Partitions, how: Reduction) -> Self {
        Self { partitions, how, buckets: Vec::new(), content: Vec::new(), own: None, kept: Vec::new() }
    }

    /// Whether ZeRO-1 reduces everything when the backward pass has ended.
    const fn reduces_late(&self) -> bool {
        self.how.stage == 1 && !self.how.overlaps
    }

    /// The stream on which it reduces.
    const fn stream(&self) -> Stream {
        if self.how.overlaps { Stream::Reducing } else { Stream::Program }
    }

    fn begin(&mut self, tape: &mut Tape) {
        if !self.buckets.is_empty() {
            return;
        }
        let buckets = if self.how.overlaps { 2 } else { 1 };
        self.buckets =
            (0..buckets).map(|_| tape.shard(BUCKET, [self.how.bucket, 1], Dtype::Bf16, Kind::Value)).collect();
    }

    fn add(&mut self, tape: &mut Tape, gradient: StorageId) {
        let Some((elements, ..)) = tape.gradient_of(gradient) else { return };
        let inside: u64 = self.content.iter().map(|arrived| arrived.elements).sum();
        if inside.saturating_add(elements) > self.how.bucket {
            self.reduce(tape);
        }
        let large = (elements > self.how.bucket).then_some(gradient);
        if large.is_none() {
            tape.let_go(gradient);
        }
        self.content.push(Arrived { elements, owners: self.partitions.place(tape, gradient).owners, large });
    }

    /// Reduces what is in the bucket. What goes to several GPUs is put side by side once more; this one's gradients are
    /// copied to where they stay.
    fn reduce(&mut self, tape: &mut Tape) {
        let content = std::mem::take(&mut self.content);
        let (Some(first), Some(_)) = (content.first(), content.last()) else { return };
        let several =
            content.iter().any(|arrived| arrived.owners[0] != arrived.owners[1] || arrived.owners != first.owners);
        if several {
            let elements = content.iter().map(|arrived| arrived.elements).sum();
            tape.on_stream(self.stream(), |tape| {
                let flat = tape.shard(FLAT, [elements, 1], Dtype::Bf16, Kind::Value);
                tape.let_go(flat);
            });
        }
        let own = content.iter().any(|arrived| arrived.owners[0] == 0);
        if own && self.own.is_none() && !self.how.offloads && self.partitions.first > 0 {
            let elements = [self.partitions.first, 1];
            let own =
                tape.on_stream(self.stream(), |tape| tape.shard(OWN, elements, Dtype::Bf16, Kind::ParameterGradient));
            self.own = Some(own);
        }
        for arrived in content {
            let Some(large) = arrived.large else { continue };
            if self.how.stage == 1 && arrived.owners[0] > 0 {
                self.kept.push(large);
            } else {
                tape.let_go(large);
            }
        }
    }
}

impl Reducer for Zero {
    fn begun(&mut self, tape: &mut Tape) {
        if !self.how.accumulates {
            return;
        }
        // What the micro batches before have left: ZeRO-1 reduces at the last.
        let elements = if self.how.stage == 1 { self.partitions.all } else { self.partitions.first };
        let earlier = tape.shard(EARLIER, [elements, 1], Dtype::Bf16, Kind::ParameterGradient);
        self.kept.push(earlier);
    }

    fn arrived(&mut self, tape: &mut Tape) {
        let gradients = tape.take_all_gradients();
        self.begin(tape);
        if self.reduces_late() {
            return self.kept.extend(gradients);
        }
        for gradient in gradients {
            self.add(tape, gradient);
        }
    }

    fn ended(&mut self, tape: &mut Tape) {
        tape.enter(Segment::Embedding);
        if self.reduces_late() {
            // Then they are gone through in the order of the parameters.
            let mut kept = std::mem::take(&mut self.kept);
            kept.sort_by_key(|gradient| self.partitions.place(tape, *gradient).index);
            for gradient in kept {
                self.add(tape, gradient);
            }
        }
        self.reduce(tape);
        let buckets = std::mem::take(&mut self.buckets);
        buckets.into_iter().chain(std::mem::take(&mut self.kept)).for_each(|storage| tape.let_go(storage));
    }
}
