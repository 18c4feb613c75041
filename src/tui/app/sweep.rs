//! Memory against one parameter: for each compared scenario a curve, and where it crosses capacity.

use super::App;
use crate::scenario::parameter::{Kind, PARAMETERS, Parameter};
use crate::scenario::{Scenario, Value};
use crate::solve::{Furthest, furthest};
use crate::units::Bytes;

/// What is swept, and what came of it.
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
    /// The furthest value that fits the scenario's own card; nothing without a card.
    pub(crate) furthest: Option<Result<Furthest, String>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Key {
    parameter: usize,
    linear: bool,
    scenarios: Vec<Scenario>,
}

/// Points of a curve.
const POINTS: u64 = 17;

impl App {
    /// The parameter that is swept.
    pub(crate) fn swept(&self) -> Option<&'static Parameter> {
        self.sweep.parameter.and_then(|index| PARAMETERS.get(index))
    }

    /// Computes the curves anew where something of them has changed.
    pub(in crate::tui) fn refresh_sweep(&mut self) {
        let number = |index: usize| matches!(PARAMETERS[index].kind, Kind::Count { .. });
        let rows = self.rows();
        let focused = rows.get(self.row(&rows)).copied().filter(|index| number(*index));
        let applies = |index: &usize| (PARAMETERS[*index].applies)(&self.scenario);
        let kept = self.sweep.parameter.filter(applies);
        let first = || {
            (0..PARAMETERS.len()).find(|index| PARAMETERS[*index].key.contains('.') && number(*index) && applies(index))
        };
        let Some(parameter) = focused.or(kept).or_else(first) else {
            self.sweep = Sweep { linear: self.sweep.linear, ..Sweep::default() };
            return;
        };
        let scenarios: Vec<Scenario> = self.compared().into_iter().map(|(scenario, _)| scenario.clone()).collect();
        let key = Key { parameter, linear: self.sweep.linear, scenarios };
        if self.sweep.key.as_ref() == Some(&key) {
            return;
        }
        let row = &PARAMETERS[parameter];
        let same = self.sweep.key.as_ref().is_some_and(|known| known.parameter == parameter);
        let known = |base: &Scenario| self.sweep.curves.iter().find(|curve| same && curve.base == *base);
        let mut curves: Vec<Curve> = Vec::new();
        for (index, scenario) in key.scenarios.iter().enumerate() {
            let Some(model) = self.model_of(scenario).filter(|_| (row.applies)(scenario)) else { continue };
            let mut base = scenario.clone();
            if let Kind::Count { min, .. } = row.kind {
                // One that cannot be set stays as it is.
                let _ = row.set(&mut base, Value::Count(min));
            }
            // What was solved stays solved while nothing else changes.
            let furthest = match known(&base) {
                Some(curve) => curve.furthest.clone(),
                None => self
                    .gpu_of(scenario)
                    .map(|gpu| furthest(model, scenario, gpu, row).map_err(|error| error.to_string())),
            };
            curves.push(Curve { index, scenario: scenario.clone(), base, totals: Vec::new(), furthest });
        }
        let here = curves.last().filter(|curve| curve.index + 1 == key.scenarios.len()).and_then(end);
        let values = values(row, &self.scenario, self.sweep.linear, here);
        for curve in &mut curves {
            curve.totals = match known(&curve.base) {
                Some(known) if self.sweep.values == values => known.totals.clone(),
                _ => values.iter().map(|value| self.total_with(&curve.scenario, row, *value)).collect(),
            };
        }
        self.sweep = Sweep { parameter: Some(parameter), linear: key.linear, values, curves, key: Some(key) };
    }

    fn total_with(&self, scenario: &Scenario, parameter: &Parameter, value: u64) -> Option<Bytes> {
        let mut changed = scenario.clone();
        parameter.set(&mut changed, Value::Count(value)).ok()?;
        self.total_of(&changed)
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
