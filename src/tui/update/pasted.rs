//! A trainer's configuration, pasted or opened, in place of the run.

use crate::model::hub::same_shapes;
use crate::scenario::Scenario;
use crate::scenario::arguments;
use crate::tui::action::Action;
use crate::tui::app::{App, Overlay, Reading};

/// A text that was pasted where no field is open.
pub(super) fn paste(app: &mut App, text: &str) {
    if app.overlay.is_some() {
        return app.refuse("nothing to paste into here");
    }
    if !arguments::is_one(text) {
        return app.refuse(format!("nothing to paste into here; of texts are understood {}", arguments::READ));
    }
    match arguments::read(text) {
        Ok(reading) => take(app, &reading),
        Err(fault) => app.refuse(format!("not understood: {fault}")),
    }
}

/// Makes the run one that a configuration says, as one change; what was understood of it is shown.
pub(super) fn take(app: &mut App, reading: &arguments::Reading) {
    let now = app.scenario.clone();
    // Who names a trainer says all of a run but which model and which card.
    let mut scenario = if reading.names_trainer() {
        Scenario { model: now.model.clone(), gpu: now.gpu.clone(), gpus: now.gpus, ..Scenario::default() }
    } else {
        now.clone()
    };
    reading.apply(&mut scenario, &app.profiles);
    let mut lines = Vec::new();
    if scenario.model != now.model {
        lines.extend(model(app, &mut scenario, &now.model));
    }
    lines.extend(app.suit_said(&mut scenario, reading));
    let outcome = app.change(scenario, true);
    lines.splice(0..0, reading.said());
    app.overlay = Some(Overlay::Reading(Reading {
        title: String::from("What the configuration says"),
        paragraphs: lines,
        hint: app.with_key(Action::Undo, "{} takes all of it back"),
        to_select: true,
        scroll: 0,
    }));
    if let Err(reason) = outcome {
        app.refuse(reason);
    }
}

/// Puts a model of the catalogue in the place of the one that is named; what was taken for it, in words.
fn model(app: &App, scenario: &mut Scenario, before: &str) -> Option<String> {
    let words = || app.models.iter().map(|listed| listed.word.as_str());
    if words().any(|word| word == scenario.model) {
        return None;
    }
    let named = std::mem::take(&mut scenario.model);
    let (word, said) = match same_shapes(&named, words()) {
        Some(id) => (id, format!("model: `{named}` is taken for the preset `{id}`")),
        None => (before, format!("model: `{named}` is not in the catalogue; {before} stays")),
    };
    word.clone_into(&mut scenario.model);
    Some(said)
}
