//! Keys while something lies over the view.

use super::FAR;
use crate::scenario::parameter::{PARAMETERS, Parameter};
use crate::tui::action::{Action, BINDINGS, help_lines};
use crate::tui::app::{App, Overlay, Page, Picker, Target};
use crate::tui::field::Field;
use crate::tui::glossary;
use crate::tui::message::{Effect, Message};
use crate::tui::screen::{Focus, moved};

/// A key of the table.
pub(super) fn act(app: &mut App, action: Action) -> Option<Effect> {
    match action {
        Action::Back => back(app),
        Action::Accept => return accept(app),
        Action::Up => go(app, -1),
        Action::Down => go(app, 1),
        Action::Less => go_beside(app, -1),
        Action::More => go_beside(app, 1),
        Action::FarUp => go(app, -FAR),
        Action::FarDown => go(app, FAR),
        Action::First => go(app, isize::MIN),
        Action::Last => go(app, isize::MAX),
        Action::Erase => edit(app, Field::erase),
        Action::Delete => edit(app, Field::delete),
        Action::Clear => edit(app, Field::clear),
        Action::Mark => mark(app),
        Action::Turn => {
            if let Some(Overlay::Help { page, scroll }) = &mut app.overlay {
                (*page, *scroll) = (page.other(), 0);
            }
        }
        Action::Copy => {
            if let Some(Overlay::Reading(reading)) = &app.overlay {
                return Some(Effect::Copy(reading.paragraphs.join("\n") + "\n"));
            }
            return app.pane().copy.and_then(|copy| copy(app));
        }
        Action::CursorLeft => edit(app, Field::left),
        Action::CursorRight => edit(app, Field::right),
        Action::CursorStart => edit(app, Field::home),
        Action::CursorEnd => edit(app, Field::end),
        // The rest are keys of the view.
        _ => {}
    }
    None
}

/// Changes the text that is being typed, and what follows from it.
pub(super) fn edit(app: &mut App, change: impl FnOnce(&mut Field)) {
    match &mut app.overlay {
        Some(Overlay::Picker(picker)) => {
            let before = picker.query.text().to_owned();
            change(&mut picker.query);
            if picker.query.text() != before {
                picker.narrow();
                // Of rows that are seen no more nothing more is wanted.
                app.cancellation.cancel();
            }
        }
        Some(Overlay::Value { parameter, field, .. }) => {
            change(field);
            let (parameter, field) = (*parameter, field.clone());
            let understood = app.understood(parameter, field.text());
            app.overlay = Some(Overlay::Value { parameter, field, understood, error: None });
        }
        Some(Overlay::Save { field, error, replaces }) => {
            change(field);
            (*error, *replaces) = (None, None);
        }
        Some(Overlay::Filter) => change(app.active_filter_mut()),
        Some(
            Overlay::Help { .. }
            | Overlay::Advice { .. }
            | Overlay::Types { .. }
            | Overlay::Explanation(_)
            | Overlay::Reading(_),
        )
        | None => {}
    }
}

/// Marks the model under the cursor, or takes its mark away.
fn mark(app: &mut App) {
    match &mut app.overlay {
        Some(Overlay::Picker(picker)) if matches!(picker.target, Target::Model) => picker.mark(),
        _ => app.refuse("only models can be marked"),
    }
}

fn back(app: &mut App) {
    if matches!(app.overlay, Some(Overlay::Filter)) {
        app.active_filter_mut().clear();
    }
    app.overlay = None;
}

pub(super) fn go(app: &mut App, step: isize) {
    let in_view = app.in_view();
    match &mut app.overlay {
        Some(Overlay::Picker(picker)) => {
            picker.go(step);
            app.cancellation.cancel();
        }
        Some(Overlay::Help { page, scroll }) => {
            let lines = match page {
                Page::Keys => help_lines(),
                Page::Words => glossary::lines(),
            };
            *scroll = scroll.saturating_add_signed(step).min(lines.saturating_sub(1));
        }
        Some(Overlay::Reading(reading)) => {
            let last = reading.paragraphs.len().saturating_sub(1);
            reading.scroll = reading.scroll.saturating_add_signed(step).min(last);
        }
        Some(Overlay::Filter) if in_view => super::go_in_view(app, step),
        Some(Overlay::Filter) => super::parameters::go(app, step),
        Some(Overlay::Advice { list, selected }) => *selected = moved(*selected, list.len(), step),
        Some(Overlay::Types { types, at: (row, _) }) => *row = moved(*row, types.weights.len(), step),
        Some(Overlay::Value { .. } | Overlay::Save { .. } | Overlay::Explanation(_)) | None => {}
    }
}

/// To another column of a table.
fn go_beside(app: &mut App, step: isize) {
    if let Some(Overlay::Types { types, at: (_, column) }) = &mut app.overlay {
        *column = moved(*column, types.caches.len(), step);
    }
}

fn accept(app: &mut App) -> Option<Effect> {
    match app.overlay.take() {
        Some(Overlay::Picker(picker)) => return choose(app, picker),
        Some(Overlay::Value { parameter, field, .. }) => {
            if let Err(reason) = take(app, parameter, field.text()) {
                app.overlay = Some(Overlay::Value { parameter, field, understood: None, error: Some(reason) });
            }
        }
        Some(Overlay::Save { field, replaces, .. }) => return super::share::take(app, field, replaces),
        Some(Overlay::Filter) | None => {}
        Some(Overlay::Advice { list, selected }) => {
            if let Some((_, fix)) = list.get(selected) {
                super::solve::take(app, fix);
            }
        }
        Some(Overlay::Types { types, at }) => super::solve::take_types(app, &types, at),
        other @ Some(Overlay::Help { .. } | Overlay::Explanation(_) | Overlay::Reading(_)) => app.overlay = other,
    }
    None
}

fn take(app: &mut App, parameter: &Parameter, text: &str) -> Result<(), String> {
    let value = parameter.parse(text).map_err(|error| error.to_string())?;
    app.set(parameter, value, false)
}

/// Does what was chosen in the palette: an action as if its key had been pressed, or a parameter's row is gone to.
fn run(app: &mut App, mut picker: Picker) -> Option<Effect> {
    let Some(word) = picker.chosen().map(|item| item.word.clone()) else {
        picker.error = Some(format!("nothing matches `{}`", picker.query.text()));
        app.overlay = Some(Overlay::Picker(picker));
        return None;
    };
    if let Some(binding) = BINDINGS.iter().find(|binding| binding.id == word) {
        return super::take_in(app, Message::Do(binding.action));
    }
    let (key, value) = word.split_once('=').map_or((word.as_str(), None), |(key, value)| (key, Some(value)));
    let index = PARAMETERS.iter().position(|parameter| parameter.key == key)?;
    let parameter = &PARAMETERS[index];
    let mut switched = None;
    if !(parameter.applies)(&app.scenario) {
        let Some((other, with)) = parameter.awakening(&app.scenario) else {
            app.refuse(format!("{key} changes nothing in this run"));
            return None;
        };
        if let Err(reason) = take(app, other, with) {
            app.refuse(format!("{key} counts with {} {with} alone, which cannot be: {reason}", other.label));
            return None;
        }
        switched = Some(format!("{} is {with} now, with which {} counts", other.label, parameter.label));
    }
    app.filter.clear();
    (app.cursor, app.focus) = (index, Focus::Parameters);
    if let Some(Err(reason)) = value.map(|value| take(app, parameter, value)) {
        app.refuse(reason);
        return None;
    }
    if let Some(switched) = switched {
        let undo = app.with_key(Action::Undo, "; {} takes it back");
        app.say(switched + &undo);
    }
    None
}

fn choose(app: &mut App, mut picker: Picker) -> Option<Effect> {
    if let Some(path) = picker.path() {
        let effect = Effect::Open(path.to_owned());
        app.overlay = Some(Overlay::Picker(picker));
        return Some(effect);
    }
    if matches!(picker.target, Target::Palette) {
        return run(app, picker);
    }
    if !picker.marked.is_empty() {
        super::pins::pin_models(app, &picker.marked);
        return None;
    }
    let outcome = match picker.chosen() {
        None => Err(format!("nothing matches `{}`", picker.query.text())),
        Some(item) => {
            let (key, forced) = match picker.target {
                Target::Model => ("model", true),
                Target::Gpu => ("gpu", true),
                Target::Choice(parameter) => (parameter.key, false),
                Target::Palette => return None,
            };
            Parameter::by_key(key)
                .map_err(|error| error.to_string())
                .and_then(|parameter| app.set(parameter, Picker::value(&item.word), forced))
        }
    };
    if let Err(reason) = outcome {
        picker.error = Some(reason);
        app.overlay = Some(Overlay::Picker(picker));
    }
    None
}
