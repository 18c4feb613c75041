//! What the explorer opens on.

use std::path::Path;

use super::Start;
use super::app::{App, Listed, Multiplexer, Notice};
use super::effect::read;
use super::message::Opened;
use super::taste::{Dress, keys_of, standard_keys};
use super::theme::Theme;
use super::theme::colour::Depth;
use super::update;
use crate::located::PresetError;
use crate::open;
use crate::preset::Library;
use crate::preset::config::FIRST_GPU;
use crate::preset::theme as themes;

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
) -> Result<(App, Dress), PresetError> {
    let name = start.theme.clone().unwrap_or_else(|| String::from(STANDARD_THEME));
    let dress = Dress::of(Some(&name), &start.folders, (base, depth))?;
    let keymap = start.keys.as_deref().map_or_else(|| Ok(standard_keys()), keys_of)?;
    let mut names: Vec<String> = themes::ids().map(str::to_owned).collect();
    if !names.contains(&name) {
        names.push(name.clone());
    }
    let on = names.iter().position(|known| *known == name).unwrap_or(0);
    let multiplexer = multiplexer(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    Ok((App { keymap, themes: (names, on), multiplexer, ..started(library, start) }, dress))
}

/// Everybody's theme.
const STANDARD_THEME: &str = "default";

/// The theme where nobody chose one: for a light background where the terminal says that it has one.
pub(super) fn usual_theme(get: impl Fn(&str) -> Option<String>) -> &'static str {
    // What rxvt began and others took over: colours of text and background, by their numbers.
    let background = get("COLORFGBG").and_then(|colours| colours.rsplit(';').next()?.parse::<u8>().ok());
    if matches!(background, Some(7 | 15)) { "light" } else { STANDARD_THEME }
}

/// What stands between the explorer and the terminal.
fn multiplexer(get: impl Fn(&str) -> Option<String>) -> Option<Multiplexer> {
    let is_screen = || get("STY").map(|_| Multiplexer::Screen);
    get("TMUX").map(|_| Multiplexer::Tmux).or_else(is_screen)
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
    if !start.fits_on.is_empty() {
        app.hold_against(&start.fits_on);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_light_background_gets_its_theme_where_the_terminal_says_so() {
        let theme = |said: Option<&str>| usual_theme(|name| said.filter(|_| name == "COLORFGBG").map(String::from));
        assert_eq!(theme(Some("0;15")), "light");
        assert_eq!(theme(Some("0;default;7")), "light");
        for dark in [None, Some("15;0"), Some("7"), Some("15;default"), Some("")] {
            assert_eq!(theme(dark), if dark == Some("7") { "light" } else { "default" }, "{dark:?}");
        }
    }

    #[test]
    fn what_stands_between_is_known_by_the_environment() {
        let inside =
            |names: &'static [&'static str]| multiplexer(|name| names.contains(&name).then(|| String::from("1")));
        assert_eq!(inside(&["TMUX"]), Some(Multiplexer::Tmux));
        assert_eq!(inside(&["STY"]), Some(Multiplexer::Screen));
        assert_eq!(inside(&["TMUX", "STY"]), Some(Multiplexer::Tmux), "the inner of two is mostly tmux");
        assert_eq!(inside(&[]), None);
    }
}
