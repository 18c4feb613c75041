//! Models from files that others wrote: a `config.json`, a file of weights, or the folder that holds them.

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::config_of;
use crate::import::config::Imported;
use crate::import::{self, gguf, safetensors};
use crate::located::{PresetError, is_there};
use crate::preset::Library;

/// A kind of file that a model is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Config,
    Gguf,
    Safetensors,
}

/// What a path names by its end, where that is a file with a model of others.
fn kind_of(path: &Path) -> Option<Kind> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "gguf" => Some(Kind::Gguf),
        "safetensors" => Some(Kind::Safetensors),
        "json" if safetensors::is_index(path) => Some(Kind::Safetensors),
        "json" => Some(Kind::Config),
        _ => None,
    }
}

/// The model of a file, or of a folder that holds one.
pub fn import(library: &Library, path: &Path) -> Result<Imported, PresetError> {
    if path.is_dir() {
        return in_folder(library, path);
    }
    match kind_of(path) {
        Some(Kind::Gguf) => gguf::import(path),
        Some(Kind::Safetensors) => safetensors::import(path),
        Some(Kind::Config) | None => import::config::import(&config_of(library, path)?),
    }
}

/// The model of a folder: its `config.json` with the weights beside it, or the one GGUF file that lies there.
fn in_folder(library: &Library, folder: &Path) -> Result<Imported, PresetError> {
    let origin = || folder.display().to_string();
    let holds = |name: &str| is_there(&folder.join(name));
    match config_of(library, folder) {
        Ok(config) => safetensors::beside(import::config::import(&config)?, folder),
        Err(error) if holds("adapter_config.json") || holds("params.json") => Err(error),
        Err(_) if safetensors::are_in(folder) => {
            let message =
                "a folder without a config.json, which says what model its weights are of; put the model's there";
            Err(PresetError::file(origin(), message))
        }
        Err(error) => match &gguf_files(folder)?[..] {
            [] => Err(error),
            [file] => gguf::import(file),
            [first, second, ..] => {
                let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
                let names = [first, second].map(|path| name(path).unwrap_or_default()).join(", ");
                Err(PresetError::file(origin(), format!("several GGUF files ({names}, …); name one of them")))
            }
        },
    }
}

/// The GGUF files of a folder, of one in parts the first.
fn gguf_files(folder: &Path) -> Result<Vec<PathBuf>, PresetError> {
    /// More are not looked at.
    const MOST: usize = 1 << 12;
    let wrong = |error: std::io::Error| PresetError::file(folder.display().to_string(), error.to_string());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)?.take(MOST) {
        let path = entry.map_err(wrong)?.path();
        if kind_of(&path) == Some(Kind::Gguf) && gguf::is_first(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
