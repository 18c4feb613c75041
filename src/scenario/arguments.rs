//! Configurations of trainers as scenarios, and scenarios as their arguments: calls of `TrainingArguments`, `SFTConfig`,
//! `LoraConfig`, `BitsAndBytesConfig` and their like in Python, `accelerate`'s YAML, DeepSpeed's JSON, axolotl's YAML.
//!
//! Nothing is run: of Python only keyword arguments with literal values are read. What was understood and what was not is
//! always told, by name and line.

mod accelerate;
mod axolotl;
mod classes;
mod deepspeed;
mod facts;
mod literal;
mod python;
mod table;
mod tokens;
mod write;
mod yaml;

use super::parameter::{PARAMETERS, Parameter};
use super::{Profiles, Scenario, Value};
use facts::Facts;

pub use write::python;

/// More bytes no configuration has.
const LONGEST: usize = 1 << 18;

/// Why a text was not read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Fault {
    /// The line, from 1; 0: the text as a whole.
    pub line: usize,
    /// The name of what is at fault; empty: none in particular.
    pub name: String,
    /// What was found, and what would be right.
    pub message: String,
}

impl Fault {
    fn at(line: usize, message: impl Into<String>) -> Self {
        Self { line, name: String::new(), message: message.into() }
    }
}

/// A value that a configuration gives to a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The parameter's dotted key.
    pub key: &'static str,
    /// What it is set to.
    pub value: Value,
    /// What it was read from: `gradient_checkpointing=True`.
    pub origin: String,
}

/// What of a configuration was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its line, from 1.
    pub line: usize,
    /// Its name and value.
    pub name: String,
    /// Why.
    pub why: String,
}

/// What was read of a configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// What it sets.
    pub settings: Vec<Setting>,
    /// The names of what has no weight for memory.
    pub weightless: Vec<String>,
    /// What was not understood.
    pub left: Vec<Left>,
}

/// The kinds of configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Python,
    Deepspeed,
    Accelerate,
    Axolotl,
}

/// What a text is; nothing where it is none of what is read here.
fn kind(text: &str) -> Option<Kind> {
    let begins =
        |name: &str| text.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')));
    if text.trim_start().starts_with('{') {
        let of_deepspeed = ["\"zero_optimization\"", "\"train_micro_batch_size_per_gpu\"", "\"train_batch_size\""];
        return of_deepspeed.iter().any(|name| text.contains(name)).then_some(Kind::Deepspeed);
    }
    if classes::is_called_in(text) {
        return Some(Kind::Python);
    }
    if ["compute_environment", "distributed_type", "fsdp_config", "deepspeed_config"].iter().any(|name| begins(name)) {
        return Some(Kind::Accelerate);
    }
    begins("base_model").then_some(Kind::Axolotl)
}

/// Whether a text is a configuration that can be read.
pub fn is_one(text: &str) -> bool {
    text.len() <= LONGEST && kind(text).is_some()
}

/// What is read, in words.
pub const READ: &str = "calls of TrainingArguments, SFTConfig, DPOConfig, LoraConfig, BitsAndBytesConfig and their like with \
                        literal values, accelerate's YAML, DeepSpeed's JSON, axolotl's YAML";

/// What a configuration sets.
///
/// # Errors
/// Where the text cannot be read, with its line.
pub fn read(text: &str) -> Result<Reading, Fault> {
    if text.len() > LONGEST {
        return Err(Fault::at(0, format!("longer than {} KiB; no configuration is", LONGEST >> 10)));
    }
    let mut facts = Facts::default();
    match kind(text) {
        Some(Kind::Python) => classes::read(text, &mut facts)?,
        Some(Kind::Deepspeed) => deepspeed::read(&python::table(text)?, &mut facts),
        Some(Kind::Accelerate) => accelerate::read(&yaml::table(text)?, &mut facts),
        Some(Kind::Axolotl) => axolotl::read(&yaml::table(text)?, &mut facts),
        None => return Err(Fault::at(0, format!("nothing in it that is understood: {READ}"))),
    }
    Ok(facts.settle())
}

impl Reading {
    /// The keys that it sets.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.settings.iter().map(|setting| setting.key)
    }

    /// Whether it says which trainer runs, so that whatever it does not say is as that has it.
    pub fn names_trainer(&self) -> bool {
        self.keys().any(|key| key == "framework")
    }

    /// Puts what it sets into a scenario, with what its framework has of the rest.
    pub fn apply(&self, scenario: &mut Scenario, profiles: &Profiles) {
        // Frameworks and methods before what follows from them, all before what is said.
        self.put(scenario);
        let _ = profiles.settle(scenario);
        if self.names_trainer() {
            scenario.follow_framework(|key| self.keys().any(|said| said == key));
        }
    }

    /// Puts what it sets into a scenario, and nothing else.
    pub fn put(&self, scenario: &mut Scenario) {
        for setting in &self.settings {
            if let Some(parameter) = PARAMETERS.iter().find(|parameter| parameter.key == setting.key) {
                // It was tried when it was read.
                let _ = parameter.set(scenario, setting.value.clone());
            }
        }
    }

    /// What was understood and what was not, in sentences.
    pub fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        if !self.settings.is_empty() {
            let pairs: Vec<String> = self.settings.iter().map(Setting::words).collect();
            said.push(format!("understood: {}", pairs.join(", ")));
        }
        if !self.weightless.is_empty() {
            said.push(format!("of no weight for memory: {}", self.weightless.join(", ")));
        }
        said.extend(
            self.left.iter().map(|Left { line, name, why }| format!("line {line}: {name}: not understood: {why}")),
        );
        said
    }
}

impl Setting {
    fn words(&self) -> String {
        format!("{}={} ({})", self.key, self.value, self.origin)
    }
}

/// A value of a parameter in the words of a tool, tried; each parameter that it sets, with what that holds then.
fn tried(key: &str, text: &str) -> Result<Vec<(&'static str, Value)>, String> {
    let parameter = Parameter::by_key(key).map_err(|error| error.message)?;
    let value = parameter.parse(text).map_err(|error| error.message)?;
    let mut scenario = Scenario::default();
    let keys = parameter.understood(&value).map_or_else(|| vec![parameter.key], |understood| understood.keys);
    parameter.set(&mut scenario, value).map_err(|error| error.message)?;
    let set = PARAMETERS.iter().filter(|parameter| keys.contains(&parameter.key));
    Ok(set.map(|parameter| (parameter.key, parameter.get(&scenario))).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::preset::Library;
    use crate::scenario::{BaseWeights, Method, Objective, Optimizer, Precision, Recompute, Strategy};

    fn scenario(text: &str) -> (Scenario, Reading) {
        let reading = read(text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        let mut scenario = Scenario::default();
        reading.apply(&mut scenario, &Library::embedded().profiles());
        (scenario, reading)
    }

    const SCRIPT: &str = r#"
    import torch  # it's a comment, "with a quote
    bnb = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    model = AutoModelForCausalLM.from_pretrained("meta-llama/Llama-3.1-8B", quantization_config=bnb, device_map="auto")
    tokenizer = AutoTokenizer.from_pretrained(name)
    trainer = SFTTrainer(
        model,
        args=SFTConfig(
            output_dir="out",
            per_device_train_batch_size=2 * 2,
            gradient_accumulation_steps=8,
            max_length=2_048,
            learning_rate=2e-4,
            optim="paged_adamw_8bit",
            gradient_checkpointing=True,
            some_new_thing=3,
            logging_steps=steps or 10,
        ),
        peft_config=LoraConfig(r=32, target_modules=["q_proj", 'v_proj'], lora_alpha=16, task_type="CAUSAL_LM"),
    )
    "#;

    #[test]
    fn a_script_becomes_a_scenario_and_says_what_it_did_not_understand() {
        let (scenario, reading) = scenario(SCRIPT);
        let train = &scenario.train;
        assert_eq!(scenario.framework.word(), "trl");
        assert_eq!((train.method, train.objective), (Method::Qlora, Objective::Sft));
        assert_eq!((train.base_weights, train.double_quant), (BaseWeights::Nf4, false), "bitsandbytes' own default");
        assert_eq!((train.micro_batch_size, train.gradient_accumulation_steps, train.sequence_length), (4, 8, 2048));
        assert_eq!((train.optimizer, train.recompute), (Optimizer::PagedAdamw8bit, Recompute::Full));
        assert_eq!((train.lora_rank, train.lora_targets.join(",")), (32, String::from("q,v")));
        assert_eq!(scenario.model, "meta-llama/Llama-3.1-8B");
        assert!(
            reading.left.iter().any(|left| left.line == 20 && left.name == "some_new_thing=3"),
            "{:?}",
            reading.left
        );
        assert_eq!(reading.left.len(), 1, "{:?}", reading.left);
        for name in ["output_dir", "learning_rate", "lora_alpha", "logging_steps"] {
            assert!(reading.weightless.iter().any(|known| known == name), "{name}");
        }
        assert!(reading.said()[0].contains("train.lora_rank=32 (r=32)"), "{:?}", reading.said());
    }

    #[test]
    fn what_a_call_leaves_out_is_its_own_default() {
        let (sparse, _) = scenario("args = TrainingArguments('out', bf16=True)\npeft = LoraConfig()");
        assert_eq!((sparse.train.micro_batch_size, sparse.train.precision), (8, Precision::Bf16Autocast));
        assert_eq!((sparse.train.method, sparse.train.lora_rank), (Method::Lora, 8));
        assert_eq!((sparse.framework.word(), sparse.train.recompute), ("transformers", Recompute::None));
        let (trl, _) = scenario("DPOConfig(output_dir='x')");
        assert_eq!(
            (trl.train.objective, trl.train.recompute, trl.train.sequence_length),
            (Objective::Dpo, Recompute::Full, 1024)
        );
        assert_eq!(trl.train.precision, Precision::Bf16Mixed);
        let (base, _) = scenario("BitsAndBytesConfig(load_in_4bit=True)");
        assert_eq!((base.train.base_weights, base.train.double_quant), (BaseWeights::Fp4, false));
    }

    #[test]
    fn an_optimizer_that_is_not_covered_is_left_by_name() {
        let (_, reading) = scenario("TrainingArguments(\n  optim='rmsprop',\n  gradient_checkpointing=flag)");
        let left: Vec<_> = reading.left.iter().map(|left| (left.line, left.name.as_str())).collect();
        assert_eq!(left[0], (2, "optim=rmsprop"));
        assert!(reading.left[0].why.contains("of Transformers is not covered"), "{:?}", reading.left);
        assert_eq!(left[1], (3, "gradient_checkpointing=flag"), "a name is no value");
    }

    #[test]
    fn the_yaml_of_accelerate_says_what_shards() {
        let text = "compute_environment: LOCAL_MACHINE\ndistributed_type: FSDP # sharded\nfsdp_config:\n  fsdp_version: 2\n  \
                    fsdp_reshard_after_forward: true\n  fsdp_offload_params: false\n  fsdp_what: 1\nmixed_precision: bf16\n\
                    num_processes: 8\n";
        let (sharded, reading) = scenario(text);
        assert_eq!((sharded.gpus, sharded.parallel.strategy, sharded.parallel.zero), (8, Strategy::Fsdp2, 3));
        assert_eq!(sharded.train.precision, Precision::Bf16Autocast);
        assert_eq!((reading.left.len(), reading.left[0].line), (1, 7), "{:?}", reading.left);
        let text = "distributed_type: DEEPSPEED\ndeepspeed_config:\n  zero_stage: 3\n  offload_param_device: cpu\n  \
                    offload_optimizer_device: none\nnum_processes: 4\n";
        let (staged, _) = scenario(text);
        assert_eq!((staged.parallel.strategy, staged.parallel.zero), (Strategy::Deepspeed, 3));
        assert!(staged.parallel.offload_params && !staged.train.offload_optimizer);
    }

    #[test]
    fn the_json_of_deepspeed_says_its_stage() {
        let text = r#"{"bf16": {"enabled": true}, "zero_optimization": {"stage": 2, "overlap_comm": true,
            "offload_optimizer": {"device": "cpu", "pin_memory": true}, "odd": 1},
            "train_micro_batch_size_per_gpu": "auto", "gradient_clipping": 1.0}"#;
        let (staged, reading) = scenario(text);
        assert_eq!((staged.parallel.strategy, staged.parallel.zero), (Strategy::Deepspeed, 2));
        assert!(staged.train.offload_optimizer);
        assert_eq!((reading.left.len(), reading.left[0].line), (1, 2));
        assert!(read("{\"zero_optimization\": {\"stage\": 2}").is_err(), "cut short");
    }

    #[test]
    fn axolotl_says_what_is_trained() {
        let text = "base_model: NousResearch/Meta-Llama-3-8B\nload_in_8bit: true\nadapter: lora\nlora_r: 32\n\
                    lora_target_linear: true\nsequence_len: 4096\nmicro_batch_size: 2\nbf16: auto\n\
                    gradient_checkpointing: true\noptimizer: adamw_bnb_8bit\ndatasets:\n  - path: x\n    type: alpaca\n";
        let (axolotl, reading) = scenario(text);
        assert_eq!((axolotl.train.method, axolotl.train.base_weights), (Method::Qlora, BaseWeights::Int8));
        assert_eq!((axolotl.train.lora_rank, axolotl.train.optimizer), (32, Optimizer::Adamw8bit));
        assert_eq!(axolotl.train.lora_targets, ["all-linear"]);
        assert!(reading.left.is_empty(), "{:?}", reading.left);
    }

    #[test]
    fn what_is_no_configuration_is_said_to_be_none() {
        assert!(!is_one("hello") && !is_one("{\"model_type\": \"llama\"}") && !is_one("LoraConfig"));
        assert!(read("hello").is_err());
        assert_eq!(read("x = 1\nLoraConfig(r=8").unwrap_err().line, 2);
        assert_eq!(read("LoraConfig(r='8").unwrap_err().line, 1);
        assert!(read(&format!("LoraConfig(r={}1", "(".repeat(100_000))).is_err(), "nested without an end");
    }

    /// Parameters that have arguments, each with words for them.
    const WRITTEN: &[(&str, &[&str])] = &[
        ("train.micro_batch_size", &["1", "8", "13"]),
        ("train.gradient_accumulation_steps", &["1", "4"]),
        ("train.method", &["full", "lora", "qlora"]),
        ("train.precision", &["fp32", "bf16", "fp16", "bf16-autocast", "fp16-autocast", "bf16-mixed", "fp16-mixed"]),
        (
            "train.optimizer",
            &["adamw", "adamw-8bit", "paged-adamw-8bit", "adafactor", "lion-8bit", "galore", "apollo", "sgd"],
        ),
        ("train.attention", &["flash", "eager"]),
        ("train.recompute", &["none", "full"]),
        ("train.kernels", &["none", "liger"]),
        ("train.compile", &["none", "model"]),
        ("train.lora_rank", &["1", "64"]),
        ("train.lora_targets", &["q,v", "q,k,v,o,gate,up,down", "all-linear", "c_attn"]),
        ("train.lora_dropout", &["0", "0.05"]),
        ("train.modules_to_save", &["lm_head,embed_tokens"]),
        ("train.adapter", &["lora", "rslora"]),
        ("train.dora", &["true", "false"]),
        ("train.init_lora_weights", &["default", "pissa", "olora"]),
        ("train.base_weights", &["nf4", "fp4", "int8"]),
        ("train.double_quant", &["true", "false"]),
    ];

    proptest! {
        /// Of all that has an argument, a run that is written as arguments is that run when they are read.
        #[test]
        fn what_is_written_reads_back(picks in proptest::collection::vec(0_usize..64, WRITTEN.len()), trl in 0_usize..4) {
            let profiles = Library::embedded().profiles();
            let mut run = Scenario { model: String::from("llama-3.1-8b"), ..Scenario::default() };
            run.framework = profiles.framework(if trl > 0 { "trl" } else { "transformers" }).unwrap();
            run.follow_framework(|_| false);
            run.train.objective = [Objective::Lm, Objective::Sft, Objective::Dpo, Objective::Kto][trl];
            if trl > 0 {
                run.train.sequence_length = 2048;
            }
            for ((key, words), pick) in WRITTEN.iter().zip(&picks) {
                let parameter = Parameter::by_key(key).unwrap();
                parameter.set(&mut run, parameter.parse(words[pick % words.len()]).unwrap()).unwrap();
                if *key == "train.method" {
                    run.follow_framework(|known| known == "train.method" || known == "train.sequence_length");
                }
            }
            let text = python(&run);
            let (again, reading) = scenario(&text);
            prop_assert!(reading.left.is_empty(), "{:?}\n{}", reading.left, text);
            for (key, _) in WRITTEN.iter().chain(&[("framework", &[][..]), ("model", &[]), ("train.objective", &[])]) {
                let parameter = Parameter::by_key(key).unwrap();
                // What counts for nothing in the run is not written.
                if (parameter.applies)(&run) {
                    prop_assert_eq!(parameter.get(&again), parameter.get(&run), "{}\n{}", key, text);
                }
            }
        }
    }
}
