//! Where memory is computed, once: rules post entries to a ledger, and everything shown is a view of it.

mod activations;
mod adapters;
mod allocator;
pub mod category;
pub mod course;
mod coursed;
mod coverage;
pub mod entry;
mod error;
pub mod fit;
mod gather;
mod held;
mod inference;
pub mod instant;
mod kernels;
mod length;
pub mod ledger;
mod litgpt;
mod notes;
mod optimizer;
mod quantized;
mod recorded;
mod recurrent;
mod reserve;
mod runtime;
mod sequence;
mod sketch;
mod step;
mod suited;
mod tape;
mod targets;
mod timeline;
mod torchtune;
mod training;
mod weights;

use crate::framework::{litgpt as litgpt_code, torchtune as torchtune_code};
use crate::gpu::Gpu;
use crate::model::{Model, parameters};
use crate::scenario::{Estimator, Method, Scenario, Task};
use crate::units::Parameters;

pub use category::{Categories, Category};
pub use course::{Pass, Stage};
pub use error::EstimateError;
pub use held::{Reserve, Taken};
pub use notes::{beyond_positions, other_runtime, short_prompt};
pub use entry::{Alive, Dim, Entry, Exactness, Lifetime, Part, Place, Shape};
pub use fit::{Fit, Verdict};
pub use instant::{Instant, Moment, Step};
pub use ledger::Ledger;
pub use reserve::{elsewhere, fits, is_played, played, reserve, surely_fits, tracked};
pub use sketch::{Sketch, sketch};
pub use suited::{SUITED, Suited, is_unusual, suit};

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
        Task::Train => training::ledger(&model.trained(), scenario, gpu),
        Task::Infer => inference::ledger(model, scenario, gpu),
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
