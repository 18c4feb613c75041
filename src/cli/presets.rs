//! Where presets come from: the binary, the user's folder, and `--presets`.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::arguments::LookupArguments;
use super::output::warn;
use super::settings;
use crate::preset::{Library, own_folder};

/// The user's folders of presets, those that come before others last.
pub(super) fn folders(arguments: &LookupArguments) -> Vec<PathBuf> {
    let set = settings::config().presets.iter();
    own_folder().into_iter().chain(set.chain(&arguments.presets).cloned()).collect()
}

/// Every preset; a broken one of the user's own is a warning.
pub(super) fn load(arguments: &LookupArguments) -> Result<Library> {
    if let Some(folder) = settings::config().presets.as_ref().filter(|folder| !folder.is_dir()) {
        warn(format!("{}: there is no such folder, though the configuration names it", folder.display()));
    }
    if let Some(folder) = arguments.presets.as_ref().filter(|folder| !folder.is_dir()) {
        bail!("--presets {}: there is no such folder", folder.display());
    }
    let library = Library::load(&folders(arguments));
    for problem in library.problems() {
        warn(problem);
    }
    Ok(library)
}
