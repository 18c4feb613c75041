//! The search behind a plan, a step at a time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::cost::{Cost, Rates};
use super::{Plan, Planned, Range};
use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit, Ledger, check, estimate, totals, with_allocator};
use crate::model::Model;
use crate::scenario::{Recompute, Scenario};
use crate::solve::layouts::{Laid, layouts};
use crate::units::Bytes;

/// A layout and what is tried beside it, by their numbers.
type Run = (usize, usize);

/// A candidate, with its cost and the total of its tensors. The greatest is the fastest; of equally fast ones the leanest,
/// and of those the first found.
#[derive(Debug, Clone)]
struct Candidate {
    run: Run,
    cost: Cost,
    /// Tokens of a second and GPU, by which it is ranked.
    rate: f64,
    total: Bytes,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_total = || other.total.cmp(&self.total);
        self.rate.total_cmp(&other.rate).then_with(by_total).then_with(|| other.run.cmp(&self.run))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

/// A run with what is tried beside its layout.
pub(super) fn with(run: &Scenario, (recompute, micro_batch_size): (Recompute, u64)) -> Scenario {
    let mut run = run.clone();
    (run.train.recompute, run.train.micro_batch_size) = (recompute, micro_batch_size);
    run
}

/// Whether something is recomputed that with the same micro batch saves nothing.
fn is_in_vain(beside: &[(Recompute, u64)], totals: &[Result<Bytes, EstimateError>], index: usize) -> bool {
    let (recompute, micro_batch_size) = beside[index];
    let without = beside.iter().position(|other| *other == (Recompute::None, micro_batch_size));
    let saves = |without: usize| totals[index].as_ref().ok() < totals[without].as_ref().ok();
    recompute != Recompute::None && without.is_some_and(|without| totals[without].is_ok() && !saves(without))
}

/// A search that is gone on with layout by layout: first the tensors of each with everything that is tried beside it, then
/// the allocators of those that may fit, the fastest first; where none does, of the one that comes nearest.
#[derive(Debug, Clone)]
pub struct Search {
    scenario: Scenario,
    layouts: Arc<[Laid]>,
    /// What is tried beside each.
    beside: Arc<[(Recompute, u64)]>,
    /// The runs of the layout that was looked at last, of which the next is made.
    runs: Vec<Scenario>,
    rates: Option<Rates>,
    looked_at: usize,
    /// Those whose tensors fit.
    within: BinaryHeap<Candidate>,
    /// Of the others the one whose tensors are least.
    beyond: Option<(Run, Bytes)>,
    most: usize,
    plan: Plan,
}

impl Search {
    /// One that has looked at nothing yet.
    pub fn new(model: &Model, scenario: &Scenario, (range, most): (&Range, usize)) -> Self {
        let plan = Plan { fitting: Vec::new(), tried: 0, over: 0, nearest: None };
        let layouts: Arc<[Laid]> = layouts(model, scenario, &range.kept).into();
        // What the framework does not do in one layout it does in none.
        let first = layouts.first().map(|laid| laid.of(scenario));
        let is_legal =
            |beside: &(Recompute, u64)| first.as_ref().is_some_and(|run| check(model, &with(run, *beside)).is_ok());
        let beside = range.beside().into_iter().filter(is_legal).collect();
        let beside: Arc<[(Recompute, u64)]> = beside;
        let (runs, scenario) = (beside.iter().map(|beside| with(scenario, *beside)).collect(), scenario.clone());
        let (within, beyond) = (BinaryHeap::new(), None);
        Self { scenario, layouts, beside, runs, rates: None, looked_at: 0, within, beyond, most, plan }
    }

    /// A candidate as the run would be.
    fn run(&self, (layout, beside): Run) -> Scenario {
        with(&self.layouts[layout].of(&self.scenario), self.beside[beside])
    }

    /// What is found so far.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many candidates were looked at, of how many: layouts with everything that is tried beside each.
    pub fn looked_at(&self) -> (usize, usize) {
        (self.looked_at * self.beside.len(), self.layouts.len() * self.beside.len())
    }

    /// Of how many layouts that may fit the allocator is still to be played out.
    pub fn to_be_played(&self) -> usize {
        self.within.len()
    }

    /// Whether there is nothing left to look at.
    pub fn is_done(&self) -> bool {
        let fitting = self.plan.fitting.len();
        let nothing_left = self.within.is_empty() && (fitting > 0 || self.beyond.is_none());
        self.looked_at == self.layouts.len() && (nothing_left || fitting >= self.most)
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
        if self.looked_at < self.layouts.len() {
            self.look_at(self.looked_at, model, gpu);
            self.looked_at += 1;
            return Ok(());
        }
        match (self.within.pop(), self.beyond.take()) {
            (Some(candidate), beyond) => {
                self.beyond = beyond;
                self.play(&candidate, model, gpu)
            }
            (None, Some((run, _))) => {
                let (_, fit) = self.held(run, model, gpu)?;
                self.is_over(run, fit.needs);
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    /// Counts the tensors of a layout, with everything that is tried beside it.
    fn look_at(&mut self, layout: usize, model: &Model, gpu: &Gpu) {
        let rates = *self.rates.get_or_insert_with(|| Rates::of(model, gpu));
        self.runs.iter_mut().for_each(|run| self.layouts[layout].lay(run));
        let totals = totals(model, &self.runs, Some(gpu));
        for (beside, scenario) in self.runs.iter().enumerate() {
            let (Ok(total), Some(cost)) = (totals[beside].clone(), rates.cost(model, scenario)) else { continue };
            let run = (layout, beside);
            self.plan.tried += 1;
            if total <= gpu.capacity().unwrap_or(Bytes::MAX) {
                // What is computed again and saves nothing is slower for nothing.
                if !is_in_vain(&self.beside, &totals, beside) {
                    let rate = cost.tokens_per_gpu();
                    self.within.push(Candidate { run, cost, rate, total });
                }
                continue;
            }
            self.plan.over += 1;
            if self.beyond.is_none_or(|(_, least)| total < least) {
                self.beyond = Some((run, total));
            }
        }
    }

    /// Plays the allocator of a layout out.
    fn play(&mut self, candidate: &Candidate, model: &Model, gpu: &Gpu) -> Result<(), EstimateError> {
        let Candidate { run, cost, .. } = *candidate;
        let (ledger, fit) = self.held(run, model, gpu)?;
        if fit.fits() {
            let stage = ledger.rank().pipeline;
            self.plan.nearest = None;
            self.plan.fitting.push(Planned { stage, scenario: self.run(run), fit, cost });
        } else {
            self.is_over(run, fit.needs);
        }
        Ok(())
    }

    /// The ledger of a layout with what the allocator holds, against the card.
    fn held(&self, run: Run, model: &Model, gpu: &Gpu) -> Result<(Ledger, Fit), EstimateError> {
        let run = self.run(run);
        let ledger = with_allocator(estimate(model, &run, Some(gpu))?, model, &run, Some(gpu))?;
        let fit = Fit::of(&ledger, gpu)?;
        Ok((ledger, fit))
    }

    fn is_over(&mut self, run: Run, needs: Bytes) {
        let nearer = self.plan.nearest.as_ref().is_none_or(|(_, least)| needs < *least);
        if self.plan.fitting.is_empty() && nearer {
            self.plan.nearest = Some((self.run(run), needs));
        }
    }
}
