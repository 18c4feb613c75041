//! `brimful` alone: the explorer.

use std::process::ExitCode;

#[cfg(not(feature = "tui"))]
use anyhow::bail;
use anyhow::{Error, Result, anyhow};
use clap::CommandFactory;

use super::context::Context;
use super::resolve::Draft;
use super::settings::Tastes;
use super::stream::warn;
use super::{Cli, LookArguments, RunArguments, presets};
use crate::preset::{Library, Listing};
use crate::scenario::Scenario;
use crate::scenario::parameter::nearest;

/// Opens the explorer on the scenario; what is not named it chooses itself.
pub(super) fn run(context: &Context, arguments: &RunArguments, looks: LookArguments) -> Result<ExitCode> {
    let lookup = &arguments.output.lookup;
    let (library, mut problems) = presets::read(context, lookup)?;
    let tastes = Tastes::of(context, &library, &context.folders(lookup), &mut problems);
    let told = problems.iter().map(ToString::to_string).collect();
    let ended = open(context, library, arguments, looks, tastes, told);
    // The screen that told of them is gone, or never came.
    problems.iter().for_each(warn);
    ended
}

fn open(
    context: &Context,
    library: Library,
    arguments: &RunArguments,
    looks: LookArguments,
    tastes: Tastes,
    problems: Vec<String>,
) -> Result<ExitCode> {
    let draft = Draft::read(&library, &arguments.scenario);
    let input = arguments.scenario.input.as_deref();
    let (scenario, asked, file) = draft
        .and_then(|draft| {
            let (asked, file) = (draft.asked(), draft.file());
            Ok((draft.named(&library)?, asked, file))
        })
        .map_err(|error| input.and_then(|input| misplaced_command(&library, input)).unwrap_or(error))?;
    let pins = looks.view.pins(&library, &arguments.scenario.flags)?;
    explore(context, library, Opened { scenario, asked, file, pins }, arguments, looks, (tastes, problems))
}

/// A command that is misspelt was read as the name of a model.
fn misplaced_command(library: &Library, input: &str) -> Option<Error> {
    // What looks like a path was meant as one.
    if library.model(input).is_ok() || input.contains(['.', '/', '\\']) {
        return None;
    }
    let cli = Cli::command();
    let commands: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let models = library.model_listings().iter().map(Listing::id);
    match nearest(input, models.chain(commands.iter().copied()))? {
        near if !commands.contains(&near) => None,
        near => Some(anyhow!("there is neither a command nor a model `{input}`; the nearest is `brimful {near}`")),
    }
}

/// What the explorer opens on: the scenario, which of its values somebody asked for, its file, and what is pinned.
#[cfg_attr(not(feature = "tui"), expect(dead_code, reason = "nothing opens without the explorer"))]
struct Opened {
    scenario: Scenario,
    asked: Vec<&'static str>,
    file: Option<String>,
    pins: Vec<Scenario>,
}

#[cfg(feature = "tui")]
fn explore(
    context: &Context,
    library: Library,
    opened: Opened,
    arguments: &RunArguments,
    looks: LookArguments,
    (tastes, problems): (Tastes, Vec<String>),
) -> Result<ExitCode> {
    let unit = context.unit(&arguments.output.lookup);
    let (theme, mouse) = (looks.view.theme.or(tastes.theme), looks.mouse);
    let (keys, usual_gpu, fits_on) = (tastes.keys, tastes.gpu, tastes.fits_on);
    let lookup = &arguments.output.lookup;
    let (folders, presets) = (context.folders(lookup), lookup.presets.as_ref());
    let presets = presets.map(|folder| folder.display().to_string());
    let Opened { scenario, asked, file, pins } = opened;
    let start = crate::tui::Start {
        scenario,
        asked,
        unit,
        pins,
        file,
        presets,
        theme,
        keys,
        usual_gpu,
        fits_on,
        problems,
        folders,
        mouse,
        apart: looks.print,
        piped: arguments.scenario.input.as_deref() == Some(super::resolve::STDIN),
    };
    let outcome = crate::tui::run(library, start)?;
    if looks.print && outcome.signal.is_none() {
        super::stream::print(&crate::preset::scenario::to_toml(&outcome.scenario))?;
    }
    // Ended by a signal: the code that a shell gives to that.
    let ended_by = outcome.signal.and_then(|signal| u8::try_from(128 + signal).ok());
    Ok(ended_by.map_or(ExitCode::SUCCESS, ExitCode::from))
}

#[cfg(not(feature = "tui"))]
fn explore(
    _context: &Context,
    _library: Library,
    _opened: Opened,
    _arguments: &RunArguments,
    _looks: LookArguments,
    _tastes: (Tastes, Vec<String>),
) -> Result<ExitCode> {
    bail!("this brimful was built without the explorer; use `brimful check` or `brimful estimate`")
}
