//! The arguments of the classes, and which parameters they are.

use super::facts::{Facts, Trainer, Width};
use super::literal::{Item, Literal};
use super::{accelerate, deepspeed};
use crate::scenario::Value;

/// Whose arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A trainer's.
    Trainer,
    /// PEFT's.
    Adapters,
    /// bitsandbytes'.
    Bitsandbytes,
    /// Of whoever loads a model.
    Model,
}

impl Of {
    /// Whether a row of this is an argument of that.
    pub(super) fn has(self, of: Self) -> bool {
        self == of
    }
}

/// What an argument is.
#[derive(Clone, Copy)]
pub(super) enum Means {
    /// A parameter, by its key.
    Is(&'static str),
    /// More than that.
    By(fn(&Item, &mut Facts)),
    /// Something that is not described.
    NotCovered(&'static str),
}

use Means::{By, Is, NotCovered};
use Of::{Adapters, Bitsandbytes, Model, Trainer as Train};

/// Every argument that has weight for memory.
pub(super) const ARGUMENTS: &[(Of, &str, Means)] = &[
    (Train, "per_device_train_batch_size", Is("train.micro_batch_size")),
    (Train, "gradient_accumulation_steps", Is("train.gradient_accumulation_steps")),
    (Train, "gradient_checkpointing", Is("train.recompute")),
    (Train, "gradient_checkpointing_kwargs", By(checkpoints)),
    (Train, "activation_offloading", Is("train.offload_activations")),
    (Train, "optim", Is("train.optimizer")),
    (Train, "optim_args", NotCovered("arguments of optimizers are not described")),
    (Train, "bf16", By(|item, facts| facts.bf16 = switch(item, facts))),
    (Train, "fp16", By(|item, facts| facts.fp16 = switch(item, facts))),
    (Train, "torch_compile", Is("train.compile")),
    (Train, "torch_compile_backend", NotCovered("inductor alone is described")),
    (Train, "torch_compile_mode", NotCovered("the default alone is described")),
    (Train, "use_liger_kernel", Is("train.kernels")),
    (Train, "liger_kernel_config", NotCovered("all of Liger's kernels, or none, are described")),
    (Train, "max_length", Is("train.sequence_length")),
    (Train, "max_seq_length", Is("train.sequence_length")),
    (Train, "max_completion_length", Is("train.completion_length")),
    (Train, "num_generations", Is("train.num_generations")),
    (Train, "max_prompt_length", By(prompt)),
    (Train, "precompute_ref_log_probs", By(precomputed)),
    (Train, "beta", By(beta)),
    (Train, "model_init_kwargs", By(|item, facts| inside(Model, item, facts))),
    (Train, "fsdp", By(accelerate::of_trainer)),
    (Train, "fsdp_config", By(|item, facts| accelerate::fsdp(item.value.items(), facts))),
    (Train, "deepspeed", By(deepspeed::of_trainer)),
    (Train, "label_smoothing_factor", By(smoothing)),
    (Train, "auto_find_batch_size", NotCovered("give the batch that it finds")),
    (Train, "completion_only_loss", NotCovered("train.scored_tokens says how many labels count")),
    (Train, "assistant_only_loss", NotCovered("train.scored_tokens says how many labels count")),
    (Train, "use_vllm", NotCovered("an engine beside the step is not counted")),
    (Train, "sync_ref_model", NotCovered("the reference is counted, its synchronization is not")),
    (Adapters, "r", Is("train.lora_rank")),
    (Adapters, "target_modules", By(targets)),
    (Adapters, "lora_dropout", Is("train.lora_dropout")),
    (Adapters, "use_dora", Is("train.dora")),
    (Adapters, "use_rslora", By(rslora)),
    (Adapters, "modules_to_save", Is("train.modules_to_save")),
    (Adapters, "init_lora_weights", Is("train.init_lora_weights")),
    (Adapters, "trainable_token_indices", By(tokens)),
    (Adapters, "oft_block_size", Is("train.oft_block_size")),
    (Adapters, "bias", By(bias)),
    (Adapters, "use_gradient_checkpointing", Is("train.recompute")),
    (Adapters, "layers_to_transform", NotCovered("adapters are on every layer")),
    (Adapters, "rank_pattern", NotCovered("one rank is described")),
    (Adapters, "alora_invocation_tokens", NotCovered("")),
    (Adapters, "target_parameters", NotCovered("all-linear adapts experts")),
    (Adapters, "exclude_modules", NotCovered("name the modules that are adapted")),
    (Adapters, "loftq_config", NotCovered("")),
    (Bitsandbytes, "load_in_4bit", By(four_bits)),
    (Bitsandbytes, "load_in_8bit", By(eight_bits)),
    (Bitsandbytes, "bnb_4bit_quant_type", Is("train.base_weights")),
    (Bitsandbytes, "bnb_4bit_use_double_quant", Is("train.double_quant")),
    (Bitsandbytes, "llm_int8_skip_modules", NotCovered("what bitsandbytes skips by itself is")),
    (Bitsandbytes, "llm_int8_enable_fp32_cpu_offload", NotCovered("all layers are on the card")),
    (Model, "pretrained_model_name_or_path", Is("model")),
    (Model, "model_name", Is("model")),
    (Model, "dtype", By(dtype)),
    (Model, "torch_dtype", By(dtype)),
    (Model, "attn_implementation", Is("train.attention")),
    (Model, "load_in_4bit", By(four_bits)),
    (Model, "load_in_8bit", By(eight_bits)),
    (Model, "max_seq_length", Is("train.sequence_length")),
    (Model, "device_map", By(placed)),
    (
        Model,
        "full_finetuning",
        By(|item, facts| {
            if item.value.flag() == Some(true) {
                facts.word("train.method", "full", "full_finetuning");
            }
        }),
    ),
    (Model, "use_gradient_checkpointing", Is("train.recompute")),
];

/// Arguments that change nothing of memory, or nothing of what is described of it.
const WEIGHTLESS: &[(Of, &[&str])] = &[
    (
        Train,
        &[
            "output_dir",
            "overwrite_output_dir",
            "do_train",
            "do_eval",
            "do_predict",
            "num_train_epochs",
            "max_steps",
            "learning_rate",
            "weight_decay",
            "max_grad_norm",
            "seed",
            "data_seed",
            "run_name",
            "report_to",
            "project",
            "disable_tqdm",
            "remove_unused_columns",
            "label_names",
            "load_best_model_at_end",
            "metric_for_best_model",
            "greater_is_better",
            "group_by_length",
            "length_column_name",
            "push_to_hub",
            "resume_from_checkpoint",
            "tf32",
            "bf16_full_eval",
            "fp16_full_eval",
            "per_device_eval_batch_size",
            "prediction_loss_only",
            "evaluation_strategy",
            "average_tokens_across_devices",
            "neftune_noise_alpha",
            "full_determinism",
            "torch_empty_cache_steps",
            "skip_memory_metrics",
            "ignore_data_skip",
            "use_cpu",
            "include_num_input_tokens_seen",
            "packing",
            "packing_strategy",
            "eval_packing",
            "padding_free",
            "pad_to_multiple_of",
            "pad_token",
            "eos_token",
            "chat_template_path",
            "loss_type",
            "truncation_mode",
            "temperature",
            "top_p",
            "top_k",
            "epsilon",
            "num_iterations",
            "scale_rewards",
            "reward_weights",
            "desirable_weight",
            "undesirable_weight",
            "disable_dropout",
            "shuffle_dataset",
            "optim_target_modules",
            "accelerator_config",
            "local_rank",
            "no_cuda",
            "fp16_opt_level",
            "half_precision_backend",
        ],
    ),
    (
        Adapters,
        &[
            "task_type",
            "lora_alpha",
            "inference_mode",
            "fan_in_fan_out",
            "random_state",
            "base_model_name_or_path",
            "revision",
        ],
    ),
    (
        Bitsandbytes,
        &["bnb_4bit_compute_dtype", "bnb_4bit_quant_storage", "llm_int8_threshold", "llm_int8_has_fp16_weight"],
    ),
    (
        Model,
        &[
            "trust_remote_code",
            "token",
            "cache_dir",
            "revision",
            "use_cache",
            "quantization_config",
            "low_cpu_mem_usage",
            "use_safetensors",
            "local_files_only",
            "config",
            "num_labels",
            "model",
        ],
    ),
];

/// What names of weightless arguments of trainers begin with.
const BEGINS: &[&str] = &[
    "logging_",
    "log_",
    "save_",
    "eval_",
    "hub_",
    "dataloader_",
    "dataset_",
    "lr_",
    "adam_",
    "warmup_",
    "ddp_",
    "push_to_hub_",
    "batch_eval_",
    "include_",
    "restore_",
];

/// Whether an argument is known to change nothing.
fn is_weightless(of: Of, name: &str) -> bool {
    let named = WEIGHTLESS.iter().any(|(whose, names)| *whose == of && names.contains(&name));
    named || of == Of::Trainer && BEGINS.iter().any(|begin| name.starts_with(begin))
}

/// Takes in one argument of a class.
pub(super) fn argument(of: Of, class: &str, item: &Item, facts: &mut Facts) {
    let row = ARGUMENTS.iter().find(|(whose, name, _)| whose.has(of) && *name == item.name);
    match row.map(|(.., means)| means) {
        Some(Means::Is(key)) => facts.take(key, item),
        Some(Means::By(read)) => read(item, facts),
        Some(Means::NotCovered(_)) if matches!(item.value, Literal::Nothing | Literal::Flag(false)) => {
            facts.weightless(item);
        }
        Some(Means::NotCovered(why)) => facts.leave(item, why),
        None if is_weightless(of, &item.name) => facts.weightless(item),
        None if item.value == Literal::Other(String::new()) => facts.leave(item, "only named arguments are read"),
        None => facts.leave(item, &format!("no argument of {class} that is known")),
    }
}

/// Arguments in a table, each as one of a class.
fn inside(of: Of, item: &Item, facts: &mut Facts) {
    match &item.value {
        Literal::Table(items) => items.iter().for_each(|inner| argument(of, &item.name, inner, facts)),
        Literal::Nothing => facts.weightless(item),
        _ => facts.leave(item, "only literal values are read"),
    }
}

/// `True` or `False`.
fn switch(item: &Item, facts: &mut Facts) -> Option<bool> {
    let on = item.value.flag();
    if on.is_none() && item.value != Literal::Nothing {
        facts.leave(item, "neither True nor False");
    }
    on
}

/// What PEFT calls the modules of most decoders, and what they are called here.
pub(super) const MODULES: &[(&str, &str)] = &[
    ("q_proj", "q"),
    ("k_proj", "k"),
    ("v_proj", "v"),
    ("o_proj", "o"),
    ("gate_proj", "gate"),
    ("up_proj", "up"),
    ("down_proj", "down"),
];

/// Modules with adapters.
pub(super) fn targets(item: &Item, facts: &mut Facts) {
    let named =
        |module: &str| MODULES.iter().find(|(name, _)| *name == module).map_or(module, |(_, word)| word).to_owned();
    let words: Option<Vec<String>> = match &item.value {
        Literal::List(items) => items.iter().map(|item| item.text().map(|text| named(&text))).collect(),
        other => other.text().map(|text| vec![named(&text)]),
    };
    match words {
        Some(words) => facts.set("train.lora_targets", Value::Words(words), item.name.clone()),
        None => facts.weightless(item),
    }
}

fn checkpoints(item: &Item, facts: &mut Facts) {
    let Literal::Table(items) = &item.value else {
        return if item.value == Literal::Nothing { facts.weightless(item) } else { facts.leave(item, "no table") };
    };
    for inner in items {
        match inner.name.as_str() {
            "every_n_layers" => facts.take("train.recompute_every", inner),
            "offload" => facts.take("train.offload_activations", inner),
            "use_reentrant" => facts.weightless(inner),
            _ => facts.leave(inner, "how checkpoints are made otherwise is not described"),
        }
    }
}

fn prompt(item: &Item, facts: &mut Facts) {
    facts.leave(item, "train.sequence_length is the prompt and the completion together");
}

fn precomputed(item: &Item, facts: &mut Facts) {
    match switch(item, facts) {
        Some(true) => facts.word("train.reference", "precomputed", &item.name),
        _ => facts.weightless(item),
    }
}

fn beta(item: &Item, facts: &mut Facts) {
    let held = matches!(item.value, Literal::Number(beta) if beta > 0.0);
    match facts.trainer {
        Some(Trainer::Trl("grpo")) if held => facts.leave(item, "train.reference says what GRPO is held against"),
        _ => facts.weightless(item),
    }
}

fn smoothing(item: &Item, facts: &mut Facts) {
    match item.value {
        Literal::Number(factor) if factor > 0.0 => facts.leave(item, "a smoothed loss is not described"),
        _ => facts.weightless(item),
    }
}

fn rslora(item: &Item, facts: &mut Facts) {
    match switch(item, facts) {
        Some(true) => facts.word("train.adapter", "rslora", &item.name),
        _ => facts.weightless(item),
    }
}

fn tokens(item: &Item, facts: &mut Facts) {
    match &item.value {
        Literal::List(items) => {
            let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
            facts.set("train.trainable_token_indices", Value::Count(count), item.name.clone());
        }
        Literal::Nothing => facts.weightless(item),
        _ => facts.leave(item, "a list of indices is counted"),
    }
}

fn bias(item: &Item, facts: &mut Facts) {
    match item.value.text().as_deref() {
        Some("none") | None => facts.weightless(item),
        Some(_) => facts.leave(item, "trained biases are not described"),
    }
}

fn four_bits(item: &Item, facts: &mut Facts) {
    facts.four_bits |= switch(item, facts) == Some(true);
    told(item, facts);
}

fn eight_bits(item: &Item, facts: &mut Facts) {
    facts.eight_bits |= switch(item, facts) == Some(true);
    told(item, facts);
}

/// A switch that is off says nothing; one that is on is told with what it makes.
fn told(item: &Item, facts: &mut Facts) {
    if item.value.flag() == Some(true) {
        facts.word("train.method", "qlora", &format!("{}=True", item.name));
    } else {
        facts.weightless(item);
    }
}

fn dtype(item: &Item, facts: &mut Facts) {
    match item.value.text() {
        Some(text) if text == "auto" => facts.weightless(item),
        Some(text) => match Width::of(&text) {
            Some(width) => facts.dtype = Some(width),
            None => facts.leave(item, "bfloat16, float16 and float32 are described"),
        },
        None => facts.weightless(item),
    }
}

fn placed(item: &Item, facts: &mut Facts) {
    match item.value {
        Literal::Nothing => facts.weightless(item),
        _ => facts.word("runtime.placement", "device_map", &item.name),
    }
}
