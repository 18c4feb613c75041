//! When a parameter changes anything.

use crate::scenario::choices::{
    AdapterKind, Attention, AttentionBackend, BaseWeights, Estimator, Loss, Method, Objective, Optimizer, Precision,
    Recompute, Strategy, Task, TransformerImpl,
};
use crate::scenario::{Megatron, Scenario};

pub(super) fn always(_: &Scenario) -> bool {
    true
}

pub(super) fn training(scenario: &Scenario) -> bool {
    scenario.task == Task::Train
}

/// The rule of thumb reads neither framework nor options.
pub(super) fn in_detail(scenario: &Scenario) -> bool {
    scenario.estimator == Estimator::Ledger
}

pub(super) fn training_in_detail(scenario: &Scenario) -> bool {
    training(scenario) && in_detail(scenario)
}

/// Some scripts leave these no choice.
pub(super) fn training_by_choice(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && !scenario.framework.training().is_some_and(|it| it.fixed_options)
}

pub(super) fn serving_in_detail(scenario: &Scenario) -> bool {
    inferring(scenario) && in_detail(scenario)
}

fn served_by(scenario: &Scenario, frameworks: &[&str]) -> bool {
    serving_in_detail(scenario) && frameworks.iter().any(|framework| scenario.framework.builds_by(framework))
}

/// Served by `generate()`.
pub(super) fn by_transformers(scenario: &Scenario) -> bool {
    serving_in_detail(scenario) && !by_engine(scenario)
}

/// Served by an engine with caches of its own.
pub(super) fn by_engine(scenario: &Scenario) -> bool {
    served_by(scenario, &["vllm", "sglang", "llama.cpp", "mlx"])
}

/// PyTorch's allocator is played or estimated; what engines make of it is not.
pub(super) fn by_pytorch(scenario: &Scenario) -> bool {
    in_detail(scenario) && !by_engine(scenario)
}

pub(super) fn by_vllm(scenario: &Scenario) -> bool {
    served_by(scenario, &["vllm"])
}

pub(super) fn by_llama_cpp(scenario: &Scenario) -> bool {
    served_by(scenario, &["llama.cpp"])
}

/// Engines that take a share of the card, whatever they need.
pub(super) fn by_budget(scenario: &Scenario) -> bool {
    served_by(scenario, &["vllm", "sglang"])
}

/// Metal wires memory of these.
pub(super) fn on_metal(scenario: &Scenario) -> bool {
    served_by(scenario, &["mlx", "llama.cpp"])
}

pub(super) fn inferring(scenario: &Scenario) -> bool {
    scenario.task == Task::Infer
}

pub(super) fn recomputing(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.recompute == Recompute::Full
}

/// Scores of classes and vectors have no head over the vocabulary.
pub(super) fn over_words(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.objective.is_of_words()
}

pub(super) fn referring(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.objective.has_reference()
}

/// The model writes what it learns from.
pub(super) fn writing(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.objective == Objective::Grpo
}

pub(super) fn chunking(scenario: &Scenario) -> bool {
    over_words(scenario) && scenario.train.loss == Loss::Chunked
}

/// Only TRL's head leaves out what does not count.
pub(super) fn scoring(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.loss == Loss::Trl
}

pub(super) fn adapting(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.method != Method::Full
}

pub(super) fn rotating(scenario: &Scenario) -> bool {
    adapting(scenario) && scenario.train.adapter == AdapterKind::Oft
}

/// Learned vectors have no rank, and rotations have as many blocks as one of their sizes leaves room for.
pub(super) fn ranked(scenario: &Scenario) -> bool {
    adapting(scenario)
        && match scenario.train.adapter {
            AdapterKind::Lora | AdapterKind::Rslora | AdapterKind::Vera => true,
            AdapterKind::Oft => scenario.train.oft_block_size == 0,
            AdapterKind::Ia3 => false,
        }
}

/// Nothing is dropped before learned vectors and rotations.
pub(super) fn dropping(scenario: &Scenario) -> bool {
    adapting(scenario) && !matches!(scenario.train.adapter, AdapterKind::Ia3 | AdapterKind::Oft)
}

pub(super) fn adapting_by_choice(scenario: &Scenario) -> bool {
    adapting(scenario) && !scenario.framework.training().is_some_and(|it| it.adapters_as_model)
}

pub(super) fn seeing(scenario: &Scenario) -> bool {
    training_by_choice(scenario) && scenario.train.images > 0
}

pub(super) fn serving_images(scenario: &Scenario) -> bool {
    by_transformers(scenario) && scenario.infer.images > 0
}

/// Adapters are two matrices each.
pub(super) fn paired(scenario: &Scenario) -> bool {
    adapting_by_choice(scenario) && matches!(scenario.train.adapter, AdapterKind::Lora | AdapterKind::Rslora)
}

pub(super) fn quantizing(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.method == Method::Qlora
}

pub(super) fn quantizing_scales(scenario: &Scenario) -> bool {
    quantizing(scenario) && matches!(scenario.train.base_weights, BaseWeights::Nf4 | BaseWeights::Fp4)
}

/// Accepted in files at its default; no covered framework reads it yet.
pub(super) fn uncovered(_: &Scenario) -> bool {
    false
}

/// A run over several GPUs, by a framework that reads this key of `[parallel]`.
pub(super) fn laid_out(scenario: &Scenario, key: &str) -> bool {
    in_detail(scenario) && scenario.is_spread() && scenario.gpus > 1 && scenario.framework.lays_out(key)
}

/// The same, where GPUs divide matrices.
pub(super) fn dividing(scenario: &Scenario, key: &str) -> bool {
    laid_out(scenario, key) && scenario.parallel.tensor > 1
}

/// A training step by Megatron-Core.
pub(super) fn of_megatron(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.framework.builds_by("megatron")
}

/// The same, of a pipeline.
pub(super) fn piped(scenario: &Scenario) -> bool {
    of_megatron(scenario) && scenario.gpus > 1 && scenario.parallel.pipeline > 1
}

/// Of one with several pieces of the model on each stage.
pub(super) fn interleaving(scenario: &Scenario) -> bool {
    let parallel = &scenario.parallel;
    let pieces = parallel.virtual_pipeline > 1 || !scenario.megatron.pipeline_model_parallel_layout.is_empty();
    piped(scenario) && pieces
}

/// Scores are tensors.
pub(super) fn unfused(scenario: &Scenario) -> bool {
    let Megatron { attention_backend, transformer_impl, .. } = &scenario.megatron;
    let asked = match attention_backend {
        AttentionBackend::Auto => scenario.train.attention == Attention::Eager,
        AttentionBackend::Unfused => true,
        AttentionBackend::Fused | AttentionBackend::Flash => false,
    };
    of_megatron(scenario) && (asked || *transformer_impl == TransformerImpl::Local)
}

pub(super) fn selecting(scenario: &Scenario) -> bool {
    of_megatron(scenario) && scenario.train.recompute == Recompute::Selective
}

pub(super) fn recomputing_by_megatron(scenario: &Scenario) -> bool {
    of_megatron(scenario) && scenario.train.recompute == Recompute::Full
}

pub(super) fn fusing_loss(scenario: &Scenario) -> bool {
    of_megatron(scenario) && scenario.megatron.cross_entropy_loss_fusion
}

/// States are divided among replicas.
pub(super) fn sharding(scenario: &Scenario) -> bool {
    of_megatron(scenario) && scenario.gpus > 1 && scenario.parallel.zero > 0
}

pub(super) fn by_muon(scenario: &Scenario) -> bool {
    sharding(scenario) && scenario.train.optimizer == Optimizer::Muon
}

pub(super) fn deferring(scenario: &Scenario) -> bool {
    of_megatron(scenario) && scenario.megatron.defer_embedding_wgrad_compute
}

pub(super) fn in_fp8(scenario: &Scenario) -> bool {
    of_megatron(scenario) && scenario.train.precision == Precision::Fp8Master
}

pub(super) fn offloading_modules(scenario: &Scenario) -> bool {
    of_megatron(scenario) && scenario.megatron.fine_grained_activation_offloading
}

/// Layers predict tokens beyond the next.
pub(super) fn predicting(scenario: &Scenario) -> bool {
    of_megatron(scenario) && scenario.megatron.mtp_num_layers > 0
}

fn by(scenario: &Scenario, strategies: &[Strategy]) -> bool {
    laid_out(scenario, "strategy") && strategies.contains(&scenario.parallel.strategy)
}

/// States of a replica are divided.
pub(super) fn divided(scenario: &Scenario) -> bool {
    by(scenario, &[Strategy::Fsdp2, Strategy::Fsdp1, Strategy::Deepspeed])
        || laid_out(scenario, "shard_size") && !scenario.framework.lays_out("strategy")
}

pub(super) fn deepspeed(scenario: &Scenario) -> bool {
    by(scenario, &[Strategy::Deepspeed])
}

/// ZeRO-3 gathers weights.
pub(super) fn gathering(scenario: &Scenario) -> bool {
    deepspeed(scenario) && scenario.parallel.zero == 3
}

pub(super) fn offloading(scenario: &Scenario) -> bool {
    gathering(scenario) || by(scenario, &[Strategy::Fsdp1, Strategy::Fsdp2])
}

pub(super) fn prefetching(scenario: &Scenario) -> bool {
    by(scenario, &[Strategy::Fsdp1])
}

pub(super) fn wrapping(scenario: &Scenario) -> bool {
    by(scenario, &[Strategy::Fsdp2])
}

pub(super) fn bucketing(scenario: &Scenario) -> bool {
    by(scenario, &[Strategy::Ddp])
}
