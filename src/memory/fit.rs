//! The verdict: a ledger against a card.

use super::category::Category;
use super::entry::{Alive, Entry};
use super::ledger::{self, Ledger};
use super::runtime;
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
        Self::new(gpu, ledger.total(), ledger.band())
    }

    /// Holds a run against a card other than the one that its ledger was made for: of the entries only the runtime
    /// depends on the card.
    pub fn elsewhere(ledger: &Ledger, gpu: &Gpu) -> Result<Self, Overflow> {
        let peak = ledger.peak();
        let is_runtime = |entry: &&Entry| entry.category == Category::Runtime;
        let alive = || ledger.alive(peak.step, peak.instant);
        if !alive().any(|entry| is_runtime(&entry)) {
            return Self::of(ledger, gpu);
        }
        let runtime = runtime::entries(Some(gpu), ledger.allocated(), Alive::NEVER)?;
        let total = Bytes::checked_sum(runtime.iter().map(|entry| entry.bytes))?.checked_add(ledger.allocated())?;
        let rest = alive().filter(|entry| !is_runtime(entry));
        Self::new(gpu, total, ledger::band(total, rest.chain(&runtime)))
    }

    fn new(gpu: &Gpu, total: Bytes, band: (Bytes, Bytes)) -> Result<Self, Overflow> {
        let capacity = gpu.capacity()?;
        let verdict = match band {
            (_, high) if high <= capacity => Verdict::Fits,
            (low, _) if low > capacity => Verdict::Over,
            _ => Verdict::Tight,
        };
        Ok(Self { gpu: gpu.id.clone(), total, capacity, headroom: capacity.minus(total), band, verdict })
    }

    /// Whether the central estimate fits, which decides exit codes.
    pub const fn fits(&self) -> bool {
        !self.headroom.is_negative()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::estimate;
    use crate::preset::Library;
    use crate::scenario::{Estimator, Scenario};

    #[test]
    fn a_run_elsewhere_is_what_a_ledger_made_there_says() {
        let library = Library::embedded();
        let model = library.model("llama-3.2-1b").unwrap();
        for estimator in [Estimator::Ledger, Estimator::Sketch] {
            let scenario = Scenario { estimator, ..Scenario::default() };
            let here = estimate(model, &scenario, library.gpu("h100-sxm-80").ok()).unwrap();
            for gpu in library.gpus() {
                let there = estimate(model, &scenario, Some(gpu)).unwrap();
                assert_eq!(Fit::elsewhere(&here, gpu).unwrap(), Fit::of(&there, gpu).unwrap(), "{}", gpu.id);
            }
        }
    }
}
