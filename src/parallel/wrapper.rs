//! What FSDP1 and FSDP2 have in common: the types of what they divide, their options, and the order of layers.

use crate::tape::Dtype;

/// The types of some parameters: as shards stand, as they are gathered, and as their gradients are reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types {
    /// Of shards.
    pub(crate) stored: Dtype,
    /// Gathered.
    pub(crate) compute: Dtype,
    /// Reduced.
    pub(crate) reduce: Dtype,
}

/// How a model is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent options of a wrapper")]
pub(crate) struct Wrapping {
    /// The types of the model's own parameters.
    pub(crate) own: Types,
    /// The types of adapters.
    pub(crate) adapters: Types,
    /// Whether gathered layers are let go after their forward.
    pub(crate) reshards: bool,
    /// Whether adapters alone are trained.
    pub(crate) adapts: bool,
    /// Whether gradients stay whole for the micro batches to come.
    pub(crate) accumulates: bool,
    /// Whether shards and their gradients wait in host memory.
    pub(crate) offloads: bool,
}

impl Wrapping {
    /// The types of what is trained.
    pub(super) const fn trained(&self) -> Types {
        if self.adapts { self.adapters } else { self.own }
    }
}

/// Layers that have run forward, in that order.
#[derive(Debug, Default)]
pub(super) struct Ran(Vec<u64>);

impl Ran {
    /// One more has.
    pub(super) fn push(&mut self, layer: u64) {
        self.0.push(layer);
    }

    /// The one that goes back first.
    pub(super) fn last(&self) -> Option<u64> {
        self.0.last().copied()
    }

    /// The one that goes back after this one.
    pub(super) fn before(&self, layer: u64) -> Option<u64> {
        let at = self.0.iter().position(|ran| *ran == layer)?;
        Some(self.0[at.checked_sub(1)?])
    }
}

/// What collectives allocate, by the names of their entries.
pub(super) const WHOLE: &str = "gathered weights";
pub(super) const COPIED: &str = "shards of weights as they are sent";
pub(super) const REDUCED: &str = "gradients as they are reduced";
pub(super) const SHARDS: &str = "shards of weights";
pub(super) const EARLIER: &str = "weights of earlier micro batches";
