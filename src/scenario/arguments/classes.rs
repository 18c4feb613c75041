//! The classes and functions of Python whose calls are read.

use super::Fault;
use super::facts::{Facts, Trainer};
use super::literal::{Item, Literal};
use super::python::{self, Call};
use super::table::{Of, argument};

/// A class, and whose arguments it has.
const CLASSES: &[(&str, Of, Option<Trainer>)] = &[
    ("TrainingArguments", Of::Trainer, Some(Trainer::Transformers)),
    ("Seq2SeqTrainingArguments", Of::Trainer, Some(Trainer::Transformers)),
    ("SFTConfig", Of::Trainer, Some(Trainer::Trl("sft"))),
    ("DPOConfig", Of::Trainer, Some(Trainer::Trl("dpo"))),
    ("KTOConfig", Of::Trainer, Some(Trainer::Trl("kto"))),
    ("RewardConfig", Of::Trainer, Some(Trainer::Trl("reward"))),
    ("GRPOConfig", Of::Trainer, Some(Trainer::Trl("grpo"))),
    ("LoraConfig", Of::Adapters, None),
    ("IA3Config", Of::Adapters, None),
    ("OFTConfig", Of::Adapters, None),
    ("VeraConfig", Of::Adapters, None),
    ("get_peft_model", Of::Adapters, None),
    ("BitsAndBytesConfig", Of::Bitsandbytes, None),
    ("from_pretrained", Of::Model, None),
    ("prepare_model_for_kbit_training", Of::Model, None),
];

/// The row of a call's name.
fn class(name: &str) -> Option<&'static (&'static str, Of, Option<Trainer>)> {
    let (owner, last) = name.rsplit_once('.').unwrap_or(("", name));
    let row = CLASSES.iter().find(|(class, ..)| *class == last)?;
    // Tokenizers and configs are loaded by the same name.
    let loads = row.0 != "from_pretrained" || owner.contains("Model") || owner.contains("For");
    loads.then_some(row)
}

/// Whether a text calls one of them.
pub(super) fn is_called_in(text: &str) -> bool {
    CLASSES.iter().any(|(name, ..)| {
        text.match_indices(name).any(|(at, name)| text[at + name.len()..].trim_start().starts_with('('))
    })
}

/// Reads every call of one of them.
pub(super) fn read(text: &str, facts: &mut Facts) -> Result<(), Fault> {
    let calls = python::calls(text, |name| class(name).is_some())?;
    if calls.is_empty() {
        return Err(Fault {
            line: 0,
            name: String::new(),
            message: format!("nothing is called in it: {}", super::READ),
        });
    }
    for call in &calls {
        if let Some((name, of, trainer)) = class(&call.name) {
            facts.trainer = trainer.or(facts.trainer);
            begun(call, name, facts);
            call.arguments.iter().for_each(|item| argument(*of, name, item, facts));
        }
    }
    Ok(())
}

/// What a call says by being there.
fn begun(call: &Call, name: &'static str, facts: &mut Facts) {
    let line = call.line;
    match name {
        "from_pretrained" => {
            facts.loads = true;
            match &call.first {
                Some(value @ Literal::Text(_)) => {
                    facts.take("model", &Item { name: call.name.clone(), value: value.clone(), line });
                }
                Some(value) => {
                    facts.leave(
                        &Item { name: call.name.clone(), value: value.clone(), line },
                        "only a text names a model",
                    );
                }
                None => {}
            }
        }
        "prepare_model_for_kbit_training" => facts.prepares = true,
        // A config that was read by itself says what adapters are.
        "get_peft_model" if call.arguments.is_empty() => {}
        "get_peft_model" | "LoraConfig" => facts.adapters = facts.adapters.or(Some(name)),
        "IA3Config" | "OFTConfig" | "VeraConfig" => {
            facts.adapters = Some(name);
            let kind = name.trim_end_matches("Config").to_lowercase();
            facts.word("train.adapter", &kind, name);
        }
        "BitsAndBytesConfig" => facts.bitsandbytes = true,
        _ => {}
    }
}
