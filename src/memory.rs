//! Where memory is computed, once: rules post entries to a ledger, and everything shown is a view of it.

mod activations;
pub mod category;
mod coverage;
pub mod entry;
pub mod fit;
mod inference;
pub mod instant;
pub mod ledger;
mod recorded;
mod runtime;
mod sketch;
mod tape;
mod timeline;
mod training;
mod weights;

use crate::gpu::Gpu;
use crate::model::Model;
use crate::model::family::PositionKind;
use crate::scenario::{Estimator, Scenario, Task};
use crate::units::Overflow;

pub use category::{Categories, Category};
pub use entry::{Dim, Entry, Exactness, Lifetime, Place, Shape};
pub use fit::{Fit, Verdict};
pub use instant::{Instant, Moment, Step};
pub use ledger::Ledger;
pub use sketch::{Sketch, sketch};

/// Why there is no ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EstimateError {
    /// A size beyond 64 bits.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// A value that is valid but that no rule covers yet.
    #[error("{key} = {value} is not covered yet; covered: {covered}")]
    NotCovered {
        /// The dotted key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is covered.
        covered: String,
    },
    /// Values that contradict each other or the model.
    #[error("{key}: {problem}")]
    Invalid {
        /// The dotted key.
        key: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
}

/// The ledger of a model run as a scenario says; `gpu` decides what the runtime takes.
pub fn estimate(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
    if scenario.estimator == Estimator::Sketch {
        return sketch::ledger(model, scenario);
    }
    coverage::check(scenario)?;
    match scenario.task {
        Task::Train => training::ledger(model, scenario, gpu),
        Task::Infer => inference::ledger(model, scenario, gpu),
    }
}

/// An error where positions are learned and a sequence is longer than their table.
fn check_length(model: &Model, key: &'static str, tokens: u64) -> Result<(), EstimateError> {
    let most = model.architecture.max_position_embeddings;
    if model.architecture.positions == PositionKind::Learned && tokens > most {
        let problem = format!("{tokens} tokens, but {} has learned positions for {most}: use at most {most}", model.id);
        return Err(EstimateError::Invalid { key, problem });
    }
    Ok(())
}
