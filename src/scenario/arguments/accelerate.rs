//! What `accelerate config` writes, and FSDP's options as the Trainer takes them.

use super::facts::Facts;
use super::literal::{Item, Literal};
use super::{deepspeed, facts::Width};

/// Reads the file that `accelerate launch` is given.
pub(super) fn read(items: &[Item], facts: &mut Facts) {
    // A config keeps the other strategy's block: what is launched decides which counts.
    let kind = items.iter().find(|item| item.name == "distributed_type").and_then(|item| item.value.text());
    let kind = kind.unwrap_or_default().to_uppercase();
    for item in items {
        match item.name.as_str() {
            "distributed_type" => match kind.as_str() {
                "MULTI_GPU" => facts.word("parallel.strategy", "ddp", "distributed_type=MULTI_GPU"),
                // Their blocks say more.
                "FSDP" => facts.word("parallel.strategy", "fsdp1", "distributed_type=FSDP"),
                "DEEPSPEED" => facts.word("parallel.strategy", "deepspeed", "distributed_type=DEEPSPEED"),
                "NO" | "FALSE" => facts.word("gpus", "1", "distributed_type=NO"),
                _ => facts.leave(item, "MULTI_GPU, FSDP, DEEPSPEED and NO are described"),
            },
            "num_processes" => facts.take("gpus", item),
            "mixed_precision" => mixed(item, facts),
            "gradient_accumulation_steps" => facts.take("train.gradient_accumulation_steps", item),
            "fsdp_config" if kind == "FSDP" => fsdp(item.value.items(), facts),
            "deepspeed_config" if kind == "DEEPSPEED" => deepspeed::of_accelerate(item.value.items(), facts),
            "parallelism_config" => item.value.items().iter().for_each(|inner| sizes(inner, facts)),
            "dynamo_config" | "dynamo_backend" | "megatron_lm_config" | "fp8_config" | "tp_config" => {
                if item.value.items().is_empty() && item.value.flag() != Some(true) && item.value.text().is_none() {
                    facts.weightless(item);
                } else {
                    facts.leave(item, "not described");
                }
            }
            "fsdp_config"
            | "deepspeed_config"
            | "compute_environment"
            | "debug"
            | "downcast_bf16"
            | "enable_cpu_affinity"
            | "machine_rank"
            | "main_process_ip"
            | "main_process_port"
            | "main_training_function"
            | "num_machines"
            | "rdzv_backend"
            | "same_network"
            | "tpu_env"
            | "tpu_use_cluster"
            | "tpu_use_sudo"
            | "use_cpu"
            | "gpu_ids"
            | "mpirun_config"
            | "ipex_config"
            | "command_file"
            | "commands"
            | "rdzv_conf" => facts.weightless(item),
            _ => facts.leave(item, "no key of accelerate that is known"),
        }
    }
}

/// `mixed_precision: bf16`.
fn mixed(item: &Item, facts: &mut Facts) {
    match item.value.text().unwrap_or_default().as_str() {
        "no" | "false" => facts.weightless(item),
        "fp8" => facts.leave(item, "fp8 is described under Megatron alone"),
        text => match Width::of(text) {
            Some(Width::Bf16) => facts.bf16 = Some(true),
            Some(Width::Fp16) => facts.fp16 = Some(true),
            _ => facts.leave(item, "no, fp16 and bf16 are described"),
        },
    }
}

/// Sizes of groups.
fn sizes(item: &Item, facts: &mut Facts) {
    let name = item.name.trim_start_matches("parallelism_config_");
    match name {
        "tp_size" => facts.take("parallel.tensor", item),
        "cp_size" => facts.take("parallel.context", item),
        "dp_shard_size" => facts.take("parallel.shard_size", item),
        "dp_replicate_size" => facts.weightless(item),
        _ => facts.leave(item, "not described"),
    }
}

/// `fsdp="full_shard auto_wrap"` of `TrainingArguments`.
pub(super) fn of_trainer(item: &Item, facts: &mut Facts) {
    let text = match &item.value {
        Literal::Flag(true) => String::from("full_shard"),
        Literal::Nothing | Literal::Flag(false) => return facts.weightless(item),
        other => other.text().unwrap_or_default().replace(',', " "),
    };
    for word in text.split_whitespace() {
        match word {
            "auto_wrap" => {}
            "offload" => facts.word("parallel.offload_params", "true", "fsdp=offload"),
            other => facts.take_text("parallel.strategy", other, item),
        }
    }
}

/// The options of FSDP, with or without `fsdp_` before them.
pub(super) fn fsdp(items: &[Item], facts: &mut Facts) {
    let named = |item: &Item| item.name.trim_start_matches("fsdp_").to_owned();
    let second = items.iter().any(|item| named(item) == "version" && item.value.text().as_deref() == Some("2"));
    if second {
        facts.word("parallel.strategy", "fsdp2", "fsdp_version=2");
    }
    for item in items {
        match named(item).as_str() {
            "version" => {}
            "reshard_after_forward" => match (second, item.value.flag()) {
                (_, Some(on)) => facts.word("parallel.zero", if on { "3" } else { "2" }, &item.name),
                (false, None) => facts.take("parallel.strategy", item),
                (true, None) => facts.leave(item, "true or false"),
            },
            "sharding_strategy" if !second => match item.value {
                // Older configs have the numbers of PyTorch's enumeration.
                Literal::Number(1.0) => facts.take_text("parallel.strategy", "FULL_SHARD", item),
                Literal::Number(2.0) => facts.take_text("parallel.strategy", "SHARD_GRAD_OP", item),
                Literal::Number(3.0) => facts.take_text("parallel.strategy", "NO_SHARD", item),
                _ => facts.take("parallel.strategy", item),
            },
            "offload_params" | "cpu_offload" => facts.take("parallel.offload_params", item),
            "activation_checkpointing" => match item.value.flag() {
                Some(true) => facts.word("train.recompute", "full", &item.name),
                _ => facts.weightless(item),
            },
            "backward_prefetch" if second => facts.weightless(item),
            "backward_prefetch" => match item.value.text().as_deref() {
                Some("BACKWARD_PRE" | "backward_pre") => facts.word("parallel.backward_prefetch", "true", &item.name),
                Some("BACKWARD_POST" | "backward_post") => {
                    facts.leave(item, "BACKWARD_PRE and NO_PREFETCH are described");
                }
                _ => facts.word("parallel.backward_prefetch", "false", &item.name),
            },
            "auto_wrap_policy" => match item.value.text().as_deref() {
                Some("TRANSFORMER_BASED_WRAP") | None => facts.weightless(item),
                Some("NO_WRAP") if second => facts.word("parallel.wrap", "whole", &item.name),
                Some(_) => facts.leave(item, "TRANSFORMER_BASED_WRAP is described"),
            },
            "transformer_layer_cls_to_wrap"
            | "state_dict_type"
            | "sync_module_states"
            | "cpu_ram_efficient_loading"
            | "use_orig_params"
            | "forward_prefetch"
            | "min_num_params"
            | "xla"
            | "limit_all_gathers" => {
                facts.weightless(item);
            }
            _ => facts.leave(item, "no option of FSDP that is known"),
        }
    }
}
