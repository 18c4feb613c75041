//! `brimful render`: a view of the explorer as a picture.

use std::env;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use super::arguments::{LookupArguments, ScenarioArguments};
use super::context::Context;
use super::resolve::Draft;
use super::settings::Tastes;
use super::{ViewArguments, presets, stream, suggest};
use crate::tui::Start;
use crate::tui::keymap::Chord;
use crate::tui::picture::{LARGEST, Medium, Picture};
use crate::tui::screen::View;

/// What `brimful render` takes.
#[derive(Debug, Args)]
pub(super) struct RenderArguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    #[command(flatten)]
    lookup: LookupArguments,
    #[command(flatten)]
    beside: ViewArguments,
    /// The view: fit, cards, compare, sweep, timeline or ledger.
    #[arg(long, default_value = "fit", value_parser = suggest::VIEWS, hide_possible_values = true)]
    view: String,
    /// Columns and rows.
    #[arg(long, value_name = "COLUMNSxROWS", default_value = "120x40")]
    size: String,
    /// Keys to press, with commas between them, such as down,right,right: the picture is of what then is on the screen, and as
    /// SVG it moves, a key a frame.
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    keys: Vec<String>,
    /// The format of the picture.
    #[arg(long, value_enum, default_value_t = PictureFormat::Text)]
    format: PictureFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PictureFormat {
    /// The signs alone.
    Text,
    /// With the codes of colours, for this terminal.
    Ansi,
    /// For pages and tickets.
    Svg,
}

/// Draws and prints.
pub(super) fn run(context: &Context, arguments: &RenderArguments) -> Result<ExitCode> {
    let (library, mut problems) = presets::read(context, &arguments.lookup)?;
    let folders = context.folders(&arguments.lookup);
    let tastes = Tastes::of(context, &library, &folders, &mut problems);
    problems.iter().for_each(stream::warn);
    let view = view(&arguments.view)?;
    let size = size(&arguments.size)?;
    let draft = Draft::read(&library, &arguments.scenario)?;
    let (asked, scenario) = (draft.asked(), draft.named(&library)?);
    let (unit, pins) = (context.unit(&arguments.lookup), arguments.beside.pins(&library, &arguments.scenario.flags)?);
    let (theme, keys) = (arguments.beside.theme.clone().or(tastes.theme), tastes.keys);
    let start = Start { scenario, asked, unit, pins, theme, keys, usual_gpu: tastes.gpu, folders, ..Start::default() };
    let medium = match arguments.format {
        PictureFormat::Text | PictureFormat::Ansi => Medium::Terminal,
        PictureFormat::Svg => Medium::Page { colour: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) },
    };
    let chords = arguments.keys.iter().map(|key| chord(key)).collect::<Result<Vec<_>>>()?;
    let picture = Picture::draw(&library, start, view, size, (medium, &chords))?;
    let text = match arguments.format {
        PictureFormat::Text => picture.text(),
        PictureFormat::Ansi => picture.ansi(),
        PictureFormat::Svg => picture.svg(),
    };
    stream::finish(&text, ExitCode::SUCCESS)
}

fn chord(key: &str) -> Result<Chord> {
    Chord::parse(key)
        .with_context(|| format!("--keys {key}: there is no such key; keys are written like left, H or ctrl-r"))
}

fn view(word: &str) -> Result<View> {
    let found = View::ALL.into_iter().find(|view| view.name().eq_ignore_ascii_case(word));
    found.with_context(|| format!("--view {word}: there is no such view; there are {}", suggest::views().join(", ")))
}

fn size(text: &str) -> Result<(u16, u16)> {
    let numbers =
        text.split_once(['x', '×']).and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
    match numbers {
        Some((columns @ 1..=LARGEST, rows @ 1..=LARGEST)) => Ok((columns, rows)),
        _ => bail!("--size {text}: expected columns and rows from 1 to {LARGEST}, such as 120x40"),
    }
}
