//! Keys in the view of cards.

use crate::scenario::Value;
use crate::scenario::parameter::Parameter;
use crate::tui::app::App;
use crate::tui::screen::moved;

/// Moves the cursor by so many rows.
pub(super) fn go(app: &mut App, step: isize) {
    let rows = app.card_rows();
    let next = moved(app.card_row(&rows), rows.len(), step);
    if let Some(word) = rows.get(next).map(|row| row.word.to_owned()) {
        app.cards.cursor = Some(word);
    }
}

/// Goes to a card.
pub(super) fn go_to(app: &mut App, index: usize) {
    app.cards.cursor = app.card_rows().get(index).map(|row| row.word.to_owned());
}

/// Makes the card under the cursor the one that the run is held against.
pub(super) fn take(app: &mut App) {
    let rows = app.card_rows();
    let Some(word) = rows.get(app.card_row(&rows)).map(|row| row.word.to_owned()) else {
        return app.refuse("no card matches");
    };
    choose(app, &word);
}

/// Holds the run against a card.
pub(in crate::tui) fn choose(app: &mut App, word: &str) {
    let outcome = Parameter::by_key("gpu")
        .map_err(|error| error.to_string())
        .and_then(|parameter| app.set(parameter, Value::Word(word.to_owned()), true));
    match outcome {
        Ok(()) => app.say(format!("the card is {word} now")),
        Err(reason) => app.refuse(reason),
    }
}

/// Only cards of the next vendor; after the last one all of them.
pub(super) fn next_vendor(app: &mut App) {
    let vendors = app.vendors();
    let next = match &app.cards.vendor {
        None => vendors.first(),
        Some(vendor) => vendors.iter().position(|one| one == vendor).and_then(|at| vendors.get(at + 1)),
    };
    app.cards.vendor = next.map(|vendor| (*vendor).to_owned());
    app.cards.cursor = None;
}
