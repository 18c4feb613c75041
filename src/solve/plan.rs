//! All legal layouts of a run, those that fit first, in the order of what a token takes by an estimate.

pub mod cost;
pub mod flags;

use self::cost::Cost;
use super::layouts::layouts;
use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit, check, estimate, played};
use crate::model::Model;
use crate::scenario::{Recompute, Scenario};
use crate::units::Bytes;

/// What is tried beside layouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Sequences of a micro batch.
    pub micro_batches: Vec<u64>,
    /// What is recomputed.
    pub recompute: Vec<Recompute>,
}

impl Range {
    /// What a run itself says, or everything that is usual.
    pub fn of(scenario: &Scenario, keeps: impl Fn(&str) -> bool) -> Self {
        let train = &scenario.train;
        let micro_batches =
            if keeps("train.micro_batch_size") { vec![train.micro_batch_size] } else { vec![1, 2, 4, 8, 16] };
        let recompute = if keeps("train.recompute") {
            vec![train.recompute]
        } else {
            vec![Recompute::None, Recompute::Selective, Recompute::Full]
        };
        Self { micro_batches, recompute }
    }
}

/// A layout with what it needs and takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The run.
    pub scenario: Scenario,
    /// What it needs of a card.
    pub fit: Fit,
    /// The fullest stage of its pipeline.
    pub stage: u64,
    /// What a step takes.
    pub cost: Cost,
}

/// A search for layouts.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Those that fit, the fastest by estimate first; no more than were asked for.
    pub fitting: Vec<Planned>,
    /// How many layouts were looked at.
    pub tried: usize,
    /// How many of them need more than a card has by their tensors alone.
    pub over: usize,
    /// Of those the one that needs least, where nothing fits.
    pub nearest: Option<(Scenario, Bytes)>,
}

/// A candidate, with its cost and the total of its tensors.
struct Candidate {
    scenario: Scenario,
    cost: Cost,
    total: Bytes,
}

/// Plans a run on its GPUs: at most `most` layouts that fit.
///
/// # Errors
/// Where no layout is legal, or nobody waits for it any more.
pub fn plan(
    model: &Model,
    scenario: &Scenario,
    gpu: &Gpu,
    (range, most): (&Range, usize),
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Plan, EstimateError> {
    let capacity = gpu.capacity().unwrap_or(Bytes::MAX);
    let (mut within, mut tried, mut over) = (Vec::new(), 0, 0);
    let mut nearest: Option<(Scenario, Bytes)> = None;
    for run in runs(model, scenario, range) {
        if is_cancelled() {
            return Err(EstimateError::Cancelled);
        }
        let Ok(ledger) = estimate(model, &run, Some(gpu)) else { continue };
        let Some(cost) = Cost::of(model, &run, gpu) else { continue };
        tried += 1;
        let total = ledger.total();
        if total <= capacity {
            within.push(Candidate { scenario: run, cost, total });
            continue;
        }
        over += 1;
        if nearest.as_ref().is_none_or(|(_, least)| total < *least) {
            nearest = Some((run, total));
        }
    }
    if tried == 0 {
        // Why not even the run itself has a ledger.
        check(model, scenario)?;
        estimate(model, scenario, Some(gpu))?;
    }
    within.sort_by(|one, other| {
        let [one, other] = [one, other].map(|it| (it.cost.tokens_per_gpu(), it.total));
        other.0.total_cmp(&one.0).then(one.1.cmp(&other.1))
    });
    let mut fitting = Vec::new();
    for candidate in within {
        if fitting.len() >= most || is_cancelled() {
            break;
        }
        let Candidate { scenario, cost, .. } = candidate;
        let ledger = played(model, &scenario, Some(gpu))?;
        let fit = Fit::of(&ledger, gpu)?;
        if fit.fits() {
            fitting.push(Planned { stage: ledger.rank().pipeline, scenario, fit, cost });
        } else {
            over += 1;
            if nearest.as_ref().is_none_or(|(_, least)| fit.needs < *least) {
                nearest = Some((scenario, fit.needs));
            }
        }
    }
    Ok(Plan { fitting, tried, over, nearest })
}

/// Every layout with everything that is tried beside it.
fn runs(model: &Model, scenario: &Scenario, range: &Range) -> Vec<Scenario> {
    let mut runs = Vec::new();
    for layout in layouts(model, scenario) {
        for recompute in &range.recompute {
            for micro_batch_size in &range.micro_batches {
                let mut run = layout.clone();
                (run.train.recompute, run.train.micro_batch_size) = (*recompute, *micro_batch_size);
                if check(model, &run).is_ok() {
                    runs.push(run);
                }
            }
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;

    #[test]
    fn what_is_planned_fits_and_is_in_order() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.1-8b").unwrap(), library.gpu("h100-sxm-80").unwrap());
        let framework = library.framework("transformers").unwrap();
        let scenario = Scenario { gpus: 8, framework, ..Scenario::default() };
        let range = Range { micro_batches: vec![1, 2], recompute: vec![Recompute::None, Recompute::Full] };
        let plan = plan(model, &scenario, gpu, (&range, 4), &|| false).unwrap();
        assert_eq!(plan.fitting.len(), 4);
        for planned in &plan.fitting {
            let ledger = played(model, &planned.scenario, Some(gpu)).unwrap();
            assert_eq!(Fit::of(&ledger, gpu).unwrap(), planned.fit);
            assert!(planned.fit.fits());
        }
        let rates: Vec<f64> = plan.fitting.iter().map(|planned| planned.cost.tokens_per_gpu()).collect();
        assert!(rates.is_sorted_by(|one, other| one >= other), "{rates:?}");
        let cancelled = super::plan(model, &scenario, gpu, (&range, 4), &|| true);
        assert_eq!(cancelled, Err(EstimateError::Cancelled));
    }
}
