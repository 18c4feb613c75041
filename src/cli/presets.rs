//! Where presets come from: the binary, the user's folder, and `--presets`.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::arguments::LookupArguments;
use super::output::warn;
use super::settings;
use crate::preset::{Library, PresetError, own_folder};

/// The user's folders of presets, those that come before others last.
pub(super) fn folders(arguments: &LookupArguments) -> Vec<PathBuf> {
    let set = settings::config().presets.iter();
    own_folder().into_iter().chain(set.chain(&arguments.presets).cloned()).collect()
}

/// Every preset; a broken one of the user's own is a warning.
pub(super) fn load(arguments: &LookupArguments) -> Result<Library> {
    let (library, problems) = read(arguments)?;
    problems.iter().for_each(warn);
    Ok(library)
}

/// Every preset, and what is wrong with files of the user's own.
pub(super) fn read(arguments: &LookupArguments) -> Result<(Library, Vec<PresetError>)> {
    if let Some(folder) = arguments.presets.as_ref().filter(|folder| !folder.is_dir()) {
        bail!("--presets {}: there is no such folder", folder.display());
    }
    let folders = folders(arguments);
    let library = Library::load(&folders);
    let mut problems: Vec<PresetError> = settings::problem().cloned().into_iter().collect();
    settings::Setting::of("presets", &library, &folders, &mut problems);
    problems.extend_from_slice(library.problems());
    Ok((library, problems))
}
