//! Keys in the view of layouts.

use crate::report::plan::row_words;
use crate::scenario::Scenario;
use crate::solve::plan::flags::Launch;
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::message::Effect;
use crate::tui::screen::moved;

/// Moves the cursor by so many rows.
pub(super) fn go(app: &mut App, step: isize) {
    app.planning.cursor = moved(app.planning.at(), app.planning.rows().len(), step);
}

/// The run in the layout under the cursor; a refusal where there is none.
fn under_cursor(app: &mut App) -> Option<Scenario> {
    let planned = pinned(app);
    if planned.is_none() || app.no_plan().is_some() {
        let found = if app.planning.is_open() { "there is no layout yet" } else { "no layout fits" };
        let reason = app.no_plan().unwrap_or_else(|| String::from(found));
        app.refuse(reason);
        return None;
    }
    planned
}

/// The run in the layout under the cursor, to be compared.
pub(super) fn pinned(app: &App) -> Option<Scenario> {
    app.planning.rows().get(app.planning.at()).map(|planned| planned.scenario.clone())
}

/// Gives the run the layout under the cursor.
pub(super) fn take(app: &mut App) {
    let Some(scenario) = under_cursor(app) else { return };
    if scenario == app.scenario {
        return app.refuse("that is the run's layout already");
    }
    let words = row_words(&scenario);
    match app.change(scenario, false) {
        Ok(()) => app.say(words + &app.with_key(Action::Undo, "; {} takes it back")),
        Err(reason) => app.refuse(reason),
    }
}

fn launch_of(app: &mut App) -> Option<Launch> {
    let scenario = under_cursor(app)?;
    Launch::of(app.model_of(&scenario)?, &scenario, app.gpu_of(&scenario)?.node())
}

/// Sends the command that launches it to the clipboard.
pub(super) fn launch(app: &mut App) -> Option<Effect> {
    let Launch { command, file, .. } = launch_of(app)?;
    let needs =
        file.map(|(name, _)| app.with_key(Action::Copy, &format!("; it needs {name}, which {{}} sends as well")));
    let effect = app.copy("what launches the row", command);
    if let (Some(words), Some(notice)) = (needs, &mut app.notice) {
        notice.text.push_str(&words);
    }
    Some(effect)
}

/// Sends the command with the file that it needs.
pub(super) fn copy(app: &mut App) -> Option<Effect> {
    let Launch { command, file, .. } = launch_of(app)?;
    let file = file.map(|(name, text)| format!("\n\n# {name}\n{text}\n"));
    Some(app.copy("what launches the row", command + &file.unwrap_or_default()))
}
