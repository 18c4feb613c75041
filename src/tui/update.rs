//! How keys change the state. No terminal, no files, no clock: what needs those is returned as an [`Effect`].

mod change;
mod mouse;
mod overlay;
mod parameters;
mod pasted;
mod pins;
mod share;
mod solve;
mod steps;

pub(super) use pins::pin_other as pin;

use super::action::Action;
use super::adjust::Nudge;
use super::app::{App, Done, Listed, Overlay, Page, Picker};
use super::message::{Effect, Message, Opened};
use super::screen::{Focus, View};
use crate::memory::Step;
use crate::scenario::parameter::PARAMETERS;
use crate::scenario::{Estimator, Scenario};

/// Rows of a far step.
const FAR: isize = 5;

/// Takes in what happened.
pub(crate) fn update(app: &mut App, message: Message) -> Option<Effect> {
    let effect = match message {
        Message::Done(done) => {
            computed(app, done);
            None
        }
        Message::Do(Action::Suspend | Action::Repaint) | Message::Wheel(..) => take_in(app, message),
        message => {
            let before = app.asked.take();
            let effect = take_in(app, message);
            solve::ask_next(app, before);
            effect
        }
    };
    app.overlay = match app.overlay.take() {
        Some(Overlay::Picker(mut picker)) => {
            picker.ask(app);
            Some(Overlay::Picker(picker))
        }
        other => other,
    };
    match app.view {
        View::Sweep => app.refresh_sweep(),
        View::Plan => app.refresh_planning(),
        View::Models => app.refresh_lineup(),
        _ => {}
    }
    effect
}

/// Takes in what came of a job, where it is still of use.
fn computed(app: &mut App, done: Done) {
    match done {
        Done::Answered(asked, answer) => solve::answered(app, &asked, answer),
        Done::Ledger(scenario, ledger, edition) => app.take_ledger(&scenario, ledger, edition),
        Done::Swept(sweep) => app.take_sweep(*sweep),
        Done::Planned(layouts) => app.take_layouts(*layouts),
        Done::LinedUp(standings) => app.take_standings(*standings),
        Done::Tried(needs) => app.take_needs(*needs),
        Done::Cancelled => {}
    }
}

impl App {
    /// Computes here and now what the screen lacks: for pictures, which nobody waits for.
    pub(in crate::tui) fn settle(&mut self) {
        while let Some(job) = self.wanted() {
            update(self, Message::Done(job.run()));
        }
    }
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
        Message::Paste(text) => pasted::paste(app, &text),
        Message::Click(spot) => return mouse::click(app, spot),
        Message::Wheel(panel, up) => mouse::wheel(app, panel, up),
        Message::Unbound(chord) => app.refuse(format!("{} does nothing here", chord.show(true))),
        Message::Opened(path, outcome) => opened(app, &path, outcome),
        Message::Saved(path, outcome) => share::saved(app, path, outcome),
        Message::Done(done) => computed(app, done),
    }
    None
}

/// A key pressed in the list of parameters or in the view beside it.
fn act(app: &mut App, action: Action) {
    if app.in_view() && in_view(app, action) {
        return;
    }
    match action {
        Action::Up => parameters::go(app, -1),
        Action::Down => parameters::go(app, 1),
        Action::FarUp => parameters::go(app, -FAR),
        Action::FarDown => parameters::go(app, FAR),
        Action::First => parameters::go(app, isize::MIN),
        Action::Last => parameters::go(app, isize::MAX),
        Action::Less => parameters::nudge(app, Nudge { up: false, big: false }),
        Action::More => parameters::nudge(app, Nudge { up: true, big: false }),
        Action::MuchLess => parameters::nudge(app, Nudge { up: false, big: true }),
        Action::MuchMore => parameters::nudge(app, Nudge { up: true, big: true }),
        Action::Edit => parameters::edit(app),
        Action::PickModel => app.overlay = Some(Overlay::Picker(Picker::models(app))),
        Action::PickGpu => app.overlay = Some(Overlay::Picker(Picker::gpus(app))),
        Action::FlipTask => parameters::flip_task(app),
        Action::FlipEstimator => app.flip(|scenario| {
            let ledger = scenario.estimator == Estimator::Ledger;
            scenario.estimator = if ledger { Estimator::Sketch } else { Estimator::Ledger };
        }),
        Action::FlipStep => app.step = if app.step == Step::Steady { Step::First } else { Step::Steady },
        Action::FlipUnit => app.unit = app.unit.flipped(),
        Action::Show(view) => app.show(view),
        Action::SwitchFocus => {
            app.focus = if app.focus == Focus::View { Focus::Parameters } else { Focus::View };
            if let Some(rows) = app.pane().rows.filter(|_| app.in_view()) {
                (rows.go_to)(app, (rows.at)(app));
            }
        }
        Action::Order => app.pane().order.into_iter().for_each(|order| order(app)),
        Action::Group => app.pane().group.into_iter().for_each(|group| (group.next)(app)),
        Action::Pin => pins::pin(app),
        Action::Unpin => app.pane().unpin.into_iter().for_each(|unpin| unpin(app)),
        Action::Solve => solve::ask_furthest(app),
        Action::Fixes => solve::ask_advice(app),
        Action::Types => solve::ask_types(app),
        Action::Filter => app.overlay = Some(Overlay::Filter),
        Action::Save => share::open(app),
        Action::Palette => app.overlay = Some(Overlay::Picker(Picker::palette(app))),
        Action::Help => app.overlay = Some(Overlay::Help { page: Page::Keys, scroll: 0 }),
        Action::Notes => share::notes(app),
        Action::NextGroup => app.pane().to_group.into_iter().for_each(|go| go(app, 1)),
        Action::PreviousGroup => app.pane().to_group.into_iter().for_each(|go| go(app, -1)),
        Action::FoldAll => app.pane().fold.into_iter().for_each(|fold| fold(app)),
        Action::Undo => travel(app, true),
        Action::Redo => travel(app, false),
        Action::Back if !app.active_filter().text().is_empty() => app.active_filter_mut().clear(),
        Action::Back if app.stop_planning() => {
            app.say(String::from("stopped") + &app.with_key(Action::Show(View::Plan), "; {} goes on"));
        }
        Action::Back if app.in_view() => app.focus = Focus::Parameters,
        Action::Back => app.say(String::from("nothing to back out of") + &app.with_key(Action::Quit, "; {} quits")),
        // The rest belong to overlays, or were taken care of before.
        _ => {}
    }
}

/// A key that the rows of a view take for themselves; whether they did.
fn in_view(app: &mut App, action: Action) -> bool {
    let Some(rows) = app.pane().rows else { return false };
    match action {
        Action::Up => (rows.go)(app, -1),
        Action::Down => (rows.go)(app, 1),
        Action::FarUp => (rows.go)(app, -FAR),
        Action::FarDown => (rows.go)(app, FAR),
        Action::First => (rows.go)(app, isize::MIN),
        Action::Last => (rows.go)(app, isize::MAX),
        Action::Edit => (rows.take)(app),
        _ => return false,
    }
    true
}

/// Moves the cursor of the view by so many rows, where it has any.
fn go_in_view(app: &mut App, step: isize) {
    if let Some(rows) = app.pane().rows {
        (rows.go)(app, step);
    }
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
        Opened::Arguments(reading) => return pasted::take(app, &reading),
        Opened::Model(model) => (app.scenario.clone(), Some((path.to_owned(), model))),
        Opened::Scenario(scenario, model) => {
            // A scenario that names no card is held against the present one.
            let gpu = scenario.gpu.clone().or_else(|| app.scenario.gpu.clone());
            let read = Scenario { gpu, ..*scenario };
            let scenario = if again { share::kept(app, path, &read) } else { read.clone() };
            app.file = Some((path.to_owned(), read));
            (scenario, model)
        }
    };
    if let Some((word, model)) = model {
        app.forget_played(&word);
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
    match suited {
        Some(words) => app.say(words),
        None if again && app.notice.is_none() => app.say(format!("{path} is read again; what was changed stays")),
        None => {}
    }
}
