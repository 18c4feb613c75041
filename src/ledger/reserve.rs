//! What PyTorch's allocator holds for a run.

use crate::units::{Bytes, Unit};

/// What a run takes from the driver through PyTorch's allocator, from its first weight to a step that is like all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserve {
    /// The most that is asked for at once, workspaces included: `requested_bytes.all.peak`.
    pub requested: Bytes,
    /// The most in blocks: `torch.cuda.max_memory_allocated`.
    pub allocated: Bytes,
    /// The most that it holds on a card with room: `torch.cuda.max_memory_reserved`.
    pub reserved: Bytes,
    /// The least that it runs with: below `reserved`, cached segments are given back in between.
    pub least: Bytes,
    /// The largest allocation that made it take more for want of a free block that was large enough.
    pub taken: Taken,
}

/// An allocation for which no free block was large enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What it holds.
    pub name: &'static str,
    /// Its bytes.
    pub asked: Bytes,
    /// The largest block that was free.
    pub largest: Bytes,
    /// All that was free.
    pub free: Bytes,
}

impl Reserve {
    /// In a sentence, why more is reserved than is used.
    pub fn explanation(&self, unit: Unit) -> String {
        let show = |bytes: Bytes| format!("{} {}", unit.number(bytes), unit.label());
        let Taken { name, asked, largest, free } = self.taken;
        let asked = show(asked);
        if free < self.taken.asked {
            return format!(
                "the last segment was taken for {name}, {asked}, when no more than {} were free",
                show(free)
            );
        }
        let (free, largest) = (show(free), show(largest));
        format!("{name} took another {asked} although {free} were free: {largest} at most in one piece")
    }
}
