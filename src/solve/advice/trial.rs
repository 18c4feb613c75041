//! A run with some of its levers moved, tried by its tensors and then with its allocator.

use std::collections::HashMap;
use std::ops::Range;

use super::{Cost, Fix, Lever, Subject, apply};
use crate::memory::{Category, Fit, Ledger, estimate, with_allocator};
use crate::model::parameters;
use crate::scenario::parameter::Parameter;
use crate::scenario::{Estimator, Value};
use crate::units::{Bytes, Parameters};

/// Keys that change what weights take.
const OF_WEIGHTS: [&str; 5] =
    ["train.precision", "train.method", "train.lora_targets", "train.reference", "infer.weights"];

/// Keys that leave weights on the host.
const OFFLOADING: [&str; 2] = ["infer.gpu_layers", "infer.cpu_moe_layers"];

/// Fewer bits than a weight takes in any format that is tried.
const LEAST_BITS: u128 = 4;

/// Which levers are moved, by their place in the list, in order.
pub(super) type Moved = Vec<usize>;

/// The levers of a run, and what is known of those that were tried.
pub(super) struct Trials<'a> {
    subject: Subject<'a>,
    levers: Vec<Lever>,
    /// What the run needs as it is, without what its allocator adds; and its weights.
    now: Bytes,
    weights: Bytes,
    /// What it needs as it is.
    before: Bytes,
    /// What there is to fit into, and whether that could be enough for the model's weights in any format.
    capacity: Bytes,
    holds_weights: bool,
    /// The run as it is, by category.
    largest: Vec<Bytes>,
    known: HashMap<Moved, Option<Tried>>,
    /// Whether nothing is tried with which weights alone leave no room.
    with_room: bool,
}

/// What is known of a trial by its tensors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried {
    /// The least that it may need.
    pub(super) needs: Bytes,
    /// Whether anything of it is smaller than it was.
    pub(super) helps: bool,
}

impl<'a> Trials<'a> {
    /// Nothing tried yet.
    pub(super) fn of(subject: Subject<'a>, now: &Ledger, fit: &Fit, levers: Vec<Lever>) -> Self {
        let count = parameters::count(&subject.model.architecture).map_or(0, Parameters::get);
        let least = u128::from(count) * LEAST_BITS / 8;
        let mut trials = Self {
            subject,
            levers: Vec::new(),
            now: now.total().saturating_sub(now.unusable()),
            weights: now.largest(Category::Parameters).0,
            before: fit.needs.max(now.total()),
            capacity: fit.room(),
            holds_weights: least <= u128::from(fit.room().get()),
            largest: largest(now),
            known: HashMap::new(),
            with_room: true,
        };
        trials.add(levers);
        trials
    }

    /// Adds levers: of each what the run has not got already, which is nothing of some.
    pub(super) fn add(&mut self, levers: impl IntoIterator<Item = Lever>) {
        let scenario = self.subject.scenario;
        let is_new = |(key, value): &(&'static str, Value)| {
            Parameter::by_key(key).is_ok_and(|parameter| parameter.get(scenario) != *value)
        };
        let new = levers.into_iter().map(|mut lever| {
            lever.changes.retain(is_new);
            lever
        });
        self.levers.extend(new.filter(|lever| !lever.changes.is_empty()));
    }

    /// Tries from here on what leaves no room too.
    pub(super) fn go_on_without_room(&mut self) {
        self.with_room = false;
        self.known.retain(|_, tried| tried.is_some());
    }

    /// The levers, by their place.
    pub(super) fn levers(&self) -> Range<usize> {
        0..self.levers.len()
    }

    /// The same moved, and the allocator told otherwise, where that is one of the levers.
    pub(super) fn with_allocator(&self, moved: &[usize]) -> Option<Moved> {
        let allocator = self.levers.iter().position(|lever| lever.keys().eq(["runtime.alloc_conf"]))?;
        self.is_apart(moved, allocator).then(|| with(moved, allocator))
    }

    /// What moving these costs.
    pub(super) fn cost(&self, moved: &[usize]) -> Cost {
        moved.iter().fold(Cost::NOTHING, |cost, lever| cost.and(self.levers[*lever].cost))
    }

    /// How many of these make the run's result another, how many make it slower, and how many parameters they set.
    pub(super) fn prices(&self, moved: &[usize]) -> [usize; 3] {
        let count = |which: fn(Cost) -> bool| moved.iter().filter(|lever| which(self.levers[**lever].cost)).count();
        [count(|cost| cost.other_result), count(|cost| cost.slower), self.keys(moved).len()]
    }

    /// Whether a lever sets none of the parameters that these set.
    pub(super) fn is_apart(&self, moved: &[usize], lever: usize) -> bool {
        let mut keys = moved.iter().flat_map(|lever| self.levers[*lever].keys());
        !keys.any(|key| self.levers[lever].keys().any(|other| other == key))
    }

    /// The parameters that these set.
    pub(super) fn keys(&self, moved: &[usize]) -> Vec<&'static str> {
        moved.iter().flat_map(|lever| self.levers[*lever].keys()).collect()
    }

    /// What the run needs as it is: what helps needs less.
    pub(super) const fn before(&self) -> Bytes {
        self.before
    }

    /// Whether tensors of so many bytes leave a run that may fit.
    pub(super) fn may_fit(&self, needs: Bytes) -> bool {
        needs <= self.capacity
    }

    /// What the run needs with these moved, by its tensors; nothing where it cannot be run so, or is not changed by it.
    pub(super) fn tried(&mut self, moved: &[usize]) -> Option<Tried> {
        if let Some(known) = self.known.get(moved) {
            return *known;
        }
        let tried = self.fresh(moved);
        self.known.insert(moved.to_vec(), tried);
        tried
    }

    fn fresh(&self, moved: &[usize]) -> Option<Tried> {
        let Subject { model, gpu, is_cancelled, .. } = self.subject;
        if is_cancelled() || self.with_room && !self.leaves_room(moved) {
            return None;
        }
        let changed = apply(self.subject.scenario, &self.changes(moved))?;
        let ledger = estimate(model, &changed, Some(gpu)).ok()?;
        let needs = Fit::of(&ledger, gpu).map_or(ledger.total(), |fit| fit.needs.max(ledger.total()));
        let helps =
            needs < self.now || largest(&ledger).iter().zip(&self.largest).any(|(after, before)| after < before);
        Some(Tried { needs, helps })
    }

    /// Whether weights alone leave room at all with these moved: where they do not, no ledger is needed to see that it is of
    /// no use.
    fn leaves_room(&self, moved: &[usize]) -> bool {
        let keys = self.keys(moved);
        // The rule of thumb counts other weights than the model has. What is divided among GPUs may be less on each, and
        // what waits on the host is none.
        let elsewhere = |key: &&str| key.starts_with("parallel.") || OFFLOADING.contains(key);
        if self.subject.scenario.estimator == Estimator::Sketch || keys.iter().any(elsewhere) {
            return true;
        }
        let same_weights = keys.iter().all(|key| !OF_WEIGHTS.contains(key));
        self.holds_weights && !(same_weights && self.weights > self.capacity)
    }

    /// The run with these moved and its allocator played out.
    pub(super) fn played(&self, moved: &[usize]) -> Option<Fix> {
        let Subject { model, scenario, gpu, is_cancelled } = self.subject;
        if is_cancelled() {
            return None;
        }
        let changes = self.changes(moved);
        let run = apply(scenario, &changes)?;
        let ledger = with_allocator(estimate(model, &run, Some(gpu)).ok()?, model, &run, Some(gpu)).ok()?;
        Some(fix(changes, moved.len(), self.cost(moved), &Fit::of(&ledger, gpu).ok()?))
    }

    /// What these set.
    fn changes(&self, moved: &[usize]) -> Vec<(&'static str, Value)> {
        moved.iter().flat_map(|lever| self.levers[*lever].changes.iter().cloned()).collect()
    }
}

/// The same and one lever more.
pub(super) fn with(moved: &[usize], lever: usize) -> Moved {
    let mut with = moved.to_vec();
    with.insert(with.partition_point(|other| *other < lever), lever);
    with
}

/// What each category comes to where it is largest.
fn largest(ledger: &Ledger) -> Vec<Bytes> {
    Category::ALL.iter().map(|category| ledger.largest(*category).0).collect()
}

/// Changes with what they come to.
pub(super) fn fix(changes: Vec<(&'static str, Value)>, steps: usize, cost: Cost, fit: &Fit) -> Fix {
    let headroom = fit.room().minus(fit.needs);
    Fix { changes, steps, needs: fit.needs, headroom, verdict: fit.verdict, cost }
}
