//! `brimful validate`: predictions against measurements.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use super::arguments::{Format, OutputArguments};
use super::context::Context;
use super::{OUT_OF_TOLERANCE, output, presets, stream};
use crate::open::{case, others};
use crate::report::validation;
use crate::validate::Validation;

/// What `validate` takes.
#[derive(Debug, Args)]
pub(super) struct ValidateArguments {
    /// Case files of one's own instead of those that brimful brings: a file, or a folder of them.
    #[arg(long, value_name = "PATH")]
    cases: Option<PathBuf>,
    /// Show beside it what another estimator would have said.
    #[arg(long, value_enum, value_name = "ESTIMATOR")]
    against: Option<Against>,
    /// Only the table, for the documentation.
    #[arg(long, hide = true)]
    markdown: bool,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Against {
    /// The rule of thumb.
    Sketch,
}

/// Prints the errors by group; exits 1 where a promise is not kept.
pub(super) fn run(context: &Context, arguments: &ValidateArguments) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.output.lookup)?;
    let cases = match &arguments.cases {
        Some(path) => case::read(path, &library)?,
        None => case::embedded(&library)?,
    };
    let others = match &arguments.cases {
        Some(_) => Vec::new(),
        None => others::embedded(&cases)?,
    };
    if cases.is_empty() {
        bail!("there are no cases");
    }
    let validation = Validation::of(cases, arguments.against == Some(Against::Sketch)).beside(&others);
    let text = match arguments.output.format {
        Format::Text if arguments.markdown => validation::markdown(&validation),
        Format::Text => output::look(context, &arguments.output).finish(validation::text(&validation)),
        Format::Json => validation::document(&validation)?,
        Format::Csv => validation::cases(&validation),
    };
    let code = if validation.within() { ExitCode::SUCCESS } else { ExitCode::from(OUT_OF_TOLERANCE) };
    stream::finish(&text, code)
}
