//! Options of a step that go together with few others.

use crate::families::{compiled_by_torch, patched_by_liger};
use crate::layers::{Run, compiled};
use crate::ledger::EstimateError;
use crate::model::part::Part;
use crate::model::{Model, Output};
use crate::scenario::{
    Attention, Compile, KernelLibrary, Loss, Method, Objective, Optimizer, OptimizerImplementation, Precision, Train,
};
use crate::states::adapters::Adapters;

/// An error where kernels or an optimizer that steps in backward are asked for beside what they do not go with.
pub(super) fn check(model: &Model, run: &Run<'_>, train: &Train) -> Result<(), EstimateError> {
    check_kernels(model, run, train)?;
    check_compile(model, run, train)?;
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
    if let Some(covered) = run.adapters.and_then(|adapters| beside_liger(model, adapters)) {
        return refuse("train.kernels", train.kernels.word(), covered.to_owned());
    }
    if !matches!(train.loss, Loss::Eager | Loss::Fused) {
        return refuse("train.loss", train.loss.word(), String::from("eager, fused: with liger the loss is its own"));
    }
    Ok(())
}

/// Adapters within what Liger's functions do in one go, which was not measured.
fn beside_liger(model: &Model, adapters: &Adapters) -> Option<&'static str> {
    let of_experts = [Part::ExpertsGateAndUp, Part::ExpertsDown].iter().any(|part| adapters.names(*part).is_some());
    let rows = adapters.rows > 0 && model.architecture.tie_word_embeddings;
    let of_head = rows || adapters.names(Part::Head).is_some() || adapters.saves(Part::Head);
    match (of_experts, of_head) {
        (true, _) => Some("none, for adapters on experts"),
        (_, true) => Some("none, where the head or rows of it are trained beside adapters"),
        _ => None,
    }
}

/// Of what `torch.compile` makes a graph that was measured: llamas and what is like them, trained whole on words.
fn check_compile(model: &Model, run: &Run<'_>, train: &Train) -> Result<(), EstimateError> {
    if train.compile == Compile::None {
        return Ok(());
    }
    let refuse = |key, value: String, covered: &str| {
        let covered = format!("{covered}, with train.compile");
        Err(EstimateError::NotCovered { key, value, covered })
    };
    let architecture = &model.architecture;
    let biased = architecture.lm_head_bias
        || architecture.groups.iter().any(|group| {
            compiled::parts_of(&group.layer).is_none_or(|(attention, mlp)| attention.output_bias || mlp.bias)
        });
    if !run.code.compiles || biased || architecture.output != Output::Own {
        let covered = format!("none, for {}; model, layers for {}", model.family.id, compiled_by_torch().join(", "));
        return Err(EstimateError::NotCovered {
            key: "train.compile",
            value: train.compile.word().to_owned(),
            covered,
        });
    }
    let windowed = architecture.attentions().any(|attention| run.masked(attention.sliding_window));
    let whole = train.compile == Compile::Model;
    if train.method != Method::Full {
        return refuse("train.method", train.method.word().to_owned(), "full");
    }
    if !matches!(train.precision, Precision::Bf16 | Precision::Bf16Mixed) {
        return refuse("train.precision", train.precision.word().to_owned(), "bf16, bf16-mixed");
    }
    if train.attention != Attention::Flash {
        return refuse("train.attention", train.attention.word().to_owned(), "flash");
    }
    if train.kernels != KernelLibrary::None {
        return refuse("train.kernels", train.kernels.word().to_owned(), "none");
    }
    if train.loss != Loss::Eager {
        return refuse("train.loss", train.loss.word().to_owned(), "eager");
    }
    if train.objective != Objective::Lm {
        return refuse("train.objective", train.objective.word().to_owned(), "lm");
    }
    if train.padding {
        return refuse("train.padding", String::from("true"), "false");
    }
    if windowed {
        return refuse("train.sequence_length", train.sequence_length.to_string(), "less than the window of attention");
    }
    if run.dropout.contains(&true) {
        let dropout = train.dropout.map_or_else(|| String::from("the model's"), |dropout| dropout.to_string());
        return refuse("train.dropout", dropout, "0");
    }
    if train.step_in_backward {
        return refuse("train.step_in_backward", String::from("true"), "false");
    }
    if whole && train.keep_outputs {
        return refuse("train.keep_outputs", String::from("true"), "false");
    }
    if run.offloads_checkpoints {
        return refuse("train.offload_activations", String::from("true"), "false");
    }
    if whole && run.checkpoint_every > 1 {
        return refuse("train.recompute_every", run.checkpoint_every.to_string(), "1");
    }
    let partly = run.checkpointed_layers > 0 && run.checkpointed_layers < architecture.num_hidden_layers();
    if whole && partly {
        return refuse("train.recompute_layers", run.checkpointed_layers.to_string(), "all");
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
