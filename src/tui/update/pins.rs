//! What is kept to compare others with.

use crate::scenario::Scenario;
use crate::tui::action::Action;
use crate::tui::app::pins::{MOST, letter};
use crate::tui::app::{App, Estimate, Pin};
use crate::tui::screen::View;

/// Keeps the present scenario, or what the view has under its cursor.
pub(super) fn pin(app: &mut App) {
    let row = app.pane().pinned.filter(|_| app.in_view()).and_then(|pinned| pinned(app));
    let (scenario, estimate) = match row {
        Some(row) => {
            let estimate = app.estimate_of(&row);
            (row, estimate)
        }
        None => (app.scenario.clone(), app.estimate.clone()),
    };
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
    app.show(View::Compare);
    match refused {
        Some(reason) => app.refuse(reason),
        None => app.say(format!("{} pinned", models.len())),
    }
}

/// Keeps a scenario, on the present one's card where it names none.
pub(in crate::tui) fn pin_other(app: &mut App, mut scenario: Scenario) -> Result<(), String> {
    scenario.gpu = scenario.gpu.or_else(|| app.scenario.gpu.clone());
    app.suit(&mut scenario);
    app.know_card(&scenario);
    let estimate = app.estimate_of(&scenario);
    keep(app, scenario, estimate).map(drop)
}

fn keep(app: &mut App, scenario: Scenario, estimate: Result<Estimate, String>) -> Result<String, String> {
    let pins = &mut app.pins.list;
    if let Some(index) = pins.iter().position(|pin| pin.scenario == scenario) {
        return Err(format!("that is pinned already, as {}", letter(index, MOST)));
    }
    if pins.len() == MOST {
        let letting_go = app.with_key(Action::Unpin, "; {} in the view of pins lets one go");
        return Err(format!("{MOST} pins are the most{letting_go}"));
    }
    pins.push(Pin { scenario, estimate });
    Ok(letter(pins.len() - 1, pins.len()))
}
