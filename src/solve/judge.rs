//! What runs are judged by.

use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit, Ledger, estimate, fits, played};
use crate::model::Model;
use crate::scenario::Scenario;

/// What runs are judged by, the better last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// Their tensors alone, which is quick: what does not fit so does not fit.
    Tensors,
    /// What the allocator holds, where it is played out.
    Allocator,
}

impl By {
    /// The ledger of a run.
    ///
    /// # Errors
    /// Where it has none.
    pub fn ledger(self, model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
        match self {
            Self::Tensors => estimate(model, scenario, gpu),
            Self::Allocator => played(model, scenario, gpu),
        }
    }

    /// Whether a run fits a card, by the central estimate.
    pub(super) fn fits(self, model: &Model, scenario: &Scenario, gpu: &Gpu) -> Result<bool, EstimateError> {
        match self {
            Self::Tensors => Ok(Fit::of(&estimate(model, scenario, Some(gpu))?, gpu)?.fits()),
            Self::Allocator => fits(model, scenario, gpu),
        }
    }
}
