//! All legal layouts of a run, those that fit first, in the order of what a token takes by an estimate.

pub mod cost;
pub mod flags;

use std::sync::Arc;

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
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    run: usize,
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
    let mut search = Search::new(model, scenario, (range, most));
    while !search.is_done() {
        if is_cancelled() {
            return Err(EstimateError::Cancelled);
        }
        search.go_on(model, gpu)?;
    }
    search.found(model, scenario, gpu)?;
    Ok(search.plan)
}

/// A search that is gone on with ledger by ledger: first the tensors of every layout, then the allocators of those that
/// may fit, the fastest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    runs: Arc<[Scenario]>,
    looked_at: usize,
    /// Those whose tensors fit: as they were found, and once all are looked at the fastest last.
    within: Vec<Candidate>,
    most: usize,
    plan: Plan,
}

impl Search {
    /// One that has looked at nothing yet.
    pub fn new(model: &Model, scenario: &Scenario, (range, most): (&Range, usize)) -> Self {
        let plan = Plan { fitting: Vec::new(), tried: 0, over: 0, nearest: None };
        Self { runs: runs(model, scenario, range).into(), looked_at: 0, within: Vec::new(), most, plan }
    }

    /// What is found so far.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many layouts were looked at, of how many.
    pub fn looked_at(&self) -> (usize, usize) {
        (self.looked_at, self.runs.len())
    }

    /// Of how many layouts that may fit the allocator is still to be played out.
    pub const fn to_be_played(&self) -> usize {
        self.within.len()
    }

    /// Whether there is nothing left to look at.
    pub fn is_done(&self) -> bool {
        self.looked_at == self.runs.len() && (self.within.is_empty() || self.plan.fitting.len() >= self.most)
    }

    /// What is found at the end.
    ///
    /// # Errors
    /// Where no layout has a ledger: why not even the run itself has one.
    pub fn found(&self, model: &Model, scenario: &Scenario, gpu: &Gpu) -> Result<&Plan, EstimateError> {
        if self.plan.tried == 0 {
            check(model, scenario)?;
            estimate(model, scenario, Some(gpu))?;
        }
        Ok(&self.plan)
    }

    /// Looks at one more layout.
    ///
    /// # Errors
    /// Where the allocator of one whose tensors fit cannot be played out.
    pub fn go_on(&mut self, model: &Model, gpu: &Gpu) -> Result<(), EstimateError> {
        if self.looked_at < self.runs.len() {
            self.look_at(self.looked_at, model, gpu);
            self.looked_at += 1;
            if self.looked_at == self.runs.len() {
                // The last is played first. Of equally fast ones that is the leanest, and of those the first found.
                self.within.reverse();
                self.within.sort_by(|one, other| {
                    let rates = [one, other].map(|candidate| candidate.cost.tokens_per_gpu());
                    rates[0].total_cmp(&rates[1]).then(other.total.cmp(&one.total))
                });
            }
            return Ok(());
        }
        self.within.pop().map_or(Ok(()), |candidate| self.play(&candidate, model, gpu))
    }

    /// Counts the tensors of a layout.
    fn look_at(&mut self, run: usize, model: &Model, gpu: &Gpu) {
        let scenario = &self.runs[run];
        let Ok(ledger) = estimate(model, scenario, Some(gpu)) else { return };
        let Some(cost) = Cost::of(model, scenario, gpu) else { return };
        self.plan.tried += 1;
        let total = ledger.total();
        if total <= gpu.capacity().unwrap_or(Bytes::MAX) {
            self.within.push(Candidate { run, cost, total });
        } else {
            self.is_over(run, total);
        }
    }

    /// Plays the allocator of a layout out.
    fn play(&mut self, candidate: &Candidate, model: &Model, gpu: &Gpu) -> Result<(), EstimateError> {
        let Candidate { run, cost, .. } = *candidate;
        let scenario = &self.runs[run];
        let ledger = played(model, scenario, Some(gpu))?;
        let fit = Fit::of(&ledger, gpu)?;
        if fit.fits() {
            let stage = ledger.rank().pipeline;
            self.plan.fitting.push(Planned { stage, scenario: scenario.clone(), fit, cost });
        } else {
            self.is_over(run, fit.needs);
        }
        Ok(())
    }

    fn is_over(&mut self, run: usize, needs: Bytes) {
        self.plan.over += 1;
        if self.plan.nearest.as_ref().is_none_or(|(_, least)| needs < *least) {
            self.plan.nearest = Some((self.runs[run].clone(), needs));
        }
    }
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
        let mut search = Search::new(model, &scenario, (&range, 4));
        let (_, all) = search.looked_at();
        for looked_at in 0..all {
            assert_eq!((search.looked_at(), search.plan().fitting.len()), ((looked_at, all), 0));
            search.go_on(model, gpu).unwrap();
        }
        while !search.is_done() {
            search.go_on(model, gpu).unwrap();
        }
        assert_eq!(search.plan(), &plan, "step by step it is the same");
    }
}
