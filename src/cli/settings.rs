//! What of the user's settings holds, and where each value comes from.

use std::env;
use std::path::{Path, PathBuf};

use super::context::{self, Context};
use crate::located::{PresetError, is_there};
use crate::open::named_in;
use crate::preset::config::FIRST_GPU;
use crate::preset::{Library, own_folder};
#[cfg(feature = "tui")]
use crate::tui::{check_keys, check_theme};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Environment,
    File,
    Default,
}

impl Origin {
    const fn words(self) -> &'static str {
        match self {
            Self::Environment => "BRIMFUL_THEME",
            Self::File => "this file",
            Self::Default => "the default",
        }
    }

    /// An error about a value, with the place that names it.
    fn locate(self, key: &str, error: PresetError) -> PresetError {
        match (self, context::file()) {
            (Self::File, Some(path)) => named_in(&path, key, error),
            // What cannot be read at all is for the environment to answer for; a mistake inside of it is not.
            (Self::Environment, _) if error.place.line == 0 => PresetError::file(self.words(), error.to_string()),
            _ => error,
        }
    }
}

/// What holds for a key, and what of it was passed over.
#[derive(Debug)]
pub(super) struct Setting {
    value: Option<String>,
    from: Origin,
    skipped: Vec<(String, Origin)>,
}

impl Setting {
    /// The first of environment, file and default that can be used; what is wrong with those before it joins `problems`.
    pub(super) fn of(
        key: &str,
        context: &Context,
        library: &Library,
        folders: &[PathBuf],
        problems: &mut Vec<PresetError>,
    ) -> Self {
        let environment = env::var("BRIMFUL_THEME").ok().filter(|name| key == "theme" && !name.is_empty());
        let candidates = [
            (environment, Origin::Environment),
            (context.config.get(key), Origin::File),
            (default(key), Origin::Default),
        ];
        let mut skipped = Vec::new();
        for (value, from) in candidates {
            let Some(value) = value else { continue };
            // A file of keys may lie there unread; the other defaults are our own.
            if from == Origin::Default && key != "keys" {
                return Self { value: Some(value), from, skipped };
            }
            match check(key, &value, library, folders) {
                Ok(()) => return Self { value: Some(value), from, skipped },
                Err(error) => problems.push(from.locate(key, error)),
            }
            skipped.push((value, from));
        }
        Self { value: None, from: Origin::Default, skipped }
    }

    /// The setting as a line of the file.
    pub(super) fn line(&self, key: &str) -> String {
        let quoted = |value: &String| toml::Value::String(value.clone());
        let value = self.value.as_ref();
        let mut line = value.map_or_else(|| format!("# {key} ="), |value| format!("{key} = {}", quoted(value)));
        line.extend(["  # ", self.from.words()]);
        let skipped = self.skipped.iter().map(|(value, from)| (quoted(value).to_string(), from.words()));
        skipped.for_each(|(value, from)| line.extend(["; ", &value, " of ", from, " cannot be used"]));
        line
    }
}

/// What of the settings decides how the explorer looks, and what it opens on.
#[cfg_attr(not(feature = "tui"), expect(dead_code, reason = "only the explorer asks for it"))]
pub(super) struct Tastes {
    pub(super) theme: Option<String>,
    pub(super) keys: Option<PathBuf>,
    pub(super) gpu: Option<String>,
    pub(super) fits_on: Vec<String>,
}

impl Tastes {
    /// What can be used of it; what is wrong with the rest joins `problems`.
    pub(super) fn of(
        context: &Context,
        library: &Library,
        folders: &[PathBuf],
        problems: &mut Vec<PresetError>,
    ) -> Self {
        let [theme, keys, gpu, fits_on] =
            ["theme", "keys", "gpu", "fits_on"].map(|key| Setting::of(key, context, library, folders, problems));
        // Everybody's theme is there already.
        let theme = theme.value.filter(|_| theme.from != Origin::Default);
        let fits_on = fits_on.value.as_deref().map(cards).unwrap_or_default();
        Self { theme, keys: keys.value.map(PathBuf::from), gpu: gpu.value, fits_on }
    }
}

/// The ids in a text.
fn cards(text: &str) -> Vec<String> {
    text.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect()
}

/// What holds where nothing is set.
fn default(key: &str) -> Option<String> {
    match key {
        "unit" => Some(String::from("gib")),
        "theme" => Some(String::from("default")),
        "gpu" => Some(String::from(FIRST_GPU)),
        "keys" => own_folder()
            .map(|folder| folder.join("keys.toml"))
            .filter(|path| is_there(path))
            .map(|path| path.display().to_string()),
        _ => None,
    }
}

/// What is wrong with a value.
fn check(key: &str, value: &str, library: &Library, folders: &[PathBuf]) -> Result<(), PresetError> {
    match key {
        "theme" => check_theme(value, folders),
        "keys" => check_keys(Path::new(value)),
        "gpu" => library.card(value).map(drop),
        "fits_on" => cards(value).iter().try_for_each(|id| library.card(id).map(drop)),
        "presets" if !Path::new(value).is_dir() => Err(PresetError::file(value, "there is no such folder")),
        _ => Ok(()),
    }
}

/// Without the explorer, what can be known of a theme.
#[cfg(not(feature = "tui"))]
fn check_theme(name: &str, folders: &[PathBuf]) -> Result<(), PresetError> {
    crate::preset::theme::find(name, folders).map(drop)
}

/// Without the explorer, what can be known of a file of keys.
#[cfg(not(feature = "tui"))]
fn check_keys(path: &Path) -> Result<(), PresetError> {
    crate::preset::keys::read(path).map(drop)
}
