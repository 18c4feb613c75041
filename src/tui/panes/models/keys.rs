//! Keys in the view of models.

use crate::memory::suit;
use crate::scenario::parameter::Parameter;
use crate::scenario::{Scenario, Value};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::screen::moved;

/// Moves the cursor by so many rows.
pub(super) fn go(app: &mut App, step: isize) {
    let rows = app.model_rows();
    let next = moved(app.model_row(&rows), rows.len(), step);
    if let Some(word) = rows.get(next).map(|row| row.word.to_owned()) {
        app.lineup.cursor = Some(word);
    }
}

/// Goes to a model.
pub(super) fn go_to(app: &mut App, index: usize) {
    app.lineup.cursor = app.model_rows().get(index).map(|row| row.word.to_owned());
}

/// The run with the model under the cursor, to be compared.
pub(super) fn pinned(app: &App) -> Option<Scenario> {
    let rows = app.model_rows();
    let word = rows.get(app.model_row(&rows))?.word.to_owned();
    let mut scenario = Scenario { model: word, ..app.scenario.clone() };
    suit(app.model_of(&scenario)?, &mut scenario, |_| false);
    Some(scenario)
}

/// Runs the model under the cursor.
pub(super) fn take(app: &mut App) {
    let rows = app.model_rows();
    let Some((word, name)) = rows.get(app.model_row(&rows)).map(|row| (row.word.to_owned(), row.name.to_owned()))
    else {
        return app.refuse("no model matches");
    };
    if word == app.scenario.model {
        return app.refuse(format!("{name} is the run's model already"));
    }
    let outcome = Parameter::by_key("model")
        .map_err(|error| error.to_string())
        .and_then(|parameter| app.set(parameter, Value::Word(word), true));
    match outcome {
        // What was made of the run for it is said already.
        Ok(()) if app.notice.is_some() => {}
        Ok(()) => app.say(format!("the model is {name} now") + &app.with_key(Action::Undo, "; {} takes it back")),
        Err(reason) => app.refuse(reason),
    }
}
