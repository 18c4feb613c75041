//! What the explorer opens on.

use std::path::Path;

use super::Start;
use super::app::{App, Listed, Notice};
use super::effect::read;
use super::message::Opened;
use super::taste::{keys_of, look, standard_keys};
use super::theme::Theme;
use super::theme::colour::Depth;
use super::update;
use crate::located::PresetError;
use crate::open;
use crate::preset::Library;
use crate::preset::config::FIRST_GPU;

/// What is opened where nothing else is asked for.
const FIRST_MODEL: &str = "llama-3.1-8b";

/// The look and the colours that the environment says its terminal has.
pub(super) fn of_terminal() -> (Theme, Depth) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    (Theme::from_env(variable), Depth::from_env(variable))
}

/// The explorer in the keys and the theme that are asked for.
pub(super) fn dressed(
    library: &Library,
    start: Start,
    (base, depth): (Theme, Depth),
) -> Result<(App, Theme), PresetError> {
    let theme = match &start.theme {
        Some(name) => look(name, &start.folders, base, depth)?,
        None => base,
    };
    let keymap = start.keys.as_deref().map_or_else(|| Ok(standard_keys()), keys_of)?;
    Ok((App { keymap, ..started(library, start) }, theme))
}

pub(super) fn started(library: &Library, start: Start) -> App {
    let mut scenario = start.scenario;
    let mut models: Vec<_> = library.model_listings().iter().map(Listed::new).collect();
    let gpus: Vec<_> = library.gpu_listings().iter().map(Listed::new).collect();
    let mut problem = None;
    if scenario.model.is_empty() {
        scenario.model = first(&models, FIRST_MODEL).unwrap_or_default();
    }
    for word in start.pins.iter().map(|pin| &pin.model).chain([&scenario.model]) {
        if models.iter().all(|listed| listed.word != *word) {
            match open::find_model(library, word, Path::new(".")) {
                Ok(model) => models.push(Listed::opened(word.clone(), model)),
                Err(error) => problem = Some(error.to_string()),
            }
        }
    }
    if scenario.gpu.is_none() {
        let usual = start.usual_gpu.filter(|word| library.card(word).is_ok());
        scenario.gpu = usual.or_else(|| first(&gpus, FIRST_GPU));
    }
    problem = problem.or_else(|| told(&start.problems));
    if let Err(error) = library.profiles().settle(&mut scenario) {
        problem = problem.or_else(|| Some(error.to_string()));
    }
    let mut app = App::new((models, gpus, library.profiles()), scenario, start.unit);
    app.presets = start.presets;
    app.suit_unasked(&start.asked);
    app.file = start.file.and_then(|file| match read(library, &file) {
        Ok(Opened::Scenario(scenario, _)) => Some((file, *scenario)),
        _ => None,
    });
    for pin in start.pins {
        if let Err(reason) = update::pin(&mut app, pin) {
            problem = problem.or(Some(reason));
        }
    }
    if let Some(problem) = problem {
        app.notice = Some(Notice { text: problem, refusal: true });
    }
    app
}

/// The first of several problems. How many there are stands before it: its end may be cut off.
fn told(problems: &[String]) -> Option<String> {
    let first = problems.first()?;
    Some(match problems.len() {
        1 => format!("skipped: {first}"),
        count => format!("skipped, the first of {count} that are told when you leave: {first}"),
    })
}

fn first<T>(list: &[Listed<T>], wanted: &str) -> Option<String> {
    let found = list.iter().find(|listed| listed.word == wanted).or_else(|| list.first());
    found.map(|listed| listed.word.clone())
}
