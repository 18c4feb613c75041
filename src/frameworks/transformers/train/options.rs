//! Options of a step that go together with few others.

use crate::families::patched_by_liger;
use crate::layers::Run;
use crate::ledger::EstimateError;
use crate::model::Model;
use crate::model::part::Part;
use crate::scenario::{KernelLibrary, Loss, Objective, Optimizer, OptimizerImplementation, Train};

/// An error where kernels or an optimizer that steps in backward are asked for beside what they do not go with.
pub(super) fn check(model: &Model, run: &Run<'_>, train: &Train) -> Result<(), EstimateError> {
    check_kernels(model, run, train)?;
    check_step_in_backward(train)
}

/// Whether Liger has a patch for a family that is described.
fn check_kernels(model: &Model, run: &Run<'_>, train: &Train) -> Result<(), EstimateError> {
    if train.kernels == KernelLibrary::None {
        return Ok(());
    }
    let refuse =
        |key, value: &str, covered: String| Err(EstimateError::NotCovered { key, value: value.to_owned(), covered });
    if train.objective != Objective::Lm {
        let covered = format!("none, for the objective {}", train.objective.word());
        return refuse("train.kernels", train.kernels.word(), covered);
    }
    if run.liger.is_none() {
        let patched = patched_by_liger().join(", ");
        let covered = format!("none, for {}; liger for {patched}", model.family.id);
        return refuse("train.kernels", train.kernels.word(), covered);
    }
    if run.adapters.is_some_and(|adapters| adapters.names(Part::ExpertsGateAndUp).is_some()) {
        let covered = String::from("none, for adapters on experts");
        return refuse("train.kernels", train.kernels.word(), covered);
    }
    if !matches!(train.loss, Loss::Eager | Loss::Fused) {
        return refuse("train.loss", train.loss.word(), String::from("eager, fused: with liger the loss is its own"));
    }
    Ok(())
}

/// An optimizer that steps in backward lets each gradient go before the next comes: nothing is left to add to.
fn check_step_in_backward(train: &Train) -> Result<(), EstimateError> {
    if !train.step_in_backward {
        return Ok(());
    }
    let refuse = |key, value: String, covered: &str| {
        let covered = format!("{covered}, with train.step_in_backward");
        Err(EstimateError::NotCovered { key, value, covered })
    };
    if train.gradient_accumulation_steps > 1 {
        return refuse("train.gradient_accumulation_steps", train.gradient_accumulation_steps.to_string(), "1");
    }
    if train.keep_gradients {
        return refuse("train.keep_gradients", String::from("true"), "false");
    }
    if train.offload_optimizer {
        return refuse("train.offload_optimizer", String::from("true"), "false");
    }
    if train.optimizer != Optimizer::Adamw {
        return refuse("train.optimizer", train.optimizer.word().to_owned(), "adamw");
    }
    if train.optimizer_implementation != OptimizerImplementation::Fused {
        return refuse("train.optimizer_implementation", train.optimizer_implementation.word().to_owned(), "fused");
    }
    Ok(())
}
