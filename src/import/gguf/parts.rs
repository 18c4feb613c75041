//! Models in several files: `NAME-00001-of-00003.gguf` and what lies beside it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::header::Header;
use super::reader::located;
use super::value::Value;
use crate::located::{PresetError, is_there};

const COUNT: &str = "split.count";
const NUMBER: &str = "split.no";
const TENSORS: &str = "split.tensors.count";

/// The files of a model.
pub(super) struct Parts {
    others: Vec<PathBuf>,
    count: u64,
    /// How many tensors they have together, where the first says so.
    tensors: Option<u64>,
}

/// What a file's name has before and after its number: `NAME`, 1 and 3.
fn numbered(path: &Path) -> Option<(&str, u64, u64)> {
    const DIGITS: usize = 5;
    let name = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
    let (name, count) = name.rsplit_once("-of-")?;
    let (name, number) = name.rsplit_once('-')?;
    let digits = |text: &str| text.len() == DIGITS && text.bytes().all(|digit| digit.is_ascii_digit());
    (digits(number) && digits(count)).then_some(())?;
    Some((name, number.parse().ok()?, count.parse().ok()?))
}

fn part(path: &Path, name: &str, number: u64, count: u64) -> PathBuf {
    path.with_file_name(format!("{name}-{number:05}-of-{count:05}.gguf"))
}

/// The first part of the model that a file is a part of, where that lies beside it: the metadata are in it.
pub(super) fn first(path: &Path) -> PathBuf {
    let beside = numbered(path).map(|(name, _, count)| part(path, name, 1, count));
    beside.filter(|first| is_there(first)).unwrap_or_else(|| path.to_owned())
}

/// The name of the file, without its number and its end.
pub(super) fn stem(path: &Path) -> Option<String> {
    let own = || path.file_stem()?.to_str();
    numbered(path).map(|(name, ..)| name).or_else(own).map(str::to_owned)
}

impl Parts {
    /// The parts that the first of them asks for.
    pub(super) fn of(path: &Path, first: &Header) -> Result<Self, PresetError> {
        let origin = path.display().to_string();
        let count = whole(first, COUNT).filter(|count| *count > 1).unwrap_or(1);
        if count == 1 {
            return Ok(Self { others: Vec::new(), count, tensors: None });
        }
        let Some((name, number, named)) = numbered(path).filter(|(_, _, named)| *named == count) else {
            let message = format!("found `{count}`, in a file that is not named …-00001-of-{count:05}.gguf");
            return Err(located(&origin, COUNT, &message));
        };
        if number != 1 || whole(first, NUMBER).is_some_and(|number| number != 0) {
            let first = part(path, name, 1, named);
            let message = format!("a part of a model, whose first part {} is missing", first.display());
            return Err(located(&origin, NUMBER, &message));
        }
        let others: Vec<PathBuf> = (2..=count).map(|number| part(path, name, number, count)).collect();
        let missing: Vec<&PathBuf> = others.iter().filter(|other| !is_there(other)).collect();
        if let Some(other) = missing.first() {
            let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
            let message = format!("found `{count}` files, of which {}{more} is missing", other.display());
            return Err(located(&origin, COUNT, &message));
        }
        Ok(Self { others, count, tensors: whole(first, TENSORS) })
    }

    /// The parts beside the first.
    pub(super) fn others(&self) -> &[PathBuf] {
        &self.others
    }

    /// Whether a file is the part that it should be, counted from 0.
    pub(super) fn check(&self, path: &Path, number: usize, header: &Header) -> Result<(), PresetError> {
        let origin = path.display().to_string();
        for (key, expected) in [(NUMBER, number as u64), (COUNT, self.count)] {
            let found = whole(header, key);
            if found != Some(expected) {
                let found = header.metadata.get(key).map_or_else(|| String::from("missing"), Value::words);
                return Err(located(&origin, key, &format!("{found}, expected `{expected}`")));
            }
        }
        Ok(())
    }

    /// Whether all tensors are there, and each once.
    pub(super) fn check_all(&self, whole: &Header, origin: &str) -> Result<(), PresetError> {
        let mut names = HashSet::with_capacity(whole.tensors.len());
        if let Some(twice) = whole.tensors.iter().find(|tensor| !names.insert(tensor.name.as_str())) {
            return Err(located(origin, &twice.name, "a tensor that stands in two of the files"));
        }
        let found = whole.tensors.len() as u64;
        match self.tensors.filter(|tensors| *tensors != found) {
            Some(tensors) => Err(located(origin, TENSORS, &format!("found `{tensors}`, and {found} tensors"))),
            None => Ok(()),
        }
    }
}

fn whole(header: &Header, key: &str) -> Option<u64> {
    match header.metadata.get(key)? {
        Value::Whole(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
