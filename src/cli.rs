//! The command line: one file per command.
//!
//! Data goes to stdout, complaints to stderr. Every command turns flags and files into a [`Scenario`] through the
//! one table of parameters, and prints a report of it.
//!
//! [`Scenario`]: crate::scenario::Scenario

mod arguments;
mod check;
mod compare;
mod config;
mod context;
mod estimate;
mod explore;
mod export;
mod failure;
mod frameworks;
mod given;
mod gpus;
mod import;
mod manual;
mod max;
mod min;
mod models;
mod order;
mod output;
mod plan;
mod presets;
#[cfg(feature = "tui")]
mod render;
mod resolve;
mod settings;
mod stream;
mod suggest;
mod validate;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};

use arguments::{OutputArguments, ScenarioArguments};
use context::Context;

use crate::scenario::Scenario;

/// The exit code of "does not fit".
pub const DOES_NOT_FIT: u8 = 1;
/// The exit code of predictions that break a promise.
pub const OUT_OF_TOLERANCE: u8 = 1;
/// The exit code of bad input.
pub const BAD_INPUT: u8 = 2;

/// How full a GPU gets: which bytes a transformer needs, when, why, and what to change so that it fits.
///
/// Without a command it opens the explorer.
#[derive(Debug, Parser)]
#[command(name = "brimful", version, args_conflicts_with_subcommands = true, after_help = manual::AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    looks: LookArguments,
}

/// What the explorer alone takes.
#[derive(Debug, Args)]
struct LookArguments {
    #[command(flatten)]
    view: ViewArguments,
    /// Let the mouse click rows, tabs and bars; the terminal then selects text with Shift held.
    #[arg(long)]
    mouse: bool,
    /// Print the scenario, as a file, when the explorer is left; standard output may lead elsewhere.
    #[arg(long)]
    print: bool,
}

/// What is shown beside the scenario, and how.
#[derive(Debug, Args)]
struct ViewArguments {
    /// The theme: default, light, high-contrast, colour-blind, mono, one of your own, or the path of one.
    #[arg(long, value_parser = suggest::THEMES, hide_possible_values = true)]
    theme: Option<String>,
    /// A scenario file or a model to compare with, pinned from the start, under the same flags; repeatable.
    #[arg(long, value_name = "SCENARIO.toml | MODEL", value_parser = suggest::MODELS, hide_possible_values = true)]
    pin: Vec<String>,
}

impl ViewArguments {
    /// The scenarios to compare with.
    fn pins(&self, library: &crate::preset::Library, flags: &arguments::FlagArguments) -> Result<Vec<Scenario>> {
        let flags = flags.without_model();
        let pin = |input: &String| resolve::Draft::of(library, Some(input), &flags)?.named(library);
        self.pin.iter().map(|input| pin(input).context("--pin")).collect()
    }
}

/// What a command that looks at one scenario takes.
#[derive(Debug, Args)]
struct RunArguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Does it fit? Bars, peak and headroom; exits 0 if it fits, 1 if not, 2 on bad input.
    #[command(after_help = manual::AFTER_CHECK)]
    Check(check::CheckArguments),
    /// The full breakdown: every instant by category.
    Estimate {
        #[command(flatten)]
        run: RunArguments,
        /// List every entry with its formula in numbers and its source.
        #[arg(long)]
        ledger: bool,
    },
    /// Scenarios or models side by side, with their differences.
    Compare(compare::CompareArguments),
    /// The largest batch, sequence, concurrency or context that fits; exits 1 if nothing does.
    Max {
        /// What to make as large as it goes.
        quantity: max::Quantity,
        #[command(flatten)]
        run: RunArguments,
    },
    /// The fewest cards on which it fits, and the layout; exits 1 if no number is enough.
    Min {
        /// What to need as few of as it goes.
        quantity: min::Quantity,
        #[command(flatten)]
        run: RunArguments,
    },
    /// Every legal layout for --gpus, those that fit, ranked, with the flags to copy; exits 1 if none fits.
    Plan(plan::PlanArguments),
    /// The models in the catalogue; with --gpu what each needs there, run as the flags say, and with --fits what fits.
    Models(models::ModelsArguments),
    /// The cards in the catalogue.
    Gpus(CatalogueArguments),
    /// A Hugging Face config.json, a GGUF or safetensors file, or the folder that holds one, as a model preset; a script
    /// with calls of a trainer's classes, or a config of accelerate, DeepSpeed or axolotl, as a scenario file.
    Import {
        /// The file or the folder.
        path: PathBuf,
    },
    /// The run as others write it: arguments of Transformers, TRL and PEFT, a scenario file, or a command line.
    Export(export::ExportArguments),
    /// Predictions against every reference measurement; exits 0 within the promises, 1 outside, 2 on bad input.
    Validate(validate::ValidateArguments),
    /// A view of the explorer as text, with colours or as SVG, without a terminal.
    #[cfg(feature = "tui")]
    Render(render::RenderArguments),
    /// Completions for a shell, to be put where it looks for them.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// What is set for good, and where each setting comes from.
    Config,
    /// The manual page, in roff.
    Man,
    /// The frameworks, and which of them are covered.
    Frameworks {
        #[command(flatten)]
        output: OutputArguments,
    },
}

/// What a catalogue takes.
#[derive(Debug, Args)]
struct CatalogueArguments {
    /// Only those with these words in id, name, family, organization or vendor.
    filter: Option<String>,
    #[command(flatten)]
    output: OutputArguments,
}

/// Parses and runs; an error is bad input, for which [`BAD_INPUT`] is the exit code. Where JSON is asked for, what goes
/// wrong has been told as JSON on stderr already, and comes back as that code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if !failure::asks_for_json(&arguments) {
        return act(arguments);
    }
    stream::complain_in_json();
    act(arguments).or_else(|error| {
        if closed_pipe(&error) {
            return Err(error);
        }
        stream::object(&failure::document(&error));
        Ok(ExitCode::from(BAD_INPUT))
    })
}

fn act(arguments: Vec<OsString>) -> Result<ExitCode> {
    let cli = match Cli::try_parse_from(order::command_first(arguments)?) {
        Ok(cli) => cli,
        // Help and version too: clap knows which stream and which exit code.
        Err(mut error) => {
            suggest::hide(&mut error);
            match failure::of_arguments(&error).filter(|_| stream::complains_in_json()) {
                Some(object) => stream::object(&object),
                None => error.print()?,
            }
            return Ok(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(BAD_INPUT)));
        }
    };
    let context = &Context::read();
    match cli.command {
        None => explore::run(context, &cli.run, cli.looks),
        Some(Command::Check(arguments)) => check::run(context, &arguments),
        Some(Command::Estimate { run, ledger }) => estimate::run(context, &run, ledger),
        Some(Command::Compare(arguments)) => compare::run(context, &arguments),
        Some(Command::Max { quantity, run }) => max::run(context, quantity, &run),
        Some(Command::Min { quantity, run }) => min::run(context, quantity, &run),
        Some(Command::Plan(arguments)) => plan::run(context, &arguments),
        Some(Command::Models(arguments)) => models::run(context, &arguments),
        Some(Command::Gpus(catalogue)) => gpus::run(context, &catalogue),
        Some(Command::Import { path }) => import::run(&path),
        Some(Command::Export(arguments)) => export::run(context, &arguments),
        Some(Command::Validate(arguments)) => validate::run(context, &arguments),
        #[cfg(feature = "tui")]
        Some(Command::Render(arguments)) => render::run(context, &arguments),
        Some(Command::Completions { shell }) => manual::completions(shell),
        Some(Command::Config) => config::run(context),
        Some(Command::Man) => manual::page(),
        Some(Command::Frameworks { output }) => frameworks::run(context, &output),
    }
}

/// Whether an error only says that the reader of our output has gone, as `head` does: that is success.
pub fn closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_no_fault_with_the_commands() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_closed_pipe_is_found_below_its_context() {
        let pipe = anyhow::Error::from(std::io::Error::from(ErrorKind::BrokenPipe)).context("writing");
        assert!(closed_pipe(&pipe));
        assert!(!closed_pipe(&anyhow::Error::from(std::io::Error::from(ErrorKind::NotFound))));
    }
}
