//! `brimful import`: a model that others described, as a preset.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::stream;
use crate::located::PresetError;
use crate::preset::Library;
use crate::{import, open, preset};

/// Prints a preset that loads back to the model of a `config.json`, or of a folder that holds one.
pub(super) fn run(path: &Path) -> Result<ExitCode> {
    let config = open::config_of(&Library::embedded(), path)?;
    let extension = config.extension().map(OsStr::to_ascii_lowercase);
    if extension.is_some_and(|extension| extension == "toml") {
        let message = "a preset already; `import` reads the config.json of a model, or the folder that holds it";
        return Err(PresetError::file(path.display().to_string(), message).into());
    }
    let imported = import::config::import(&config)?;
    imported.model.card.assumed.iter().for_each(stream::warn);
    if let Some(quantized) = &imported.model.card.quantization {
        stream::warn(format!("the weights were published as {quantized}, whose layout is not covered"));
    }
    if !imported.model.card.omitted.is_empty() {
        stream::warn(format!("left out, not counted: {}", imported.model.card.omitted.join("; ")));
    }
    stream::print(&preset::write::preset(&imported.model, &imported.keys)?)?;
    Ok(ExitCode::SUCCESS)
}
