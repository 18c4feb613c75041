//! axolotl's YAML, as far as it says what the Trainer below it does.

use super::facts::{Facts, Trainer, Width};
use super::literal::{Item, Literal};

/// Reads the file that `axolotl train` is given.
pub(super) fn read(items: &[Item], facts: &mut Facts) {
    facts.trainer = Some(Trainer::Transformers);
    facts.loads = true;
    for item in items {
        one(item, facts);
    }
    // Without `adapter` everything is trained, however the base is loaded.
    if facts.adapters.is_none() {
        (facts.four_bits, facts.eight_bits) = (false, false);
        facts.word("train.method", "full", "no adapter");
    }
}

fn one(item: &Item, facts: &mut Facts) {
    let is_off = matches!(item.value, Literal::Nothing | Literal::Flag(false));
    match item.name.as_str() {
        "base_model" => facts.take("model", item),
        "micro_batch_size" => facts.take("train.micro_batch_size", item),
        "gradient_accumulation_steps" => facts.take("train.gradient_accumulation_steps", item),
        "sequence_len" => facts.take("train.sequence_length", item),
        "optimizer" => facts.take("train.optimizer", item),
        "gradient_checkpointing" => facts.take("train.recompute", item),
        "activation_offloading" => facts.take("train.offload_activations", item),
        "attn_implementation" => facts.take("train.attention", item),
        "flash_attention" | "sdp_attention" | "xformers_attention" if !is_off => {
            facts.word("train.attention", "flash", &item.name);
        }
        "torch_compile" if item.value.flag() == Some(true) => facts.word("train.compile", "model", &item.name),
        "rl" if !is_off => facts.take("train.objective", item),
        "adapter" => match item.value.text().as_deref() {
            Some("qlora") => {
                facts.adapters = Some("adapter");
                facts.word("train.method", "qlora", "adapter=qlora");
            }
            Some("lora") => facts.adapters = Some("adapter"),
            None => facts.weightless(item),
            Some(_) => facts.leave(item, "lora and qlora are described"),
        },
        "load_in_4bit" if item.value.flag() == Some(true) => facts.four_bits = true,
        "load_in_8bit" if item.value.flag() == Some(true) => {
            facts.eight_bits = true;
            facts.word("train.base_weights", "int8", &item.name);
        }
        "lora_r" => facts.take("train.lora_rank", item),
        "lora_dropout" => facts.take("train.lora_dropout", item),
        "lora_target_modules" => super::table::targets(item, facts),
        "lora_target_linear" if item.value.flag() == Some(true) => {
            facts.word("train.lora_targets", "all-linear", &item.name);
        }
        "lora_modules_to_save" => facts.take("train.modules_to_save", item),
        "peft_use_dora" => facts.take("train.dora", item),
        "bf16" | "bfloat16" => match item.value.text().as_deref() {
            Some("true" | "auto" | "full") => facts.bf16 = Some(true),
            _ => facts.weightless(item),
        },
        "fp16" if item.value.flag() == Some(true) => facts.fp16 = Some(true),
        "float32" if item.value.flag() == Some(true) => facts.dtype = Some(Width::Fp32),
        "deepspeed"
        | "fsdp"
        | "fsdp_config"
        | "liger_rope"
        | "liger_rms_norm"
        | "liger_fused_linear_cross_entropy"
        | "liger_glu_activation"
        | "plugins"
        | "lora_mlp_kernel"
        | "lora_qkv_kernel"
        | "lora_o_kernel"
        | "unsloth_cross_entropy_loss"
        | "unfrozen_parameters"
        | "lisa_n_layers"
        | "tensor_parallel_size"
        | "context_parallel_size"
        | "sequence_parallel_degree"
            if !is_off =>
        {
            facts.leave(item, "not described of axolotl");
        }
        name if is_off || is_weightless(name) => facts.weightless(item),
        _ => facts.leave(item, "no key of axolotl that is known"),
    }
}

/// Whether a key is known to change nothing of memory, or nothing of what is described of it.
fn is_weightless(name: &str) -> bool {
    let begins = [
        "wandb_",
        "mlflow_",
        "comet_",
        "hub_",
        "hf_",
        "dataset",
        "val_",
        "eval",
        "save",
        "logging_",
        "lr_",
        "adam_",
        "warmup_",
        "special_tokens",
        "tokenizer",
        "early_stopping",
        "loss_watchdog",
        "lora_model_dir",
        "lora_alpha",
        "chat_template",
        "gradient_checkpointing_kwargs",
    ];
    let names = [
        "output_dir",
        "learning_rate",
        "num_epochs",
        "max_steps",
        "weight_decay",
        "model_type",
        "strict",
        "group_by_length",
        "train_on_inputs",
        "sample_packing",
        "pad_to_sequence_len",
        "tf32",
        "resume_from_checkpoint",
        "local_rank",
        "debug",
        "seed",
        "max_grad_norm",
        "trust_remote_code",
        "is_llama_derived_model",
        "base_model_config",
        "shuffle_merged_datasets",
        "auto_resume_from_checkpoints",
        "device_map",
        "flash_attention",
        "lora_fan_in_fan_out",
        "bf16",
        "fp16",
        "tokens",
    ];
    begins.iter().any(|begin| name.starts_with(begin)) || names.contains(&name)
}
