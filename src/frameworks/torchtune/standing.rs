//! What stands from step to step beside the parameters: optimizer states and buffers.

use super::release::{Parts, Rotation};
use crate::frameworks::step::{always, steady};
use crate::ledger::{Entry, EstimateError, Instant, Place, Step};
use crate::model::Architecture;
use crate::model::parameters::Role;
use crate::scenario::{Optimizer, OptimizerImplementation, Train};
use crate::shape::{Dim, Shape};
use crate::states::optimizer;
use crate::states::weights::{self, Set};
use crate::units::Overflow;

/// What the optimizer keeps, and what its step needs. bitsandbytes quantizes the states of every large tensor, also those
/// of the embedding, which the Trainer excepts.
pub(crate) fn optimizer_entries(trained: &Set<'_>, train: &Train) -> Result<Vec<Entry>, Overflow> {
    let (kind, implementation) = (train.optimizer, train.optimizer_implementation);
    let alive = steady().with(Step::First, Instant::OptimizerStep);
    let mut blocks = trained.blocks.to_vec();
    let tensors = blocks.iter_mut().flat_map(|block| &mut block.tensors);
    for tensor in tensors.filter(|tensor| tensor.role == Role::Table) {
        tensor.role = Role::Linear;
    }
    let mut entries = optimizer::states(&Set { blocks: &blocks, ..*trained }, kind, implementation, alive)?;
    entries.append(&mut optimizer::temporaries(trained, trained.blocks, (kind, implementation), None)?);
    Ok(entries)
}

/// Whether the optimizer's step makes nothing beside its states.
pub(crate) fn steps_in_place(train: &Train) -> bool {
    train.optimizer != Optimizer::Adamw || train.optimizer_implementation == OptimizerImplementation::Fused
}

/// Tables of cosines and sines for the longest sequence with their frequencies, one for all layers or one in each; and the
/// column of ignored labels that shifted ones end with.
pub(crate) fn buffers(
    architecture: &Architecture,
    parts: Parts,
    in_layers: bool,
    batch: u64,
) -> Result<Vec<Entry>, EstimateError> {
    const READ: &str = "buffers of torchtune's decoder and recipes";
    let channels = architecture.rotary_dim();
    let width = if parts.rotation == Rotation::Pairs { channels } else { channels.saturating_mul(2) };
    let longest = Dim { symbol: "", size: architecture.max_position_embeddings };
    let table = Shape::new(&[longest, Dim { symbol: "d", size: width }]);
    let frequencies = Shape::new(&[Dim { symbol: "d/2", size: channels / 2 }]);
    let mut entries = Vec::new();
    for (name, shape) in [("rotary cosines and sines", table), ("rotary frequencies", frequencies)] {
        if !in_layers {
            entries.push(weights::plain(name, Place::Embedding, shape, 32, always(), READ)?);
            continue;
        }
        for (index, group) in architecture.groups.iter().enumerate() {
            let place = weights::place(architecture, index);
            let mut entry = weights::plain(name, place, shape, 32, always(), READ)?;
            (entry.count, entry.bytes) = (group.layers, entry.bytes.checked_mul(group.layers)?);
            entries.push(entry);
        }
    }
    let column = Shape::new(&[Dim { symbol: "b", size: batch }]);
    entries.push(weights::plain("ignored labels", Place::Loss, column, 64, always(), READ)?);
    Ok(entries)
}
