//! A ledger as something to read: text for people, JSON and CSV for programs.
//!
//! Nothing here computes memory. Every function returns its whole output, and the caller prints it.

pub mod catalogue;
pub mod compare;
pub mod csv;
pub mod json;
pub mod plan;
pub mod serving;
pub mod stages;
pub mod table;
pub mod text;
pub mod validation;

use crate::gpu::Gpu;
use crate::memory::{Entry, EstimateError, Fit, Ledger, Sketch, Step, played, sketch, trainable_parameters};
use crate::model::{Model, parameters};
use crate::scenario::{Estimator, Scenario, Task};
use crate::solve::Advice;
use crate::units::Parameters;

/// Everything that is shown about one model run one way.
#[derive(Debug, Clone, PartialEq)]
pub struct Report<'a> {
    /// The model.
    pub model: &'a Model,
    /// How it is run.
    pub scenario: &'a Scenario,
    /// The card, where one is chosen.
    pub gpu: Option<&'a Gpu>,
    /// How many parameters there are.
    pub counts: ParameterCounts,
    /// Every byte.
    pub ledger: Ledger,
    /// The ledger against the card.
    pub fit: Option<Fit>,
    /// The rule of thumb, where it is the estimator.
    pub sketch: Option<Sketch>,
    /// What to change, where that was asked.
    pub advice: Option<Advice>,
    /// What a reader may not expect, in words.
    pub warnings: &'a [String],
}

/// Parameters of a model and of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterCounts {
    /// All of them.
    pub total: Parameters,
    /// Those that one token passes through.
    pub active: Parameters,
    /// Those that the optimizer steps; `None` where no rule counts adapters yet.
    pub trainable: Option<Parameters>,
}

impl ParameterCounts {
    fn of(model: &Model, scenario: &Scenario) -> Result<Self, EstimateError> {
        let total = parameters::count(&model.architecture)?;
        let trainable = match scenario.task {
            Task::Infer => Parameters::default(),
            Task::Train => trainable_parameters(model, scenario)?,
        };
        Ok(Self { total, active: parameters::active(&model.architecture)?, trainable: Some(trainable) })
    }
}

impl<'a> Report<'a> {
    /// Estimates, and holds the result against the card.
    pub fn new(model: &'a Model, scenario: &'a Scenario, gpu: Option<&'a Gpu>) -> Result<Self, EstimateError> {
        let counts = ParameterCounts::of(model, scenario)?;
        let ledger = played(model, scenario, gpu)?;
        let fit = gpu.map(|gpu| Fit::of(&ledger, gpu)).transpose()?;
        let sketch = match scenario.estimator {
            Estimator::Sketch => Some(sketch(model, scenario)?),
            Estimator::Ledger => None,
        };
        Ok(Self { model, scenario, gpu, counts, ledger, fit, sketch, advice: None, warnings: &[] })
    }
}

/// The ids of the steady step's instants in which an entry is alive, in order.
fn instants_of(ledger: &Ledger, entry: &Entry) -> Vec<&'static str> {
    let steady = ledger.moments().iter().filter(|moment| moment.step == Step::Steady);
    steady
        .filter(|moment| entry.alive.contains(Step::Steady, moment.instant))
        .map(|moment| moment.instant.id())
        .collect()
}
