//! Memory against one parameter: for each compared scenario a curve, and where it crosses capacity.

use std::sync::Arc;

use super::App;
use crate::gpu::Gpu;
use crate::memory;
use crate::model::Model;
use crate::scenario::parameter::{Kind, PARAMETERS, Parameter};
use crate::scenario::{Scenario, Value};
use crate::solve::{By, Furthest, Points, furthest};
use crate::tui::screen::View;
use crate::units::Bytes;

/// How values are swept, and what came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sweep {
    /// The parameter, as an index into the table; the focused one where that is a number.
    pub(crate) parameter: Option<usize>,
    /// Whether values rise in equal steps instead of powers of two.
    pub(crate) linear: bool,
    /// The values.
    pub(crate) values: Vec<u64>,
    /// A curve for each compared scenario that has the parameter.
    pub(crate) curves: Vec<Curve>,
    /// What the curves were computed from.
    key: Option<Key>,
    /// While the curves are still to be computed, the sweep before: what is in it need not be computed again.
    before: Option<Arc<Self>>,
}

impl Sweep {
    /// Of which models it is.
    fn edition(&self) -> Option<u64> {
        self.key.as_ref().map(|key| key.edition)
    }

    /// Whether the curves are still to be computed.
    pub(crate) const fn is_pending(&self) -> bool {
        self.before.is_some()
    }
}

/// Memory of one scenario over the values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curve {
    /// Which of the compared scenarios.
    pub(crate) index: usize,
    /// That scenario.
    pub(crate) scenario: Scenario,
    /// The same with a fixed value of the parameter: what the curve depends on.
    base: Scenario,
    /// The total at each value; nothing where there is no ledger.
    pub(crate) totals: Vec<Option<Bytes>>,
    /// What the totals are made of.
    totals_by: By,
    /// The furthest value that fits the scenario's own card; nothing without a card.
    pub(crate) furthest: Option<Result<Furthest, String>>,
    /// What that was judged by.
    furthest_by: By,
}

impl Curve {
    /// Whether the furthest value may come nearer once the allocator is played out.
    pub(crate) fn is_open(&self) -> bool {
        self.furthest_by == By::Tensors
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Key {
    parameter: usize,
    linear: bool,
    scenarios: Vec<Scenario>,
    /// Of the models.
    edition: u64,
}

/// A sweep to be computed, with all that it takes.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    key: Key,
    /// The model and the card of each scenario.
    subjects: Vec<Option<(Model, Option<Gpu>)>>,
    /// The scenario whose value and crossing decide how far values go.
    present: Scenario,
    /// What is known.
    known: Arc<Sweep>,
}

/// Points of a curve.
const POINTS: u64 = 17;

impl App {
    /// The parameter that is swept.
    pub(crate) fn swept(&self) -> Option<&'static Parameter> {
        self.sweep.parameter.and_then(|index| PARAMETERS.get(index))
    }

    /// Asks for the curves anew where something of them has changed; what is known already is shown at once.
    pub(in crate::tui) fn refresh_sweep(&mut self) {
        let number = |index: usize| matches!(PARAMETERS[index].kind, Kind::Count { .. });
        let rows = self.rows();
        let focused = rows.get(self.row(&rows)).copied().filter(|index| number(*index));
        let applies = |index: &usize| self.matters(&PARAMETERS[*index]);
        let kept = self.sweep.parameter.filter(applies);
        let first = || {
            (0..PARAMETERS.len()).find(|index| PARAMETERS[*index].key.contains('.') && number(*index) && applies(index))
        };
        let Some(parameter) = focused.or(kept).or_else(first) else {
            self.sweep = Sweep { linear: self.sweep.linear, ..Sweep::default() };
            return;
        };
        let scenarios: Vec<Scenario> = self.compared().into_iter().map(|(scenario, _)| scenario.clone()).collect();
        let key = Key { parameter, linear: self.sweep.linear, scenarios, edition: self.played.edition };
        if self.sweep.key.as_ref() != Some(&key) {
            if self.asked.is_none() {
                self.cancellation.cancel();
            }
            let request = self.request(key);
            self.sweep = request.recall().unwrap_or_else(|| request.later());
        }
    }

    /// Whether the curves on the screen are still to be computed.
    pub(super) fn lacks_curves(&self) -> bool {
        self.view == View::Sweep && self.sweep.is_pending()
    }

    /// The sweep by tensors, where none is shown: allocators take longer.
    pub(super) fn pending_sweep(&self) -> Option<Request> {
        self.lacks_curves().then(|| self.sweep.key.clone()).flatten().map(|key| self.request(key))
    }

    /// The sweep by allocators, where the one that is shown is not.
    pub(super) fn wanted_sweep(&self) -> Option<Request> {
        let open = |curve: &Curve| [curve.totals_by, curve.furthest_by].contains(&By::Tensors);
        let shown = self.view == View::Sweep && self.sweep.curves.iter().any(open);
        shown.then(|| self.sweep.key.clone()).flatten().map(|key| self.request(key))
    }

    /// Takes in a sweep, where it is still the one that is looked at.
    pub(in crate::tui) fn take_sweep(&mut self, sweep: Sweep) {
        if sweep.key == self.sweep.key {
            self.sweep = sweep;
        }
    }

    fn request(&self, key: Key) -> Request {
        let applies = PARAMETERS[key.parameter].applies;
        let subject = |scenario: &Scenario| {
            let model = self.model_of(scenario).filter(|_| applies(scenario))?;
            Some((model.clone(), self.gpu_of(scenario).cloned()))
        };
        let subjects = key.scenarios.iter().map(subject).collect();
        let known = self.sweep.before.clone().unwrap_or_else(|| Arc::new(self.sweep.clone()));
        Request { key, subjects, present: self.scenario.clone(), known }
    }
}

impl Request {
    /// Computes the curves; what is known as well already stays.
    pub(super) fn solve(&self, by: By, is_cancelled: &dyn Fn() -> bool) -> Sweep {
        self.curves(by, Some(is_cancelled)).unwrap_or_default()
    }

    /// The curves where all of them are known.
    fn recall(&self) -> Option<Sweep> {
        self.curves(By::Tensors, None)
    }

    /// No curves as yet, and what is known.
    fn later(self) -> Sweep {
        let Self { key, known, .. } = self;
        let (parameter, linear) = (Some(key.parameter), key.linear);
        Sweep { parameter, linear, key: Some(key), before: Some(known), ..Sweep::default() }
    }

    /// The curves; nothing where one of them would have to be computed and must not be.
    fn curves(&self, by: By, compute: Option<&dyn Fn() -> bool>) -> Option<Sweep> {
        let Self { key, subjects, present, known } = self;
        let row = &PARAMETERS[key.parameter];
        let same = known.parameter == Some(key.parameter) && known.edition() == Some(key.edition);
        let before = |base: &Scenario| known.curves.iter().find(|curve| same && curve.base == *base);
        // What the search for a crossing computes, the curve has not to compute again.
        let mut all = Vec::new();
        let mut curves: Vec<Curve> = Vec::new();
        for (index, (scenario, subject)) in key.scenarios.iter().zip(subjects).enumerate() {
            let Some((model, gpu)) = subject else { continue };
            let by = if memory::is_played(model, scenario) { by } else { By::Allocator };
            let points = Points::of(model, scenario, gpu.as_ref(), row, by).ok()?;
            let points = compute.map(|is_cancelled| points.until(is_cancelled));
            let mut base = scenario.clone();
            if let Kind::Count { min, .. } = row.kind {
                // One that cannot be set stays as it is.
                let _ = row.set(&mut base, Value::Count(min));
            }
            // What was solved stays solved while nothing else changes.
            let solved = before(&base).filter(|curve| curve.furthest_by >= by);
            let (furthest, furthest_by) = if let Some(curve) = solved {
                (curve.furthest.clone(), curve.furthest_by)
            } else {
                let solve = |points| furthest(points).map_err(|error| error.to_string());
                let points = points.as_ref()?;
                (gpu.as_ref().map(|_| solve(points)), by)
            };
            let (scenario, totals) = (scenario.clone(), Vec::new());
            curves.push(Curve { index, scenario, base, totals, totals_by: by, furthest, furthest_by });
            all.push(points);
        }
        let here = curves.last().filter(|curve| curve.index + 1 == key.scenarios.len()).and_then(end);
        let values = values(row, present, key.linear, here);
        for (curve, points) in curves.iter_mut().zip(&all) {
            let drawn = before(&curve.base).filter(|known_curve| known_curve.totals_by >= curve.totals_by);
            if let Some(drawn) = drawn.filter(|_| known.values == values) {
                (curve.totals, curve.totals_by) = (drawn.totals.clone(), drawn.totals_by);
            } else {
                let points = points.as_ref()?;
                curve.totals = values.iter().map(|value| points.total(*value).ok()).collect();
            }
        }
        let (parameter, linear) = (Some(key.parameter), key.linear);
        Some(Sweep { parameter, linear, values, curves, key: Some(key.clone()), before: None })
    }
}

/// The value at which a curve crosses capacity.
fn end(curve: &Curve) -> Option<u64> {
    match curve.furthest.as_ref()?.as_ref().ok()? {
        Furthest::Largest(found) | Furthest::Smallest(found) => found.value,
        Furthest::Indifferent => None,
    }
}

/// The values to sweep: wide enough to hold the present one and the crossing.
fn values(parameter: &Parameter, scenario: &Scenario, linear: bool, crossing: Option<u64>) -> Vec<u64> {
    let Kind::Count { min, max, .. } = parameter.kind else { return Vec::new() };
    let now = if let Value::Count(now) = parameter.get(scenario) { now } else { 1 };
    let most = now.max(crossing.unwrap_or(1)).saturating_mul(2).clamp(8, max.max(8));
    let values: Vec<u64> = if linear {
        let step = most.div_ceil(POINTS - 1).max(1);
        (0..POINTS).map(|point| if point == 0 { min.max(1) } else { point * step }).collect()
    } else {
        // Ten powers below the largest are enough to see a curve by, unless it crosses before.
        let from = (most >> 10).min(now.min(crossing.unwrap_or(now)));
        let powers = (0..u64::BITS).map(|power| 1_u64 << power);
        powers.take_while(|value| *value / 2 < most).filter(|value| *value >= from).collect()
    };
    let mut kept: Vec<u64> = values.into_iter().filter(|value| (min..=max).contains(value)).collect();
    kept.dedup();
    kept
}
