//! `brimful export`: the run in the words of others.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use super::arguments::{LookupArguments, ScenarioArguments};
use super::context::Context;
use super::resolve::Draft;
use super::{presets, stream};
use crate::preset::scenario::to_toml;
use crate::scenario::arguments::python;
use crate::scenario::{Task, command};

/// What `export` takes.
#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    #[command(flatten)]
    lookup: LookupArguments,
    /// As what: calls of Python, a scenario file, or a command line.
    #[arg(long, value_enum, default_value_t = Form::Python)]
    format: Form,
}

/// What a run is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// `TrainingArguments` or a config of TRL, with `LoraConfig` and `BitsAndBytesConfig`.
    Python,
    /// A scenario file.
    Toml,
    /// A command line of brimful.
    Command,
}

/// Prints the run; what has no argument there stands in comments.
pub(super) fn run(context: &Context, arguments: &ExportArguments) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.lookup)?;
    let resolved = Draft::read(&library, &arguments.scenario)?.resolve(&library)?;
    resolved.idle.iter().for_each(stream::warn);
    let scenario = &resolved.scenario;
    let text = match arguments.format {
        Form::Python if scenario.task != Task::Train || !scenario.framework.builds_by("transformers") => bail!(
            "only training under transformers, trl and peft has arguments of theirs\n\
             hint: `--format toml` is the scenario file, `--format command` the command line"
        ),
        Form::Python => python(scenario),
        Form::Toml => to_toml(scenario),
        Form::Command => {
            let presets = arguments.lookup.presets.as_ref().map(|folder| folder.display().to_string());
            command::line(scenario, presets.as_deref()) + "\n"
        }
    };
    stream::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
