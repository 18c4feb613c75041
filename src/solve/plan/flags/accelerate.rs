//! The Trainer's layouts: flags of `accelerate launch` 1.15 and of `TrainingArguments`, and a DeepSpeed config.

use super::Launch;
use crate::scenario::{Parallel, Precision, Recompute, Scenario, Strategy, Wrap};

/// `accelerate launch` with a script of the Trainer.
pub(super) fn launch(scenario: &Scenario, node: u64) -> Launch {
    let (gpus, parallel) = (scenario.gpus, &scenario.parallel);
    let mut words = vec![format!("accelerate launch --num_processes {gpus}")];
    let machines = gpus.div_ceil(node);
    if machines > 1 {
        words.push(format!("--num_machines {machines}"));
    }
    let zero = parallel.stage().unwrap_or_default();
    let mut unsaid = Vec::new();
    let mut file = None;
    let replicas = gpus / parallel.tensor.max(1);
    if parallel.tensor > 1 {
        words.push(format!("--use_parallelism_config --parallelism_config_tp_size {}", parallel.tensor));
        unsaid.extend(parallel.sequence.then_some("parallel.sequence"));
        unsaid.extend(parallel.loss_parallel.then_some("parallel.loss_parallel"));
    }
    match parallel.strategy {
        _ if replicas == 1 => {}
        Strategy::Ddp => {
            words.push(String::from("--multi_gpu"));
            unsaid.extend(parallel.gradient_as_bucket_view.then_some("parallel.gradient_as_bucket_view"));
        }
        Strategy::Fsdp2 => {
            let reshards = zero == 3;
            words.push(format!("--use_fsdp --fsdp_version 2 --fsdp_reshard_after_forward {reshards}"));
            words.push(String::from("--fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP"));
            if parallel.tensor == 1 && parallel.shard_size.is_some() {
                words.push(String::from("--use_parallelism_config"));
            }
            if let Some(size) = parallel.shard_size.or((parallel.tensor > 1).then_some(replicas)) {
                words.push(format!("--parallelism_config_dp_replicate_size {}", replicas / size.max(1)));
                words.push(format!("--parallelism_config_dp_shard_size {size}"));
            }
            unsaid.extend((parallel.wrap != Wrap::Units).then_some("parallel.wrap"));
            unsaid.extend(parallel.reduce_dtype.map(|_| "parallel.reduce_dtype"));
        }
        Strategy::Fsdp1 => {
            // Its hybrid groups are the GPUs of a node, and no others.
            let sharding = match (parallel.shard_size.is_some(), zero) {
                (false, 3) => "FULL_SHARD",
                (false, _) => "SHARD_GRAD_OP",
                (true, 3) => "HYBRID_SHARD",
                (true, _) => "HYBRID_SHARD_ZERO2",
            };
            let prefetch = if parallel.backward_prefetch { "BACKWARD_PRE" } else { "NO_PREFETCH" };
            words.push(format!("--use_fsdp --fsdp_version 1 --fsdp_sharding_strategy {sharding}"));
            words.push(format!("--fsdp_backward_prefetch {prefetch} --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP"));
            unsaid.extend(parallel.shard_size.filter(|size| *size != node).map(|_| "parallel.shard_size"));
            unsaid.extend((parallel.wrap != Wrap::Units).then_some("parallel.wrap"));
            unsaid.extend(parallel.reduce_dtype.map(|_| "parallel.reduce_dtype"));
        }
        Strategy::Deepspeed => {
            words.push(String::from("--use_deepspeed --deepspeed_config_file ds.json"));
            file = Some(("ds.json", deepspeed(scenario, zero)));
            unsaid.extend(parallel.shard_size.map(|_| "parallel.shard_size"));
            unsaid.extend(parallel.reduce_dtype.map(|_| "parallel.reduce_dtype"));
        }
    }
    if parallel.offload_params && replicas > 1 && matches!(parallel.strategy, Strategy::Fsdp1 | Strategy::Fsdp2) {
        words.push(String::from("--fsdp_offload_params true"));
    }
    let precision = scenario.train.precision;
    if precision.autocasts() || replicas > 1 && parallel.strategy == Strategy::Deepspeed && precision != Precision::Fp32
    {
        words.push(format!("--mixed_precision {}", half(precision)));
    }
    words.push(String::from("train.py"));
    words.extend(arguments(scenario));
    Launch { command: words.join(" "), file, unsaid }
}

/// The type of 16 bits that a precision computes in.
const fn half(precision: Precision) -> &'static str {
    if precision.computes_in_bf16() { "bf16" } else { "fp16" }
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
    let Parallel { overlap_comm, reduce_bucket_size, stage3_param_persistence_threshold, .. } = scenario.parallel;
    let auto = |elements: Option<u64>| elements.map_or_else(|| serde_json::json!("auto"), |it| serde_json::json!(it));
    let mut zero_optimization = serde_json::json!({
        "stage": zero,
        "overlap_comm": overlap_comm,
        "contiguous_gradients": true,
        "reduce_bucket_size": auto(reduce_bucket_size.or((zero < 3).then_some(500_000_000))),
    });
    if zero == 3 {
        zero_optimization["stage3_prefetch_bucket_size"] = auto(None);
        zero_optimization["stage3_param_persistence_threshold"] = auto(stage3_param_persistence_threshold);
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
    let half = half(scenario.train.precision);
    let mut config = serde_json::json!({
        "zero_optimization": zero_optimization,
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
    });
    config[half] = serde_json::json!({ "enabled": "auto" });
    serde_json::to_string_pretty(&config).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::launched;

    #[test]
    fn a_strategy_is_what_accelerate_is_told() {
        let fsdp = launched("transformers", 16, &[("parallel.strategy", "fsdp2"), ("train.recompute", "full")]);
        assert_eq!(
            fsdp.command,
            "accelerate launch --num_processes 16 --num_machines 2 --use_fsdp --fsdp_version 2 \
             --fsdp_reshard_after_forward true --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP train.py \
             --per_device_train_batch_size 1 --gradient_checkpointing true"
        );
        let hybrid = launched("transformers", 16, &[("parallel.strategy", "fsdp2"), ("parallel.shard_size", "4")]);
        let groups = "--parallelism_config_dp_replicate_size 4 --parallelism_config_dp_shard_size 4";
        assert!(hybrid.command.contains(groups), "{}", hybrid.command);
        let flat = [("parallel.strategy", "fsdp1"), ("parallel.zero", "2"), ("parallel.shard_size", "4")];
        let flat = launched("transformers", 16, &flat);
        assert!(flat.command.contains("HYBRID_SHARD_ZERO2"), "{}", flat.command);
        assert_eq!(flat.unsaid, ["parallel.shard_size"], "groups of a node alone have a flag");
    }

    #[test]
    fn a_stage_is_what_deepspeed_is_told() {
        let zero = launched("transformers", 16, &[("parallel.strategy", "deepspeed"), ("parallel.zero", "3")]);
        let (name, text) = zero.file.unwrap();
        let config: serde_json::Value = serde_json::from_str(&text).unwrap();
        let stage = &config["zero_optimization"];
        assert_eq!((name, &stage["stage"], &stage["reduce_bucket_size"]), ("ds.json", &3.into(), &"auto".into()));
        assert!(zero.command.contains("--deepspeed_config_file ds.json"), "{}", zero.command);
    }
}
