//! What DeepSpeed keeps of a step beside weights and the optimizer's states: a master copy of what is trained, and what its
//! own step makes of gradients.

use std::borrow::Cow;

use super::spread::Spread;
use super::{Trained, always};
use crate::frameworks::step::TrainingStep;
use crate::ledger::{Alive, Axis, Category, Division, Entry, EstimateError, Instant, Lifetime, Place};
use crate::model::parameters::{Block, BlockParameters, Tensor};
use crate::parallel::zero::{Partitions, Reduction};
use crate::parallel::zero3::Gathered;
use crate::scenario::{Optimizer, OptimizerImplementation, Strategy};
use crate::shape::{Dim, Shape};
use crate::states::optimizer::{Act, For, Steps};
use crate::states::weights::{self, Set};
use crate::units::{Bits, Overflow, Parameters};

const SOURCE: &str = "deepspeed/runtime/zero of DeepSpeed 0.19, measured";

/// What a bucket holds under ZeRO-1 and ZeRO-2 where nobody says anything: the example configs of Transformers.
const BUCKET: u64 = 500_000_000;

impl Trained<'_> {
    /// How it is spread, where DeepSpeed does that.
    pub(super) fn zero(&self) -> Option<&Spread<'_>> {
        self.spread.as_ref().filter(|spread| spread.strategy() == Strategy::Deepspeed)
    }

    /// What is trained, cut into a part for each GPU; nothing where DeepSpeed does not do that.
    pub(super) fn cut(&self) -> Result<Partitions, Overflow> {
        let Some(spread) = self.zero() else { return Ok(Partitions::default()) };
        let run = self.run();
        let trained = self.trained_blocks();
        let ordered: Vec<BlockParameters> = trained.iter().map(|block| super::order::in_order(block, &run)).collect();
        Partitions::of(&ordered, spread.layout.shard)
    }

    fn trained_blocks(&self) -> &[BlockParameters] {
        self.adapted.as_deref().unwrap_or(&self.blocks)
    }

    /// How gradients are reduced.
    pub(super) fn reduction(&self, spread: &Spread<'_>) -> Reduction {
        let hidden = self.model.architecture.hidden_size;
        let usual = if spread.layout.zero == 3 { hidden.saturating_mul(hidden) } else { BUCKET };
        Reduction {
            stage: spread.layout.zero,
            bucket: spread.parallel.reduce_bucket_size.unwrap_or(usual),
            overlaps: spread.parallel.overlap_comm,
            offloads: self.train.offload_optimizer,
            accumulates: self.train.gradient_accumulation_steps > 1,
        }
    }

    /// What its step makes of gradients: the norm of each in fp64, then all of them in one, and that in fp32.
    pub(super) fn step_of_zero(&self, spread: &Spread<'_>) -> Result<Vec<Entry>, EstimateError> {
        let (partitions, ways) = (&self.partitions, spread.layout.shard);
        let [norm, flat, wide] = sizes_of_step(spread, partitions)?;
        let alive = Alive::at([Instant::OptimizerStep]);
        let entry = |name, elements, bits| -> Result<Entry, Overflow> {
            let shape = Shape::new(&[Dim { symbol: "n", size: elements }]);
            let entry = weights::plain(name, Place::Optimizer, shape, bits, alive, SOURCE)?;
            Ok(Entry { lifetime: Lifetime::Transient, ..entry })
        };
        let of_rank = |name, bits| -> Result<Entry, Overflow> {
            let entry = entry(name, partitions.all, bits)?;
            let bytes = Bits::whole(bits).bytes(partitions.part.min(wide / 4))?;
            Ok(Entry { divided: Division::NONE.over(Axis::Data, ways), bytes, ..entry })
        };
        let steps_each = self.steps_each();
        if norm > flat + wide && !steps_each {
            return Ok(vec![entry("a gradient for its norm, in fp64", norm / 8, 64)?]);
        }
        let mut entries = vec![of_rank("gradients of the partition in fp32", 32)?];
        if steps_each && spread.layout.zero == 3 {
            entries.push(of_rank("square roots of the step", 32)?);
        } else if !steps_each {
            entries.push(of_rank("gradients of the partition in one", 16)?);
        }
        Ok(entries)
    }

    /// Whether the optimizer makes a root of each second moment before it steps.
    pub(super) fn steps_each(&self) -> bool {
        self.train.optimizer_implementation == OptimizerImplementation::Foreach
            && self.train.optimizer == Optimizer::Adamw
    }

    /// The same as what is asked of an allocator, around the optimizer's own step.
    pub(super) fn acts_of_zero(&self, spread: &Spread<'_>, steps: Steps) -> Result<Steps, Overflow> {
        let [norm, flat, wide] = sizes_of_step(spread, &self.partitions)?;
        // ZeRO-3 steps one group of elements after another.
        let in_groups = (spread.layout.zero == 3).then(|| if self.steps_each() { wide } else { 0 });
        let around = |acts: Vec<Act>| {
            let acts = match in_groups {
                Some(roots) => in_groups_of(acts, roots),
                None => acts,
            };
            let mut all = vec![
                Act::Allocate(For::Temporary, norm),
                Act::Release(0),
                Act::Allocate(For::Temporary, flat),
                Act::Allocate(For::Temporary, wide),
                Act::Release(1),
            ];
            all.extend(acts.into_iter().map(|act| match act {
                Act::Release(made) => Act::Release(made + 3),
                Act::Allocate(..) => act,
            }));
            all.push(Act::Release(2));
            all
        };
        Ok(Steps { first: around(steps.first), later: around(steps.later) })
    }

    /// Elements below which a tensor stays whole under ZeRO-3.
    fn persistent_below(&self, spread: &Spread<'_>) -> u64 {
        let usual = self.model.architecture.hidden_size.saturating_mul(10);
        spread.parallel.stage3_param_persistence_threshold.unwrap_or(usual)
    }

    /// The tensors that ZeRO-3 gathers, in the order in which they go back; nothing where it is not ZeRO-3.
    pub(super) fn to_be_gathered(&self) -> Result<Gathered, Overflow> {
        let Some(spread) = self.zero().filter(|spread| spread.layout.zero == 3) else { return Ok(Gathered::default()) };
        let (run, least) = (self.run(), self.persistent_below(spread));
        let mut gathered = Gathered::default();
        let adapts = self.adapted.is_some();
        for block in &self.blocks {
            let ordered = super::order::in_order(block, &run);
            let sizes = ordered.tensors.iter().rev().map(Tensor::parameters).collect::<Result<Vec<_>, _>>()?;
            let sizes: Vec<u64> =
                sizes.into_iter().map(Parameters::get).filter(|elements| *elements >= least).collect();
            match block.block {
                Block::Embedding if self.model.architecture.tie_word_embeddings => gathered.head.extend(sizes),
                // What is frozen at the beginning does not go back.
                Block::Embedding if !adapts => gathered.embedding.extend(sizes),
                Block::Group(_) => gathered.layers.extend((0..block.copies).map(|_| sizes.clone())),
                Block::Head | Block::FinalNorm => gathered.head.extend(sizes),
                _ => {}
            }
        }
        Ok(gathered)
    }

    /// What stands under ZeRO-3 beside shards: gradients of this rank's, the bucket, and small tensors whole.
    pub(super) fn standing_of_zero3(&self, spread: &Spread<'_>) -> Result<Vec<Entry>, Overflow> {
        if spread.layout.zero != 3 {
            return Ok(Vec::new());
        }
        let plain = |name, elements| -> Result<Entry, Overflow> {
            let shape = Shape::new(&[Dim { symbol: "n", size: elements }]);
            weights::plain(name, Place::Model, shape, 16, always(), SOURCE)
        };
        let mut entries = vec![plain("reduce bucket", self.reduction(spread).bucket)?];
        let least = self.persistent_below(spread);
        let mut small = 0_u64;
        for block in self.blocks.iter().chain(self.adapted.iter().flatten()) {
            for tensor in &block.tensors {
                let elements = tensor.parameters()?.get();
                let counted = if elements < least { elements.checked_mul(block.copies).ok_or(Overflow)? } else { 0 };
                small = small.checked_add(counted).ok_or(Overflow)?;
            }
        }
        if small > 0 {
            entries.push(Entry { category: Category::Parameters, ..plain("small tensors, whole", small)? });
        }
        if !self.train.offload_optimizer {
            for trained in self.trained() {
                let sixteen = Bits::whole(16);
                let set = trained.set(&self.model.architecture);
                let shards = spread.shards()[1];
                entries
                    .append(&mut Set { bits: sixteen, copies: sixteen, shards, ..set }.standing_gradients(always())?);
            }
        }
        Ok(entries)
    }

    /// What it holds on the card to bring gradients to host memory: as much as the largest.
    pub(super) fn offloaded_gradient(&self, spread: &Spread<'_>) -> Result<Option<Entry>, Overflow> {
        if !self.train.offload_optimizer || spread.layout.zero == 3 {
            return Ok(None);
        }
        let mut largest = 0;
        for tensor in self.trained_blocks().iter().flat_map(|block| &block.tensors) {
            largest = largest.max(tensor.parameters()?.get());
        }
        let shape = Shape::new(&[Dim { symbol: "n", size: largest }]);
        weights::plain("a gradient on its way to host memory", Place::Model, shape, 16, always(), SOURCE).map(Some)
    }
}

/// The states that a step makes, and then what one group's step makes of them, for so many bytes.
fn in_groups_of(acts: Vec<Act>, roots: u64) -> Vec<Act> {
    let mut all: Vec<Act> = acts.into_iter().filter(|act| matches!(act, Act::Allocate(For::State, _))).collect();
    let made = all.len();
    if roots > 0 {
        all.extend([Act::Allocate(For::Temporary, roots), Act::Release(made)]);
    }
    all
}

/// The copy in fp32 of what is trained, which the optimizer steps.
pub(super) fn master_weights(trained: &Set<'_>) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Set { bits: Bits::whole(32), copies: Bits::whole(32), ..*trained }.parameters(always())?;
    for entry in &mut entries {
        entry.category = Category::Optimizer;
        entry.place = Place::Optimizer;
        entry.name = Cow::Owned(["master copy of ", &entry.name].concat());
        entry.source = SOURCE;
    }
    Ok(entries)
}

/// Bytes of the largest gradient in fp64, of what is stepped at once in 16 bits, and in fp32.
fn sizes_of_step(spread: &Spread<'_>, partitions: &Partitions) -> Result<[u64; 3], Overflow> {
    let third = spread.layout.zero == 3;
    let stepped = if third { partitions.part.min(spread.parallel.sub_group_size) } else { partitions.part };
    let norm = if third { 0 } else { partitions.largest };
    let bytes = |elements: u64, each: u64| elements.checked_mul(each).ok_or(Overflow);
    Ok([bytes(norm, 8)?, bytes(stepped, 2)?, bytes(stepped, 4)?])
}
