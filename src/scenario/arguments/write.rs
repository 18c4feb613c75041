//! A run as the arguments of Transformers, TRL, PEFT and bitsandbytes.

use std::fmt::Write as _;

use super::table::MODULES;
use crate::scenario::parameter::PARAMETERS;
use crate::scenario::{
    AdapterKind, Attention, BaseWeights, Compile, InitLoraWeights, KernelLibrary, Method, Objective, Optimizer,
    OptimizerImplementation, Placement, Precision, Recompute, Reference, Scenario, Task, Train,
};

/// A call that is written, and the parameters that all calls say.
struct Writer {
    text: String,
    said: Vec<&'static str>,
}

impl Writer {
    fn call(&mut self, begin: &str, arguments: &[(&str, String)]) {
        if arguments.is_empty() {
            let _ = writeln!(self.text, "{begin})");
            return;
        }
        let _ = writeln!(self.text, "{begin}");
        for (name, value) in arguments {
            let _ = if name.is_empty() {
                writeln!(self.text, "    {value},")
            } else {
                writeln!(self.text, "    {name}={value},")
            };
        }
        self.text.push_str(")\n");
    }

    fn says(&mut self, keys: &[&'static str]) {
        self.said.extend(keys);
    }
}

/// The Python text that makes this training step: the model as it is loaded, `TrainingArguments` or TRL's config, adapters
/// and the quantized base; what has no argument there stands in comments. It reads back with [`super::read`].
pub fn python(scenario: &Scenario) -> String {
    if scenario.task != Task::Train || !scenario.framework.builds_by("transformers") {
        let what = if scenario.task == Task::Train { "training under " } else { "serving by " };
        return format!(
            "# {what}{} has no arguments of Transformers; `brimful export --format command` has the run\n",
            scenario.framework.word()
        );
    }
    let train = &scenario.train;
    let mut writer = Writer { text: String::new(), said: vec!["model", "task", "framework", "estimator", "gpu"] };
    let quantized = base(&mut writer, train);
    model(&mut writer, scenario, quantized);
    if scenario.framework.word() == "peft" && train.method == Method::Qlora {
        writer.text.push_str("model = prepare_model_for_kbit_training(model)\n");
    }
    adapters(&mut writer, train);
    arguments(&mut writer, scenario);
    let rest: Vec<String> = PARAMETERS
        .iter()
        .filter(|parameter| !writer.said.contains(&parameter.key) && (parameter.applies)(scenario))
        .filter(|parameter| parameter.get(scenario) != scenario.default_of(parameter))
        .map(|parameter| format!("# no argument says {} = {}\n", parameter.key, parameter.get(scenario)))
        .collect();
    writer.text.extend(rest);
    writer.text
}

/// The config of a quantized base; whether there is one.
fn base(writer: &mut Writer, train: &Train) -> bool {
    if train.method != Method::Qlora {
        return false;
    }
    let arguments = match train.base_weights {
        BaseWeights::Nf4 | BaseWeights::Fp4 => vec![
            ("load_in_4bit", python_flag(true)),
            ("bnb_4bit_quant_type", text(train.base_weights.word())),
            ("bnb_4bit_use_double_quant", python_flag(train.double_quant)),
        ],
        BaseWeights::Int8 => vec![("load_in_8bit", python_flag(true))],
        // A checkpoint that was published so says it itself.
        BaseWeights::GptqInt4 => return false,
    };
    writer.says(&["train.base_weights", "train.double_quant", "train.method"]);
    writer.call("quantization = BitsAndBytesConfig(", &arguments);
    true
}

/// How the model is loaded.
fn model(writer: &mut Writer, scenario: &Scenario, quantized: bool) {
    let train = &scenario.train;
    let dtype = match train.precision {
        Precision::Fp32 | Precision::Bf16Mixed | Precision::Fp16Mixed => "torch.float32",
        Precision::Fp16 | Precision::Fp16Autocast => "torch.float16",
        Precision::Bf16 | Precision::Bf16Autocast => "torch.bfloat16",
        Precision::Bf16Master | Precision::Fp16Master | Precision::Fp8Master => "",
    };
    let mut arguments = vec![("", text(&scenario.model))];
    if !dtype.is_empty() {
        writer.says(&["train.precision"]);
        arguments.push(("dtype", dtype.to_owned()));
    }
    let attention = if train.attention == Attention::Eager { "eager" } else { "sdpa" };
    arguments.push(("attn_implementation", text(attention)));
    if quantized {
        arguments.push(("quantization_config", String::from("quantization")));
    }
    if scenario.runtime.placement == Some(Placement::DeviceMap) {
        arguments.push(("device_map", text("auto")));
        writer.says(&["runtime.placement"]);
    }
    writer.says(&["train.attention"]);
    writer.call("model = AutoModelForCausalLM.from_pretrained(", &arguments);
}

fn adapters(writer: &mut Writer, train: &Train) {
    if train.method == Method::Full {
        writer.says(&["train.method"]);
        return;
    }
    let named =
        |word: &String| MODULES.iter().find(|(_, own)| own == word).map_or(word.as_str(), |(name, _)| name).to_owned();
    let modules: Vec<String> = train.lora_targets.iter().map(named).collect();
    let targets = match &modules[..] {
        [all] if all == "all-linear" => text(all),
        all => texts(all),
    };
    let mut arguments = vec![("target_modules", targets)];
    let class = match train.adapter {
        AdapterKind::Lora | AdapterKind::Rslora => "LoraConfig",
        AdapterKind::Vera => "VeraConfig",
        AdapterKind::Oft => "OFTConfig",
        AdapterKind::Ia3 => "IA3Config",
    };
    if class == "LoraConfig" {
        writer.says(&["train.lora_rank", "train.lora_dropout", "train.dora", "train.init_lora_weights"]);
        arguments.insert(0, ("r", train.lora_rank.to_string()));
        arguments.extend((train.lora_dropout > 0.0).then(|| ("lora_dropout", train.lora_dropout.to_string())));
        arguments.extend(train.dora.then(|| ("use_dora", python_flag(true))));
        arguments.extend((train.adapter == AdapterKind::Rslora).then(|| ("use_rslora", python_flag(true))));
        let starts = train.init_lora_weights != InitLoraWeights::Default;
        arguments.extend(starts.then(|| ("init_lora_weights", text(train.init_lora_weights.word()))));
    } else if class == "VeraConfig" {
        writer.says(&["train.lora_rank"]);
        arguments.insert(0, ("r", train.lora_rank.to_string()));
    } else if class == "OFTConfig" {
        writer.says(&["train.oft_block_size", "train.lora_rank"]);
        arguments.insert(0, ("oft_block_size", train.oft_block_size.to_string()));
        arguments.extend((train.oft_block_size == 0).then(|| ("r", train.lora_rank.to_string())));
    }
    let saves = !train.modules_to_save.is_empty();
    arguments.extend(saves.then(|| ("modules_to_save", texts(&train.modules_to_save))));
    writer.says(&["train.lora_targets", "train.adapter", "train.modules_to_save", "train.method"]);
    writer.call(&format!("adapters = {class}("), &arguments);
}

/// The class that an objective is learned by under TRL.
fn class(scenario: &Scenario) -> &'static str {
    let trl = scenario.framework.word() == "trl";
    match scenario.train.objective {
        Objective::Sft => "SFTConfig",
        Objective::Dpo => "DPOConfig",
        Objective::Kto => "KTOConfig",
        Objective::Reward => "RewardConfig",
        Objective::Grpo => "GRPOConfig",
        _ if trl => "SFTConfig",
        _ => "TrainingArguments",
    }
}

fn arguments(writer: &mut Writer, scenario: &Scenario) {
    let (train, class) = (&scenario.train, class(scenario));
    let trl = class != "TrainingArguments";
    let mut arguments = vec![("per_device_train_batch_size", train.micro_batch_size.to_string())];
    writer.says(&["train.micro_batch_size", "train.gradient_accumulation_steps"]);
    let accumulates = train.gradient_accumulation_steps > 1;
    arguments
        .extend(accumulates.then(|| ("gradient_accumulation_steps", train.gradient_accumulation_steps.to_string())));
    if trl && class != "GRPOConfig" {
        arguments.push(("max_length", train.sequence_length.to_string()));
        writer.says(&["train.sequence_length"]);
    }
    if class == "GRPOConfig" {
        arguments.push(("max_completion_length", train.completion_length.to_string()));
        arguments.push(("num_generations", train.num_generations.to_string()));
        writer.says(&["train.completion_length", "train.num_generations"]);
    }
    if !trl || class != "SFTConfig" || train.objective == Objective::Sft {
        writer.says(&["train.objective"]);
    }
    if train.reference == Reference::Precomputed {
        arguments.push(("precompute_ref_log_probs", python_flag(true)));
        writer.says(&["train.reference"]);
    }
    recomputed(writer, train, &mut arguments);
    stepped(writer, train, &mut arguments);
    match train.precision {
        Precision::Bf16Mixed | Precision::Bf16Autocast => arguments.push(("bf16", python_flag(true))),
        Precision::Fp16Mixed | Precision::Fp16Autocast => arguments.push(("fp16", python_flag(true))),
        _ if trl => arguments.push(("bf16", python_flag(false))),
        _ => {}
    }
    if train.kernels == KernelLibrary::Liger {
        arguments.push(("use_liger_kernel", python_flag(true)));
        writer.says(&["train.kernels"]);
    }
    if train.compile == Compile::Model {
        arguments.push(("torch_compile", python_flag(true)));
        writer.says(&["train.compile"]);
    }
    writer.call(&format!("arguments = {class}("), &arguments);
}

fn recomputed(writer: &mut Writer, train: &Train, arguments: &mut Vec<(&str, String)>) {
    if train.recompute == Recompute::Selective {
        return;
    }
    let full = train.recompute == Recompute::Full;
    arguments.push(("gradient_checkpointing", python_flag(full)));
    writer.says(&["train.recompute"]);
    let mut options = Vec::new();
    if full && train.recompute_every > 1 {
        options.push(format!("\"every_n_layers\": {}", train.recompute_every));
    }
    if full && train.offload_activations {
        options.push(format!("\"offload\": {}", python_flag(true)));
    }
    if !options.is_empty() {
        arguments.push(("gradient_checkpointing_kwargs", format!("{{{}}}", options.join(", "))));
    }
    writer.says(&["train.recompute_every", "train.offload_activations"]);
}

/// The optimizer, by `OptimizerNames` of Transformers.
fn stepped(writer: &mut Writer, train: &Train, arguments: &mut Vec<(&str, String)>) {
    let name = match (train.optimizer, train.optimizer_implementation) {
        (Optimizer::Adamw, OptimizerImplementation::Fused) => "adamw_torch_fused",
        (Optimizer::Adamw, OptimizerImplementation::Foreach) => "adamw_torch",
        (Optimizer::Adamw8bit, _) => "adamw_bnb_8bit",
        (Optimizer::PagedAdamw8bit, _) => "paged_adamw_8bit",
        (Optimizer::Adamw8bitTorchao, _) => "adamw_torch_8bit",
        (Optimizer::Adamw4bitTorchao, _) => "adamw_torch_4bit",
        (Optimizer::Adafactor, _) => "adafactor",
        (Optimizer::Lion8bit, _) => "lion_8bit",
        (Optimizer::Galore, _) => "galore_adamw",
        (Optimizer::Apollo, _) => "apollo_adamw",
        (Optimizer::ScheduleFree, _) => "schedule_free_adamw",
        (Optimizer::Sgd, _) => "sgd",
        (Optimizer::Adamw, OptimizerImplementation::Loop)
        | (Optimizer::Adamw32bit | Optimizer::Lion | Optimizer::Muon | Optimizer::SgdMomentum, _) => return,
    };
    arguments.push(("optim", text(name)));
    writer.says(&["train.optimizer"]);
    if train.optimizer == Optimizer::Adamw {
        writer.says(&["train.optimizer_implementation"]);
    }
}

fn python_flag(on: bool) -> String {
    String::from(if on { "True" } else { "False" })
}

fn text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn texts(all: &[String]) -> String {
    format!("[{}]", all.iter().map(|one| text(one)).collect::<Vec<_>>().join(", "))
}
