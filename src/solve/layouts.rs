//! All ways in which a framework can divide a run among its GPUs.

use crate::memory::check;
use crate::model::Model;
use crate::model::architecture::FeedForward;
use crate::scenario::{Parallel, Scenario, Strategy, Task};

/// The strategies of the Trainer with the stages of each, those that exchange least first.
const STRATEGIES: [(Strategy, u64); 6] = [
    (Strategy::Ddp, 0),
    (Strategy::Deepspeed, 1),
    (Strategy::Deepspeed, 2),
    (Strategy::Fsdp2, 2),
    (Strategy::Fsdp2, 3),
    (Strategy::Deepspeed, 3),
];

/// Every legal layout of a training run on its GPUs, as the run would be with it; found without a ledger.
pub fn layouts(model: &Model, scenario: &Scenario) -> Vec<Scenario> {
    if scenario.task != Task::Train {
        return vec![scenario.clone()];
    }
    let with = |parallel: Parallel| Scenario { parallel, ..scenario.clone() };
    let all: Vec<Parallel> =
        if scenario.framework.lays_out("strategy") { by_strategy(scenario) } else { along_axes(model, scenario) };
    all.into_iter().map(with).filter(|run| check(model, run).is_ok()).collect()
}

fn by_strategy(scenario: &Scenario) -> Vec<Parallel> {
    if scenario.gpus == 1 {
        return vec![scenario.parallel.clone()];
    }
    let with = |(strategy, zero)| Parallel { zero, strategy, ..scenario.parallel.clone() };
    STRATEGIES.map(with).to_vec()
}

/// The sizes of groups that divide the GPUs and the model.
fn along_axes(model: &Model, scenario: &Scenario) -> Vec<Parallel> {
    let axis = |key: &str, sizes: Vec<u64>| if scenario.framework.lays_out(key) { sizes } else { vec![1] };
    let (gpus, architecture) = (scenario.gpus, &model.architecture);
    let experts = architecture.groups.iter().filter_map(|group| match &group.layer.feed_forward {
        FeedForward::Experts(experts) => Some(experts.count),
        _ => None,
    });
    let experts = experts.max().unwrap_or(1);
    let divisors = |most: u64| divisors(gpus).into_iter().filter(move |size| *size <= most).collect::<Vec<_>>();
    let layers = architecture.num_hidden_layers();
    let mut all = Vec::new();
    for tensor in axis("tensor", divisors(MOST_TENSOR)) {
        for pipeline in axis("pipeline", divisors(layers)) {
            for context in axis("context", divisors(MOST_CONTEXT)) {
                if !gpus.is_multiple_of(tensor.saturating_mul(pipeline).saturating_mul(context)) {
                    continue;
                }
                for expert in axis("expert", divisors(experts)) {
                    for virtual_pipeline in axis("virtual_pipeline", interleaved(layers, pipeline)) {
                        all.push(Parallel {
                            tensor,
                            sequence: tensor > 1,
                            pipeline,
                            virtual_pipeline,
                            context,
                            expert,
                            ..scenario.parallel.clone()
                        });
                    }
                }
            }
        }
    }
    all
}

/// Groups beyond these sizes are in nobody's runs.
const MOST_TENSOR: u64 = 64;
const MOST_CONTEXT: u64 = 256;

/// How many pieces of the model a stage can have: those that leave a layer or two in each.
fn interleaved(layers: u64, pipeline: u64) -> Vec<u64> {
    if pipeline == 1 || !layers.is_multiple_of(pipeline) {
        return vec![1];
    }
    divisors(layers / pipeline)
}

/// The divisors of a number, in order.
pub(super) fn divisors(of: u64) -> Vec<u64> {
    let small: Vec<u64> = (1..=of.isqrt()).filter(|divisor| of.is_multiple_of(*divisor)).collect();
    let mut all: Vec<u64> = small.iter().copied().chain(small.iter().map(|divisor| of / divisor)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;

    #[test]
    fn divisors_come_in_order_and_once() {
        assert_eq!(divisors(36), [1, 2, 3, 4, 6, 9, 12, 18, 36]);
        assert_eq!(divisors(1), [1]);
    }

    #[test]
    fn every_layout_is_legal() {
        let library = Library::embedded();
        let model = library.model("llama-3.2-1b").unwrap();
        let framework = library.framework("transformers").unwrap();
        let scenario = Scenario { gpus: 8, framework, ..Scenario::default() };
        let all = layouts(model, &scenario);
        assert_eq!(all.len(), STRATEGIES.len());
        assert!(all.iter().all(|run| check(model, run).is_ok()));
    }
}
