//! The model that a scenario names: a preset's id, or a path.

use std::path::Path;

use super::error::PresetError;
use super::library::Library;
use super::{model, source};
use crate::import;
use crate::model::Model;

/// The model of this name: a preset id, or the path, relative to `base`, of a preset, of a Hugging Face `config.json`
/// or of a folder that holds one.
pub fn find_model(library: &Library, name: &str, base: &Path) -> Result<Model, PresetError> {
    let unknown = match library.model(name) {
        Ok(model) => return Ok(model.clone()),
        Err(unknown) => unknown,
    };
    let path = base.join(name);
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    if path.is_dir() && !name.is_empty() {
        return import::config::read(&path.join("config.json"));
    }
    match extension.as_deref() {
        Some("toml") => model::parse(&path.display().to_string(), &source::read(&path)?),
        Some("json") => import::config::read(&path),
        Some("gguf" | "safetensors") => {
            let message = "brimful reads the config.json of a model, not its weights; name that file or its folder";
            Err(PresetError::file(path.display().to_string(), message))
        }
        _ if name.contains(['/', '\\']) => {
            let message = "no such folder; a path names a preset (.toml), a config.json or a folder that holds one";
            Err(PresetError::file(path.display().to_string(), message))
        }
        _ => Err(unknown),
    }
}
