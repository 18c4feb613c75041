//! A run as the options of `torchtitan.train` 0.3, as its own parser names them.

use super::Launch;
use crate::scenario::{Loss, OptimizerImplementation, Precision, Recompute, Scenario};

/// `torchrun` with torchtitan's trainer.
pub(super) fn launch(scenario: &Scenario, node: u64) -> Launch {
    let (train, parallel) = (&scenario.train, &scenario.parallel);
    let nodes = scenario.gpus.div_ceil(node);
    let mut words = vec![format!("torchrun --nnodes {nodes} --nproc-per-node {node} -m torchtitan.train")];
    // The model is that of a configuration in its registry, whose other values are said again: that of 70B divides by 8.
    words.push(String::from("--module llama3 --config YOUR_CONFIG"));
    words.push(format!("--training.local-batch-size {}", train.micro_batch_size));
    words.push(format!("--training.seq-len {}", train.sequence_length));
    if train.precision == Precision::Bf16 {
        words.push(String::from("--training.dtype bfloat16"));
    }
    // What is described is a step without them.
    words.push(String::from("--training.disable-cuda-graphs --compile.no-enable"));
    let replicas = scenario.gpus / parallel.tensor.max(1);
    if let Some(size) = parallel.shard_size.filter(|size| *size < replicas) {
        words.push(format!("--parallelism.data-parallel-replicate-degree {}", replicas / size.max(1)));
        words.push(format!("--parallelism.data-parallel-shard-degree {size}"));
    }
    words.push(format!("--parallelism.tensor-parallel-degree {}", parallel.tensor));
    if parallel.tensor > 1 && !parallel.sequence {
        words.push(String::from("--parallelism.no-enable-sequence-parallel"));
    }
    if parallel.zero == 2 {
        words.push(String::from("--parallelism.fsdp-reshard-after-forward never"));
    }
    if train.loss == Loss::Chunked {
        words.push(format!("--loss.num-chunks {}", train.loss_chunks));
    }
    let implementation = match train.optimizer_implementation {
        OptimizerImplementation::Fused => None,
        OptimizerImplementation::Foreach => Some("foreach"),
        OptimizerImplementation::Loop => Some("for-loop"),
    };
    words.extend(implementation.map(|word| format!("--optimizer.implementation {word}")));
    // A subcommand, which comes last.
    words.push(format!("activation-checkpoint:{}", checkpoints(train.recompute)));
    let unsaid = if train.loss == Loss::Chunked { Vec::new() } else { vec!["train.loss"] };
    Launch { command: words.join(" "), file: None, unsaid }
}

const fn checkpoints(recompute: Recompute) -> &'static str {
    match recompute {
        Recompute::None => "none",
        Recompute::Selective => "selective",
        Recompute::Full => "full",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::launched;

    #[test]
    fn options_are_those_of_torchtitans_parser() {
        let run = launched("torchtitan", 16, &[("parallel.tensor", "2"), ("parallel.shard_size", "4")]);
        assert_eq!(
            run.command,
            "torchrun --nnodes 2 --nproc-per-node 8 -m torchtitan.train --module llama3 --config YOUR_CONFIG \
             --training.local-batch-size 1 --training.seq-len 4096 --training.disable-cuda-graphs --compile.no-enable \
             --parallelism.data-parallel-replicate-degree 2 --parallelism.data-parallel-shard-degree 4 \
             --parallelism.tensor-parallel-degree 2 --loss.num-chunks 8 activation-checkpoint:selective"
        );
        assert!(run.unsaid.is_empty());
        let other = [("parallel.tensor", "2"), ("parallel.sequence", "false"), ("parallel.zero", "2")];
        let other = launched("torchtitan", 8, &other).command;
        for said in ["--parallelism.no-enable-sequence-parallel", "--parallelism.fsdp-reshard-after-forward never"] {
            assert!(other.contains(said), "{other}");
        }
    }
}
