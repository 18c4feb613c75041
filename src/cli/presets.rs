//! Where presets come from: the binary, the user's folder, and `--presets`.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::arguments::LookupArguments;
use super::output::warn;
use crate::preset::{Library, user_dir};

/// Every preset; a broken one of the user's own is a warning.
pub(super) fn load(arguments: &LookupArguments) -> Result<Library> {
    let mut folders: Vec<PathBuf> =
        user_dir(env::var_os("XDG_CONFIG_HOME").as_deref(), env::var_os("HOME").as_deref()).into_iter().collect();
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
