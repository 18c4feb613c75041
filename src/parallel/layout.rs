//! How the GPUs of a job are divided among the axes of parallelism.

use crate::ledger::EstimateError;
use crate::scenario::{Parallel, Scenario};

/// The sizes of a job's groups. `world = data · tensor · pipeline · context`; the expert groups divide the same GPUs
/// another way: `world = expert_data · expert · expert_tensor · pipeline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// GPUs of the job.
    pub world: u64,
    /// GPUs that share every matrix.
    pub tensor: u64,
    /// Whether what lies between the matrices is divided among them by tokens.
    pub sequence: bool,
    /// Stages of the pipeline.
    pub pipeline: u64,
    /// Pieces of the model on each stage.
    pub virtual_pipeline: u64,
    /// GPUs that share a sequence.
    pub context: u64,
    /// GPUs that share the experts of a layer.
    pub expert: u64,
    /// GPUs that share every matrix of an expert.
    pub expert_tensor: u64,
    /// Replicas, each with micro batches of its own.
    pub data: u64,
    /// Replicas of each expert.
    pub expert_data: u64,
    /// GPUs over which a replica's states are divided, of `data · context`.
    pub shard: u64,
    /// What of them is divided: 1 optimizer states, 2 gradients too, 3 weights too.
    pub zero: u64,
}

impl Layout {
    /// A job on one GPU.
    pub const ONE: Self = Self {
        world: 1,
        tensor: 1,
        sequence: false,
        pipeline: 1,
        virtual_pipeline: 1,
        context: 1,
        expert: 1,
        expert_tensor: 1,
        data: 1,
        expert_data: 1,
        shard: 1,
        zero: 0,
    };

    /// The layout of a scenario.
    ///
    /// # Errors
    /// Where groups do not divide the GPUs: the key, and the nearest sizes that do.
    pub fn of(scenario: &Scenario) -> Result<Self, EstimateError> {
        let (world, parallel) = (scenario.gpus, &scenario.parallel);
        // A framework without a choice of strategies means what it says by the stage itself.
        let framework = &scenario.framework;
        let by_strategy = framework.lays_out("strategy") || !framework.lays_out("zero");
        let Parallel { tensor, pipeline, context, expert, .. } = *parallel;
        let expert_tensor = parallel.expert_tensor.unwrap_or(tensor);
        let mut left = world;
        for (key, size) in [("parallel.tensor", tensor), ("parallel.pipeline", pipeline), ("parallel.context", context)]
        {
            left = divided(key, size, left, || {
                if left == world {
                    format!("the {world} GPUs")
                } else {
                    format!("the {left} that are left of {world} GPUs")
                }
            })?;
        }
        let of_experts = divided("parallel.expert_tensor", expert_tensor, world / pipeline, || {
            format!("the {} GPUs of a stage", world / pipeline)
        })?;
        let expert_data = divided("parallel.expert", expert, of_experts, || {
            let unset = if parallel.expert_tensor.is_none() && tensor > 1 {
                format!(", since parallel.expert_tensor is as parallel.tensor: {tensor}; 1 leaves more")
            } else {
                String::new()
            };
            format!("the {of_experts} GPUs that a stage has for experts{unset}")
        })?;
        let group = left * context;
        let shard = parallel.shard_size.unwrap_or(group);
        divided("parallel.shard_size", shard, group, || format!("the {group} GPUs of a replica's states"))?;
        Ok(Self {
            world,
            tensor,
            sequence: parallel.sequence && tensor > 1,
            pipeline,
            virtual_pipeline: parallel.virtual_pipeline,
            context,
            expert,
            expert_tensor,
            data: left,
            expert_data,
            shard,
            zero: if by_strategy { parallel.stage()? } else { parallel.zero },
        })
    }
}

impl Parallel {
    /// What of a replica's states is divided, by the strategy's own words.
    ///
    /// # Errors
    /// A stage that the strategy does not have.
    pub(crate) fn stage(&self) -> Result<u64, EstimateError> {
        let stages = self.strategy.stages();
        match self.zero {
            0 => Ok(stages[0]),
            stage if stages.contains(&stage) => Ok(stage),
            stage => {
                let mut stages = stages.to_vec();
                stages.sort_unstable();
                let has: Vec<String> = stages.iter().map(u64::to_string).collect();
                let covered = format!("{}, for {}", has.join(", "), self.strategy.word());
                Err(EstimateError::NotCovered { key: "parallel.zero", value: stage.to_string(), covered })
            }
        }
    }
}

/// What is left of so many where groups of a size divide them; what they are is said in an error.
fn divided(key: &'static str, size: u64, of: u64, of_what: impl FnOnce() -> String) -> Result<u64, EstimateError> {
    if size > 0 && of.is_multiple_of(size) {
        return Ok(of / size);
    }
    let problem = format!("{size} does not divide {}; {}", of_what(), nearest_words(of, size));
    Err(EstimateError::Invalid { key, problem })
}

/// The divisors of a number that are nearest to a size, in words.
pub(crate) fn nearest_words(of: u64, size: u64) -> String {
    match nearest_divisors(of, size) {
        [below, above] if below == above => format!("the nearest divisor is {below}"),
        [below, above] => format!("the nearest divisors are {below} and {above}"),
    }
}

/// The largest divisor of a number that is no larger than a size, and the smallest that is no smaller; the number itself
/// where none is.
pub(crate) fn nearest_divisors(of: u64, size: u64) -> [u64; 2] {
    let all = divisors(of.max(1));
    let below = all.iter().rev().find(|divisor| **divisor <= size).copied().unwrap_or(1);
    let above = all.iter().find(|divisor| **divisor >= size).copied().unwrap_or(of.max(1));
    [below, above]
}

/// The greatest number that divides both; of nothing and another, that.
pub(crate) const fn greatest_common_divisor(one: u64, other: u64) -> u64 {
    let (mut divisor, mut rest) = (one, other);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    divisor
}

/// The divisors of a number, in order.
pub(crate) fn divisors(of: u64) -> Vec<u64> {
    // They come in pairs about the root.
    let small: Vec<u64> = (1..=of.isqrt()).filter(|divisor| of.is_multiple_of(*divisor)).collect();
    let large = small.iter().rev().map(|divisor| of / divisor).filter(|divisor| small.last() != Some(divisor));
    small.iter().copied().chain(large).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Strategy;

    fn on(gpus: u64, set: impl Fn(&mut Parallel)) -> Result<Layout, EstimateError> {
        let mut scenario = Scenario { gpus, ..Scenario::default() };
        set(&mut scenario.parallel);
        Layout::of(&scenario)
    }

    #[test]
    fn groups_divide_the_gpus_both_ways() {
        let sizes = |it: &mut Parallel| (it.tensor, it.pipeline, it.context, it.expert) = (4, 2, 2, 8);
        let whole = on(64, sizes).unwrap();
        assert_eq!((whole.expert_tensor, whole.expert_data), (4, 1));
        let layout = on(64, |it| {
            sizes(it);
            it.expert_tensor = Some(1);
        });
        let layout = layout.unwrap();
        assert_eq!((layout.data, layout.expert_data), (4, 4));
        assert_eq!(layout.data * layout.tensor * layout.pipeline * layout.context, 64);
        assert_eq!(layout.expert_data * layout.expert * layout.expert_tensor * layout.pipeline, 64);
    }

    #[test]
    fn what_does_not_divide_is_refused_with_the_nearest_that_do() {
        let said = on(16, |it| it.tensor = 3).unwrap_err().to_string();
        assert!(said.contains("parallel.tensor") && said.contains("2 and 4"), "{said}");
        let said = on(8, |it| (it.tensor, it.pipeline) = (4, 4)).unwrap_err().to_string();
        assert!(said.contains("parallel.pipeline") && said.contains('2'), "{said}");
        let said = on(8, |it| it.shard_size = Some(3)).unwrap_err().to_string();
        assert!(said.contains("parallel.shard_size") && said.contains("2 and 4"), "{said}");
        for (strategy, stages) in [(Strategy::Fsdp2, "2, 3, for fsdp2"), (Strategy::Ddp, "0, for ddp")] {
            let said = on(8, |it| (it.strategy, it.zero) = (strategy, 1)).unwrap_err().to_string();
            assert!(said.contains(stages), "{said}");
        }
    }

    #[test]
    fn divisors_come_in_order_and_once() {
        assert_eq!(divisors(36), [1, 2, 3, 4, 6, 9, 12, 18, 36]);
        assert_eq!((divisors(1), divisors(2)), (vec![1], vec![1, 2]));
    }

    #[test]
    fn the_nearest_divisors_lie_on_both_sides() {
        assert_eq!(nearest_divisors(96, 7), [6, 8]);
        assert_eq!(nearest_divisors(7, 5), [1, 7]);
        assert_eq!(nearest_divisors(8, 100), [8, 8]);
        assert_eq!(nearest_divisors(8, 0), [1, 1]);
    }
}
