//! Reading files that people name, with a cap on their size.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::error::PresetError;

/// No preset, scenario or `config.json` comes near this.
const LARGEST_FILE: u64 = 1 << 20;

/// Whether somebody put a file here, though it may be a link that leads nowhere.
pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The text of a regular file of at most 1 MiB.
pub(crate) fn read(path: &Path) -> Result<String, PresetError> {
    read_up_to(path, LARGEST_FILE)
}

/// The text of a regular file of at most `largest` bytes, whole MiB.
pub(crate) fn read_up_to(path: &Path, largest: u64) -> Result<String, PresetError> {
    let (file, _) = open(path)?;
    text_up_to(file, &path.display().to_string(), largest)
}

/// The text of at most 1 MiB that comes from somewhere; `origin` is what messages call it.
pub(crate) fn text_of(reader: impl Read, origin: &str) -> Result<String, PresetError> {
    text_up_to(reader, origin, LARGEST_FILE)
}

fn text_up_to(reader: impl Read, origin: &str, largest: u64) -> Result<String, PresetError> {
    let wrong = |message: String| PresetError::file(origin, message);
    let mut bytes = Vec::new();
    reader.take(largest + 1).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > largest {
        return Err(wrong(format!("larger than {} MiB; nothing that brimful reads here is", largest >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| wrong(error.utf8_error().to_string()))
}

/// A regular file, with how many bytes it has.
pub(crate) fn open(path: &Path) -> Result<(File, u64), PresetError> {
    let wrong = |message: String| PresetError::file(path.display().to_string(), message);
    // Asked before opening: to open a pipe could wait for ever.
    let about = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound if path.is_symlink() => wrong(String::from("a link that leads nowhere")),
        _ => wrong(error.to_string()),
    })?;
    if !about.is_file() {
        return Err(wrong(String::from("not a regular file")));
    }
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    Ok((file, about.len()))
}
