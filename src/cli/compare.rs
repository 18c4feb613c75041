//! `brimful compare`: scenarios or models side by side.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::arguments::{FlagArguments, Format, OutputArguments};
use super::context::Context;
use super::resolve::{Draft, Resolved};
use super::{output, presets, stream, suggest};
use crate::report::{Report, compare};

/// What `compare` takes.
#[derive(Debug, Args)]
pub(super) struct CompareArguments {
    /// Scenario files, model ids, or paths of model presets, config.json, GGUF or safetensors files: two or more.
    #[arg(
        value_name = "SCENARIO.toml | MODEL",
        num_args = 2..,
        required = true,
        value_parser = suggest::MODELS,
        hide_possible_values = true
    )]
    inputs: Vec<String>,
    #[command(flatten)]
    flags: FlagArguments,
    #[command(flatten)]
    output: OutputArguments,
}

/// Prints every run's memory by category, its difference to the first, and where the runs differ.
pub(super) fn run(context: &Context, arguments: &CompareArguments) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.output.lookup)?;
    let resolve = |input: &String| Draft::of(&library, Some(input), &arguments.flags)?.resolve(&library);
    let runs: Vec<Resolved> = arguments.inputs.iter().map(resolve).collect::<Result<_>>()?;
    let reports = runs.iter().map(Resolved::report);
    let reports: Vec<Report<'_>> = reports.collect::<Result<_, _>>()?;
    let idle = runs.iter().flat_map(|run| &run.idle);
    let mut said: Vec<&String> = Vec::new();
    for words in idle {
        if !said.contains(&words) {
            stream::warn(words);
            said.push(words);
        }
    }
    let text = match arguments.output.format {
        Format::Text => compare::text(&reports, output::look(context, &arguments.output)),
        Format::Json => compare::json(&reports)?,
        Format::Csv => compare::csv(&reports),
    };
    stream::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
