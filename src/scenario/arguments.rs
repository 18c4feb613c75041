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
mod tests;
