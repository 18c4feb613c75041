//! The frameworks that are described, each by its own rules, and what they have in common.

pub(crate) mod divided;
mod engine;
pub(crate) mod litgpt;
mod llama_cpp;
pub(crate) mod megatron;
mod mlx;
mod sglang;
pub(crate) mod step;
mod switches;
pub(crate) mod torchtitan;
pub(crate) mod torchtune;
pub(crate) mod transformers;
mod vllm;

use crate::gpu::Gpu;
use crate::ledger::{EstimateError, Ledger, Rank};
use crate::model::Model;
use crate::model::parameters::BlockParameters;
use crate::scenario::profile::built_on;
use crate::scenario::{Profile, Scenario, Task};
use crate::sequence::Sequence;
use crate::units::Bytes;

/// A model that a framework runs as a scenario says, in a release that a profile describes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    /// The model; for training without what only generation has.
    pub(crate) model: &'a Model,
    /// The run.
    pub(crate) scenario: &'a Scenario,
    /// The release.
    pub(crate) profile: &'a Profile,
    /// The card, whose kernels take workspaces.
    pub(crate) gpu: Option<&'a Gpu>,
    /// Which of the job's cards.
    pub(crate) rank: Rank,
}

impl Job<'_> {
    /// An error for a framework that does not do this.
    pub(crate) fn not_covered(&self, covered: String) -> EstimateError {
        EstimateError::framework(&self.profile.id, covered)
    }

    /// An error where the release names families, and the model's is none of them. `program` is what messages call it.
    pub(crate) fn check_family(&self, program: &str) -> Result<(), EstimateError> {
        let (families, own) = (&self.profile.families, self.model.family.id);
        if families.is_empty() || families.iter().any(|family| family == own) {
            return Ok(());
        }
        Err(self.not_covered(format!("transformers, for {own}; {program} for {}", families.join(", "))))
    }
}

/// A program that trains models or serves them: how it builds them, what it keeps, in which order it asks for memory.
pub(crate) trait Framework: Sync {
    /// The word by which profiles name it.
    fn id(&self) -> &'static str;

    /// By what its releases differ: the keys of a profile's `[release]`.
    fn switches(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether it builds the tower beside a decoder.
    fn sees(&self) -> bool {
        false
    }

    /// What it refuses of a run, found without a recording.
    fn check(&self, job: &Job<'_>) -> Result<(), EstimateError>;

    /// How many kinds of cards a job has: the stages of its pipeline.
    fn stages(&self, _job: &Job<'_>) -> u64 {
        1
    }

    /// Whether it serves alone, with caches and a budget of its own.
    fn is_engine(&self) -> bool {
        false
    }

    /// The ledger of a training step, on the job's rank.
    fn train(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        Err(not_described(job.scenario))
    }

    /// The totals of training jobs that were found to be legal and differ in no more than `train.recompute` and
    /// `train.micro_batch_size`, each on its fullest card, where they can be told without ledgers.
    fn totals(&self, _jobs: &[Job<'_>]) -> Option<Vec<Result<Bytes, EstimateError>>> {
        None
    }

    /// The tensors that a training run's optimizer steps.
    fn trainable(&self, job: &Job<'_>) -> Result<Vec<BlockParameters>, EstimateError> {
        Err(not_described(job.scenario))
    }

    /// The ledger of serving.
    fn infer(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        Err(not_described(job.scenario))
    }

    /// Whether it is known in which order it asks for memory.
    fn is_in_order(&self, _job: &Job<'_>) -> bool {
        false
    }

    /// Everything that it asks of PyTorch's allocator, in order, where that is known.
    fn sequence(&self, _job: &Job<'_>) -> Result<Option<Sequence>, EstimateError> {
        Ok(None)
    }

    /// The ledger of what a tracker of tensors sees: nothing that a kernel takes for itself.
    fn tracked(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        match job.scenario.task {
            Task::Train => self.train(job),
            Task::Infer => self.infer(job),
        }
    }
}

/// Every framework.
static FRAMEWORKS: [&dyn Framework; 9] = [
    &transformers::Transformers,
    &litgpt::Litgpt,
    &torchtune::Torchtune,
    &megatron::Megatron,
    &torchtitan::Torchtitan,
    &vllm::Vllm,
    &sglang::Sglang,
    &llama_cpp::LlamaCpp,
    &mlx::Mlx,
];

/// The words of all frameworks.
pub(crate) fn ids() -> Vec<&'static str> {
    FRAMEWORKS.iter().map(|framework| framework.id()).collect()
}

/// The framework of an id.
fn find(id: &str) -> Option<&'static dyn Framework> {
    FRAMEWORKS.into_iter().find(|framework| framework.id() == id)
}

/// By what the releases of a framework differ; nothing where there is no such framework.
pub(crate) fn switches(id: &str) -> Option<&'static [&'static str]> {
    find(id).map(Framework::switches)
}

/// Whether a framework is an engine.
pub(crate) fn is_engine(id: &str) -> bool {
    find(id).is_some_and(Framework::is_engine)
}

/// An error for a framework that is not described for the task; those that are.
pub(crate) fn not_described(scenario: &Scenario) -> EstimateError {
    let word = scenario.framework.word();
    if let Some(said) = built_on(word) {
        let problem = format!("`{word}` is not described by itself: {said}");
        return EstimateError::Invalid { key: "framework", problem };
    }
    let (doing, other, of_other) = match scenario.task {
        Task::Train => ("training", Task::Infer, "serving"),
        Task::Infer => ("serving", Task::Train, "training"),
    };
    let described = scenario.framework.described(scenario.task);
    let does_other = scenario.framework.profile().is_some_and(|profile| profile.describes(other));
    let alone = if does_other { format!("; {word} is described for {of_other} alone") } else { String::new() };
    EstimateError::framework(word, format!("{described}, for {doing}{alone}"))
}

/// Whether the framework of a run builds the tower beside a decoder, where it is known.
pub(crate) fn sees(scenario: &Scenario) -> bool {
    let framework = scenario.framework.profile().and_then(|profile| find(&profile.framework));
    framework.is_none_or(Framework::sees)
}

/// The framework of a run, and the job that it does.
///
/// # Errors
/// Where the framework was not looked up, or is not described for the task.
pub(crate) fn job<'a>(
    model: &'a Model,
    scenario: &'a Scenario,
    gpu: Option<&'a Gpu>,
) -> Result<(&'static dyn Framework, Job<'a>), EstimateError> {
    let not_covered = || not_described(scenario);
    let profile =
        scenario.framework.profile().filter(|profile| profile.describes(scenario.task)).ok_or_else(not_covered)?;
    let framework = find(&profile.framework).ok_or_else(not_covered)?;
    Ok((framework, Job { model, scenario, profile, gpu, rank: Rank::default() }))
}
