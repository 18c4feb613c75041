//! Copies that autocast makes, and checkpoints: what changes how operations are recorded for a while.

use super::record::{NOTHING, Saving};
use super::{Dtype, Kind, Recalled, Rule, Source, Tape, Tensor};

impl Tape {
    /// A copy of a parameter in another type, for one operation.
    pub(crate) fn weight_copy(&mut self, parameter: Tensor, dtype: Dtype) -> Tensor {
        let (Source::Leaf(leaf) | Source::Frozen(leaf)) = parameter.source else { return parameter };
        if parameter.dtype == dtype {
            return self.share(parameter);
        }
        let name = self.leaves[leaf as usize].name;
        let source = self.record(Rule::Each, &[parameter], parameter.shape, dtype, 0);
        let storage = self.allocate(name, parameter.shape, dtype, Kind::WeightCopy);
        Tensor { storage, dtype, source, ..parameter }
    }

    /// The 16-bit copy of a parameter that autocast makes once and keeps until [`Self::leave_autocast`]; of a frozen
    /// one it makes a new copy for every use.
    pub(crate) fn cached_copy(&mut self, parameter: Tensor) -> Tensor {
        let (Source::Leaf(leaf) | Source::Frozen(leaf)) = parameter.source else { return parameter };
        if parameter.dtype == Dtype::Bf16 {
            return parameter;
        }
        let index = leaf as usize;
        if !parameter.needs_gradient() {
            let name = self.leaves[index].name;
            let storage = self.allocate(name, parameter.shape, Dtype::Bf16, Kind::WeightCopy);
            return Tensor { storage, dtype: Dtype::Bf16, ..parameter };
        }
        if let Some((storage, source)) = self.leaves[index].cached_copy {
            self.refer(storage);
            return Tensor { storage, dtype: Dtype::Bf16, source, ..parameter };
        }
        let name = self.leaves[index].name;
        let source = self.record(Rule::Each, &[parameter], parameter.shape, Dtype::Bf16, 0);
        let storage = self.allocate(name, parameter.shape, Dtype::Bf16, Kind::WeightCopy);
        if storage != NOTHING {
            self.refer(storage);
            self.leaves[index].cached_copy = Some((storage, source));
            self.cached.push(leaf);
        }
        Tensor { storage, dtype: Dtype::Bf16, source, ..parameter }
    }

    /// The same inside a function that records no graph: of a trained parameter the cache has it from then on.
    pub(crate) fn cached_copy_without_graph(&mut self, parameter: Tensor) -> Tensor {
        let Source::Leaf(leaf) = parameter.source else { return self.cached_copy(parameter) };
        let index = leaf as usize;
        if parameter.dtype == Dtype::Bf16 || self.leaves[index].cached_copy.is_some() {
            return self.cached_copy(parameter);
        }
        let storage = self.allocate(self.leaves[index].name, parameter.shape, Dtype::Bf16, Kind::WeightCopy);
        self.refer(storage);
        self.leaves[index].cached_copy = Some((storage, Source::Constant));
        self.cached.push(leaf);
        Tensor { storage, dtype: Dtype::Bf16, source: Source::Constant, ..parameter }
    }

    /// Autocast ends: its cache lets go of every copy.
    pub(crate) fn leave_autocast(&mut self) {
        let mut cached = std::mem::take(&mut self.cached);
        cached.sort_unstable();
        for leaf in cached {
            if let Some((storage, _)) = self.leaves[leaf as usize].cached_copy.take() {
                self.unrefer(storage);
            }
        }
    }

    /// What follows has no graph: `torch.no_grad()`.
    pub(crate) fn pause_graph(&mut self) {
        self.saving = Saving::Inference;
    }

    /// It ends.
    pub(crate) fn resume_graph(&mut self) {
        self.saving = Saving::Keep;
    }

    /// Begins a checkpoint around what follows, which keeps these inputs: none where they wait in host memory.
    pub(crate) fn begin_checkpoint(&mut self, inputs: &[Tensor]) {
        for input in inputs {
            self.refer(input.storage);
            if let Some(storage) = self.storages.get_mut(input.storage as usize)
                && !storage.saved
            {
                storage.saved = true;
                storage.owner = self.segment;
            }
        }
        self.saving = Saving::Discard;
    }

    /// A copy of what waited in host memory.
    pub(crate) fn back_from_host(&mut self, tensor: Tensor) -> Tensor {
        let name = self.storages.get(tensor.storage as usize).map_or("", |storage| storage.name);
        let storage = self.allocate(name, tensor.shape, tensor.dtype, Kind::Value);
        Tensor { storage, ..tensor }
    }

    /// Ends the checkpoint.
    pub(crate) fn end_checkpoint(&mut self) {
        self.saving = Saving::Keep;
    }

    /// From here on checkpoints are computed again to their end: `early_stop=False`.
    pub(crate) fn recompute_to_the_end(&mut self) {
        self.stops_early = false;
    }

    /// A checkpoint keeps what an operation inside it gave.
    pub(crate) fn keep_in_checkpoint(&mut self, tensor: Tensor) -> Tensor {
        let kept = self.share(tensor);
        self.collect(kept);
        kept
    }

    /// Records an operation whose output a checkpoint kept: it takes that over, and is not run.
    pub(crate) fn recall(&mut self, kept: Tensor, record: impl FnOnce(&mut Self) -> Tensor) -> Tensor {
        self.recalled = Recalled::Next(kept.storage);
        let output = record(self);
        self.recalled = Recalled::Nothing;
        output
    }

    /// Begins to compute a checkpoint again, until `packs` tensors have been kept.
    pub(crate) fn begin_recomputation(&mut self, packs: u32) {
        self.saving = Saving::Until(if self.stops_early { packs } else { u32::MAX });
        self.recomputing = true;
    }

    /// Ends it.
    pub(crate) fn end_recomputation(&mut self) {
        self.saving = Saving::Keep;
        self.recomputing = false;
        self.stopped = false;
    }
}
