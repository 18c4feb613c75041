//! The `config.json` that a path leads to, or what stands there in its place.

use std::path::{Path, PathBuf};

use crate::import;
use crate::located::{self, PresetError};
use crate::preset::Library;

/// The file with a model's dimensions that a folder holds, or that a path names; an error about an adapter or a file of
/// another layout.
pub fn config_of(library: &Library, path: &Path) -> Result<PathBuf, PresetError> {
    const ADAPTER: &str = "adapter_config.json";
    const MISTRAL: &str = "params.json";
    let holds = |name: &str| located::is_there(&path.join(name));
    let named = |name: &str| path.file_name().is_some_and(|file| file == name);
    match path.is_dir() {
        // Transformers loads the adapter too, whatever lies beside it.
        true if holds(ADAPTER) => Err(adapter(library, &path.join(ADAPTER))),
        true if holds("config.json") => Ok(path.join("config.json")),
        true if holds(MISTRAL) => Err(other_layout(&path.join(MISTRAL))),
        true => Err(PresetError::file(path.display().to_string(), "a folder without a config.json")),
        false if named(ADAPTER) => Err(adapter(library, path)),
        false if named(MISTRAL) => Err(other_layout(path)),
        false => Ok(path.to_owned()),
    }
}

/// An adapter is trained over a model, which its file names.
fn adapter(library: &Library, path: &Path) -> PresetError {
    let base = match import::config::base_of_adapter(path) {
        Ok(base) => base,
        Err(error) => return error,
    };
    let message = match base.as_deref().map(|base| (base, library.of_hub(base))) {
        Some((base, Some((id, _)))) => {
            format!(
                "an adapter, not a model: its base is `{base}`, of the shapes of the preset `{id}`; name one of them"
            )
        }
        Some((base, None)) => format!("an adapter, not a model: its base is `{base}`; name that one's config.json"),
        None => String::from("an adapter, not a model; name the config.json of its base"),
    };
    PresetError::file(path.display().to_string(), message)
}

fn other_layout(path: &Path) -> PresetError {
    let message = "Mistral's own layout, which is not read; name the config.json that is published beside it";
    PresetError::file(path.display().to_string(), message)
}
