//! The flags that commands share, and the parameters that they stand for.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::suggest;
use crate::scenario::command::{FLAGS, of_task};
use crate::scenario::parameter::Parameter;
use crate::scenario::{Scenario, Task};
use crate::units::Unit;

/// What is run: a scenario file or a model, and flags over it.
#[derive(Debug, Default, Args)]
pub(super) struct ScenarioArguments {
    /// A scenario file (`-`: standard input), a model id, or the path of a model preset, config.json, GGUF or safetensors
    /// file.
    #[arg(value_name = "SCENARIO.toml | MODEL", value_parser = suggest::MODELS, hide_possible_values = true)]
    pub(super) input: Option<String>,
    #[command(flatten)]
    pub(super) flags: FlagArguments,
}

/// Parameters of a scenario as flags.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct FlagArguments {
    /// Model: an id, or the path of a preset, config.json, GGUF or safetensors file.
    #[arg(long, value_parser = suggest::MODELS, hide_possible_values = true)]
    model: Option<String>,
    /// Card: an id, any of a size such as 24GB, or a MIG slice such as h100-sxm-80:1g.10gb.
    #[arg(long, value_parser = suggest::GPUS, hide_possible_values = true)]
    gpu: Option<String>,
    /// What is free of the card now, as 17GiB, where others hold the rest: `runtime.free_mib`.
    #[arg(long, value_name = "SIZE")]
    free: Option<String>,
    /// GPUs in the whole job.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    gpus: Option<String>,
    /// Training or inference: train or infer.
    #[arg(long, value_parser = suggest::TASKS, hide_possible_values = true)]
    task: Option<String>,
    /// The implementation whose habits are described; `brimful frameworks` lists them.
    #[arg(long, value_parser = suggest::FRAMEWORKS, hide_possible_values = true)]
    framework: Option<String>,
    /// Sequences at once: `train.micro_batch_size`, or `infer.concurrency`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    batch: Option<String>,
    /// Tokens in a sequence, such as 8192, 8Ki or 8k: `train.sequence_length`, or `infer.context_length`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seq: Option<String>,
    /// Types of weights and arithmetic: `train.precision`, or `infer.weights`.
    #[arg(long, value_parser = suggest::PRECISIONS, hide_possible_values = true)]
    precision: Option<String>,
    /// What is trained: `train.method`.
    #[arg(long, value_parser = suggest::METHODS, hide_possible_values = true)]
    method: Option<String>,
    /// Rank of adapters: `train.lora_rank`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    lora_rank: Option<String>,
    /// The optimizer: `train.optimizer`.
    #[arg(long, value_parser = suggest::OPTIMIZERS, hide_possible_values = true)]
    optimizer: Option<String>,
    /// What is recomputed in backward instead of kept: `train.recompute`.
    #[arg(long, value_parser = suggest::RECOMPUTE, hide_possible_values = true)]
    recompute: Option<String>,
    /// How logits and loss are computed: `train.loss`.
    #[arg(long, value_parser = suggest::LOSSES, hide_possible_values = true)]
    loss: Option<String>,
    /// Tokens served per sequence: `infer.context_length`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    context: Option<String>,
    /// Type of the cache: `infer.kv_cache`.
    #[arg(long, value_parser = suggest::CACHES, hide_possible_values = true)]
    kv_cache: Option<String>,
    /// Tensor parallel size: `parallel.tensor`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    tp: Option<String>,
    /// Pipeline stages: `parallel.pipeline`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pp: Option<String>,
    /// GPUs that share a sequence: `parallel.context`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cp: Option<String>,
    /// GPUs that share the experts: `parallel.expert`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    ep: Option<String>,
    /// Sharding stage, 3 for FSDP full shard: `parallel.zero`.
    #[arg(
        long,
        value_name = "0-3",
        allow_negative_numbers = true,
        value_parser = suggest::ZERO,
        hide_possible_values = true
    )]
    zero: Option<String>,
    /// Any parameter by its dotted key, such as `train.micro_batch_size=4`; repeatable, the last one wins.
    #[arg(long, value_name = "KEY=VALUE", value_parser = suggest::SETTINGS, hide_possible_values = true)]
    pub(super) set: Vec<String>,
}

/// Where presets are looked for, and the unit that sizes are shown in.
#[derive(Debug, Default, Args)]
pub(super) struct LookupArguments {
    /// A folder with models/ and gpus/ of one's own.
    #[arg(long, value_name = "DIR")]
    pub(super) presets: Option<PathBuf>,
    /// The unit of sizes in text; gib, unless `brimful config` says otherwise.
    #[arg(long, value_enum)]
    unit: Option<UnitName>,
}

/// How it is shown, and where presets are looked for.
#[derive(Debug, Default, Args)]
pub(super) struct OutputArguments {
    #[command(flatten)]
    pub(super) lookup: LookupArguments,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

impl LookupArguments {
    /// The unit that was asked for.
    pub(super) fn unit(&self) -> Option<Unit> {
        self.unit.map(|unit| match unit {
            UnitName::Gib => Unit::Gib,
            UnitName::Gb => Unit::Gb,
        })
    }
}

/// The formats of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs; sizes in bytes.
    Json,
    /// For spreadsheets; sizes in bytes.
    Csv,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum UnitName {
    /// 2^30 bytes.
    #[default]
    Gib,
    /// 10^9 bytes.
    Gb,
}

/// A parameter given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting<'a> {
    /// What errors call it: `--precision`, or `--set train.precision`.
    pub(super) origin: String,
    /// Its dotted key.
    pub(super) key: &'a str,
    /// Its value, as typed.
    pub(super) text: &'a str,
}

impl FlagArguments {
    /// The flags that were given, as parameters of this task.
    pub(super) fn flags(&self, task: Task) -> Vec<Setting<'_>> {
        let texts = [
            &self.model,
            &self.gpu,
            &self.free,
            &self.gpus,
            &self.task,
            &self.framework,
            &self.batch,
            &self.seq,
            &self.precision,
            &self.method,
            &self.lora_rank,
            &self.optimizer,
            &self.recompute,
            &self.loss,
            &self.context,
            &self.kv_cache,
            &self.tp,
            &self.pp,
            &self.cp,
            &self.ep,
            &self.zero,
        ];
        let given = FLAGS.into_iter().zip(texts).filter_map(|(flag, text)| Some((flag, text.as_deref()?)));
        given.map(|((flag, keys), text)| Setting { origin: flag.to_owned(), key: of_task(task, keys), text }).collect()
    }

    /// Whether any of them was given.
    pub(super) fn is_any(&self) -> bool {
        !self.set.is_empty() || !self.flags(Task::Train).is_empty()
    }

    /// The same flags for another model.
    pub(super) fn without_model(&self) -> Self {
        Self { model: None, ..self.clone() }
    }

    /// The `--set KEY=VALUE` pairs, in order.
    pub(super) fn sets(&self) -> anyhow::Result<Vec<Setting<'_>>> {
        let pair = |text: &'_ str| -> anyhow::Result<(usize, usize)> {
            let equals = text
                .find('=')
                .ok_or_else(|| anyhow::anyhow!("--set {text}: expected KEY=VALUE, such as train.micro_batch_size=4"))?;
            Ok((equals, equals + 1))
        };
        let setting = |text| -> anyhow::Result<Setting<'_>> {
            let (end, start) = pair(text)?;
            let key = text[..end].trim();
            let origin = format!("--set {key}");
            // However it is spelt, it is the one key.
            let key = Parameter::by_key(key).map_or(key, |parameter| parameter.key);
            Ok(Setting { origin, key, text: &text[start..] })
        };
        self.set.iter().map(|text| setting(text.as_str())).collect()
    }

    /// The task that flags and pairs ask for last, where they do.
    pub(super) fn task(&self) -> anyhow::Result<Option<Task>> {
        let sets = self.sets()?;
        let words = self.task.as_deref().into_iter().chain(sets.iter().filter(|s| s.key == "task").map(|s| s.text));
        // A word that is no task is refused later, with the others.
        let task = |word: &str| {
            let (parameter, mut scenario) = (Parameter::by_key("task").ok()?, Scenario::default());
            parameter.set(&mut scenario, parameter.parse(word).ok()?).ok()?;
            Some(scenario.task)
        };
        Ok(words.last().and_then(task))
    }

    /// The framework that flags and pairs ask for last, where they do.
    pub(super) fn framework(&self) -> anyhow::Result<Option<&str>> {
        let sets = self.sets()?;
        let set = sets.iter().rev().find(|setting| setting.key == "framework").map(|setting| setting.text);
        Ok(set.or(self.framework.as_deref()).map(str::trim))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        flags: FlagArguments,
    }

    #[test]
    fn every_flag_stands_for_its_own_parameter() {
        for (flag, keys) in FLAGS {
            let Flags { flags } = Flags::try_parse_from(["brimful", flag, "3"]).unwrap();
            for task in [Task::Train, Task::Infer] {
                let setting = Setting { origin: flag.to_owned(), key: of_task(task, keys), text: "3" };
                assert_eq!(flags.flags(task), [setting], "{flag}");
            }
        }
    }
}
