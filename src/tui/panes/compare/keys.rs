//! Keys in the view that compares pins.

use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::app::pins::{MOST, letter};
use crate::tui::screen::moved;

/// Goes to a pin. The last of those compared is the present one, which no key goes to either.
pub(super) fn go_to(app: &mut App, index: usize) {
    if index < app.pins.list.len() {
        app.pins.cursor = index;
    }
}

/// Moves the cursor; far steps scroll what is compared.
pub(super) fn go(app: &mut App, step: isize) {
    match step {
        -1 | 1 => {
            // The pins stand at the top.
            app.pins.scroll = 0;
            app.pins.cursor = moved(app.pins.cursor, app.pins.list.len(), step);
        }
        _ => app.pins.scroll = app.pins.scroll.saturating_add_signed(step).min(MOST * 10),
    }
}

/// Makes the pin under the cursor the present scenario.
pub(super) fn take(app: &mut App) {
    let Some(pin) = app.pins.list.get(app.pins.cursor) else { return app.refuse(nothing(app)) };
    let letter = letter(app.pins.cursor, app.pins.list.len());
    match app.change(pin.scenario.clone(), true) {
        Ok(()) => app.say(format!("{letter} is the present scenario now")),
        Err(reason) => app.refuse(reason),
    }
}

fn nothing(app: &App) -> String {
    String::from("nothing is pinned") + &app.with_key(Action::Pin, ": {} pins")
}

/// Lets go of the pin under the cursor.
pub(super) fn unpin(app: &mut App) {
    let pins = &mut app.pins;
    if pins.cursor >= pins.list.len() {
        return app.refuse(nothing(app));
    }
    let gone = pins.list.remove(pins.cursor);
    pins.cursor = pins.cursor.min(pins.list.len().saturating_sub(1));
    app.say(format!("the pin of {} is gone; the others have moved up", gone.scenario.model));
}
