//! Solving for a value, and what to change so that a run fits: asked by one message, answered by another.

use crate::memory::beyond_positions;
use crate::scenario::Value;
use crate::scenario::parameter::Parameter;
use crate::solve::types::{KEYS, Types};
use crate::solve::{Fix, Furthest, Largest, Stop, apply};
use crate::tui::action::Action;
use crate::tui::app::{Answer, App, Asked, Overlay, Question, changes_in_words};
use crate::units::grouped;

/// Asks for the furthest value of the parameter under the cursor that fits.
pub(super) fn ask_furthest(app: &mut App) {
    let rows = app.rows();
    let Some(index) = rows.get(app.row(&rows)) else { return };
    match has_card(app, "fill") {
        Ok(()) => app.ask(Question::Furthest(*index)),
        Err(reason) => app.refuse(reason),
    }
}

/// Asks what to change so that it fits, or what its room is enough for.
pub(super) fn ask_advice(app: &mut App) {
    match has_card(app, "fit on").and_then(|()| app.estimate.as_ref().map(drop).map_err(Clone::clone)) {
        Ok(()) => app.ask(Question::Advice),
        Err(reason) => app.refuse(reason),
    }
}

/// Asks what the run needs under each type of weights and of caches.
pub(super) fn ask_types(app: &mut App) {
    match has_card(app, "fit on") {
        Ok(()) => app.ask(Question::Types),
        Err(reason) => app.refuse(reason),
    }
}

/// The table of types, on the types that the run has.
fn show_types(app: &mut App, types: Types) {
    let [weights, cache] = KEYS.map(|key| {
        Parameter::by_key(key).map(|parameter| parameter.get(&app.scenario).to_string()).unwrap_or_default()
    });
    if types.weights.is_empty() {
        return app.refuse("there is no type of weights that this run could have");
    }
    let row = types.weights.iter().position(|(word, _)| *word == weights).unwrap_or(0);
    let column = types.caches.iter().position(|word| *word == cache).unwrap_or(0);
    app.overlay = Some(Overlay::Types { types, at: (row, column) });
}

/// Serves with the types that are marked.
pub(super) fn take_types(app: &mut App, types: &Types, (row, column): (usize, usize)) {
    let words = types.weights.get(row).map(|(word, _)| *word).into_iter().chain(types.caches.get(column).copied());
    let changes: Vec<(&'static str, Value)> =
        KEYS.into_iter().zip(words).map(|(key, word)| (key, Value::Word(word.to_owned()))).collect();
    make(app, &changes);
}

/// An error where the run has no card that one could do something with.
fn has_card(app: &App, todo: &str) -> Result<(), String> {
    let is_there = app.model_of(&app.scenario).is_some() && app.gpu_of(&app.scenario).is_some();
    let chooses = app.with_key(Action::PickGpu, ": {} chooses one");
    is_there.then_some(()).ok_or_else(|| format!("there is no card to {todo}{chooses}"))
}

/// A key cancels what was asked before it, unless it asks the same; and what it asks itself comes before all else.
pub(super) fn ask_next(app: &mut App, before: Option<Asked>) {
    let is_same =
        |asked: &Asked, before: &Asked| asked.question == before.question && asked.scenario == before.scenario;
    match (&app.asked, before) {
        (None, None) => {}
        (Some(asked), Some(before)) if is_same(asked, &before) => app.asked = Some(before),
        (Some(_), _) => app.cancellation.cancel(),
        (None, Some(before)) => {
            app.cancellation.cancel();
            if app.notice.is_none() {
                app.say(format!("no longer looking for {}", before.question.words()));
            }
        }
    }
}

/// Takes in what was found, where it is still waited for.
pub(super) fn answered(app: &mut App, of: &Asked, answer: Answer) {
    let waits = |asked: &mut Asked| (asked.question, &asked.scenario) == (of.question, &of.scenario);
    let Some(asked) = app.asked.take_if(waits) else { return };
    match answer {
        Answer::ByTensors(found) => app.asked = Some(Asked { by_tensors: Some(found), ..asked }),
        Answer::Advice(list) if list.is_empty() => app.refuse("there is nothing to change that would help"),
        Answer::Advice(list) => app.overlay = Some(Overlay::Advice { list, selected: 0 }),
        Answer::Types(types) => show_types(app, types),
        Answer::Furthest(_, Err(reason)) => app.refuse(reason),
        Answer::Furthest(parameter, Ok((found, sure))) => solved(app, parameter, found, sure),
    }
}

/// Puts the furthest value that fits into its parameter; up to `sure` it fits surely.
fn solved(app: &mut App, parameter: &Parameter, found: Furthest, sure: Option<u64>) {
    let label = parameter.label;
    let (found, word) = match found {
        Furthest::Indifferent => return app.refuse(format!("{label} changes nothing here")),
        Furthest::Largest(found) => (found, "largest"),
        Furthest::Smallest(found) => (found, "smallest"),
    };
    let Some(value) = found.value else {
        let most = app.unit.show(found.needs);
        return app.refuse(format!("no {label} fits: it would still need {most}"));
    };
    let now = parameter.get(&app.scenario);
    let same = app.estimate.as_ref().is_ok_and(|estimate| estimate.ledger.total() == found.needs);
    if matches!(found.stopped_by, Stop::End(_)) && same && now != Value::Count(value) {
        return app.refuse(format!("a larger {label} takes no more memory; it goes up to {}", grouped(value)));
    }
    let already = now == Value::Count(value);
    if let Err(reason) = app.set(parameter, Value::Count(value), false) {
        return app.refuse(reason);
    }
    let is = if already { "is already" } else { "is" };
    let made_for = app.model_of(&app.scenario).and_then(|model| beyond_positions(model, &app.scenario));
    let made_for = made_for.map(|words| format!("; {words}")).unwrap_or_default();
    let stop = stop(app, &found, word, value);
    let sure = match sure {
        Some(sure) if sure == value => String::new(),
        Some(sure) => format!("; up to {} surely", grouped(sure)),
        None => String::from("; tight"),
    };
    app.say(format!("{} {is} the {word} {label} that fits{sure}; {stop}{made_for}", grouped(value)));
}

/// What stops the next value.
fn stop(app: &App, found: &Largest, word: &str, value: u64) -> String {
    let next = if word == "largest" { value.saturating_add(1) } else { value.saturating_sub(1) };
    match &found.stopped_by {
        Stop::Capacity(bytes) => {
            let capacity = app.gpu_of(&app.scenario).and_then(|gpu| gpu.capacity().ok()).unwrap_or_default();
            format!("{} is over by {}", grouped(next), app.unit.show(bytes.saturating_sub(capacity)))
        }
        Stop::End(reason) => reason.clone(),
    }
}

/// Makes one of the changes.
pub(super) fn take(app: &mut App, fix: &Fix) {
    make(app, &fix.changes);
}

fn make(app: &mut App, changes: &[(&'static str, Value)]) {
    let Some(run) = apply(&app.scenario, changes) else { return };
    match app.change(run, false) {
        Ok(()) => app.say(changes_in_words(changes) + &app.with_key(Action::Undo, "; {} takes it back")),
        Err(reason) => app.refuse(reason),
    }
}
