//! Errors by group: how many are exact, the median, the ninetieth percentile, the worst.

use super::promise::{FEWEST, LOW, NEAR};
use super::{Confidence, Metric, Outcome, PROMISES, Promise, UNEXPLAINED, relative};

/// The cases of one group that measured the same; those that are only vaguely known make a row of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The group.
    pub group: String,
    /// What was measured.
    pub metric: Metric,
    /// What is promised.
    pub promise: Promise,
    /// Cases with a prediction.
    pub cases: usize,
    /// Cases that no rule covers.
    pub not_covered: usize,
    /// The errors; `None` where no case has a prediction.
    pub spread: Option<Spread>,
    /// The id of the worst case; empty where all are exact.
    pub worst_case: String,
    /// The errors of the rule of thumb, where it was asked and has a word for the metric.
    pub sketch: Option<Spread>,
}

/// How far off predictions are, relative to the measurements, without sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Cases that are exact.
    pub exact: usize,
    /// Share of cases that are exact, from 0 to 1.
    pub exact_share: f64,
    /// Half of the cases are off by at most this.
    pub median: f64,
    /// Nine in ten are off by at most this.
    pub ninetieth: f64,
    /// No case is off by more.
    pub worst: f64,
    /// Share of cases that are off by no more than a promise calls near.
    pub near_share: f64,
    /// Share of cases that are too low by more than a promise allows.
    pub low_share: f64,
}

impl Spread {
    /// The spread of these errors; `None` of none.
    #[expect(clippy::cast_precision_loss, reason = "shares of case counts")]
    pub(super) fn of(errors: Vec<f64>) -> Option<Self> {
        let low = errors.iter().filter(|error| **error < -LOW).count();
        let mut errors: Vec<f64> = errors.into_iter().map(f64::abs).collect();
        errors.sort_by(f64::total_cmp);
        let worst = *errors.last()?;
        let count = errors.len();
        let exact = errors.iter().filter(|error| **error == 0.0).count();
        Some(Self {
            exact,
            exact_share: exact as f64 / count as f64,
            median: f64::midpoint(errors[(count - 1) / 2], errors[count / 2]),
            // The smallest error that nine in ten cases do not exceed.
            ninetieth: errors[(count * 9).div_ceil(10).max(1) - 1],
            worst,
            near_share: errors.iter().filter(|error| **error <= NEAR).count() as f64 / count as f64,
            low_share: low as f64 / count as f64,
        })
    }
}

impl Row {
    /// The best reading of what is missing, where a broken promise is known to be unexplained.
    pub fn unexplained(&self) -> Option<&'static str> {
        let known = UNEXPLAINED.iter().find(|(group, _)| *group == self.group).map(|(_, reading)| *reading);
        known.filter(|_| !self.within())
    }

    /// Whether the promise is kept; a group without a single prediction breaks none.
    pub fn within(&self) -> bool {
        let Some(spread) = &self.spread else { return true };
        let at_most = |promised: Option<f64>, found: f64| promised.is_none_or(|most| found <= most);
        at_most(self.promise.median.filter(|_| self.cases >= FEWEST), spread.median)
            && at_most(self.promise.ninetieth, spread.ninetieth)
            && at_most(self.promise.worst, spread.worst)
            && self.promise.exact.is_none_or(|least| spread.exact_share >= least)
            && self.promise.near.is_none_or(|least| spread.near_share >= least)
            && at_most(self.promise.low, spread.low_share)
    }
}

/// A row for each group and metric: groups in the order of the promises, others after them by name.
pub(super) fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let mut keys: Vec<Key<'_>> = outcomes.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().map(|wanted| row(wanted, outcomes.iter().filter(|outcome| key(outcome) == wanted))).collect()
}

/// What cases of one row share: whether they are vague, the place among the promises, group and metric.
pub(super) type Key<'a> = (bool, usize, &'a str, Metric);

/// The row that an outcome belongs to.
pub(super) fn key(outcome: &Outcome) -> Key<'_> {
    let group = outcome.case.group.as_str();
    let order = PROMISES.iter().position(|promise| promise.group == group).unwrap_or(PROMISES.len());
    (outcome.case.confidence == Confidence::C, order, group, outcome.case.metric)
}

fn row<'a>((vague, _, group, metric): Key<'_>, outcomes: impl Iterator<Item = &'a Outcome>) -> Row {
    let (mut errors, mut sketched, mut not_covered) = (Vec::new(), Vec::new(), 0);
    let mut worst: (f64, &str) = (0.0, "");
    for outcome in outcomes {
        let Some(error) = outcome.error() else {
            not_covered += 1;
            continue;
        };
        if error.abs() > worst.0 {
            worst = (error.abs(), &outcome.case.id);
        }
        errors.push(error);
        sketched.extend(outcome.sketch.map(|sketch| relative(sketch, outcome.case.measured)));
    }
    Row {
        group: group.to_owned(),
        metric,
        promise: if vague { Promise::NOTHING } else { Promise::of(group, metric) },
        cases: errors.len(),
        not_covered,
        spread: Spread::of(errors),
        worst_case: worst.1.to_owned(),
        sketch: Spread::of(sketched),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_known_errors() {
        let spread = Spread::of(vec![0.0, -0.01, 0.02, 0.03, 0.0, 0.05, -0.06, 0.07, 0.08, -0.5]).unwrap();
        assert_eq!(spread.exact, 2);
        assert!((spread.exact_share - 0.2).abs() < 1e-12 && (spread.median - 0.04).abs() < 1e-12);
        assert!((spread.ninetieth - 0.08).abs() < 1e-12 && (spread.worst - 0.5).abs() < 1e-12);
        // Too low by just the limit is not too low.
        assert!((spread.near_share - 0.2).abs() < 1e-12 && (spread.low_share - 0.2).abs() < 1e-12);
        assert_eq!(Spread::of(Vec::new()), None);
        let one = Spread::of(vec![-0.25]).unwrap();
        assert!([one.median, one.ninetieth, one.worst].iter().all(|error| (error - 0.25).abs() < 1e-12));
    }

    #[test]
    fn each_promise_can_be_broken() {
        let [median, ninetieth, worst] = [0.01, 0.02, 0.03].map(Some);
        let [exact, near, low] = [0.5, 0.9, 0.1].map(Some);
        let promise = Promise { group: "g", median, ninetieth, worst, exact, near, low };
        let kept = Spread {
            exact: 5,
            exact_share: 0.5,
            median: 0.01,
            ninetieth: 0.02,
            worst: 0.03,
            near_share: 0.9,
            low_share: 0.1,
        };
        let row = |spread| Row {
            group: String::from("g"),
            metric: Metric::Saved,
            promise,
            cases: 10,
            not_covered: 0,
            spread: Some(spread),
            worst_case: String::new(),
            sketch: None,
        };
        assert!(row(kept).within());
        assert!(!row(Spread { median: 0.011, ..kept }).within());
        assert!(!row(Spread { ninetieth: 0.021, ..kept }).within());
        assert!(!row(Spread { worst: 0.031, ..kept }).within());
        assert!(!row(Spread { exact_share: 0.49, ..kept }).within());
        assert!(!row(Spread { near_share: 0.89, ..kept }).within());
        assert!(!row(Spread { low_share: 0.11, ..kept }).within());
        assert!(Row { cases: 2, ..row(Spread { median: 0.011, ..kept }) }.within(), "two cases have no median");
        assert!(Row { spread: None, ..row(kept) }.within());
    }
}
