//! Keys in the list of parameters.

use super::{FAR, steps};
use crate::memory::most_that_says_more;
use crate::scenario::parameter::{Kind, PARAMETERS, Parameter};
use crate::scenario::{Task, Value};
use crate::tui::adjust::{self, Nudge};
use crate::tui::app::{App, Listed, Overlay, Picker};
use crate::tui::field::Field;
use crate::tui::screen::moved;

/// Moves the cursor by so many rows.
pub(super) fn go(app: &mut App, step: isize) {
    let rows = app.rows();
    if let Some(index) = rows.get(moved(app.row(&rows), rows.len(), step)) {
        app.cursor = *index;
    }
}

/// Changes the parameter under the cursor by a step.
pub(super) fn nudge(app: &mut App, nudge: Nudge) {
    let Some(parameter) = app.focused() else { return };
    if matches!(parameter.kind, Kind::Choice { .. } | Kind::Framework) {
        if let Err(reason) = next_choice(app, parameter, nudge) {
            app.refuse(reason);
        }
        return;
    }
    if steps::walks(parameter) {
        if let Err(reason) = steps::next_legal(app, parameter, nudge) {
            app.refuse(reason);
        }
        return;
    }
    let value = match parameter.key {
        "model" => neighbour(&app.models, &app.scenario.model, nudge),
        "gpu" => neighbour(&app.gpus, app.scenario.gpu.as_deref().unwrap_or_default(), nudge),
        _ => as_far_as_it_says(app, parameter, nudge).and_then(|value| adjust::nudge(parameter, &value, nudge)),
    };
    let forced = matches!(parameter.kind, Kind::Word);
    if let Err(reason) = value.and_then(|value| app.set(parameter, value, forced)) {
        app.refuse(reason);
    }
}

/// The value of a parameter from where a step of it changes something.
fn as_far_as_it_says(app: &App, parameter: &Parameter, nudge: Nudge) -> Result<Value, String> {
    let value = parameter.get(&app.scenario);
    let most = app.model_of(&app.scenario).and_then(|model| most_that_says_more(model, parameter.key));
    match (&value, most) {
        (Value::Count(now), Some(most)) if *now >= most && nudge.up => {
            Err(format!("{most} are all the {} there are", parameter.label))
        }
        (Value::Count(now), Some(most)) => Ok(Value::Count(most.min(*now))),
        _ => Ok(value),
    }
}

/// The next choice that has a ledger; those that have none are passed over, and named.
fn next_choice(app: &mut App, parameter: &'static Parameter, nudge: Nudge) -> Result<(), String> {
    let now = parameter.get(&app.scenario);
    let (mut value, mut passed, mut why) = (now.clone(), Vec::new(), None);
    loop {
        let (words, optional) = app.choices(parameter).unwrap_or_default();
        value = adjust::choice(parameter, &value, nudge, &words, optional)?;
        if value == now {
            return Err(why.unwrap_or_default());
        }
        let legal = app.is_legal(parameter, &value);
        match legal.and_then(|()| app.set(parameter, value.clone(), false)) {
            Ok(()) if passed.is_empty() => return Ok(()),
            Ok(()) => {
                app.say(format!("{} cannot do this run", passed.join(", ")));
                return Ok(());
            }
            Err(reason) => {
                passed.push(value.to_string());
                why = why.or(Some(reason));
            }
        }
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

/// Types an exact value, opens what the row chooses from, or turns it over.
pub(super) fn edit(app: &mut App) {
    let Some(parameter) = app.focused() else { return };
    app.overlay = match (parameter.key, parameter.kind) {
        ("model", _) => Some(Overlay::Picker(Picker::models(app))),
        ("gpu", _) => Some(Overlay::Picker(Picker::gpus(app))),
        (_, Kind::Choice { .. } | Kind::Framework) => Picker::choices(app, parameter).map(Overlay::Picker),
        (_, Kind::Flag) => {
            nudge(app, Nudge { up: true, big: false });
            None
        }
        _ => {
            let text = match parameter.get(&app.scenario) {
                Value::Unset => String::new(),
                value => value.to_string(),
            };
            Some(Overlay::Value { parameter, field: Field::selected(text), understood: None, error: None })
        }
    };
}

/// Training or inference; the cursor goes to what stands for its row there.
pub(super) fn flip_task(app: &mut App) {
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
