//! Layers in groups that share blocks: every group has as many layers, and each block of the pool is one of any group's.

use super::specs::{Kind, Spec, Specs, are_uniform};
use crate::frameworks::engine::attended::Kept;
use crate::scenario::{Infer, MambaCacheMode};
use crate::units::Overflow;

/// A kind of layers in so many groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grouped {
    /// What each of its layers reserves.
    pub(super) spec: Spec,
    /// Groups of them.
    pub(super) groups: u64,
}

/// The groups of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Groups {
    /// Kinds of layers, in the order of their first.
    pub(super) kinds: Vec<Grouped>,
    /// Layers of a group, the last of a kind padded.
    pub(super) size: u64,
    /// Bytes of one block of a group whose layers' pages are of several sizes.
    mixed: Option<u64>,
}

impl Groups {
    pub(super) fn of(specs: &Specs) -> Self {
        let specs = &specs.0;
        if let ([(spec, _), ..], true) = (&specs[..], are_uniform(specs)) {
            let layers = specs.iter().map(|(_, layers)| layers).sum();
            let mixed = (specs.len() > 1).then(|| specs.iter().map(|(spec, layers)| spec.page * layers).sum());
            return Self { kinds: vec![Grouped { spec: *spec, groups: 1 }], size: layers, mixed };
        }
        let counts = || specs.iter().map(|(_, layers)| *layers);
        let (fewest, most) = (counts().min().unwrap_or(1).max(1), counts().max().unwrap_or(1));
        // Less than half as many again: padding is cheaper than twice the groups.
        let size = if 2 * most < 3 * fewest { most } else { fewest };
        let grouped = |(spec, layers): &(Spec, u64)| Grouped { spec: *spec, groups: layers.div_ceil(size) };
        Self { kinds: specs.iter().map(grouped).collect(), size, mixed: None }
    }

    /// Bytes of a block, of all layers of a group.
    pub(super) fn bytes_per_block(&self) -> u64 {
        let page = self.kinds.first().map_or(0, |kind| kind.spec.page);
        self.mixed.unwrap_or_else(|| page.saturating_mul(self.size))
    }

    /// Bytes of one layer's part of a block of a kind; of layers whose parts differ, of all of them.
    pub(super) fn page_of(&self, kind: &Grouped) -> u64 {
        self.mixed.unwrap_or(kind.spec.page)
    }

    /// How many layers have such a part in a block.
    pub(super) const fn layers_of_a_page(&self) -> u64 {
        if self.mixed.is_some() { 1 } else { self.size }
    }

    /// Blocks that one request needs, of all groups.
    pub(super) fn blocks_of(&self, request: &Request) -> Result<u64, Overflow> {
        let mut each = self.kinds.iter().map(|kind| kind.groups.checked_mul(request.blocks(kind.spec)));
        each.try_fold(0_u64, |sum, blocks| sum.checked_add(blocks?)).ok_or(Overflow)
    }
}

/// A request of the whole context.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    /// `max_model_len`.
    pub(super) context: u64,
    /// Tokens that are scheduled and not settled yet (`max_in_flight_tokens`).
    in_flight: u64,
    /// States that it keeps.
    states: u64,
}

impl Request {
    pub(super) fn of(infer: &Infer, batched: u64) -> Self {
        let ahead = if infer.async_scheduling { 2 } else { 1 };
        let states = if infer.mamba_cache_mode == MambaCacheMode::Align { 2 } else { 1 };
        Self { context: infer.context_length, in_flight: batched.saturating_mul(ahead), states }
    }

    /// Blocks that it reserves in one group of a kind of layers.
    pub(super) fn blocks(&self, spec: Spec) -> u64 {
        let block = spec.block.max(1);
        let most = |tokens: u64| tokens.saturating_add(self.in_flight).min(self.context).div_ceil(block);
        match spec.kind {
            Kind::Attention(Kept::Full) => self.context.div_ceil(block),
            // A window need not begin where a block does.
            Kind::Attention(Kept::Window(window)) => most(window.saturating_sub(1)) + 1,
            Kind::Attention(Kept::Chunk(chunk)) => most(chunk),
            Kind::State => self.states,
        }
    }
}
