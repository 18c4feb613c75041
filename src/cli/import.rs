//! `brimful import`: a model that others described, as a preset.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::stream;
use crate::located::PresetError;
use crate::{import, preset};

/// Prints a preset that loads back to the model of a `config.json`, or of a folder that holds one.
pub(super) fn run(path: &Path) -> Result<ExitCode> {
    let config = if path.is_dir() { path.join("config.json") } else { path.to_owned() };
    let extension = config.extension().map(OsStr::to_ascii_lowercase);
    if extension.is_some_and(|extension| extension == "toml") {
        let message = "a preset already; `import` reads the config.json of a model, or the folder that holds it";
        return Err(PresetError::file(path.display().to_string(), message).into());
    }
    let imported = import::config::import(&config)?;
    imported.model.card.assumed.iter().for_each(stream::warn);
    stream::print(&preset::write::preset(&imported.model, &imported.keys)?)?;
    Ok(ExitCode::SUCCESS)
}
