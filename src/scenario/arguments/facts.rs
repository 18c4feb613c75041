//! What a configuration says, gathered, and what follows from all of it together.

use super::literal::{Item, Literal};
use super::{Left, Reading, Setting, tried};
use crate::scenario::{Method, Precision, Value};

/// Whose arguments a class has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trainer {
    /// The Trainer of Transformers.
    Transformers,
    /// One of TRL's, with what it learns.
    Trl(&'static str),
}

/// A type of 16 or 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// bfloat16.
    Bf16,
    /// float16.
    Fp16,
    /// float32.
    Fp32,
}

impl Width {
    /// The one of a name, however the tool writes it.
    pub(super) fn of(text: &str) -> Option<Self> {
        let found = tried("train.gradient_dtype", text).ok()?;
        match found.first()? {
            (_, Value::Word(word)) if word == "bf16" => Some(Self::Bf16),
            (_, Value::Word(word)) if word == "fp16" => Some(Self::Fp16),
            (_, Value::Word(word)) if word == "fp32" => Some(Self::Fp32),
            _ => None,
        }
    }
}

/// What was said, as far as more than one argument decides about a parameter.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what a text says or does not say")]
pub(super) struct Facts {
    /// What was read so far.
    pub(super) reading: Reading,
    /// Whose arguments there are.
    pub(super) trainer: Option<Trainer>,
    /// Whether a model is loaded by `from_pretrained`.
    pub(super) loads: bool,
    /// Whether the base is prepared as PEFT's recipe does.
    pub(super) prepares: bool,
    /// `bf16=…`.
    pub(super) bf16: Option<bool>,
    /// `fp16=…`.
    pub(super) fp16: Option<bool>,
    /// The type that weights are loaded in.
    pub(super) dtype: Option<Width>,
    /// What adapters are made by, where there are any.
    pub(super) adapters: Option<&'static str>,
    /// `load_in_4bit=True`.
    pub(super) four_bits: bool,
    /// `load_in_8bit=True`.
    pub(super) eight_bits: bool,
    /// Whether a config of bitsandbytes is there, with its own defaults.
    pub(super) bitsandbytes: bool,
    /// Whether DeepSpeed keeps the weights of the step.
    pub(super) deepspeed: bool,
}

impl Facts {
    /// Sets a parameter to what an argument says, in the words of its tool.
    pub(super) fn take(&mut self, key: &str, item: &Item) {
        match item.value.text() {
            Some(text) => self.take_text(key, &text, item),
            None if item.value == Literal::Nothing => self.weightless(item),
            None => self.leave(item, "only literal values are read"),
        }
    }

    /// The same, of a text.
    pub(super) fn take_text(&mut self, key: &str, text: &str, item: &Item) {
        match tried(key, text) {
            Ok(values) => values.into_iter().for_each(|(key, value)| self.set(key, value, shown(item))),
            Err(why) => self.leave(item, &why),
        }
    }

    /// Sets a parameter; what is said later takes the place of what was said before.
    pub(super) fn set(&mut self, key: &'static str, value: Value, origin: String) {
        self.reading.settings.retain(|known| known.key != key);
        self.reading.settings.push(Setting { key, value, origin });
    }

    /// Sets a parameter to a word of its own.
    pub(super) fn word(&mut self, key: &'static str, word: &str, origin: &str) {
        for (key, value) in tried(key, word).unwrap_or_default() {
            self.set(key, value, origin.to_owned());
        }
    }

    /// Sets a parameter that nobody spoke of to what the class has then.
    fn usual(&mut self, key: &'static str, word: &str, class: &str) {
        if !self.says(key) {
            self.word(key, word, &format!("{class}'s own default"));
        }
    }

    pub(super) fn says(&self, key: &str) -> bool {
        self.reading.settings.iter().any(|known| known.key == key)
    }

    /// That an argument has no weight for memory.
    pub(super) fn weightless(&mut self, item: &Item) {
        if !self.reading.weightless.contains(&item.name) {
            self.reading.weightless.push(item.name.clone());
        }
    }

    /// That an argument is not understood.
    pub(super) fn leave(&mut self, item: &Item, why: &str) {
        self.reading.left.push(Left { line: item.line, name: shown(item), why: why.to_owned() });
    }

    /// What all of it comes to.
    pub(super) fn settle(mut self) -> Reading {
        let quantized = self.four_bits || self.eight_bits;
        self.adapters(quantized);
        if self.bitsandbytes && quantized {
            self.base();
        }
        self.trainer(quantized);
        self.precision();
        // Whatever others follow from comes first.
        let leads = |setting: &Setting| !["framework", "train.method", "train.objective"].contains(&setting.key);
        self.reading.settings.sort_by_key(leads);
        self.reading
    }

    fn adapters(&mut self, quantized: bool) {
        let method = match (quantized, self.adapters) {
            (true, _) => Method::Qlora,
            (false, Some(_)) => Method::Lora,
            (false, None) => return,
        };
        if !self.says("train.method") {
            let origin = if quantized { "a quantized base" } else { self.adapters.unwrap_or("adapters") };
            self.word("train.method", method.word(), origin);
        }
        if let Some(class) = self.adapters {
            if matches!(class, "LoraConfig" | "get_peft_model") {
                self.usual("train.lora_rank", if class == "LoraConfig" { "8" } else { "16" }, class);
            }
            if class == "LoraConfig" {
                self.usual("train.lora_targets", "q,v", "PEFT");
            }
        }
    }

    fn base(&mut self) {
        if self.four_bits {
            self.usual("train.base_weights", "fp4", "BitsAndBytesConfig");
            self.usual("train.double_quant", "false", "BitsAndBytesConfig");
        } else {
            self.word("train.base_weights", "int8", "load_in_8bit");
        }
    }

    fn trainer(&mut self, quantized: bool) {
        let Some(trainer) = self.trainer else { return };
        let (class, framework) = match trainer {
            Trainer::Transformers if self.prepares && quantized => ("TrainingArguments", "peft"),
            Trainer::Transformers => ("TrainingArguments", "transformers"),
            Trainer::Trl(_) => ("its class", "trl"),
        };
        self.usual("framework", framework, class);
        if let Trainer::Trl(objective) = trainer {
            self.usual("train.objective", objective, class);
            if objective == "grpo" {
                self.usual("train.completion_length", "256", class);
            }
        }
        self.usual("train.micro_batch_size", "8", class);
    }

    /// Types of weights and arithmetic, where anything was said of them.
    fn precision(&mut self) {
        let trl = matches!(self.trainer, Some(Trainer::Trl(_)));
        let said = self.bf16.is_some() || self.fp16.is_some() || self.dtype.is_some() || trl && self.loads;
        if !said || self.says("train.precision") {
            return;
        }
        let autocast = match (self.bf16, self.fp16) {
            (_, Some(true)) => Some(Width::Fp16),
            (Some(true), _) => Some(Width::Bf16),
            (None, _) if trl => Some(Width::Bf16),
            _ => None,
        };
        // A model that TRL is given by name comes in fp32; one that is loaded has the type of its checkpoint.
        let weights = self.dtype.unwrap_or(match autocast {
            _ if trl && !self.loads => Width::Fp32,
            Some(Width::Fp16) => Width::Fp16,
            _ => Width::Bf16,
        });
        let precision = match (autocast, weights) {
            // DeepSpeed casts the weights themselves.
            (Some(Width::Bf16), _) if self.deepspeed => Precision::Bf16,
            (Some(Width::Fp16), _) if self.deepspeed => Precision::Fp16,
            (None, Width::Bf16) => Precision::Bf16,
            (None, Width::Fp16) => Precision::Fp16,
            (None | Some(Width::Fp32), _) => Precision::Fp32,
            (Some(Width::Bf16), Width::Fp32) => Precision::Bf16Mixed,
            (Some(Width::Bf16), _) => Precision::Bf16Autocast,
            (Some(Width::Fp16), Width::Fp32) => Precision::Fp16Mixed,
            (Some(Width::Fp16), _) => Precision::Fp16Autocast,
        };
        let cast = match autocast {
            Some(Width::Bf16) => "bf16",
            Some(_) => "fp16",
            None => "no autocast",
        };
        let of = match (self.dtype, weights) {
            (Some(_), _) => "as dtype says",
            (None, Width::Fp32) => "in fp32",
            (None, _) => "as the checkpoint has them, taken for 16 bits",
        };
        self.word("train.precision", precision.word(), &format!("{cast}, weights {of}"));
    }
}

/// An argument as it is written.
fn shown(item: &Item) -> String {
    format!("{}={}", item.name, item.value.shown())
}
