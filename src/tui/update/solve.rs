//! Solving for a value, and single changes that make a run fit.

use crate::memory::beyond_positions;
use crate::scenario::Value;
use crate::solve::fixes::apply;
use crate::solve::{By, Fix, Furthest, Largest, Stop, fixes, furthest, surely};
use crate::tui::action::Action;
use crate::tui::app::{App, Overlay};
use crate::units::grouped;

/// Puts the furthest value that fits into the parameter under the cursor.
pub(super) fn solve(app: &mut App) {
    let Some(parameter) = app.focused() else { return };
    let (Some(model), Some(gpu)) = (app.model_of(&app.scenario), app.gpu_of(&app.scenario)) else {
        return app
            .refuse(String::from("there is no card to fill") + &app.with_key(Action::PickGpu, ": {} chooses one"));
    };
    let label = parameter.label;
    let (found, word) = match furthest(model, &app.scenario, gpu, parameter, By::Allocator) {
        Err(reason) => return app.refuse(reason.to_string()),
        Ok(Furthest::Indifferent) => return app.refuse(format!("{label} changes nothing here")),
        Ok(Furthest::Largest(found)) => (found, "largest"),
        Ok(Furthest::Smallest(found)) => (found, "smallest"),
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
    let sure = if word == "largest" { surely(model, &app.scenario, gpu, parameter, value) } else { Some(value) };
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

/// Lists the single changes that make it fit.
pub(super) fn open(app: &mut App) {
    let (Some(model), Some(gpu)) = (app.model_of(&app.scenario), app.gpu_of(&app.scenario)) else {
        return app
            .refuse(String::from("there is no card to fit on") + &app.with_key(Action::PickGpu, ": {} chooses one"));
    };
    if let Err(reason) = &app.estimate {
        return app.refuse(reason.clone());
    }
    let cards = app.gpus.iter().filter_map(|listed| Some((listed.word.as_str(), listed.item()?)));
    let list = fixes(model, &app.scenario, gpu, cards);
    if list.is_empty() {
        return app.refuse("no single change makes it fit");
    }
    app.overlay = Some(Overlay::Fixes { list, selected: 0 });
}

/// Makes one of the changes.
pub(super) fn take(app: &mut App, fix: &Fix) {
    let Some(changed) = apply(&app.scenario, &fix.changes) else { return };
    match app.change(changed, false) {
        Ok(()) => app.say(super::super::app::fix_words(fix) + &app.with_key(Action::Undo, "; {} takes it back")),
        Err(reason) => app.refuse(reason),
    }
}
