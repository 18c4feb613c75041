//! Handing the scenario on: to the clipboard, to a file and back from it.

use crate::preset::scenario;
use crate::scenario::Scenario;
use crate::scenario::parameter::PARAMETERS;
use crate::scenario::{arguments, command};
use crate::tui::action::Action;
use crate::tui::app::{App, Multiplexer, Overlay, Reading};
use crate::tui::field::Field;
use crate::tui::message::{Effect, SaveFailure};

/// What of an action is done outside.
pub(super) fn act(app: &mut App, action: Action) -> Option<Effect> {
    match action {
        Action::Copy => app.pane().copy.and_then(|copy| copy(app)),
        Action::CopyCommand if app.launches() => app.pane().launch.and_then(|launch| launch(app)),
        Action::CopyCommand => {
            let line = command::line(&app.scenario, app.presets.as_deref());
            Some(app.copy("the run as a command line", line))
        }
        Action::CopyArguments => {
            // What has no argument there stands in comments, which are to be read.
            Some(app.copy_and_show("the run as arguments of Transformers", arguments::python(&app.scenario)))
        }
        Action::CopyScenario => Some(app.copy("the run as a scenario file", scenario::to_toml(&app.scenario))),
        Action::NextTheme => Some(next_theme(app)),
        Action::Reload => app.file.as_ref().map(|(path, _)| Effect::Open(path.clone())),
        _ => None,
    }
}

impl App {
    /// Sends a text to the clipboard, and shows it where that may not come through: then it can be selected.
    pub(in crate::tui) fn copy(&mut self, what: &str, text: String) -> Effect {
        if self.multiplexer.is_some() {
            return self.copy_and_show(what, text);
        }
        let line = if text.contains('\n') { String::new() } else { format!(": {text}") };
        self.say(format!("{what} is sent to the clipboard{line}"));
        Effect::Copy(text)
    }

    /// Does both, wherever one is.
    fn copy_and_show(&mut self, what: &str, text: String) -> Effect {
        let through = match self.multiplexer {
            None => "",
            Some(Multiplexer::Tmux) => "; tmux lets it through with `set -g set-clipboard on`; else select it here",
            Some(Multiplexer::Screen) => "; where screen does not let it through, select it here",
        };
        self.overlay = Some(Overlay::Reading(Reading {
            title: what.to_owned(),
            paragraphs: text.lines().map(str::to_owned).collect(),
            hint: format!("sent to the clipboard{through}"),
            to_select: true,
            scroll: 0,
        }));
        Effect::Copy(text)
    }
}

/// Shows what commands warn of for this run.
pub(super) fn notes(app: &mut App) {
    let Ok(estimate) = &app.estimate else { return };
    if estimate.notes.is_empty() {
        return app.say("there is nothing to be warned of in this run");
    }
    app.overlay = Some(Overlay::Reading(Reading {
        title: String::from("Notes on this run"),
        paragraphs: estimate.notes.clone(),
        hint: String::from("commands print them as warnings, JSON has them under `warnings`"),
        to_select: false,
        scroll: 0,
    }));
}

/// The theme after the one that is on.
fn next_theme(app: &mut App) -> Effect {
    let (names, now) = &mut app.themes;
    *now = (*now + 1) % names.len().max(1);
    let name = names.get(*now).cloned().unwrap_or_default();
    app.say(format!("theme {name}; `theme = \"{name}\"` in config.toml keeps it"));
    Effect::Theme(name)
}

/// Asks for the path to save to: the open file's, or one named after the model.
pub(super) fn open(app: &mut App) {
    let model = app.scenario.model.rsplit(['/', '\\']).next().unwrap_or_default();
    let ends = [".json", ".toml", ".gguf", ".safetensors"];
    let stem = ends.iter().find_map(|end| model.strip_suffix(end)).unwrap_or(model);
    let path = app.file.as_ref().map_or_else(|| format!("{stem}-run.toml"), |(path, _)| path.clone());
    app.overlay = Some(Overlay::Save { field: Field::new(path), error: None, replaces: None });
}

/// Takes the path that was typed.
pub(super) fn take(app: &mut App, field: Field, replaces: Option<String>) -> Option<Effect> {
    let path = field.text().trim().to_owned();
    let reason = match path.as_str() {
        "" => Some("a path is missing"),
        path if path.ends_with('/') => Some("a folder; add the name of a file"),
        path if std::path::Path::new(path).extension().is_none_or(|extension| extension != "toml") => {
            Some("scenario files end in .toml, by which they are known")
        }
        _ => None,
    };
    let replace = replaces.as_ref() == Some(&path);
    app.overlay = Some(Overlay::Save { field, error: reason.map(String::from), replaces });
    reason.is_none().then_some(Effect::Save(path, replace))
}

/// What came of saving.
pub(super) fn saved(app: &mut App, path: String, outcome: Result<(), SaveFailure>) {
    match outcome {
        Ok(()) => {
            app.overlay = None;
            app.say(format!("saved as {path}"));
            app.file = Some((path, app.scenario.clone()));
        }
        Err(SaveFailure::Exists) => {
            if let Some(Overlay::Save { error, replaces, .. }) = &mut app.overlay {
                *error = Some(format!("{path} is there already; Enter once more replaces it"));
                *replaces = Some(path);
            }
        }
        Err(SaveFailure::Because(reason)) => match &mut app.overlay {
            Some(Overlay::Save { error, .. }) => *error = Some(reason),
            _ => app.refuse(reason),
        },
    }
}

/// A scenario file read again: what it says, but for what was changed since it was read.
pub(super) fn kept(app: &App, path: &str, read: &Scenario) -> Scenario {
    let Some((_, before)) = app.file.as_ref().filter(|(known, _)| known == path) else { return read.clone() };
    let mut scenario = read.clone();
    for parameter in PARAMETERS {
        let now = parameter.get(&app.scenario);
        if now != parameter.get(before) {
            // A value that the explorer holds can be set.
            let _ = parameter.set(&mut scenario, now);
        }
    }
    scenario
}
