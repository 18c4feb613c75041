//! What the ledger is told of a tensor beside its size: whose it is, what it counts as, and how well it is known.

use super::{Kind, Segment, StorageId, Tape, Tensor};
use crate::ledger::Held;

impl Tape {
    /// Says that a program holds on to a tensor beyond its step.
    pub(crate) fn held_by_program(&mut self, tensor: Tensor, held: Held) {
        if let Some(storage) = self.storages.get_mut(tensor.storage as usize) {
            storage.held = held;
        }
    }

    /// Says that a storage outlasts the step.
    pub(super) fn outlasts(&mut self, storage: StorageId) {
        if let Some(storage) = self.storages.get_mut(storage as usize) {
            storage.outlasts = true;
        }
    }

    /// Counts a tensor to another part of the model than the one that made it.
    pub(crate) fn assign(&mut self, tensor: Tensor, segment: Segment) {
        if let Some(storage) = self.storages.get_mut(tensor.storage as usize) {
            storage.owner = segment;
        }
    }

    /// Labels a tensor as an estimate.
    pub(crate) fn estimate(&mut self, tensor: Tensor) {
        if let Some(storage) = self.storages.get_mut(tensor.storage as usize) {
            storage.estimated = true;
        }
    }

    /// Counts a tensor as the copy of a weight.
    pub(crate) fn count_as_weight_copy(&mut self, tensor: Tensor) {
        if let Some(storage) = self.storages.get_mut(tensor.storage as usize) {
            storage.kind = Kind::WeightCopy;
        }
    }

    /// Counts a tensor as what a loop holds from pass to pass.
    pub(crate) fn stand(&mut self, tensor: Tensor) {
        if let Some(storage) = self.storages.get_mut(tensor.storage as usize) {
            storage.kind = Kind::Standing;
        }
    }
}
