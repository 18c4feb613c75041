//! The verdict: a ledger against a card.

use super::ledger::Ledger;
use crate::gpu::Gpu;
use crate::units::{Bytes, Overflow, SignedBytes};

/// A ledger against a card's capacity.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The card.
    pub gpu: String,
    /// Bytes at the peak.
    pub total: Bytes,
    /// What it can hand out.
    pub capacity: Bytes,
    /// Capacity less total; negative: what is missing.
    pub headroom: SignedBytes,
    /// The least and the most that the total may be.
    pub band: (Bytes, Bytes),
    /// What to make of it.
    pub verdict: Verdict,
}

/// What to make of a total and a capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Even the upper end of the band fits.
    Fits,
    /// The capacity lies inside the band.
    Tight,
    /// Not even the lower end fits.
    Over,
}

impl Verdict {
    /// `fits`, `tight` or `over`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Tight => "tight",
            Self::Over => "over",
        }
    }
}

impl Fit {
    /// Holds a ledger against a card.
    pub fn of(ledger: &Ledger, gpu: &Gpu) -> Result<Self, Overflow> {
        let capacity = gpu.capacity()?;
        let band = ledger.band();
        let verdict = match band {
            (_, high) if high <= capacity => Verdict::Fits,
            (low, _) if low > capacity => Verdict::Over,
            _ => Verdict::Tight,
        };
        Ok(Self {
            gpu: gpu.id.clone(),
            total: ledger.total(),
            capacity,
            headroom: capacity.minus(ledger.total()),
            band,
            verdict,
        })
    }

    /// Whether the central estimate fits, which decides exit codes.
    pub const fn fits(&self) -> bool {
        !self.headroom.is_negative()
    }
}
