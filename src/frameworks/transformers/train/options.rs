//! Options of a step that go together with few others.

use crate::families::{compiled_by_torch, patched_by_liger};
use crate::layers::{Run, compiled};
use crate::ledger::{Asked, EstimateError};
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
    let trained = matches!(train.precision, Precision::Bf16 | Precision::Bf16Mixed);
    let drops = run.dropout.contains(&true);
    let dropout = train.dropout.map_or_else(|| String::from("the model's"), |dropout| dropout.to_string());
    let every = !whole || run.checkpoint_every == 1;
    let partly = run.checkpointed_layers > 0 && run.checkpointed_layers < architecture.num_hidden_layers();
    let asked: [Asked<'_>; 14] = [
        (train.method == Method::Full, "train.method", &train.method.word(), "full"),
        (trained, "train.precision", &train.precision.word(), "bf16, bf16-mixed"),
        (train.attention == Attention::Flash, "train.attention", &train.attention.word(), "flash"),
        (train.kernels == KernelLibrary::None, "train.kernels", &train.kernels.word(), "none"),
        (train.loss == Loss::Eager, "train.loss", &train.loss.word(), "eager"),
        (train.objective == Objective::Lm, "train.objective", &train.objective.word(), "lm"),
        (!train.padding, "train.padding", &true, "false"),
        (!windowed, "train.sequence_length", &train.sequence_length, "less than the window of attention"),
        (!drops, "train.dropout", &dropout, "0"),
        (!train.step_in_backward, "train.step_in_backward", &true, "false"),
        (!whole || !train.keep_outputs, "train.keep_outputs", &true, "false"),
        (!run.offloads_checkpoints, "train.offload_activations", &true, "false"),
        (every, "train.recompute_every", &run.checkpoint_every, "1"),
        (!whole || !partly, "train.recompute_layers", &run.checkpointed_layers, "all"),
    ];
    EstimateError::first_unknown(&asked, "with train.compile")
}

/// An optimizer that steps in backward lets each gradient go before the next comes: nothing is left to add to.
fn check_step_in_backward(train: &Train) -> Result<(), EstimateError> {
    if !train.step_in_backward {
        return Ok(());
    }
    let (passes, implementation) = (train.gradient_accumulation_steps, train.optimizer_implementation);
    let fused = implementation == OptimizerImplementation::Fused;
    let asked: [Asked<'_>; 5] = [
        (passes == 1, "train.gradient_accumulation_steps", &passes, "1"),
        (!train.keep_gradients, "train.keep_gradients", &true, "false"),
        (!train.offload_optimizer, "train.offload_optimizer", &true, "false"),
        (train.optimizer == Optimizer::Adamw, "train.optimizer", &train.optimizer.word(), "adamw"),
        (fused, "train.optimizer_implementation", &implementation.word(), "fused"),
    ];
    EstimateError::first_unknown(&asked, "with train.step_in_backward")
}
