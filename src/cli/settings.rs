//! What is set for good, and `brimful config`, which says what holds and where it comes from.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;

use anyhow::Result;

use super::{closed_pipe, output};
use crate::preset::config::{self, Config, KEYS};
use crate::preset::own_folder;

/// The user's settings, read once; a broken file is a warning, and the defaults hold.
pub(super) fn config() -> &'static Config {
    static CONFIG: LazyLock<Config> = LazyLock::new(|| {
        let path = path().filter(|path| path.exists());
        path.map_or_else(Config::default, |path| {
            config::read(&path).unwrap_or_else(|problem| {
                output::warn(problem);
                Config::default()
            })
        })
    });
    &CONFIG
}

fn path() -> Option<PathBuf> {
    own_folder().map(|folder| folder.join("config.toml"))
}

/// The theme that the environment names.
pub(super) fn theme_of_environment() -> Option<String> {
    env::var("BRIMFUL_THEME").ok().filter(|name| !name.is_empty())
}

/// Prints every setting as a file that could be kept, with what it does and where its value comes from.
pub(super) fn print() -> Result<ExitCode> {
    let config = config();
    let file = path().map_or_else(|| String::from("config.toml"), |path| path.display().to_string());
    let mut text = format!("# {file}\n");
    for (key, words) in KEYS {
        let environment = theme_of_environment().filter(|_| key == "theme");
        let (value, from) = match (environment, config.get(key)) {
            (Some(name), _) => (Some(name), "BRIMFUL_THEME"),
            (None, Some(value)) => (Some(value), "this file"),
            (None, None) => (default(key), "the default"),
        };
        let line =
            value.map_or_else(|| format!("# {key} ="), |value| format!("{key} = {}", toml::Value::String(value)));
        text.extend(["\n# ", words, "\n", &line, "  # ", from, "\n"]);
    }
    match output::print(&text) {
        Err(error) if !closed_pipe(&error) => Err(error),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// What holds where nothing is set.
fn default(key: &str) -> Option<String> {
    match key {
        "unit" => Some(String::from("gib")),
        "theme" => Some(String::from("default")),
        "gpu" => Some(String::from("h100-sxm-80")),
        "keys" => own_folder()
            .map(|folder| folder.join("keys.toml"))
            .filter(|path| path.exists())
            .map(|p| p.display().to_string()),
        _ => None,
    }
}
