//! The explorer: a scenario on a screen, changed with keys.
//!
//! ```text
//!  terminal, signals ─► event ─► keymap, action ─► update ─► app ─► view ─► terminal
//!                                                    └─► effect ─► (this file) ─► message
//! ```

pub mod action;
mod adjust;
mod app;
mod event;
mod field;
mod fuzzy;
mod history;
pub mod keymap;
pub mod picture;
pub mod screen;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod update;
mod view;
mod widget;
mod wire;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::bail;

use app::{App, Listed};
use event::Event;
use keymap::{Chord, Keymap};
use terminal::Session;
use theme::Theme;
use theme::styles::{Depth, Styles};
use update::{Effect, Message, Opened, SaveFailure, update};

use crate::preset::save::SaveError;
use crate::preset::theme as themes;
use crate::preset::{self, Input, Library, PresetError, Row, keys};
use crate::scenario::Scenario;
use crate::units::Unit;

/// What the explorer opens on.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The scenario; without a model or a card the first ones are taken.
    pub scenario: Scenario,
    /// The unit of all sizes.
    pub unit: Unit,
    /// The file that the scenario was read from.
    pub file: Option<String>,
    /// The theme that is asked for, by its name or path.
    pub theme: Option<String>,
    /// The theme where none is asked for; one that is broken is reported, and everybody's taken.
    pub usual_theme: Option<String>,
    /// A file of keys, in place of the one in the user's folder.
    pub keys: Option<PathBuf>,
    /// The card where none is named.
    pub usual_gpu: Option<String>,
}

/// How the explorer ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The scenario at the end.
    pub scenario: Scenario,
    /// The signal that ended it, where one did.
    pub signal: Option<i32>,
}

/// What is opened where nothing else is asked for.
const FIRST_MODEL: &str = "llama-3.1-8b";
const FIRST_GPU: &str = "h100-sxm-80";

/// How long events are taken in before the screen shows what came of them.
const LONGEST_BLIND: Duration = Duration::from_millis(50);

/// The keys that everybody has.
pub fn standard_keys() -> Arc<Keymap> {
    static STANDARD: LazyLock<Arc<Keymap>> =
        LazyLock::new(|| Arc::new(keymap_of(keys::embedded(), &Keymap::default()).unwrap_or_default()));
    Arc::clone(&STANDARD)
}

/// The keys of a file, in place of others.
fn keymap_of(rows: Result<Vec<Row>, PresetError>, others: &Keymap) -> Result<Keymap, PresetError> {
    let rows = rows?;
    others.with(rows.iter().map(|row| (row.name.as_str(), row.texts.as_slice()))).map_err(|(index, message)| {
        // Where all rows together are at fault, the last may stand for them.
        match index.or_else(|| rows.len().checked_sub(1)).and_then(|index| rows.get(index)) {
            Some(row) => row.error(message),
            None => PresetError::plain(message),
        }
    })
}

/// The styles that everybody has.
pub(crate) fn standard_styles() -> &'static Styles {
    static STANDARD: LazyLock<Styles> =
        LazyLock::new(|| styles_of(themes::find("default", None), Depth::Sixteen).unwrap_or(Styles::PLAIN));
    &STANDARD
}

/// The styles of a theme; roles that it does not name have none.
fn styles_of(rows: Result<Vec<Row>, PresetError>, depth: Depth) -> Result<Styles, PresetError> {
    let rows = rows?;
    let styles = Styles::PLAIN.with(rows.iter().map(|row| (row.name.as_str(), row.texts.as_slice())), depth);
    styles.map_err(|(index, message)| match rows.get(index) {
        Some(row) => row.error(message),
        None => PresetError::plain(message),
    })
}

/// The look of a theme by its name or path, in the colours of a terminal of this depth.
fn look(name: &str, base: Theme, depth: Depth) -> Result<Theme, PresetError> {
    let styles = styles_of(themes::find(name, preset::own_folder().as_deref()), depth)?;
    // One theme is chosen in a run of the program.
    Ok(base.in_styles(Box::leak(Box::new(styles))))
}

/// The keys of this user: everybody's, but for what a file says: a named one, or `keys.toml` beside the user's presets.
fn own_keys(named: Option<PathBuf>) -> Result<Arc<Keymap>, PresetError> {
    if let Some(path) = named {
        return keymap_of(keys::read(&path), &standard_keys()).map(Arc::new);
    }
    match preset::own_folder().map(|folder| folder.join("keys.toml")).filter(|path| path.exists()) {
        Some(path) => keymap_of(keys::read(&path), &standard_keys()).map(Arc::new),
        None => Ok(standard_keys()),
    }
}

/// Runs the explorer until its user leaves it.
///
/// # Errors
/// Where there is no terminal, or it fails. The terminal is given back in every case.
#[expect(clippy::needless_pass_by_value, reason = "the explorer is the last to use its library")]
pub fn run(library: Library, start: Start) -> anyhow::Result<Outcome> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        bail!("the explorer needs a terminal; `brimful check` or `brimful estimate` print instead");
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut theme = Theme::from_env(variable);
    let depth = Depth::from_env(variable);
    let mut problems = Vec::new();
    match (&start.theme, &start.usual_theme) {
        (Some(name), _) => theme = look(name, theme, depth)?,
        (None, Some(name)) => match look(name, theme, depth) {
            Ok(look) => theme = look,
            Err(problem) => problems.push(problem),
        },
        (None, None) => {}
    }
    let keymap = own_keys(start.keys.clone()).unwrap_or_else(|problem| {
        problems.push(problem);
        standard_keys()
    });
    let mut app = open(&library, start);
    app.keymap = keymap;
    if let Some(problem) = problems.first() {
        app.notice = Some(app::Notice { text: format!("skipped: {problem}"), refusal: true });
    }
    let events = event::listen()?;
    let mut session = Session::enter()?;
    loop {
        session.draw(|frame| view::draw(&app, theme, frame))?;
        let mut next = Some(events.recv()?);
        let begun = Instant::now();
        while let Some(event) = next {
            match event {
                Event::Key(chord) => {
                    let message = message(&app, chord);
                    if perform(&mut app, &library, &mut session, message)? {
                        return Ok(Outcome { scenario: app.scenario, signal: None });
                    }
                }
                Event::Paste(text) => {
                    update(&mut app, Message::Paste(text));
                }
                Event::Resize => {}
                Event::Stop => session.suspend()?,
                Event::Continue => session.resume()?,
                Event::End(signal) => return Ok(Outcome { scenario: app.scenario, signal: Some(signal) }),
                Event::Lost(reason) => bail!("the terminal can no longer be read: {reason}"),
            }
            // A key that is held must not keep the screen from following.
            next = if begun.elapsed() < LONGEST_BLIND { events.try_recv().ok() } else { None };
        }
    }
}

/// Takes a message in and does what it asks for; whether the explorer ends.
fn perform(app: &mut App, library: &Library, session: &mut Session, message: Message) -> anyhow::Result<bool> {
    match update(app, message) {
        None => {}
        Some(Effect::Quit) => return Ok(true),
        Some(Effect::Suspend) => session.suspend()?,
        Some(Effect::Repaint) => session.forget(),
        Some(Effect::Copy(text)) => session.copy(&text)?,
        Some(Effect::CopyScenario) => session.copy(&preset::scenario::to_toml(&app.scenario))?,
        Some(Effect::Save(path, replace)) => {
            let place = at_home(path.clone(), std::env::var("HOME").ok());
            let saved = preset::save::save(library, &app.scenario, Path::new(&place), replace);
            let saved = saved.map_err(|error| match error {
                SaveError::Exists(_) => SaveFailure::Exists,
                error @ SaveError::Io { .. } => SaveFailure::Because(error.to_string()),
            });
            update(app, Message::Saved(path, saved));
        }
        Some(Effect::Open(path)) => {
            let path = at_home(path, std::env::var("HOME").ok());
            let opened = read(library, &path).map_err(|error| error.to_string());
            update(app, Message::Opened(path, opened));
        }
    }
    Ok(false)
}

/// The model or the scenario that a file holds.
fn read(library: &Library, path: &str) -> Result<Opened, PresetError> {
    Ok(match preset::what_is(library, path)? {
        Input::Model => Opened::Model(Box::new(preset::find_model(library, path, Path::new("."))?)),
        Input::Scenario(scenario) => {
            let (word, model) = preset::model_of(library, Path::new(path), &scenario)?;
            // What the library has is listed already.
            let listed = library.model(&word).is_ok();
            let scenario = Scenario { model: word.clone(), ..*scenario };
            Opened::Scenario(Box::new(scenario), (!listed).then(|| (word, Box::new(model))))
        }
    })
}

/// `~/` stands for the home folder, as in a shell.
fn at_home(path: String, home: Option<String>) -> String {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => format!("{home}/{rest}"),
        _ => path,
    }
}

/// What a key means now.
fn message(app: &App, chord: Chord) -> Message {
    let context = app.context();
    match (app.keymap.action(context, chord), chord.typed()) {
        (Some(action), _) => Message::Do(action),
        (None, Some(letter)) if context.takes_text() => Message::Type(letter),
        (None, _) => Message::Unbound(chord),
    }
}

fn open(library: &Library, start: Start) -> App {
    let mut scenario = start.scenario;
    let mut models: Vec<_> = library.model_listings().iter().map(Listed::new).collect();
    let gpus: Vec<_> = library.gpu_listings().iter().map(Listed::new).collect();
    let mut problem = None;
    if scenario.model.is_empty() {
        scenario.model = first(&models, FIRST_MODEL).unwrap_or_default();
    } else if models.iter().all(|listed| listed.word != scenario.model) {
        match preset::find_model(library, &scenario.model, Path::new(".")) {
            Ok(model) => models.push(Listed::opened(scenario.model.clone(), model)),
            Err(error) => problem = Some(error.to_string()),
        }
    }
    if scenario.gpu.is_none() {
        scenario.gpu = first(&gpus, start.usual_gpu.as_deref().unwrap_or(FIRST_GPU));
    }
    let problem = problem.or_else(|| library.problems().first().map(|error| format!("skipped: {error}")));
    let mut app = App::new(models, gpus, scenario, start.unit);
    app.suit_defaults();
    app.file = start.file.and_then(|file| match read(library, &file) {
        Ok(Opened::Scenario(scenario, _)) => Some((file, *scenario)),
        _ => None,
    });
    if let Some(problem) = problem {
        app.notice = Some(app::Notice { text: problem, refusal: true });
    }
    app
}

fn first<T>(list: &[Listed<T>], wanted: &str) -> Option<String> {
    let found = list.iter().find(|listed| listed.word == wanted).or_else(|| list.first());
    found.map(|listed| listed.word.clone())
}
