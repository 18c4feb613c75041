//! What others' estimators say of the same cases, beside ours. No promise is attached to them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::tally::{self, Key};
use super::{Metric, Outcome, Spread, relative};

/// An estimator of others, and what it says of cases that it has a word for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    /// What it is called.
    pub name: String,
    /// The paper, or the file and its commit, that it is restated from.
    pub source: String,
    /// What it says, by the id of a case: bytes.
    pub says: BTreeMap<String, u64>,
    /// Ids of cases that it says nothing of, by the reason.
    pub left_out: BTreeMap<String, Vec<String>>,
}

/// An estimator of others held against the same cases as ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What it is called.
    pub name: String,
    /// Where it is from.
    pub source: String,
    /// The errors of each group and metric of which it says something, in the order of ours.
    pub rows: Vec<Beside>,
    /// Why it says nothing of cases, and of how many; the most frequent reason first.
    pub left_out: Vec<(String, usize)>,
}

/// The errors of another's estimator and of ours over the same cases of one group and metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// The group.
    pub group: String,
    /// What was measured.
    pub metric: Metric,
    /// Cases of which both say something.
    pub cases: usize,
    /// How far off the other is.
    pub theirs: Spread,
    /// How far off we are.
    pub ours: Spread,
}

impl Comparison {
    /// The estimator over these outcomes.
    pub(super) fn of(other: &Other, outcomes: &[Outcome]) -> Self {
        let says = |outcome: &Outcome| other.says.get(&outcome.case.id).copied();
        let mut both: Vec<Pair<'_>> = outcomes
            .iter()
            .filter_map(|outcome| {
                let theirs = relative(says(outcome)?, outcome.case.measured);
                Some(Pair { key: tally::key(outcome), theirs, ours: outcome.error()? })
            })
            .collect();
        both.sort_by_key(|pair| pair.key);
        let rows = both.chunk_by(|one, next| one.key == next.key).filter_map(Beside::of).collect();
        let mut left_out: Vec<(String, usize)> =
            other.left_out.iter().map(|(reason, ids)| (reason.clone(), ids.len())).collect();
        left_out.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self { name: other.name.clone(), source: other.source.clone(), rows, left_out }
    }
}

/// Both errors of one case, and the row that it belongs to.
struct Pair<'a> {
    key: Key<'a>,
    theirs: f64,
    ours: f64,
}

impl Beside {
    /// The row of pairs that share a key; `None` of none.
    fn of(pairs: &[Pair<'_>]) -> Option<Self> {
        let (_, _, group, metric) = pairs.first()?.key;
        Some(Self {
            group: group.to_owned(),
            metric,
            cases: pairs.len(),
            theirs: Spread::of(pairs.iter().map(|pair| pair.theirs).collect())?,
            ours: Spread::of(pairs.iter().map(|pair| pair.ours).collect())?,
        })
    }
}
