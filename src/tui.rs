//! The explorer: a scenario on a screen, changed with keys.
//!
//! ```text
//!  terminal, signals ─► event ─► keymap, action ─► update ─► app ─► view ─► terminal
//!                                                    ├─► effect ─► message
//!                                                    └─► job ─► worker ─► event
//! ```

pub mod action;
mod adjust;
mod app;
mod effect;
mod event;
mod field;
mod fuzzy;
mod glossary;
mod history;
mod inbox;
pub mod keymap;
mod marks;
mod message;
mod opening;
mod panes;
pub mod picture;
mod refusal;
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
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;

use app::App;
use effect::perform;
use event::Event;
use inbox::Inbox;
use keymap::Chord;
use message::Message;
use opening::{dressed, of_terminal, usual_theme};
use spot::Spots;
use taste::Dress;
pub(crate) use taste::{check_keys, check_theme, standard_styles};
pub use taste::{keys_of, standard_keys};
use terminal::Session;
use update::update;
use worker::Worker;

use crate::preset::Library;
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
    /// The cards that every run is held against in place of those that people know.
    pub fits_on: Vec<String>,
    /// What is wrong with files of the user's, to be told on the first screen.
    pub problems: Vec<String>,
    /// Folders of the user's in which themes are looked for, the last first.
    pub folders: Vec<PathBuf>,
    /// Whether the mouse does something.
    pub mouse: bool,
    /// Whether to draw on the terminal also where standard output leads elsewhere, as what is printed at the end may.
    pub apart: bool,
    /// Whether standard input has been read as the scenario, so that keys come from elsewhere.
    pub piped: bool,
}

/// How the explorer ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The scenario at the end.
    pub scenario: Scenario,
    /// The signal that ended it, where one did.
    pub signal: Option<i32>,
}

/// How long a frame waits for what is being computed.
const SOON: Duration = Duration::from_millis(30);

/// How long events are taken in before the screen shows what came of them.
const LONGEST_BLIND: Duration = Duration::from_millis(50);

/// Runs the explorer until its user leaves it.
///
/// # Errors
/// Where there is no terminal, or it fails. The terminal is given back in every case.
#[expect(clippy::needless_pass_by_value, reason = "the explorer is the last to use its library")]
pub fn run(library: Library, start: Start) -> anyhow::Result<Outcome> {
    if !terminal::is_there(start.apart, start.piped) {
        bail!("the explorer needs a terminal; without one use `brimful check` or `brimful estimate`");
    }
    let mouse = start.mouse;
    if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
        bail!("TERM=dumb has no screen to draw on; use `brimful check` or `brimful estimate`, or `brimful render`");
    }
    let theme = start.theme.clone().unwrap_or_else(|| usual_theme(|name| std::env::var(name).ok()).to_owned());
    let start = Start { theme: Some(theme), ..start };
    let (mut app, mut dress) = dressed(&library, start, of_terminal())?;
    let (sender, events) = event::listen()?;
    let mut worker = Worker::start(sender)?;
    let mut session = Session::enter(mouse)?;
    let mut inbox = Inbox::new(events);
    loop {
        await_soon(&mut app, &mut worker, &mut inbox);
        let mut spots = Spots::default();
        session.draw(|frame| spots = view::draw(&app, dress.theme, frame))?;
        worker.keep_busy(|| app.wanted());
        let mut next = Some(inbox.next()?);
        let (begun, mut seen) = (Instant::now(), true);
        while let Some(event) = next {
            // A click is meant for what is seen.
            if matches!(event, Event::Click(_) | Event::Wheel(..)) && !seen {
                inbox.put_back(event);
                break;
            }
            seen = false;
            if matches!(event, Event::Done(_)) {
                worker.is_free();
            }
            let waits = app.asked.is_some();
            if let ControlFlow::Break(signal) = take(&mut app, &library, (&mut session, &mut dress), &spots, event)? {
                return Ok(Outcome { scenario: app.scenario, signal });
            }
            if !waits {
                await_answer(&mut app, &mut worker, &mut inbox);
            }
            // A key that is held must not keep the screen from following.
            next = if begun.elapsed() < LONGEST_BLIND { inbox.waiting() } else { None };
        }
    }
}

/// What is there soon is seen at once and not missed first; what happens meanwhile ends the wait.
fn await_soon(app: &mut App, worker: &mut Worker, inbox: &mut Inbox) {
    let begun = Instant::now();
    while app.lacks_something() {
        worker.keep_busy(|| app.wanted());
        match inbox.within(SOON.saturating_sub(begun.elapsed())) {
            Some(Event::Done(done)) => {
                worker.is_free();
                update(app, Message::Done(done));
            }
            Some(event) => return inbox.put_back(event),
            None => return,
        }
    }
}

/// An answer that is there soon is had before the next key, which might have been typed with it in mind.
fn await_answer(app: &mut App, worker: &mut Worker, inbox: &mut Inbox) {
    let begun = Instant::now();
    while app.asked.is_some() {
        worker.keep_busy(|| app.wanted());
        let Some(done) = inbox.done_within(SOON.saturating_sub(begun.elapsed())) else { return };
        worker.is_free();
        update(app, Message::Done(done));
    }
}

/// Takes in what happened; the explorer ends with a break, by the signal that asked for it where one did.
fn take(
    app: &mut App,
    library: &Library,
    (session, dress): (&mut Session, &mut Dress),
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
        Event::Done(done) => Message::Done(done),
        Event::Lost(reason) => bail!(reason),
    };
    Ok(if perform(app, library, (session, dress), message)? { ControlFlow::Break(None) } else { ON })
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
