//! The explorer: a scenario on a screen, changed with keys.
//!
//! ```text
//!  terminal, signals ─► event ─► keymap, action ─► update ─► app ─► view ─► terminal
//!                                                    ├─► effect ─► (this file) ─► message
//!                                                    └─► job ─► worker ─► event
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
mod spot;
mod taste;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod update;
mod view;
mod widget;
mod wire;
mod worker;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::bail;

use app::{App, Listed};
use event::Event;
use keymap::Chord;
use spot::Spots;
use taste::look;
pub(crate) use taste::{check_keys, check_theme, standard_styles};
pub use taste::{keys_of, standard_keys};
use terminal::Session;
use theme::Theme;
use theme::colour::Depth;
use update::{Effect, Message, Opened, SaveFailure, update};
use worker::Worker;

use crate::located::PresetError;
use crate::open;
use crate::open::Input;
use crate::preset::config::FIRST_GPU;
use crate::preset::save::SaveError;
use crate::preset::{self, Library};
use crate::scenario::Scenario;
use crate::units::Unit;

/// What the explorer opens on.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The scenario; without a model or a card the first ones are taken.
    pub scenario: Scenario,
    /// Which of [`SUITED`](crate::memory::SUITED) somebody asked for, by its key.
    pub asked: Vec<&'static str>,
    /// The unit of all sizes.
    pub unit: Unit,
    /// Scenarios that are pinned, to be compared with.
    pub pins: Vec<Scenario>,
    /// The file that the scenario was read from.
    pub file: Option<String>,
    /// The folder of presets that was asked for, as it was typed.
    pub presets: Option<String>,
    /// A theme in place of everybody's, by its name or path.
    pub theme: Option<String>,
    /// A file of keys that are not everybody's.
    pub keys: Option<PathBuf>,
    /// The card where the scenario names none.
    pub usual_gpu: Option<String>,
    /// What is wrong with files of the user's, to be told on the first screen.
    pub problems: Vec<String>,
    /// Folders of the user's in which themes are looked for, the last first.
    pub folders: Vec<PathBuf>,
    /// Whether the mouse does something.
    pub mouse: bool,
    /// Whether to draw on the terminal also where standard output leads elsewhere, as what is printed at the end may.
    pub apart: bool,
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

/// How long a frame waits for curves that are being computed.
const SOON: Duration = Duration::from_millis(30);

/// How long events are taken in before the screen shows what came of them.
const LONGEST_BLIND: Duration = Duration::from_millis(50);

/// Runs the explorer until its user leaves it.
///
/// # Errors
/// Where there is no terminal, or it fails. The terminal is given back in every case.
#[expect(clippy::needless_pass_by_value, reason = "the explorer is the last to use its library")]
pub fn run(library: Library, start: Start) -> anyhow::Result<Outcome> {
    if !terminal::is_there(start.apart) {
        bail!("the explorer needs a terminal; without one use `brimful check` or `brimful estimate`");
    }
    let mouse = start.mouse;
    let (mut app, theme) = dressed(&library, start, of_terminal())?;
    let (sender, events) = event::listen()?;
    let mut worker = Worker::start(sender)?;
    let mut session = Session::enter(mouse)?;
    let mut waiting = None;
    loop {
        waiting = waiting.or_else(|| await_curves(&mut app, &mut worker, &events));
        let mut spots = Spots::default();
        session.draw(|frame| spots = view::draw(&app, theme, frame))?;
        worker.keep_busy(|| app.wanted());
        let mut next = Some(match waiting.take() {
            Some(event) => event,
            None => events.recv()?,
        });
        let (begun, mut seen) = (Instant::now(), true);
        while let Some(event) = next {
            // A click is meant for what is seen.
            if matches!(event, Event::Click(_) | Event::Wheel(..)) && !seen {
                waiting = Some(event);
                break;
            }
            seen = false;
            if matches!(event, Event::Done(_)) {
                worker.is_free();
            }
            if let ControlFlow::Break(signal) = take(&mut app, &library, &mut session, &spots, event)? {
                return Ok(Outcome { scenario: app.scenario, signal });
            }
            // A key that is held must not keep the screen from following.
            next = if begun.elapsed() < LONGEST_BLIND { events.try_recv().ok() } else { None };
        }
    }
}

/// Curves that are there soon are seen at once and not missed first; what happens meanwhile ends the wait.
fn await_curves(app: &mut App, worker: &mut Worker, events: &Receiver<Event>) -> Option<Event> {
    let begun = Instant::now();
    while app.lacks_curves() {
        worker.keep_busy(|| app.wanted());
        match events.recv_timeout(SOON.saturating_sub(begun.elapsed())) {
            Ok(Event::Done(done)) => {
                worker.is_free();
                app.take_done(done);
            }
            Ok(event) => return Some(event),
            Err(_) => return None,
        }
    }
    None
}

/// Takes in what happened; the explorer ends with a break, by the signal that asked for it where one did.
fn take(
    app: &mut App,
    library: &Library,
    session: &mut Session,
    spots: &Spots,
    event: Event,
) -> anyhow::Result<ControlFlow<Option<i32>>> {
    const ON: ControlFlow<Option<i32>> = ControlFlow::Continue(());
    let message = match event {
        Event::Key(chord) => message(app, chord),
        Event::Paste(text) => Message::Paste(text),
        Event::Click(cell) => match spots.at(cell) {
            Some(spot) => Message::Click(spot.clone()),
            None => return Ok(ON),
        },
        Event::Wheel(cell, up) => Message::Wheel(spots.panel(cell), up),
        Event::Resize => return Ok(ON),
        Event::End(signal) => return Ok(ControlFlow::Break(Some(signal))),
        Event::Stop => return session.suspend().map(|()| ON).map_err(Into::into),
        Event::Continue => return session.resume().map(|()| ON).map_err(Into::into),
        Event::Done(done) => {
            app.take_done(done);
            return Ok(ON);
        }
        Event::Lost(reason) => bail!(reason),
    };
    Ok(if perform(app, library, session, message)? { ControlFlow::Break(None) } else { ON })
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
            let place = preset::at_home(&path);
            let saved = preset::save::save(library, &app.scenario, Path::new(&place), replace);
            let saved = saved.map_err(|error| match error {
                SaveError::Exists(_) => SaveFailure::Exists,
                // The path stands in the field above.
                SaveError::Io { source, .. } => SaveFailure::Because(format!("not saved: {source}")),
            });
            update(app, Message::Saved(path, saved));
        }
        Some(Effect::Open(path)) => {
            let path = preset::at_home(&path);
            let opened = read(library, &path).map_err(|error| error.to_string());
            let path = match &opened {
                Ok(Opened::Model(_)) if library.model(&path).is_err() => open::path_word(Path::new(&path)),
                _ => path,
            };
            update(app, Message::Opened(path, opened));
        }
    }
    Ok(false)
}

/// The model or the scenario that a file holds.
fn read(library: &Library, path: &str) -> Result<Opened, PresetError> {
    Ok(match open::what_is(library, path)? {
        Input::Model => Opened::Model(Box::new(open::find_model(library, path, Path::new("."))?)),
        Input::Scenario(scenario) => {
            let (word, model) = open::model_of(library, Path::new(path), &scenario)?;
            // What the library has is listed already.
            let listed = library.model(&word).is_ok();
            let scenario = Scenario { model: word.clone(), ..*scenario };
            Opened::Scenario(Box::new(scenario), (!listed).then(|| (word, Box::new(model))))
        }
    })
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

/// The look and the colours that the environment says its terminal has.
fn of_terminal() -> (Theme, Depth) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    (Theme::from_env(variable), Depth::from_env(variable))
}

/// The explorer in the keys and the theme that are asked for.
fn dressed(library: &Library, start: Start, (base, depth): (Theme, Depth)) -> Result<(App, Theme), PresetError> {
    let theme = match &start.theme {
        Some(name) => look(name, &start.folders, base, depth)?,
        None => base,
    };
    let keymap = start.keys.as_deref().map_or_else(|| Ok(standard_keys()), keys_of)?;
    Ok((App { keymap, ..started(library, start) }, theme))
}

fn started(library: &Library, start: Start) -> App {
    let mut scenario = start.scenario;
    let mut models: Vec<_> = library.model_listings().iter().map(Listed::new).collect();
    let gpus: Vec<_> = library.gpu_listings().iter().map(Listed::new).collect();
    let mut problem = None;
    if scenario.model.is_empty() {
        scenario.model = first(&models, FIRST_MODEL).unwrap_or_default();
    }
    for word in start.pins.iter().map(|pin| &pin.model).chain([&scenario.model]) {
        if models.iter().all(|listed| listed.word != *word) {
            match open::find_model(library, word, Path::new(".")) {
                Ok(model) => models.push(Listed::opened(word.clone(), model)),
                Err(error) => problem = Some(error.to_string()),
            }
        }
    }
    if scenario.gpu.is_none() {
        let usual = start.usual_gpu.filter(|id| gpus.iter().any(|listed| listed.word == *id));
        scenario.gpu = usual.or_else(|| first(&gpus, FIRST_GPU));
    }
    problem = problem.or_else(|| told(&start.problems));
    if let Err(error) = library.profiles().settle(&mut scenario) {
        problem = problem.or_else(|| Some(error.to_string()));
    }
    let mut app = App::new((models, gpus, library.profiles()), scenario, start.unit);
    app.presets = start.presets;
    app.suit_unasked(&start.asked);
    app.file = start.file.and_then(|file| match read(library, &file) {
        Ok(Opened::Scenario(scenario, _)) => Some((file, *scenario)),
        _ => None,
    });
    for pin in start.pins {
        if let Err(reason) = update::pin(&mut app, pin) {
            problem = problem.or(Some(reason));
        }
    }
    if let Some(problem) = problem {
        app.notice = Some(app::Notice { text: problem, refusal: true });
    }
    app
}

/// The first of several problems. How many there are stands before it: its end may be cut off.
fn told(problems: &[String]) -> Option<String> {
    let first = problems.first()?;
    Some(match problems.len() {
        1 => format!("skipped: {first}"),
        count => format!("skipped, the first of {count} that are told when you leave: {first}"),
    })
}

fn first<T>(list: &[Listed<T>], wanted: &str) -> Option<String> {
    let found = list.iter().find(|listed| listed.word == wanted).or_else(|| list.first());
    found.map(|listed| listed.word.clone())
}
