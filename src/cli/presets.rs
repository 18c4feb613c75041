//! Where presets come from: the binary, the user's folder, and `--presets`.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::arguments::LookupArguments;
use super::output::warn;
use super::settings;
use crate::preset::{Library, own_folder};

/// Every preset; a broken one of the user's own is a warning.
pub(super) fn load(arguments: &LookupArguments) -> Result<Library> {
    let mut folders: Vec<PathBuf> = own_folder().into_iter().collect();
    if let Some(folder) = &settings::config().presets {
        if !folder.is_dir() {
            warn(format!("{}: there is no such folder, though the configuration names it", folder.display()));
        }
        folders.push(folder.clone());
    }
    if let Some(folder) = &arguments.presets {
        if !folder.is_dir() {
            bail!("--presets {}: there is no such folder", folder.display());
        }
        folders.push(folder.clone());
    }
    let library = Library::load(&folders);
    for problem in library.problems() {
        warn(problem);
    }
    Ok(library)
}
