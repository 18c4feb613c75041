//! A scenario as one command line.

use super::parameter::PARAMETERS;
use super::{Scenario, Task, Value};

/// Flags that stand for parameters, with their keys in training and in serving, where they are the same or not.
pub const FLAGS: [(&str, [&str; 2]); 21] = [
    ("--model", ["model"; 2]),
    ("--gpu", ["gpu"; 2]),
    ("--free", ["runtime.free_mib"; 2]),
    ("--gpus", ["gpus"; 2]),
    ("--task", ["task"; 2]),
    ("--framework", ["framework"; 2]),
    ("--batch", ["train.micro_batch_size", "infer.concurrency"]),
    ("--seq", ["train.sequence_length", "infer.context_length"]),
    ("--precision", ["train.precision", "infer.weights"]),
    ("--method", ["train.method"; 2]),
    ("--lora-rank", ["train.lora_rank"; 2]),
    ("--optimizer", ["train.optimizer"; 2]),
    ("--recompute", ["train.recompute"; 2]),
    ("--loss", ["train.loss"; 2]),
    ("--context", ["infer.context_length"; 2]),
    ("--kv-cache", ["infer.kv_cache"; 2]),
    ("--tp", ["parallel.tensor"; 2]),
    ("--pp", ["parallel.pipeline"; 2]),
    ("--cp", ["parallel.context"; 2]),
    ("--ep", ["parallel.expert"; 2]),
    ("--zero", ["parallel.zero"; 2]),
];

/// Which of the keys of a flag a task reads.
pub const fn of_task(task: Task, keys: [&'static str; 2]) -> &'static str {
    match task {
        Task::Train => keys[0],
        Task::Infer => keys[1],
    }
}

/// The arguments that give a parameter a value in a run of this task: its flag, where it has one, else a `--set`.
pub fn setting(task: Task, key: &str, value: &Value) -> [String; 2] {
    let value = if *value == Value::Unset { String::from("-") } else { value.to_string() };
    match FLAGS.iter().find(|(_, keys)| of_task(task, *keys) == key) {
        Some((flag, _)) => [(*flag).to_owned(), value],
        None => [String::from("--set"), format!("{key}={value}")],
    }
}

/// The arguments with which `brimful`, or any of its commands, has this scenario: the model, the card, what
/// differs from its default, and the folder of presets that was asked for.
pub fn arguments(scenario: &Scenario, presets: Option<&str>) -> Vec<String> {
    let mut arguments = Vec::new();
    if !scenario.model.is_empty() {
        arguments.push(no_flag(&scenario.model));
    }
    if let Some(gpu) = &scenario.gpu {
        arguments.extend([String::from("--gpu"), gpu.clone()]);
    }
    let rest = PARAMETERS.iter().filter(|parameter| !["model", "gpu"].contains(&parameter.key));
    for parameter in rest {
        let value = parameter.get(scenario);
        if value != scenario.default_of(parameter) {
            arguments.extend(setting(scenario.task, parameter.key, &value));
        }
    }
    if let Some(folder) = presets {
        arguments.extend([String::from("--presets"), no_flag(folder)]);
    }
    arguments
}

/// A path that is not taken for a flag.
fn no_flag(path: &str) -> String {
    if path.starts_with('-') { format!("./{path}") } else { path.to_owned() }
}

/// The whole command, ready for a shell.
pub fn line(scenario: &Scenario, presets: Option<&str>) -> String {
    let words = arguments(scenario, presets);
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
        assert_eq!(line(&scenario, None), "brimful gpt2");
        scenario.gpu = Some(String::from("l4"));
        scenario.train.sequence_length = 512;
        scenario.train.lora_targets = vec![String::from("q"), String::from("v")];
        scenario.model = String::from("./my models/it's.toml");
        assert_eq!(
            line(&scenario, None),
            "brimful './my models/it'\\''s.toml' --gpu l4 --seq 512 --set train.lora_targets=q,v"
        );
    }

    #[test]
    fn paths_are_no_flags_and_presets_come_along() {
        let scenario = Scenario { model: String::from("-dash.json"), ..Scenario::default() };
        assert_eq!(line(&scenario, Some("my presets")), "brimful ./-dash.json --presets 'my presets'");
        assert_eq!(line(&scenario, Some("-x")), "brimful ./-dash.json --presets ./-x");
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
                for pair in arguments(&scenario, None).chunks(2) {
                    let flag = FLAGS.iter().find(|(flag, _)| *flag == pair[0]);
                    let keys = flag.map(|(_, keys)| (keys[0], pair[1].as_str()));
                    let (key, value) = keys.unwrap_or_else(|| pair[1].split_once('=').unwrap());
                    let parameter = Parameter::by_key(key).unwrap();
                    parameter.set(&mut back, parameter.parse(value).unwrap()).unwrap();
                }
                assert_eq!(back, scenario, "{} = {text}", parameter.key);
            }
        }
    }
}
