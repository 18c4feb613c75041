//! What PyTorch's allocator makes of a run: how much it takes from the driver, and the least card on which it runs.

use super::estimate;
use crate::allocator::{self, Played, Replay, Settings};
use crate::frameworks;
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::ledger::{EstimateError, Fit, Ledger, Reserve, Taken, Verdict};
use crate::legal::{self, coverage};
use crate::model::Model;
use crate::scenario::{Estimator, Scenario};
use crate::sequence::Sequence;
use crate::units::Bytes;

/// Whether the allocator of a run is played out; else what it adds is estimated.
pub fn is_played(model: &Model, scenario: &Scenario) -> bool {
    let trained = legal::trained(model, scenario);
    let described = frameworks::job(&trained, scenario, None);
    scenario.estimator == Estimator::Ledger && described.is_ok_and(|(framework, job)| framework.is_in_order(&job))
}

/// Plays the allocator of a run on a card; nothing where it is not known in which order the run asks for memory.
///
/// # Errors
/// Where the scenario has no ledger, or `runtime.alloc_conf` is wrong.
pub fn reserve(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Option<Reserve>, EstimateError> {
    let Some(run) = Run::of(model, scenario, gpu)? else { return Ok(None) };
    let (smallest, sequence) = (run.least(), &run.sequence);
    let Replay { requested, allocated, reserved, growth } = run.played.whole;
    let taken = Taken {
        name: sequence.name_of(growth.event),
        asked: Bytes::new(growth.asked),
        largest: Bytes::new(growth.largest_hole),
        free: Bytes::new(growth.free),
    };
    let [requested, allocated, reserved, least] = [requested, allocated, reserved, smallest].map(Bytes::new);
    Ok(Some(Reserve { requested, allocated, reserved, least, taken }))
}

/// A run, played on a card without end.
struct Run {
    sequence: Sequence,
    settings: Settings,
    played: Played,
}

impl Run {
    /// Nothing where it is not known in which order it asks for memory.
    fn of(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Option<Self>, EstimateError> {
        if scenario.estimator != Estimator::Ledger {
            return Ok(None);
        }
        let settings = coverage::settings(scenario)?;
        let trained = legal::trained(model, scenario);
        let (framework, job) = frameworks::job(&trained, scenario, gpu)?;
        let Some(sequence) = framework.sequence(&job)? else { return Ok(None) };
        let played = allocator::replay(&sequence.events, settings);
        Ok(Some(Self { sequence, settings, played }))
    }

    /// The least that it runs with.
    fn least(&self) -> u64 {
        self.played.smallest(&self.sequence.events, self.settings)
    }
}

/// Whether a run fits a card, by the central estimate: what [`Fit`] says, found with no more work than that takes.
///
/// # Errors
/// As of [`reserve`].
pub fn fits(model: &Model, scenario: &Scenario, gpu: &Gpu) -> Result<bool, EstimateError> {
    judge(model, scenario, gpu, Fit::fits, |[room, _], run| {
        let whole = run.played.whole;
        whole.reserved <= room || whole.allocated <= room && run.least() <= room
    })
}

/// Whether a run surely fits a card, with all that its allocator takes where there is room: a verdict of `fits`.
///
/// # Errors
/// As of [`reserve`].
pub fn surely_fits(model: &Model, scenario: &Scenario, gpu: &Gpu) -> Result<bool, EstimateError> {
    judge(
        model,
        scenario,
        gpu,
        |fit| fit.verdict == Verdict::Fits,
        |[room, sure], run| {
            let reserved = run.played.whole.reserved;
            reserved <= room && (reserved <= sure || run.least() <= sure)
        },
    )
}

/// Judges a run by its tensors where that is enough, else by its allocator in the room that it has beside the usual and
/// beside the largest CUDA context.
fn judge(
    model: &Model,
    scenario: &Scenario,
    gpu: &Gpu,
    by_tensors: impl FnOnce(&Fit) -> bool,
    by_allocator: impl FnOnce([u64; 2], &Run) -> bool,
) -> Result<bool, EstimateError> {
    let ledger = estimate(model, scenario, Some(gpu))?;
    let fit = Fit::of(&ledger, gpu)?;
    if !fit.at_least || !fit.fits() {
        return Ok(by_tensors(&fit));
    }
    let [usual, _, most] = ledger.process().context(Some(gpu))?;
    let beside =
        |context: Bytes| Ok::<u64, EstimateError>(fit.capacity.saturating_sub(context.checked_add(fit.margin)?).get());
    let (_, above) = ledger.spread();
    let rooms = [beside(usual)?, beside(most)?.saturating_sub(above.get())];
    let run = Run::of(model, scenario, Some(gpu))?;
    Ok(run.map_or_else(|| by_tensors(&fit), |run| by_allocator(rooms, &run)))
}

/// The ledger with what the allocator holds on this card.
pub fn played(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
    with_allocator(estimate(model, scenario, gpu)?, model, scenario, gpu)
}

/// The ledger of a run with what the allocator holds on this card: what [`played`] makes of it.
pub(crate) fn with_allocator(
    ledger: Ledger,
    model: &Model,
    scenario: &Scenario,
    gpu: Option<&Gpu>,
) -> Result<Ledger, EstimateError> {
    match reserve(model, scenario, gpu)? {
        Some(reserve) => Ok(ledger.with_reserve(Kernels::of(gpu), reserve)?),
        None => Ok(ledger),
    }
}

/// A ledger that was played out on its own card, with what the allocator holds on others too, whose kernels may take other
/// workspaces.
pub fn elsewhere<'g>(
    mut ledger: Ledger,
    model: &Model,
    scenario: &Scenario,
    others: impl IntoIterator<Item = &'g Gpu>,
) -> Result<Ledger, EstimateError> {
    for other in others {
        if ledger.is_played_on(other) {
            continue;
        }
        let Some(reserve) = reserve(model, scenario, Some(other))? else { break };
        ledger = ledger.beside(Kernels::of(Some(other)), reserve);
    }
    Ok(ledger)
}

/// The ledger of what a tracker of tensors sees: nothing that a kernel takes for itself.
pub fn tracked(model: &Model, scenario: &Scenario) -> Result<Ledger, EstimateError> {
    if !is_played(model, scenario) {
        return estimate(model, scenario, None);
    }
    legal::described(model, scenario)?;
    let trained = legal::trained(model, scenario);
    let (framework, job) = frameworks::job(&trained, scenario, None)?;
    framework.tracked(&job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;
    use crate::scenario::parameter::Parameter;
    use crate::scenario::{Optimizer, Precision, Recompute, Value};

    #[test]
    fn no_allocator_has_less_than_its_tensors() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("smollm2-135m").unwrap(), library.gpu("rtx-4090").ok());
        for optimizer in Optimizer::WORDS {
            for precision in [Precision::Bf16, Precision::Fp32] {
                let mut scenario = Scenario::default();
                scenario.train.sequence_length = 128;
                scenario.train.precision = precision;
                // With little kept for backward the step of the optimizer is the peak.
                scenario.train.recompute = Recompute::Full;
                let parameter = Parameter::by_key("train.optimizer").unwrap();
                parameter.set(&mut scenario, Value::Word((*optimizer).to_owned())).unwrap();
                let ledger = played(model, &scenario, gpu).unwrap();
                let reserve = ledger.reserve().unwrap();
                // The loss may be gone by then.
                assert!(reserve.requested.get() + 4 >= ledger.allocated().get(), "{optimizer} {precision:?}");
                assert!(reserve.least <= reserve.reserved && reserve.allocated <= reserve.least, "{optimizer}");
            }
        }
    }

    #[test]
    fn what_fits_is_what_a_verdict_says() {
        let library = Library::embedded();
        let (model, scenario) = (library.model("llama-3.2-1b").unwrap(), Scenario::default());
        let needs = reserve(model, &scenario, library.gpu("rtx-4090").ok()).unwrap().unwrap().least;
        for beyond in [-600_i64, -500, -400, 0, 400, 2000] {
            let mib = i64::try_from(needs.get() >> 20).unwrap() + beyond;
            let card = Gpu { usable_mib: u64::try_from(mib).unwrap(), ..library.gpu("rtx-4090").unwrap().clone() };
            let fit = Fit::of(&played(model, &scenario, Some(&card)).unwrap(), &card).unwrap();
            assert_eq!(fits(model, &scenario, &card), Ok(fit.fits()), "{beyond}");
            assert_eq!(surely_fits(model, &scenario, &card), Ok(fit.verdict == Verdict::Fits), "{beyond}");
        }
    }

    #[test]
    fn settings_that_are_wrong_are_named() {
        let library = Library::embedded();
        let model = library.model("smollm2-135m").unwrap();
        let mut scenario = Scenario::default();
        scenario.runtime.alloc_conf = String::from("expandable_segment:True");
        let error = estimate(model, &scenario, None).unwrap_err().to_string();
        assert!(error.starts_with("runtime.alloc_conf: ") && error.contains("expandable_segments"), "{error}");
    }
}
