//! What can be changed of a training run for less memory, one thing at a time.

use super::{Cost, Lever};
use crate::gpu::Gpu;
use crate::model::Model;
use crate::scenario::parameter::Parameter;
use crate::scenario::{Method, Objective, Reference, Scenario, Strategy, Value};
use crate::solve::layouts::{STRATEGIES, keys};
use crate::solve::plan::{NoPlan, Range, plan};

/// Adapters of attention alone, which leave experts and feed-forward networks as they are.
const ATTENTION: [&str; 4] = ["q", "k", "v", "o"];

/// Micro batches are not divided further.
const MOST_PASSES: u64 = 64;

/// What is tried, the better first of what sets the same parameters.
pub(super) fn training(scenario: &Scenario) -> Vec<Lever> {
    let on = || Value::Flag(true);
    let mut levers = vec![
        Lever::word("runtime.alloc_conf", "expandable_segments:True", Cost::NOTHING),
        Lever::word("train.optimizer_implementation", "fused", Cost::NOTHING),
        Lever::word("train.attention", "flash", Cost::NOTHING),
        Lever::one("train.keep_outputs", Value::Flag(false), Cost::NOTHING),
        Lever::one("train.keep_gradients", Value::Flag(false), Cost::NOTHING),
        Lever::word("train.kernels", "liger", Cost::NOTHING),
        Lever::word("train.loss", "fused", Cost::NOTHING),
        Lever::word("train.loss", "chunked", Cost::SPEED),
        Lever::word("train.recompute", "full", Cost::SPEED),
        Lever::one("train.offload_optimizer", on(), Cost::SPEED),
        // A kernel for each parameter instead of one for all.
        Lever::one("train.step_in_backward", on(), Cost::SPEED),
        Lever::word("train.optimizer", "adamw-8bit", Cost::RESULT),
        Lever::word("train.optimizer", "adafactor", Cost::RESULT),
        Lever::word("train.optimizer", "sgd-momentum", Cost::RESULT),
        Lever::word("train.precision", "bf16", Cost::RESULT),
        Lever::word("train.method", "lora", Cost::RESULT),
        Lever::word("train.method", "qlora", Cost::RESULT),
        Lever::one("train.lora_targets", Value::Words(ATTENTION.map(String::from).to_vec()), Cost::RESULT),
    ];
    levers.extend(offloaded(scenario));
    levers.extend(references(scenario));
    levers.extend(smaller_batches(scenario));
    let half = Value::Count(scenario.train.sequence_length / 2);
    levers.push(Lever::one("train.sequence_length", half, Cost::RESULT));
    levers.extend(sharding(scenario));
    levers
}

/// What checkpoints keep, in host memory.
fn offloaded(scenario: &Scenario) -> Option<Lever> {
    let recompute = ("train.recompute", Value::Word("full".to_owned()));
    let offload = ("train.offload_activations", Value::Flag(true));
    let keeps = !scenario.train.offload_activations;
    keeps.then(|| Lever { changes: vec![recompute, offload], cost: Cost::SPEED })
}

/// What a policy could be held against in place of a copy.
fn references(scenario: &Scenario) -> Vec<Lever> {
    let train = &scenario.train;
    if !train.objective.has_reference() || train.reference != Reference::Copy {
        return Vec::new();
    }
    let adapter = |method: Method| Lever {
        changes: [("train.method", method.word()), ("train.reference", "adapter")]
            .map(|(key, word)| (key, Value::Word(word.to_owned())))
            .to_vec(),
        cost: Cost::RESULT,
    };
    let precomputed = Lever::word("train.reference", "precomputed", Cost::SPEED);
    vec![adapter(Method::Lora), adapter(Method::Qlora), precomputed]
}

/// Smaller micro batches with as many passes as keep the batch of a step, the largest first.
fn smaller_batches(scenario: &Scenario) -> Vec<Lever> {
    let train = &scenario.train;
    // Vectors learn from all others of their micro batch.
    let cost = if train.objective == Objective::Embedding { Cost::RESULT } else { Cost::SPEED };
    let divisors =
        (2..=train.micro_batch_size.min(MOST_PASSES)).filter(|it| train.micro_batch_size.is_multiple_of(*it));
    let smaller = divisors.map(|divisor| {
        let passes = train.gradient_accumulation_steps.saturating_mul(divisor);
        let batch = ("train.micro_batch_size", Value::Count(train.micro_batch_size / divisor));
        Lever { changes: vec![batch, ("train.gradient_accumulation_steps", Value::Count(passes))], cost }
    });
    smaller.collect()
}

/// Ways in which the GPUs of a job could divide what each has whole.
fn sharding(scenario: &Scenario) -> Vec<Lever> {
    if scenario.gpus == 1 || !scenario.framework.lays_out("strategy") {
        return Vec::new();
    }
    let lever = |(strategy, zero): (Strategy, u64)| {
        let strategy = ("parallel.strategy", Value::Word(strategy.word().to_owned()));
        Lever { changes: vec![strategy, ("parallel.zero", Value::Count(zero))], cost: Cost::SPEED }
    };
    let divides = |(strategy, _): &(Strategy, u64)| !matches!(strategy, Strategy::Ddp | Strategy::Fsdp1);
    STRATEGIES.into_iter().filter(divides).map(lever).collect()
}

/// The layout along other axes that a plan of the same run puts first.
pub(super) fn laid_out(
    model: &Model,
    scenario: &Scenario,
    gpu: &Gpu,
    is_cancelled: &dyn Fn() -> bool,
) -> Option<Lever> {
    let by_axes = !scenario.framework.lays_out("strategy") && scenario.framework.lays_out("tensor");
    if scenario.gpus == 1 || !by_axes || NoPlan::of(scenario).is_some() {
        return None;
    }
    let range = Range::of_layouts(scenario, |_| false);
    let run = plan(model, scenario, gpu, (&range, 1), is_cancelled).ok()?.fitting.pop()?.scenario;
    let parameters = keys(&scenario.framework).iter().filter_map(|key| Parameter::by_key(key).ok());
    let changed = parameters.filter(|parameter| parameter.get(&run) != parameter.get(scenario));
    Some(Lever { changes: changed.map(|parameter| (parameter.key, parameter.get(&run))).collect(), cost: Cost::SPEED })
}
