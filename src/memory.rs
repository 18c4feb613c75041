//! Where memory is computed, once: rules post entries to a ledger, and everything shown is a view of it.

mod activations;
mod adapters;
mod allocator;
pub mod category;
pub mod course;
mod coverage;
pub mod entry;
pub mod fit;
mod gather;
mod inference;
pub mod instant;
mod kernels;
pub mod ledger;
mod litgpt;
mod optimizer;
mod quantized;
mod recorded;
mod recurrent;
mod reserve;
mod runtime;
mod sequence;
mod sketch;
mod suited;
mod tape;
mod targets;
mod timeline;
mod torchtune;
mod training;
mod weights;

use self::course::Course;
use self::runtime::Process;
use crate::framework::implementation;
use crate::framework::transformers::ScoreCode;
use crate::framework::{litgpt as litgpt_code, torchtune as torchtune_code};
use crate::gpu::Gpu;
use crate::model::family::PositionKind;
use crate::model::{Model, parameters};
use crate::scenario::{Estimator, Method, Scenario, Task};
use crate::units::{Overflow, Parameters, grouped};

pub use category::{Categories, Category};
pub use course::{Pass, Stage};
pub use entry::{Alive, Dim, Entry, Exactness, Lifetime, Part, Place, Shape};
pub use fit::{Fit, Verdict};
pub use instant::{Instant, Moment, Step};
pub use ledger::Ledger;
pub use reserve::{Reserve, Taken, elsewhere, fits, is_played, played, reserve, surely_fits, tracked};
pub use sketch::{Sketch, sketch};
pub use suited::{SUITED, Suited, is_unusual, suit};

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

impl EstimateError {
    /// A framework that does not describe what is asked of it; what is covered instead.
    fn framework(found: impl Into<String>, covered: String) -> Self {
        Self::NotCovered { key: "framework", value: found.into(), covered }
    }
}

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

/// Adds the runtime, whose slack depends on the rest, and closes the ledger over these instants of both steps, each
/// with where it lies.
fn close(
    mut entries: Vec<Entry>,
    (process, gpu): (Process, Option<&Gpu>),
    places: &[(Instant, String)],
    course: Option<Course>,
) -> Result<Ledger, EstimateError> {
    let of = |step: Step| places.iter().map(move |(instant, place)| (step, *instant, place.clone()));
    let instants: Vec<_> = of(Step::First).chain(of(Step::Steady)).collect();
    let allocated = Ledger::heaviest(&entries, &instants)?;
    let always = places.iter().fold(Alive::NEVER, |alive, (instant, _)| alive.in_both(*instant));
    entries.append(&mut process.entries(gpu, allocated, always)?);
    Ok(Ledger::close(entries, instants, course)?.in_process(process))
}

/// Says so where sequences are longer than those that the model was made for. Such a run takes the memory that it is
/// said to; what comes of it is another question.
pub fn beyond_positions(model: &Model, scenario: &Scenario) -> Option<String> {
    let tokens = match scenario.task {
        Task::Train => scenario.train.sequence_length,
        Task::Infer => scenario.infer.context_length,
    };
    let most = model.architecture.max_position_embeddings;
    (tokens > most).then(|| format!("{} was made for sequences of {} tokens", model.name, grouped(most)))
}

/// Says so where a card is none that the described program runs on as it stands: what is compared is memory alone.
pub fn other_runtime(gpu: &Gpu) -> Option<String> {
    let is_cuda = gpu.vendor.eq_ignore_ascii_case("nvidia");
    (!is_cuda)
        .then(|| format!("{} is no CUDA card: its memory alone is compared, the runtime is that of CUDA", gpu.name))
}

/// Says so where prompts are shorter than the context: the rest is generated.
pub fn short_prompt(model: &Model, scenario: &Scenario) -> Option<String> {
    let infer = &scenario.infer;
    // An encoder reads all there is.
    let generates = model.architecture.encoder.is_none() && scenario.task == Task::Infer;
    let said = infer.prefill_tokens.is_some() && scenario.estimator == Estimator::Ledger;
    let (prompt, all) = (infer.prompt(), infer.context_length);
    let rest = all.saturating_sub(prompt);
    (generates && said && rest > 1).then(|| {
        let (prompt, rest) = (grouped(prompt), grouped(rest));
        format!("prompts of {prompt} tokens are read, and the other {rest} of each sequence are generated")
    })
}

/// An error where positions are learned, or have a bias made for the longest sequence, and a sequence is longer.
fn check_length(model: &Model, key: &'static str, tokens: u64) -> Result<(), EstimateError> {
    let most = model.architecture.max_position_embeddings;
    let learned = model.architecture.positions == PositionKind::Learned;
    let biased = implementation(model.family).scores == ScoreCode::BiasedThenFilled;
    if (learned || biased) && tokens > most {
        let kind = if learned { "learned positions" } else { "a bias of positions" };
        let problem = format!("{tokens} tokens, but {} has {kind} for {most}: use at most {most}", model.id);
        return Err(EstimateError::Invalid { key, problem });
    }
    Ok(())
}
