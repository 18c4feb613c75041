//! Of which training steps it is known how GPUs divide their matrices.

use crate::families::{compiled_by_torch, of_model};
use crate::frameworks::{Job, divided};
use crate::layers::divided::Divided;
use crate::ledger::{Asked, EstimateError};
use crate::model::Model;
use crate::parallel::Layout;
use crate::scenario::{
    Compile, KernelLibrary, Loss, Method, Objective, Optimizer, Precision, Reference, Scenario, Strategy, Task,
};

/// The model as one GPU of a tensor-parallel group has it, and how it is divided; nothing where there is no such group.
///
/// # Errors
/// Where a size is not divisible by the group's, and what is not known of a step so divided.
pub(super) fn of(job: &Job<'_>) -> Result<Option<(Model, Divided)>, EstimateError> {
    let (model, scenario) = (job.model, job.scenario);
    let parallel = &scenario.parallel;
    if scenario.task != Task::Train || scenario.gpus == 1 || parallel.tensor == 1 {
        return Ok(None);
    }
    let layout = Layout::of(scenario)?;
    check_model(model, parallel.tensor)?;
    check_train(model, scenario, &layout)?;
    divided::of(model, scenario, &layout).map(Some)
}

/// An error for a model of which it is not known how its layers are divided: llamas and what is like them.
fn check_model(model: &Model, ways: u64) -> Result<(), EstimateError> {
    if of_model(model).compiles && model.architecture.tower.is_none() {
        return Ok(());
    }
    let covered = format!("1, for {}; divided are {}", model.family.id, compiled_by_torch().join(", "));
    Err(EstimateError::NotCovered { key: "parallel.tensor", value: ways.to_string(), covered })
}

/// An error for a run of which it is not known what it makes of a model that is divided.
fn check_train(model: &Model, scenario: &Scenario, layout: &Layout) -> Result<(), EstimateError> {
    let (train, parallel) = (&scenario.train, &scenario.parallel);
    let dropout = model.architecture.dropout;
    let drops = [dropout.embedding, dropout.hidden, dropout.attention];
    let drops = train.dropout.unwrap_or_else(|| drops.into_iter().fold(0.0, f64::max));
    let elementwise = matches!(train.optimizer, Optimizer::Adamw | Optimizer::Sgd | Optimizer::SgdMomentum);
    let one_type = matches!(train.precision, Precision::Bf16 | Precision::Fp32);
    let strategy = parallel.strategy;
    let wraps = strategy == Strategy::Fsdp2;
    let asked: [Asked<'_>; 13] = [
        (layout.data == 1 || wraps, "parallel.strategy", &strategy.word(), "fsdp2"),
        (layout.pipeline == 1, "parallel.pipeline", &layout.pipeline, "1"),
        (layout.context == 1, "parallel.context", &layout.context, "1"),
        (train.method == Method::Full, "train.method", &train.method.word(), "full"),
        (one_type, "train.precision", &train.precision.word(), "bf16, fp32"),
        (
            matches!(train.objective, Objective::Lm | Objective::Sft),
            "train.objective",
            &train.objective.word(),
            "lm, sft",
        ),
        (train.reference == Reference::None, "train.reference", &train.reference.word(), "none"),
        (train.loss == Loss::Eager, "train.loss", &train.loss.word(), "eager"),
        (train.kernels == KernelLibrary::None, "train.kernels", &train.kernels.word(), "none"),
        (train.compile == Compile::None, "train.compile", &train.compile.word(), "none"),
        (elementwise, "train.optimizer", &train.optimizer.word(), "adamw, sgd, sgd-momentum"),
        (!train.padding, "train.padding", &train.padding, "false"),
        (drops == 0.0, "train.dropout", &drops, "0"),
    ];
    EstimateError::first_unknown(&asked, "with parallel.tensor")
}
