//! Where memory is computed, once: rules post entries to a ledger, and everything shown is a view of it.

mod notes;
mod reserve;
mod sketch;

use crate::frameworks::litgpt::{self, release as litgpt_code};
use crate::frameworks::torchtune::{self, release as torchtune_code};
use crate::frameworks::transformers::{serve, train};
use crate::gpu::Gpu;
use crate::legal::coverage;
use crate::model::{Model, parameters};
use crate::scenario::{Estimator, Method, Scenario, Task};
use crate::states::adapters;
use crate::units::Parameters;

pub use crate::ledger::{
    Alive, Categories, Category, Entry, EstimateError, Exactness, Fit, Held, Instant, Ledger, Lifetime, Moment, Origin,
    Overhead, Pass, Place, Reserve, Stage, Step, Taken, Verdict,
};
pub use crate::legal::suited::{SUITED, Suited, is_unusual, suit};
pub use crate::shape::{Dim, Shape};
pub use notes::{beyond_positions, other_runtime, short_prompt};
pub use reserve::{elsewhere, fits, is_played, played, reserve, surely_fits, tracked};
pub use sketch::{Sketch, sketch};

/// The ledger of a model run as a scenario says; `gpu` decides what the runtime takes.
///
/// Where PyTorch's allocator is played out, what it holds beyond this is still to come: [`played`] adds it, and [`Fit`]
/// holds a ledger against a card.
///
/// ```
/// use brimful::memory::{Category, estimate};
/// use brimful::preset::Library;
/// use brimful::scenario::Scenario;
/// use brimful::units::Unit;
///
/// let library = Library::embedded();
/// let model = library.model("llama-3.1-8b")?;
/// let scenario = Scenario { profiles: library.profiles(), ..Scenario::default() };
/// let ledger = estimate(model, &scenario, library.gpu("h100-sxm-80").ok())?;
///
/// // AdamW keeps two states of each of 8,030,261,248 parameters, in bf16 as the weights are.
/// let (optimizer, _) = ledger.largest(Category::Optimizer);
/// assert_eq!(Unit::Gib.show(optimizer), "29.92 GiB");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn estimate(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
    if scenario.estimator == Estimator::Sketch {
        return sketch::ledger(model, scenario);
    }
    coverage::check(scenario)?;
    coverage::check_family(model, scenario)?;
    match scenario.task {
        Task::Train => train::ledger(&model.trained(), scenario, gpu),
        Task::Infer => serve::ledger(model, scenario, gpu),
    }
}

/// How many parameters a training run's optimizer steps.
pub fn trainable_parameters(model: &Model, scenario: &Scenario) -> Result<Parameters, EstimateError> {
    let model = model.trained();
    let profile = scenario.profile().unwrap_or_default();
    let blocks = match scenario.train.method {
        _ if litgpt_code::Release::of(&profile.id).is_some() => litgpt::trained(&model, scenario, &profile)?,
        _ if torchtune_code::Release::of(&profile.id).is_some() => torchtune::trained(&model, scenario, &profile)?,
        Method::Full => parameters::blocks(&model.architecture),
        Method::Lora | Method::Qlora => adapters::Adapters::of(&model, &scenario.train)?.blocks(&model),
    };
    let sum = blocks
        .iter()
        .try_fold(Parameters::default(), |sum, block| sum.checked_add(block.each()?.checked_mul(block.copies)?));
    Ok(sum?)
}
