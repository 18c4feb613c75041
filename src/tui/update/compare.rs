//! Pins, and keys in the view that compares them.

use crate::scenario::Scenario;
use crate::tui::action::Action;
use crate::tui::app::pins::MOST;
use crate::tui::app::{App, Pin};
use crate::tui::screen::{View, moved};

/// Keeps the present scenario.
pub(super) fn pin(app: &mut App) {
    let (scenario, estimate) = (app.scenario.clone(), app.estimate.clone());
    match keep(app, scenario, estimate) {
        Ok(letter) => {
            app.say(format!("pinned as {letter}") + &app.with_key(Action::Show(View::Compare), "; {} compares"));
        }
        Err(reason) => app.refuse(reason),
    }
}

/// Keeps the present scenario with each of these models in it.
pub(super) fn pin_models(app: &mut App, models: &[String]) {
    let mut refused = None;
    for model in models {
        let scenario = Scenario { model: model.clone(), ..app.scenario.clone() };
        if let Err(reason) = pin_other(app, scenario) {
            refused = Some(reason);
        }
    }
    super::show(app, crate::tui::screen::View::Compare);
    match refused {
        Some(reason) => app.refuse(reason),
        None => app.say(format!("{} pinned", models.len())),
    }
}

/// Keeps a scenario, on the present one's card where it names none.
pub(in crate::tui) fn pin_other(app: &mut App, mut scenario: Scenario) -> Result<(), String> {
    scenario.gpu = scenario.gpu.or_else(|| app.scenario.gpu.clone());
    app.suit(&mut scenario);
    let estimate = app.estimate_of(&scenario);
    keep(app, scenario, estimate).map(drop)
}

fn keep(
    app: &mut App,
    scenario: Scenario,
    estimate: Result<crate::tui::app::Estimate, String>,
) -> Result<String, String> {
    let pins = &mut app.pins.list;
    if let Some(index) = pins.iter().position(|pin| pin.scenario == scenario) {
        return Err(format!("that is pinned already, as {}", crate::tui::app::pins::letter(index, MOST)));
    }
    if pins.len() == MOST {
        let letting_go = app.with_key(Action::Unpin, "; {} in the view of pins lets one go");
        return Err(format!("{MOST} pins are the most{letting_go}"));
    }
    pins.push(Pin { scenario, estimate });
    Ok(crate::tui::app::pins::letter(pins.len() - 1, pins.len()))
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
    let letter = crate::tui::app::pins::letter(app.pins.cursor, app.pins.list.len());
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
