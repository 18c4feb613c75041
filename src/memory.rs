//! Where memory is computed, once: rules post entries to a ledger, and everything shown is a view of it.

mod notes;
mod reserve;
mod roofline;
mod sketch;

use crate::frameworks::{self, Job};
use crate::gpu::Gpu;
use crate::legal;
use crate::model::Model;
use crate::scenario::{Estimator, Scenario, Task};
use crate::units::{Bytes, Parameters};

pub use crate::ledger::{
    Alive, Axis, Categories, Category, Division, Entry, EstimateError, Exactness, Filled, Fit, Held, Instant, Ledger,
    Lifetime, Moment, Origin, Overhead, Pass, Place, Pool, Rank, Reserve, Stage, Step, Taken, Verdict,
};
pub use crate::legal::check;
pub use crate::legal::suited::{SUITED, Suited, concerns, is_unusual, most_that_says_more, suit};
pub use crate::parallel::Layout;
pub use crate::shape::{Dim, Shape};
pub use notes::{beyond_positions, notes, notes_of_card, notes_of_sizes, omitted};
pub(crate) use reserve::with_allocator;
pub use reserve::{elsewhere, fits, is_played, played, reserve, surely_fits, tracked};
pub use roofline::{Roofline, roofline};
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
/// let scenario = Scenario::default();
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
    legal::described(model, scenario)?;
    let trained = legal::trained(model, scenario);
    let (framework, job) = frameworks::job(&trained, scenario, gpu)?;
    match scenario.task {
        Task::Train => {
            let on = |rank| framework.train(&Job { rank, ..job }).map(|ledger| ledger.of_rank(rank));
            Ledger::fullest(framework.stages(&job), on)
        }
        Task::Infer => framework.infer(&job),
    }
}

/// The totals of training runs that were found to be legal and differ in no more than `train.recompute` and
/// `train.micro_batch_size`: of each what [`estimate`] says.
pub(crate) fn totals(model: &Model, runs: &[Scenario], gpu: Option<&Gpu>) -> Vec<Result<Bytes, EstimateError>> {
    let by_ledger = || runs.iter().map(|run| Ok(estimate(model, run, gpu)?.total())).collect();
    let Some(first) = runs.first() else { return Vec::new() };
    if first.estimator == Estimator::Sketch {
        return by_ledger();
    }
    let trained = legal::trained(model, first);
    let jobs: Result<Vec<_>, _> = runs.iter().map(|run| frameworks::job(&trained, run, gpu)).collect();
    let Ok(jobs) = jobs else { return by_ledger() };
    let framework = jobs[0].0;
    let jobs: Vec<Job<'_>> = jobs.into_iter().map(|(_, job)| job).collect();
    framework.totals(&jobs).unwrap_or_else(by_ledger)
}

/// The ledger of one GPU of a training job, by its stage of the pipeline.
///
/// # Errors
/// As [`estimate`], and where the layout has no such stage.
pub fn estimate_on(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>, rank: Rank) -> Result<Ledger, EstimateError> {
    legal::described(model, scenario)?;
    let trained = legal::trained(model, scenario);
    let (framework, job) = frameworks::job(&trained, scenario, gpu)?;
    let stages = framework.stages(&job);
    if rank.pipeline >= stages {
        let problem = format!("there is no stage {}: {stages} in all, counted from 0", rank.pipeline);
        return Err(EstimateError::Invalid { key: "parallel.pipeline", problem });
    }
    match scenario.task {
        Task::Train => Ok(framework.train(&Job { rank, ..job })?.of_rank(rank)),
        Task::Infer => framework.infer(&job),
    }
}

/// How many parameters a training run's optimizer steps.
pub fn trainable_parameters(model: &Model, scenario: &Scenario) -> Result<Parameters, EstimateError> {
    let model = legal::trained(model, scenario);
    let (framework, job) = frameworks::job(&model, scenario, None)?;
    let blocks = framework.trainable(&job)?;
    let sum = blocks
        .iter()
        .try_fold(Parameters::default(), |sum, block| sum.checked_add(block.each()?.checked_mul(block.copies)?));
    Ok(sum?)
}
