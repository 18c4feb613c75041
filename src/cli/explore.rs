//! `brimful` alone: the explorer.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::{Error, Result, anyhow, bail};
use clap::CommandFactory;

use super::resolve::{Draft, Resolved};
use super::{Cli, RunArguments, output, presets};
use crate::preset::Library;
use crate::scenario::parameter::nearest;

/// The card where none is named.
const DEFAULT_GPU: &str = "h100-sxm-80";

/// Opens the explorer on the scenario; what is not named is the first preset and a usual card.
pub(super) fn run(arguments: &RunArguments) -> Result<ExitCode> {
    let library = presets::load(&arguments.output)?;
    let resolved = resolve(&library, arguments).map_err(|error| {
        let input = arguments.scenario.input.as_deref();
        input.and_then(|input| misplaced_command(&library, input)).unwrap_or(error)
    })?;
    resolved.idle.iter().for_each(output::warn);
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        bail!("the explorer needs a terminal; without one use `brimful check` or `brimful estimate`");
    }
    explore(library, resolved, arguments)
}

fn resolve(library: &Library, arguments: &RunArguments) -> Result<Resolved> {
    let mut draft = Draft::read(library, &arguments.scenario)?;
    if draft.scenario.model.is_empty() {
        draft.scenario.model = library.models().first().map(|model| model.id.clone()).unwrap_or_default();
    }
    if draft.scenario.gpu.is_none() {
        draft.scenario.gpu = library.gpu(DEFAULT_GPU).ok().map(|gpu| gpu.id.clone());
    }
    draft.resolve(library)
}

/// A command that is misspelt, or that comes after a flag, was read as the name of a model.
fn misplaced_command(library: &Library, input: &str) -> Option<Error> {
    if library.model(input).is_ok() {
        return None;
    }
    let cli = Cli::command();
    let commands: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let models = library.models().iter().map(|model| model.id.as_str());
    match nearest(input, models.chain(commands.iter().copied()))? {
        near if !commands.contains(&near) => None,
        near if near == input => Some(anyhow!("the command comes first: `brimful {input} …`")),
        near => Some(anyhow!("there is neither a command nor a model `{input}`; the nearest is `brimful {near}`")),
    }
}

#[cfg(feature = "tui")]
fn explore(_library: Library, _resolved: Resolved, _arguments: &RunArguments) -> Result<ExitCode> {
    bail!("the explorer is not built yet; use `brimful check` or `brimful estimate`")
}

#[cfg(not(feature = "tui"))]
fn explore(_library: Library, _resolved: Resolved, _arguments: &RunArguments) -> Result<ExitCode> {
    bail!("this brimful was built without the explorer; use `brimful check` or `brimful estimate`")
}
