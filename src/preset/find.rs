//! The model that a scenario names: a preset's id, or a path.

use std::path::{Path, PathBuf};

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
    let path = if base == Path::new(".") { PathBuf::from(name) } else { base.join(name) };
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    if path.is_dir() && !name.is_empty() {
        let config = path.join("config.json");
        if !config.exists() {
            return Err(PresetError::file(path.display().to_string(), "a folder without a config.json"));
        }
        return import::config::read(&config);
    }
    match extension.as_deref() {
        Some("toml") => model::parse(&path.display().to_string(), &source::read(&path)?),
        Some("json") => import::config::read(&path),
        Some("gguf" | "safetensors") => {
            let message = "brimful reads the config.json of a model, not its weights; name that file or its folder";
            Err(PresetError::file(path.display().to_string(), message))
        }
        _ if name.contains(['/', '\\']) => Err(no_model_there(&path, &unknown)),
        _ => Err(unknown),
    }
}

/// Names on the Hugging Face hub look like paths, so the nearest preset is named first.
fn no_model_there(path: &Path, unknown: &PresetError) -> PresetError {
    let found = if path.exists() { "not a model" } else { "no such path" };
    let unknown = unknown.to_string();
    let nearest = unknown.split_once("; ").map(|(_, nearest)| format!("{nearest}; ")).unwrap_or_default();
    let kinds = "a path names a preset (.toml), a config.json or a folder that holds one";
    PresetError::file(path.display().to_string(), format!("{found}; {nearest}{kinds}"))
}
