//! Which GPU of a job a ledger is about, and what the others hold.

use super::instant::Instant;
use crate::units::Bytes;

/// One GPU of a layout, by what sets it apart from others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rank {
    /// Its stage of the pipeline, from 0.
    pub pipeline: u64,
}

/// What the GPUs of one stage of the pipeline hold at their own peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// One of them.
    pub rank: Rank,
    /// The total.
    pub total: Bytes,
    /// The instant of it.
    pub instant: Instant,
}
