//! Where presets come from: the binary, the user's folder, and `--presets`.

use anyhow::{Result, bail};

use super::arguments::LookupArguments;
use super::context::Context;
use super::settings::Setting;
use super::stream::warn;
use crate::located::PresetError;
use crate::preset::Library;

/// Every preset; a broken one of the user's own is a warning.
pub(super) fn load(context: &Context, arguments: &LookupArguments) -> Result<Library> {
    let (library, problems) = read(context, arguments)?;
    problems.iter().for_each(warn);
    Ok(library)
}

/// Every preset, and what is wrong with files of the user's own.
pub(super) fn read(context: &Context, arguments: &LookupArguments) -> Result<(Library, Vec<PresetError>)> {
    if let Some(folder) = arguments.presets.as_ref().filter(|folder| !folder.is_dir()) {
        bail!("--presets {}: there is no such folder", folder.display());
    }
    let folders = context.folders(arguments);
    let library = Library::load(&folders);
    let mut problems: Vec<PresetError> = context.problem.iter().cloned().collect();
    Setting::of("presets", context, &library, &folders, &mut problems);
    problems.extend_from_slice(library.problems());
    Ok((library, problems))
}
