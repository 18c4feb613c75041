//! Which runs are described: what is refused, and how a run is made one that its model can do.

pub(crate) mod coverage;
pub(crate) mod objective;
pub(crate) mod suited;

use std::borrow::Cow;

use crate::frameworks;
use crate::ledger::EstimateError;
use crate::model::Model;
use crate::scenario::{Estimator, Scenario, Task};

/// What is refused of a run, found without a ledger; the rule of thumb refuses nothing.
///
/// # Errors
/// The key, what it holds, and what would be right. A size beyond 64 bits shows when a ledger is made.
pub fn check(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    if scenario.estimator == Estimator::Sketch {
        return Ok(());
    }
    described(model, scenario)?;
    let trained = trained(model, scenario);
    let (framework, job) = frameworks::job(&trained, scenario, None)?;
    framework.check(&job)
}

/// What no framework's rules reach.
pub(crate) fn described(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    coverage::check(scenario)?;
    if scenario.task == Task::Train {
        objective::output(model, scenario)?;
    }
    coverage::check_family(model, scenario)
}

/// The model, for training as the class that its objective takes.
pub(crate) fn trained<'a>(model: &'a Model, scenario: &Scenario) -> Cow<'a, Model> {
    match scenario.task {
        // Where there is no such class the run was refused.
        Task::Train => objective::output(model, scenario).map_or(Cow::Borrowed(model), |output| model.trained(output)),
        Task::Infer => Cow::Borrowed(model),
    }
}
