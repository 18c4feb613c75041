//! A scenario as one command line.

use super::parameter::PARAMETERS;
use super::{Scenario, Value};

/// The arguments with which `brimful`, or any of its commands, has this scenario: the model, the card, and a `--set` for
/// whatever differs from its default.
pub fn arguments(scenario: &Scenario) -> Vec<String> {
    let default = Scenario::default();
    let mut arguments = Vec::new();
    if !scenario.model.is_empty() {
        arguments.push(scenario.model.clone());
    }
    if let Some(gpu) = &scenario.gpu {
        arguments.extend([String::from("--gpu"), gpu.clone()]);
    }
    let rest = PARAMETERS.iter().filter(|parameter| !["model", "gpu"].contains(&parameter.key));
    for parameter in rest {
        let value = parameter.get(scenario);
        if value != parameter.get(&default) {
            let value = if value == Value::Unset { String::from("-") } else { value.to_string() };
            arguments.extend([String::from("--set"), format!("{}={value}", parameter.key)]);
        }
    }
    arguments
}

/// The whole command, ready for a shell.
pub fn line(scenario: &Scenario) -> String {
    let words = arguments(scenario);
    std::iter::once(String::from("brimful")).chain(words.iter().map(|word| quoted(word))).collect::<Vec<_>>().join(" ")
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=,:+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parameter::Parameter;

    #[test]
    fn what_is_usual_is_left_out() {
        let mut scenario = Scenario { model: String::from("gpt2"), ..Scenario::default() };
        assert_eq!(line(&scenario), "brimful gpt2");
        scenario.gpu = Some(String::from("l4"));
        scenario.train.sequence_length = 512;
        scenario.train.lora_targets = vec![String::from("q"), String::from("v")];
        scenario.model = String::from("./my models/it's.toml");
        assert_eq!(
            line(&scenario),
            "brimful './my models/it'\\''s.toml' --gpu l4 --set train.sequence_length=512 --set train.lora_targets=q,v"
        );
    }

    /// Every parameter goes through a command line and comes back.
    #[test]
    fn pairs_read_back_equal() {
        for parameter in PARAMETERS.iter().filter(|parameter| parameter.key.contains('.')) {
            for text in
                ["3", "yes", "0.5", "int8", "full", "qlora", "-", "eager", "fp32", "adamw-8bit", "q,v", "fp16-mixed"]
            {
                let mut scenario = Scenario::default();
                let Ok(value) = parameter.parse(text) else { continue };
                if parameter.set(&mut scenario, value).is_err() {
                    continue;
                }
                let mut back = Scenario::default();
                for pair in arguments(&scenario).iter().filter(|word| word.contains('=')) {
                    let (key, value) = pair.split_once('=').unwrap();
                    let parameter = Parameter::by_key(key).unwrap();
                    parameter.set(&mut back, parameter.parse(value).unwrap()).unwrap();
                }
                assert_eq!(back, scenario, "{} = {text}", parameter.key);
            }
        }
    }
}
