//! DeepSpeed's configuration.

use super::facts::Facts;
use super::literal::{Item, Literal};

/// Whether the Trainer fills it in.
fn is_auto(item: &Item) -> bool {
    item.value.text().as_deref() == Some("auto")
}

/// Reads the file that DeepSpeed is given.
pub(super) fn read(items: &[Item], facts: &mut Facts) {
    for item in items {
        match item.name.as_str() {
            _ if is_auto(item) => facts.weightless(item),
            "zero_optimization" => zero(item.value.items(), facts),
            "train_micro_batch_size_per_gpu" => facts.take("train.micro_batch_size", item),
            "gradient_accumulation_steps" => facts.take("train.gradient_accumulation_steps", item),
            "bf16" | "bfloat16" => facts.bf16 = enabled(item, facts).or(facts.bf16),
            "fp16" => facts.fp16 = enabled(item, facts).or(facts.fp16),
            "optimizer" => item.value.items().iter().for_each(|inner| optimizer(inner, facts)),
            "tensor_parallel" => item.value.items().iter().for_each(|inner| match inner.name.as_str() {
                "autotp_size" => facts.take("parallel.tensor", inner),
                _ => facts.leave(inner, "not described"),
            }),
            "activation_checkpointing" => facts.leave(item, "the trainer decides what is recomputed"),
            "train_batch_size" => facts.leave(item, "train.micro_batch_size is what one GPU has"),
            "gradient_clipping"
            | "steps_per_print"
            | "wall_clock_breakdown"
            | "scheduler"
            | "prescale_gradients"
            | "zero_allow_untested_optimizer"
            | "dump_state"
            | "tensorboard"
            | "wandb"
            | "csv_monitor"
            | "flops_profiler"
            | "communication_data_type"
            | "comms_logger"
            | "zero_force_ds_cpu_optimizer" => {
                facts.weightless(item);
            }
            _ => facts.leave(item, "no key of DeepSpeed that is known"),
        }
    }
}

/// Whether a block says that it counts; with `auto` the trainer does.
fn enabled(item: &Item, facts: &mut Facts) -> Option<bool> {
    let on = item.value.items().iter().find(|inner| inner.name == "enabled")?;
    if is_auto(on) {
        facts.weightless(item);
        return None;
    }
    on.value.flag().filter(|on| *on)
}

fn optimizer(item: &Item, facts: &mut Facts) {
    match (item.name.as_str(), item.value.text().as_deref()) {
        ("type", Some("Adam" | "AdamW" | "FusedAdam" | "DeepSpeedCPUAdam")) => {
            facts.word("train.optimizer", "adamw", "optimizer.type");
        }
        ("type", _) => facts.leave(item, "AdamW is described under DeepSpeed"),
        _ => facts.weightless(item),
    }
}

fn zero(items: &[Item], facts: &mut Facts) {
    for item in items {
        match item.name.as_str() {
            "stage" => stage(item, facts),
            _ if is_auto(item) => facts.weightless(item),
            "offload_optimizer" => device(item, "train.offload_optimizer", facts),
            "offload_param" => device(item, "parallel.offload_params", facts),
            "overlap_comm" => facts.take("parallel.overlap_comm", item),
            "reduce_bucket_size" => facts.take("parallel.reduce_bucket_size", item),
            "stage3_max_live_parameters" => facts.take("parallel.stage3_max_live_parameters", item),
            "stage3_param_persistence_threshold" => facts.take("parallel.stage3_param_persistence_threshold", item),
            "sub_group_size" => facts.take("parallel.sub_group_size", item),
            "allgather_partitions"
            | "allgather_bucket_size"
            | "reduce_scatter"
            | "contiguous_gradients"
            | "round_robin_gradients"
            | "stage3_prefetch_bucket_size"
            | "stage3_max_reuse_distance"
            | "stage3_gather_16bit_weights_on_model_save"
            | "ignore_unused_parameters"
            | "load_from_fp32_weights" => {
                facts.weightless(item);
            }
            _ => facts.leave(item, "not described"),
        }
    }
}

fn stage(item: &Item, facts: &mut Facts) {
    if item.value == Literal::Number(0.0) {
        return facts.word("parallel.strategy", "no_shard", &item.name);
    }
    facts.deepspeed = true;
    facts.word("parallel.strategy", "deepspeed", &item.name);
    facts.take("parallel.zero", item);
}

/// `{"device": "cpu"}`.
fn device(item: &Item, key: &'static str, facts: &mut Facts) {
    let device = item.value.items().iter().find(|inner| inner.name == "device").and_then(|inner| inner.value.text());
    held(device.as_deref(), item, key, facts);
}

fn held(device: Option<&str>, item: &Item, key: &'static str, facts: &mut Facts) {
    match device {
        Some("cpu" | "nvme") => facts.word(key, "true", &item.name),
        Some("none") | None => facts.weightless(item),
        Some(_) => facts.leave(item, "cpu, nvme or none"),
    }
}

/// The block of an `accelerate` config.
pub(super) fn of_accelerate(items: &[Item], facts: &mut Facts) {
    for item in items {
        match item.name.as_str() {
            "zero_stage" => stage(item, facts),
            "gradient_accumulation_steps" if !is_auto(item) => facts.take("train.gradient_accumulation_steps", item),
            "offload_optimizer_device" => held(item.value.text().as_deref(), item, "train.offload_optimizer", facts),
            "offload_param_device" => held(item.value.text().as_deref(), item, "parallel.offload_params", facts),
            "deepspeed_config_file" => facts.leave(item, "a file of its own: give that one too"),
            "gradient_accumulation_steps"
            | "gradient_clipping"
            | "zero3_init_flag"
            | "zero3_save_16bit_model"
            | "deepspeed_multinode_launcher"
            | "deepspeed_hostfile" => facts.weightless(item),
            _ => facts.leave(item, "no option of DeepSpeed that is known"),
        }
    }
}

/// `deepspeed=…` of `TrainingArguments`.
pub(super) fn of_trainer(item: &Item, facts: &mut Facts) {
    match &item.value {
        Literal::Table(items) => read(items, facts),
        Literal::Nothing => facts.weightless(item),
        _ => facts.leave(item, "a file of its own: give that one too"),
    }
}
