//! How keys change the state. No terminal, no files, no clock: what needs those is returned as an [`Effect`].

mod cards;
mod compare;
mod entries;
mod overlay;
mod share;
mod solve;

use super::action::Action;
use super::adjust::{self, Nudge};
use super::app::{App, Listed, Notice, Overlay, Picker, blamed};
use super::field::Field;
use super::keymap::Chord;
use super::screen::{Focus, View};
use crate::memory::{Step, only_attention};
use crate::model::Model;
use crate::model::family::PositionKind;
use crate::scenario::parameter::{Kind, PARAMETERS, Parameter};
use crate::scenario::{Estimator, Scenario, Task, Value};

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// A key of the table.
    Do(Action),
    /// A letter, where text is typed.
    Type(char),
    /// A pasted text.
    Paste(String),
    /// A key that is bound to nothing here.
    Unbound(Chord),
    /// The outcome of [`Effect::Open`].
    Opened(String, Result<Opened, String>),
    /// The outcome of [`Effect::Save`].
    Saved(String, Result<(), SaveFailure>),
}

/// Why a file was not saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SaveFailure {
    /// There is one already.
    Exists,
    /// For this reason.
    Because(String),
}

/// Something that the run loop must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// End the program.
    Quit,
    /// Stop until the shell resumes it.
    Suspend,
    /// Draw every cell afresh.
    Repaint,
    /// Send a text to the clipboard of the terminal.
    Copy(String),
    /// Send the scenario as a file to the clipboard of the terminal.
    CopyScenario,
    /// Write the scenario to a file, in place of another only if so asked, and answer with [`Message::Saved`].
    Save(String, bool),
    /// Read a model or a scenario from a file and answer with [`Message::Opened`].
    Open(String),
}

/// What a file held.
#[derive(Debug, Clone)]
pub(crate) enum Opened {
    /// A model.
    Model(Box<Model>),
    /// A scenario, and the model that it names with its word, where that is not one of the library's.
    Scenario(Box<Scenario>, Option<(String, Box<Model>)>),
}

/// Rows of a far step.
const FAR: isize = 5;

/// Takes in what happened.
pub(crate) fn update(app: &mut App, message: Message) -> Option<Effect> {
    let effect = take_in(app, message);
    app.overlay = match app.overlay.take() {
        Some(Overlay::Picker(mut picker)) => {
            picker.ask(app);
            Some(Overlay::Picker(picker))
        }
        other => other,
    };
    if app.view == View::Sweep {
        app.refresh_sweep();
    }
    effect
}

fn take_in(app: &mut App, message: Message) -> Option<Effect> {
    app.notice = None;
    match message {
        Message::Do(Action::Quit) => return Some(Effect::Quit),
        Message::Do(Action::Suspend) => return Some(Effect::Suspend),
        Message::Do(Action::Repaint) => return Some(Effect::Repaint),
        Message::Do(action) => {
            if let Some(reason) = app.refusal(action) {
                app.refuse(reason);
            } else if app.overlay.is_some() {
                return overlay::act(app, action);
            } else if let Some(effect) = share::act(app, action) {
                return Some(effect);
            } else {
                act(app, action);
            }
        }
        Message::Type(letter) => overlay::edit(app, |field| field.insert(letter)),
        Message::Paste(text) if app.context().takes_text() => overlay::edit(app, |field| field.paste(&text)),
        Message::Paste(_) => app.refuse("nothing to paste into here"),
        Message::Unbound(chord) => app.refuse(format!("{} does nothing here", chord.show(true))),
        Message::Opened(path, outcome) => opened(app, &path, outcome),
        Message::Saved(path, outcome) => share::saved(app, path, outcome),
    }
    None
}

/// A key pressed in the list of parameters or in the view beside it.
fn act(app: &mut App, action: Action) {
    if app.in_view() && in_view(app, action) {
        return;
    }
    match action {
        Action::Up => go(app, -1),
        Action::Down => go(app, 1),
        Action::FarUp => go(app, -FAR),
        Action::FarDown => go(app, FAR),
        Action::First => go(app, isize::MIN),
        Action::Last => go(app, isize::MAX),
        Action::Less => nudge(app, Nudge { up: false, big: false }),
        Action::More => nudge(app, Nudge { up: true, big: false }),
        Action::MuchLess => nudge(app, Nudge { up: false, big: true }),
        Action::MuchMore => nudge(app, Nudge { up: true, big: true }),
        Action::Edit => edit(app),
        Action::PickModel => app.overlay = Some(Overlay::Picker(Picker::models(app))),
        Action::PickGpu => app.overlay = Some(Overlay::Picker(Picker::gpus(app))),
        Action::FlipTask => flip_task(app),
        Action::FlipEstimator => app.flip(|scenario| {
            let ledger = scenario.estimator == Estimator::Ledger;
            scenario.estimator = if ledger { Estimator::Sketch } else { Estimator::Ledger };
        }),
        Action::FlipStep => app.step = if app.step == Step::Steady { Step::First } else { Step::Steady },
        Action::FlipUnit => app.unit = app.unit.flipped(),
        Action::Show(view) => show(app, view),
        Action::SwitchFocus => {
            app.focus = if app.focus == Focus::View { Focus::Parameters } else { Focus::View };
        }
        Action::Order => order(app),
        Action::Group if app.view == View::Cards => cards::next_vendor(app),
        Action::Group => entries::reorder(app, |entries| entries.by_place = !entries.by_place),
        Action::Pin => compare::pin(app),
        Action::Unpin => compare::unpin(app),
        Action::Solve => solve::solve(app),
        Action::Fixes => solve::open(app),
        Action::Filter => app.overlay = Some(Overlay::Filter),
        Action::Save => share::open(app),
        Action::Palette => app.overlay = Some(Overlay::Picker(Picker::palette(app))),
        Action::Help => app.overlay = Some(Overlay::Help { scroll: 0 }),
        Action::Undo => travel(app, true),
        Action::Redo => travel(app, false),
        Action::Back if !app.active_filter().text().is_empty() => app.active_filter_mut().clear(),
        Action::Back if app.in_view() => app.focus = Focus::Parameters,
        Action::Back => app.say("nothing to back out of; q quits"),
        // The rest belong to overlays, or were taken care of before.
        _ => {}
    }
}

/// Training or inference; the cursor goes to what stands for its row there.
fn flip_task(app: &mut App) {
    const PAIRS: [[&str; 2]; 3] = [
        ["train.micro_batch_size", "infer.concurrency"],
        ["train.sequence_length", "infer.context_length"],
        ["train.precision", "infer.weights"],
    ];
    let focused = app.focused().map_or("", |parameter| parameter.key);
    app.flip(|scenario| {
        scenario.task = if scenario.task == Task::Train { Task::Infer } else { Task::Train };
    });
    let pair = PAIRS.iter().find(|pair| pair.contains(&focused)).unwrap_or(&PAIRS[0]);
    let wanted = pair[usize::from(app.scenario.task == Task::Infer)];
    let belongs = focused.starts_with(app.scenario.task.word()) || !focused.contains('.');
    if let Some(index) = PARAMETERS.iter().position(|parameter| parameter.key == wanted).filter(|_| !belongs) {
        app.cursor = index;
    }
}

/// A key that the rows of a view take for themselves; whether they did.
fn in_view(app: &mut App, action: Action) -> bool {
    let step = match action {
        Action::Up => -1,
        Action::Down => 1,
        Action::FarUp => -FAR,
        Action::FarDown => FAR,
        Action::First => isize::MIN,
        Action::Last => isize::MAX,
        Action::Edit => {
            match app.view {
                View::Cards => cards::take(app),
                View::Compare => compare::take(app),
                View::Ledger => entries::take(app),
                View::Fit | View::Sweep | View::Timeline => {}
            }
            return true;
        }
        _ => return false,
    };
    go_in_view(app, step);
    true
}

/// Moves the cursor of the view by so many rows.
fn go_in_view(app: &mut App, step: isize) {
    match app.view {
        View::Cards => cards::go(app, step),
        View::Compare => compare::go(app, step),
        View::Ledger => entries::go(app, step),
        View::Fit | View::Sweep | View::Timeline => {}
    }
}

/// Another order of rows, or another scale.
fn order(app: &mut App) {
    match app.view {
        View::Cards => app.cards.order = app.cards.order.next(),
        View::Sweep => app.sweep.linear = !app.sweep.linear,
        View::Ledger => entries::reorder(app, |entries| entries.order = entries.order.next()),
        View::Fit | View::Compare | View::Timeline => {}
    }
}

/// Shows a view; one with rows gets the arrow keys.
fn show(app: &mut App, view: View) {
    app.view = view;
    app.focus = if view.has_rows() { Focus::View } else { Focus::Parameters };
}

impl App {
    /// Answers the last key.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), refusal: false });
    }

    /// Says why the last key did nothing.
    pub(super) fn refuse(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), refusal: true });
    }

    /// Puts a scenario in place of the present one, which can be had back.
    ///
    /// One that has no ledger is kept out as long as the present one has one, unless it is `forced`: then the
    /// reason is shown where the bars were.
    pub(super) fn change(&mut self, scenario: Scenario, forced: bool) -> Result<(), String> {
        if scenario == self.scenario {
            return Ok(());
        }
        let estimate = self.estimate_of(&scenario);
        if let (Err(reason), Ok(_), false) = (&estimate, &self.estimate, forced) {
            return Err(reason.clone());
        }
        self.history.record(std::mem::replace(&mut self.scenario, scenario));
        self.put(estimate);
        Ok(())
    }

    /// Puts a value into a parameter.
    pub(super) fn set(&mut self, parameter: &Parameter, value: Value, forced: bool) -> Result<(), String> {
        let mut scenario = self.scenario.clone();
        parameter.set(&mut scenario, value).map_err(|error| error.to_string())?;
        let suited = if parameter.key == "model" { self.suit(&mut scenario) } else { None };
        self.change(scenario, forced)?;
        if let Some(words) = suited {
            self.say(words);
        }
        Ok(())
    }

    /// Makes a scenario one that its model can run, so that choosing the model shows its memory and not an error: no
    /// longer than its learned positions, with the only attention that its code has; what was done, in words.
    pub(super) fn suit(&self, scenario: &mut Scenario) -> Option<String> {
        let model = self.model_of(scenario)?;
        let most = model.architecture.max_position_embeddings;
        let learned = model.architecture.positions == PositionKind::Learned;
        let only = only_attention(model).filter(|only| *only != scenario.train.attention);
        let mut words = Vec::new();
        let lengths = [&mut scenario.train.sequence_length, &mut scenario.infer.context_length];
        let image = model.architecture.image.is_some();
        let unfit = |length: u64| learned && (length > most || image && length != most);
        let long: Vec<&mut u64> = lengths.into_iter().filter(|length| unfit(**length)).collect();
        if !long.is_empty() {
            let why = if image { "that is what an image is" } else { "the model has learned no more positions" };
            words.push(format!("sequences are {most} tokens now: {why}"));
        }
        for length in long {
            *length = most;
        }
        if let Some(only) = only {
            scenario.train.attention = only;
            words.push(format!("attention is {} now: no fused kernel computes this model's", only.word()));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// Does the same where the values are those that nobody asked for.
    pub(super) fn suit_defaults(&mut self) {
        let (mut scenario, defaults) = (self.scenario.clone(), Scenario::default());
        if scenario.train.sequence_length == defaults.train.sequence_length
            && scenario.infer.context_length == defaults.infer.context_length
            && scenario.train.attention == defaults.train.attention
            && let Some(words) = self.suit(&mut scenario)
        {
            self.estimate = self.estimate_of(&scenario);
            self.scenario = scenario;
            self.say(words);
        }
    }

    fn flip(&mut self, change: impl FnOnce(&mut Scenario)) {
        let mut scenario = self.scenario.clone();
        change(&mut scenario);
        if let Err(reason) = self.change(scenario, true) {
            self.refuse(reason);
        }
    }

    fn put(&mut self, estimate: Result<super::app::Estimate, String>) {
        self.estimate = estimate;
        if let Err(reason) = &self.estimate {
            // The cursor goes to what is at fault, so that the next arrow key can mend it.
            self.cursor = blamed(reason).unwrap_or(self.cursor);
        }
        if self.estimate.as_ref().is_ok_and(|estimate| !estimate.first_step_differs()) {
            self.step = Step::Steady;
        }
    }
}

/// A place in a list after a step; single steps go round, longer ones stop at the ends.
pub(super) fn moved(from: usize, length: usize, step: isize) -> usize {
    let last = length.saturating_sub(1);
    match step {
        -1 if from == 0 => last,
        1 if from >= last => 0,
        _ => from.saturating_add_signed(step).min(last),
    }
}

fn go(app: &mut App, step: isize) {
    let rows = app.rows();
    if let Some(index) = rows.get(moved(app.row(&rows), rows.len(), step)) {
        app.cursor = *index;
    }
}

fn nudge(app: &mut App, nudge: Nudge) {
    let Some(parameter) = app.focused() else { return };
    let value = match parameter.key {
        "model" => neighbour(&app.models, &app.scenario.model, nudge),
        "gpu" => neighbour(&app.gpus, app.scenario.gpu.as_deref().unwrap_or_default(), nudge),
        _ => adjust::nudge(parameter, &parameter.get(&app.scenario), nudge),
    };
    let forced = matches!(parameter.kind, Kind::Word);
    if let Err(reason) = value.and_then(|value| app.set(parameter, value, forced)) {
        app.refuse(reason);
    }
}

/// The next thing of a catalogue, round and round.
fn neighbour<T>(list: &[Listed<T>], now: &str, nudge: Nudge) -> Result<Value, String> {
    if list.is_empty() {
        return Err(String::from("the catalogue is empty"));
    }
    let here = list.iter().position(|listed| listed.word == now);
    let step = if nudge.big { FAR } else { 1 } * if nudge.up { 1 } else { -1 };
    let next = here.map_or(0, |here| moved(here, list.len(), step));
    Ok(Value::Word(list[next].word.clone()))
}

fn edit(app: &mut App) {
    let Some(parameter) = app.focused() else { return };
    app.overlay = match (parameter.key, parameter.kind) {
        ("model", _) => Some(Overlay::Picker(Picker::models(app))),
        ("gpu", _) => Some(Overlay::Picker(Picker::gpus(app))),
        (_, Kind::Choice { .. }) => Picker::choices(app, parameter).map(Overlay::Picker),
        (_, Kind::Flag) => {
            nudge(app, Nudge { up: true, big: false });
            None
        }
        _ => {
            let text = match parameter.get(&app.scenario) {
                Value::Unset => String::new(),
                value => value.to_string(),
            };
            Some(Overlay::Value { parameter, field: Field::new(text), error: None })
        }
    };
}

fn travel(app: &mut App, back: bool) {
    let now = app.scenario.clone();
    let there = if back { app.history.undo(now) } else { app.history.redo(now) };
    if let Some(scenario) = there {
        let changed = PARAMETERS.iter().position(|p| p.get(&scenario) != p.get(&app.scenario));
        app.scenario = scenario;
        let estimate = app.estimate_of(&app.scenario);
        app.put(estimate);
        if let Some(index) = changed {
            let parameter = &PARAMETERS[index];
            app.say(format!("{}: {}", parameter.label, parameter.get(&app.scenario)));
        }
    }
}

fn opened(app: &mut App, path: &str, outcome: Result<Opened, String>) {
    let opened = match (outcome, &mut app.overlay) {
        (Ok(opened), _) => opened,
        (Err(reason), Some(Overlay::Picker(picker))) => {
            picker.error = Some(reason);
            return;
        }
        (Err(reason), _) => return app.refuse(reason),
    };
    // Opened by name it is as it is written; read again it keeps what was changed.
    let again = app.overlay.take().is_none();
    let (mut scenario, model) = match opened {
        Opened::Model(model) => (app.scenario.clone(), Some((path.to_owned(), model))),
        Opened::Scenario(scenario, model) => {
            // A scenario that names no card is held against the present one.
            let gpu = scenario.gpu.clone().or_else(|| app.scenario.gpu.clone());
            let read = Scenario { gpu, profiles: app.scenario.profiles.clone(), ..*scenario };
            let scenario = if again { share::kept(app, path, &read) } else { read.clone() };
            app.file = Some((path.to_owned(), read));
            (scenario, model)
        }
    };
    if let Some((word, model)) = model {
        app.models.retain(|listed| listed.word != word);
        app.models.insert(0, Listed::opened(word.clone(), *model));
        scenario.model = word;
    }
    let suited = app.suit(&mut scenario);
    if scenario == app.scenario {
        // The same file, read again: what it says now counts.
        let estimate = app.estimate_of(&scenario);
        app.put(estimate);
    } else if let Err(reason) = app.change(scenario, true) {
        app.refuse(reason);
    }
    if let Some(words) = suited {
        app.say(words);
    }
}
