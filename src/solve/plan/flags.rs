//! A layout as what one types to launch it.

use crate::scenario::{Parallel, Precision, Recompute, Scenario, Strategy};

/// The lines that launch a run so, and the file that they need beside them, where they need one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The command.
    pub command: String,
    /// A file's name and text.
    pub file: Option<(&'static str, String)>,
}

impl Launch {
    /// How a run is launched on nodes of so many cards.
    pub fn of(scenario: &Scenario, node: u64) -> Self {
        let (gpus, parallel) = (scenario.gpus, &scenario.parallel);
        let node = node.clamp(1, gpus.max(1));
        if scenario.framework.lays_out("strategy") {
            return trainer(scenario, node);
        }
        let (nodes, each) = (gpus.div_ceil(node), node);
        let mut words = vec![format!("torchrun --nnodes {nodes} --nproc-per-node {each} pretrain_gpt.py")];
        words.extend(megatron(scenario, parallel));
        Self { command: words.join(" "), file: None }
    }
}

/// `accelerate launch` with a script of the Trainer.
fn trainer(scenario: &Scenario, node: u64) -> Launch {
    let (gpus, parallel) = (scenario.gpus, &scenario.parallel);
    let mut words = vec![format!("accelerate launch --num_processes {gpus}")];
    let machines = gpus.div_ceil(node);
    if machines > 1 {
        words.push(format!("--num_machines {machines}"));
    }
    let zero = parallel.stage().unwrap_or_default();
    let mut file = None;
    match parallel.strategy {
        Strategy::Ddp if gpus > 1 => words.push(String::from("--multi_gpu")),
        Strategy::Ddp => {}
        Strategy::Fsdp2 => {
            let reshards = zero == 3;
            words.push(format!("--use_fsdp --fsdp_version 2 --fsdp_reshard_after_forward {reshards}"));
            words.push(String::from("--fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP"));
        }
        Strategy::Fsdp1 => {
            let sharding = if zero == 3 { "FULL_SHARD" } else { "SHARD_GRAD_OP" };
            let prefetch = if parallel.backward_prefetch { "BACKWARD_PRE" } else { "NO_PREFETCH" };
            words.push(format!("--use_fsdp --fsdp_version 1 --fsdp_sharding_strategy {sharding}"));
            words.push(format!("--fsdp_backward_prefetch {prefetch} --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP"));
        }
        Strategy::Deepspeed => {
            words.push(String::from("--use_deepspeed --deepspeed_config_file ds.json"));
            file = Some(("ds.json", deepspeed(scenario, zero)));
        }
    }
    if parallel.offload_params && parallel.strategy != Strategy::Deepspeed {
        words.push(String::from("--fsdp_offload_params true"));
    }
    if scenario.train.precision.autocasts() || parallel.strategy == Strategy::Deepspeed {
        words.push(String::from("--mixed_precision bf16"));
    }
    words.push(String::from("train.py"));
    words.extend(arguments(scenario));
    Launch { command: words.join(" "), file }
}

/// `TrainingArguments` of the run.
fn arguments(scenario: &Scenario) -> Vec<String> {
    let train = &scenario.train;
    let mut words = vec![format!("--per_device_train_batch_size {}", train.micro_batch_size)];
    if train.gradient_accumulation_steps > 1 {
        words.push(format!("--gradient_accumulation_steps {}", train.gradient_accumulation_steps));
    }
    if train.recompute == Recompute::Full {
        words.push(String::from("--gradient_checkpointing true"));
    }
    words
}

/// A DeepSpeed config, with what the Trainer fills in itself left to it.
fn deepspeed(scenario: &Scenario, zero: u64) -> String {
    let Parallel { overlap_comm, reduce_bucket_size, .. } = scenario.parallel;
    let mut zero_optimization = serde_json::json!({
        "stage": zero,
        "overlap_comm": overlap_comm,
        "contiguous_gradients": true,
        "reduce_bucket_size": match (reduce_bucket_size, zero) {
            (Some(elements), _) => serde_json::json!(elements),
            (None, 3) => serde_json::json!("auto"),
            (None, _) => serde_json::json!(500_000_000),
        },
    });
    if zero == 3 {
        zero_optimization["stage3_prefetch_bucket_size"] = serde_json::json!("auto");
        zero_optimization["stage3_param_persistence_threshold"] = serde_json::json!("auto");
        zero_optimization["stage3_max_live_parameters"] =
            serde_json::json!(scenario.parallel.stage3_max_live_parameters);
        zero_optimization["sub_group_size"] = serde_json::json!(scenario.parallel.sub_group_size);
    }
    for (key, on) in [
        ("offload_optimizer", scenario.train.offload_optimizer),
        ("offload_param", scenario.parallel.offload_params && zero == 3),
    ] {
        if on {
            zero_optimization[key] = serde_json::json!({ "device": "cpu", "pin_memory": true });
        }
    }
    let config = serde_json::json!({
        "bf16": { "enabled": "auto" },
        "zero_optimization": zero_optimization,
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
    });
    serde_json::to_string_pretty(&config).unwrap_or_default()
}

/// Megatron-LM's arguments for a layout.
fn megatron(scenario: &Scenario, parallel: &Parallel) -> Vec<String> {
    let train = &scenario.train;
    let mut words = Vec::new();
    for (flag, size) in [
        ("--tensor-model-parallel-size", parallel.tensor),
        ("--pipeline-model-parallel-size", parallel.pipeline),
        ("--context-parallel-size", parallel.context),
        ("--expert-model-parallel-size", parallel.expert),
        ("--num-virtual-stages-per-pipeline-rank", parallel.virtual_pipeline),
    ] {
        if size > 1 {
            words.push(format!("{flag} {size}"));
        }
    }
    if parallel.sequence && parallel.tensor > 1 {
        words.push(String::from("--sequence-parallel"));
    }
    if parallel.zero == 1 {
        words.push(String::from("--use-distributed-optimizer"));
    }
    words.push(format!("--micro-batch-size {}", train.micro_batch_size));
    match train.recompute {
        Recompute::None => {}
        Recompute::Selective => words.push(String::from("--recompute-granularity selective")),
        Recompute::Full => {
            words
                .push(String::from("--recompute-granularity full --recompute-method uniform --recompute-num-layers 1"));
        }
    }
    if train.precision != Precision::Fp32 {
        words.push(String::from("--bf16"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;

    fn launched(set: impl Fn(&mut Scenario)) -> Launch {
        let framework = Library::embedded().framework("transformers").unwrap();
        let mut scenario = Scenario { gpus: 16, framework, ..Scenario::default() };
        set(&mut scenario);
        Launch::of(&scenario, 8)
    }

    #[test]
    fn a_strategy_is_what_accelerate_is_told() {
        let fsdp = launched(|it| {
            (it.parallel.strategy, it.parallel.zero) = (Strategy::Fsdp2, 3);
            it.train.recompute = Recompute::Full;
        });
        assert_eq!(
            fsdp.command,
            "accelerate launch --num_processes 16 --num_machines 2 --use_fsdp --fsdp_version 2 \
             --fsdp_reshard_after_forward true --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP train.py \
             --per_device_train_batch_size 1 --gradient_checkpointing true"
        );
        let zero = launched(|it| (it.parallel.strategy, it.parallel.zero) = (Strategy::Deepspeed, 2));
        let (name, text) = zero.file.unwrap();
        let config: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((name, &config["zero_optimization"]["stage"]), ("ds.json", &serde_json::json!(2)));
        assert!(zero.command.contains("--deepspeed_config_file ds.json"), "{}", zero.command);
    }
}
