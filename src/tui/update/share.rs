//! Handing the scenario on: to the clipboard, to a file and back from it.

use crate::scenario::Scenario;
use crate::scenario::parameter::PARAMETERS;
use crate::scenario::{arguments, command};
use crate::tui::action::Action;
use crate::tui::app::{App, Overlay};
use crate::tui::field::Field;
use crate::tui::message::{Effect, SaveFailure};

/// What of an action is done outside.
pub(super) fn act(app: &mut App, action: Action) -> Option<Effect> {
    match action {
        Action::Copy => app.pane().copy.and_then(|copy| copy(app)),
        Action::CopyCommand if app.launches() => app.pane().launch.and_then(|launch| launch(app)),
        Action::CopyCommand => {
            app.say("the command line is sent to the clipboard");
            Some(Effect::Copy(command::line(&app.scenario, app.presets.as_deref())))
        }
        Action::CopyArguments => {
            let text = arguments::python(&app.scenario);
            let lines = text.lines().map(String::from).collect();
            app.say("the arguments are sent to the clipboard");
            app.overlay = Some(Overlay::Told { title: "As arguments of Transformers", lines, scroll: 0 });
            Some(Effect::Copy(text))
        }
        Action::CopyScenario => {
            app.say("the scenario file is sent to the clipboard");
            Some(Effect::CopyScenario)
        }
        Action::Reload => app.file.as_ref().map(|(path, _)| Effect::Open(path.clone())),
        _ => None,
    }
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
