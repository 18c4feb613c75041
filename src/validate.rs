//! Predictions held against measurements: cases in, the errors by group and what lies outside the promises out.

mod metric;
mod others;
mod promise;
mod tally;

use crate::gpu::Gpu;
use crate::model::Model;
use crate::scenario::{Estimator, Scenario};

pub use metric::Metric;
pub use others::{Beside, Comparison, Other};
pub use promise::{LOW, NEAR, PROMISES, Promise, UNEXPLAINED};
pub use tally::{Row, Spread};

/// A scenario and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it is called.
    pub id: String,
    /// Whose promise it is held to: `saved`, `kv_cache`, `litgpt lora`.
    pub group: String,
    /// How well its configuration is known.
    pub confidence: Confidence,
    /// What was measured.
    pub metric: Metric,
    /// The figure: bytes, or a count of parameters; at least 1.
    pub measured: u64,
    /// Where it was measured, if not on the fullest GPU.
    pub rank: Option<Rank>,
    /// Who measured it.
    pub source: Option<String>,
    /// What was run; or why no rule can read its description.
    pub subject: Result<Box<Subject>, String>,
}

impl Case {
    /// What its group is promised; nothing where the run is only vaguely known.
    pub fn promise(&self) -> Promise {
        match self.confidence {
            Confidence::A | Confidence::B => Promise::of(&self.group, self.metric),
            Confidence::C => Promise::NOTHING,
        }
    }
}

/// What was run.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The model.
    pub model: Model,
    /// How it was run.
    pub scenario: Scenario,
    /// The card, where it is known.
    pub gpu: Option<Gpu>,
}

/// How well the configuration of a measurement is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confidence {
    /// Fully, and the figure is exact.
    #[default]
    A,
    /// With small guesses.
    B,
    /// Vaguely: shown, and held to no promise.
    C,
}

impl Confidence {
    /// The letters of case files.
    pub const WORDS: &'static [&'static str] = &["A", "B", "C"];

    /// The confidence of a letter.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "A" => Some(Self::A),
            "B" => Some(Self::B),
            "C" => Some(Self::C),
            _ => None,
        }
    }
}

/// The GPU that was measured, by its place along each axis; an axis that is not named does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rank {
    /// Along the pipeline.
    pub pipeline: Option<Stage>,
    /// Within the tensor-parallel group.
    pub tensor: Option<Stage>,
    /// Within the context-parallel group.
    pub context: Option<Stage>,
    /// Within the expert-parallel group.
    pub expert: Option<Stage>,
    /// Among the data-parallel replicas.
    pub data: Option<Stage>,
}

/// A place along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Counted from 0.
    Index(u64),
    /// The last one.
    Last,
}

/// One case and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The case.
    pub case: Case,
    /// The prediction; or why there is none.
    pub predicted: Result<u64, String>,
    /// What the rule of thumb says, where it was asked and has a word for the metric.
    pub sketch: Option<u64>,
}

impl Outcome {
    /// The prediction's error relative to the measurement, signed; `None` without a prediction.
    pub fn error(&self) -> Option<f64> {
        self.predicted.as_ref().ok().map(|predicted| relative(*predicted, self.case.measured))
    }
}

/// Every case, and the errors by group and metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// Every case, in the order in which they were given.
    pub outcomes: Vec<Outcome>,
    /// The errors of each group and metric, in the order of the promises, then by name.
    pub rows: Vec<Row>,
    /// Whether the rule of thumb was asked too.
    pub with_sketch: bool,
    /// What others' estimators say of the same cases.
    pub others: Vec<Comparison>,
}

impl Validation {
    /// Estimates every case; `with_sketch` also asks the rule of thumb.
    pub fn of(cases: Vec<Case>, with_sketch: bool) -> Self {
        let outcomes: Vec<Outcome> = cases.into_iter().map(|case| judge(case, with_sketch)).collect();
        let rows = tally::rows(&outcomes);
        Self { outcomes, rows, with_sketch, others: Vec::new() }
    }

    /// The same beside what others' estimators say.
    #[must_use]
    pub fn beside(mut self, others: &[Other]) -> Self {
        self.others = others.iter().map(|other| Comparison::of(other, &self.outcomes)).collect();
        self
    }

    /// Whether every group keeps its promise.
    pub fn within(&self) -> bool {
        self.rows.iter().all(Row::within)
    }

    /// Cases beyond what their group promises for a single case, worst first.
    pub fn outside(&self) -> Vec<&Outcome> {
        let mut outside: Vec<(f64, &Outcome)> = Vec::new();
        for outcome in &self.outcomes {
            let promise = outcome.case.promise();
            if let Some(error) = outcome.error().map(f64::abs)
                && error > promise.each()
            {
                outside.push((error, outcome));
            }
        }
        outside.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        outside.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Why cases have no prediction, and how many and which; the most frequent reason first.
    pub fn not_covered(&self) -> Vec<(&str, Vec<&Outcome>)> {
        let mut reasons: Vec<(&str, Vec<&Outcome>)> = Vec::new();
        for outcome in &self.outcomes {
            let Err(reason) = &outcome.predicted else { continue };
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, outcomes)) => outcomes.push(outcome),
                None => reasons.push((reason, vec![outcome])),
            }
        }
        reasons.sort_by(|(one, ones), (other, others)| others.len().cmp(&ones.len()).then(one.cmp(other)));
        reasons
    }
}

fn judge(case: Case, with_sketch: bool) -> Outcome {
    let (predicted, sketch) = match &case.subject {
        Err(reason) => (Err(reason.clone()), None),
        Ok(subject) => {
            let asked = with_sketch.then(|| case.metric.sketched(&subject.model, &rule_of_thumb(&subject.scenario)));
            (case.metric.predicted(subject, case.rank), asked.flatten())
        }
    };
    Outcome { case, predicted, sketch }
}

fn rule_of_thumb(scenario: &Scenario) -> Scenario {
    Scenario { estimator: Estimator::Sketch, ..scenario.clone() }
}

/// The difference relative to what was measured, signed.
#[expect(clippy::cast_precision_loss, reason = "a relative error")]
fn relative(predicted: u64, measured: u64) -> f64 {
    let difference = i128::from(predicted) - i128::from(measured);
    difference as f64 / measured as f64
}
