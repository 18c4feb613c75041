//! The verdict: a ledger against a card.

use super::Ledger;
use super::category::Category;
use super::entry::Alive;
use crate::gpu::Gpu;
use crate::ledger;
use crate::units::{Bytes, Overflow, SignedBytes};

/// A ledger against a card's capacity.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The card.
    pub gpu: String,
    /// The least capacity on which the run completes, the CUDA context included.
    pub needs: Bytes,
    /// What it can hand out.
    pub capacity: Bytes,
    /// Capacity less needs; negative: what is missing.
    pub headroom: SignedBytes,
    /// What is to stay free.
    pub margin: Bytes,
    /// The least and the most that the needs may be.
    pub band: (Bytes, Bytes),
    /// What the process takes where there is room, as `nvidia-smi` shows it; nothing where the allocator is not played out.
    pub with_room: Option<Bytes>,
    /// Whether the allocator is still to be played out, so that the needs are the least that they can be.
    pub at_least: bool,
    /// What to make of it.
    pub verdict: Verdict,
}

/// What to make of needs and a capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Even the upper end of the band fits, with all that the allocator takes where there is room.
    Fits,
    /// The capacity lies inside the band, or the allocator has to give segments back for the run to go on.
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
    /// Holds a ledger against a card: the one that it was made for, or another. Of the entries only the runtime depends on
    /// the card.
    pub fn of(ledger: &Ledger, gpu: &Gpu) -> Result<Self, Overflow> {
        let process = ledger.process();
        let Some(reserve) = ledger.reserve_on(gpu) else { return Self::without_reserve(ledger, gpu) };
        let [context, low, high] = process.context(Some(gpu))?;
        let needs = reserve.least.checked_add(context)?;
        // Where sizes of tensors are estimates, so is what the allocator makes of them.
        let (below, above) = ledger.spread();
        let least = reserve.least.checked_add(low)?.saturating_sub(below);
        let band = (least, reserve.least.checked_add(high)?.checked_add(above)?);
        Self::new(gpu, ledger, needs, (band, Some(reserve.reserved.checked_add(context)?)))
    }

    /// Where the allocator is not played out: the sum at the peak, and the range in which it may be.
    fn without_reserve(ledger: &Ledger, gpu: &Gpu) -> Result<Self, Overflow> {
        let peak = ledger.peak();
        let (process, alive) = (ledger.process(), || ledger.alive(peak.step, peak.instant));
        // Of an engine the runtime is the card's, and its share is, whatever stands in the ledger.
        if !process.is_engine() && !alive().any(|entry| entry.category == Category::Runtime) {
            return Self::new(gpu, ledger, ledger.total(), (ledger.band(), None));
        }
        // What the process takes is another card's there; workspaces that the framework makes itself stay.
        let rest = || alive().filter(|entry| !process.makes(entry));
        let runtime = process.entries(Some(gpu), ledger.allocated(), Alive::NEVER)?;
        let total = Bytes::checked_sum(runtime.iter().chain(rest()).map(|entry| entry.bytes))?;
        // A share of the card is for all but the context, which the engine finds when it looks.
        let outside = Bytes::checked_sum(runtime.iter().filter(|entry| entry.is_context()).map(|entry| entry.bytes))?;
        let needs = |total: Bytes| process.budget().needs(gpu, [total.saturating_sub(outside), outside]);
        let (low, high) = ledger::band(total, rest().chain(&runtime));
        Self::new(gpu, ledger, needs(total)?, ((needs(low)?, needs(high)?), None))
    }

    fn new(
        gpu: &Gpu,
        ledger: &Ledger,
        needs: Bytes,
        (band, with_room): ((Bytes, Bytes), Option<Bytes>),
    ) -> Result<Self, Overflow> {
        let capacity = ledger.process().capacity(gpu)?;
        let margin = Bytes::from_mib(ledger.process().margin_mib)?;
        let fits = |bytes: Bytes| bytes.checked_add(margin).is_ok_and(|bytes| bytes <= capacity);
        let verdict = match band {
            (_, high) if fits(high.max(with_room.unwrap_or(high))) => Verdict::Fits,
            (low, _) if !fits(low) => Verdict::Over,
            _ => Verdict::Tight,
        };
        let at_least = ledger.is_to_be_played();
        // What is missing for certain is missing; that nothing is, is not known yet.
        let verdict = if at_least && verdict == Verdict::Fits { Verdict::Tight } else { verdict };
        let (gpu, headroom) = (gpu.id.clone(), capacity.minus(needs));
        Ok(Self { gpu, needs, capacity, headroom, margin, band, with_room, at_least, verdict })
    }

    /// What the run may take: capacity less what is to stay free.
    pub fn room(&self) -> Bytes {
        self.capacity.saturating_sub(self.margin)
    }

    /// Whether the central estimate fits, which decides exit codes.
    pub fn fits(&self) -> bool {
        self.needs.checked_add(self.margin).is_ok_and(|needs| needs <= self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{elsewhere, played};
    use crate::preset::Library;
    use crate::scenario::{Estimator, Scenario};

    #[test]
    fn a_run_elsewhere_is_what_a_ledger_made_there_says() {
        let library = Library::embedded();
        let model = library.model("smollm2-135m").unwrap();
        for estimator in [Estimator::Ledger, Estimator::Sketch] {
            let mut scenario = Scenario { estimator, ..Scenario::default() };
            scenario.train.sequence_length = 512;
            let here = library.gpu("h100-sxm-80").ok();
            let here = elsewhere(played(model, &scenario, here).unwrap(), model, &scenario, library.gpus()).unwrap();
            for gpu in library.gpus() {
                let there = played(model, &scenario, Some(gpu)).unwrap();
                assert_eq!(Fit::of(&here, gpu).unwrap(), Fit::of(&there, gpu).unwrap(), "{}", gpu.id);
            }
        }
    }

    #[test]
    fn a_total_is_what_the_run_needs() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("smollm2-135m").unwrap(), library.gpu("rtx-4090").unwrap());
        let ledger = played(model, &Scenario::default(), Some(gpu)).unwrap();
        let fit = Fit::of(&ledger, gpu).unwrap();
        assert_eq!(ledger.total(), fit.needs);
        let reserve = ledger.reserve().unwrap();
        assert!(reserve.requested <= reserve.allocated && reserve.allocated <= reserve.least);
        assert!(reserve.least <= reserve.reserved);
        assert!(ledger.allocated() <= reserve.requested);
    }

    /// A framework's own workspaces among it, which are none of the process's.
    #[test]
    fn a_total_that_is_not_played_is_what_the_run_needs() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.2-1b").unwrap(), library.gpu("h100-sxm-80").unwrap());
        for framework in ["megatron", "litgpt", "torchtune"] {
            let mut scenario = Scenario { framework: library.framework(framework).unwrap(), ..Scenario::default() };
            scenario.follow_framework(|_| false);
            let ledger = played(model, &scenario, Some(gpu)).unwrap();
            assert_eq!(Fit::of(&ledger, gpu).unwrap().needs, ledger.total(), "{framework}");
        }
    }

    #[test]
    fn estimates_of_tensors_widen_the_range() {
        let library = Library::embedded();
        let gpu = library.gpu("h100-sxm-80").unwrap();
        let spread = |id| {
            let model = library.model(id).unwrap();
            let (low, high) = Fit::of(&played(model, &Scenario::default(), Some(gpu)).unwrap(), gpu).unwrap().band;
            high.saturating_sub(low)
        };
        // That of the context, where that is not known of the card.
        assert!(spread("smollm2-135m") <= Bytes::from_mib(300).unwrap());
        assert!(spread("internlm2_5-7b-chat") > Bytes::from_mib(1000).unwrap());
    }

    #[test]
    fn a_margin_is_kept() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("smollm2-135m").unwrap(), library.gpu("rtx-4090").unwrap());
        let mut scenario = Scenario::default();
        let free = Fit::of(&played(model, &scenario, Some(gpu)).unwrap(), gpu).unwrap();
        scenario.runtime.margin_mib = u64::try_from(free.headroom.get()).unwrap() / (1 << 20) + 1;
        let kept = Fit::of(&played(model, &scenario, Some(gpu)).unwrap(), gpu).unwrap();
        assert!(free.fits() && !kept.fits());
        assert_eq!(free.headroom, kept.headroom);
    }
}
