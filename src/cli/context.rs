//! What every command runs in: the user's settings, read once.

use std::path::PathBuf;

use super::arguments::LookupArguments;
use crate::located::{PresetError, is_there};
use crate::preset::config::{self, Config};
use crate::preset::own_folder;
use crate::units::Unit;

/// The user's settings; where their file is broken, the defaults hold.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// What is set.
    pub(super) config: Config,
    /// What is wrong with the file.
    pub(super) problem: Option<PresetError>,
}

impl Context {
    /// Reads the settings.
    pub(super) fn read() -> Self {
        match file().filter(|path| is_there(path)).map(|path| config::read(&path)) {
            None => Self::default(),
            Some(Ok(config)) => Self { config, problem: None },
            Some(Err(problem)) => Self { config: Config::default(), problem: Some(problem) },
        }
    }

    /// The unit of sizes in text.
    pub(super) fn unit(&self, arguments: &LookupArguments) -> Unit {
        arguments.unit().or(self.config.unit).unwrap_or_default()
    }

    /// The user's folders of presets, those that come before others last.
    pub(super) fn folders(&self, arguments: &LookupArguments) -> Vec<PathBuf> {
        let set = self.config.presets.iter();
        own_folder().into_iter().chain(set.chain(&arguments.presets).cloned()).collect()
    }
}

/// Where the settings are, by the environment.
pub(super) fn file() -> Option<PathBuf> {
    own_folder().map(|folder| folder.join("config.toml"))
}
