//! `model.safetensors.index.json`: which file has which tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::header::{LARGEST_HEADER, MOST_TENSORS, at};
use crate::located::{self, Place, PresetError, is_there};

/// No model has as many files.
const MOST_FILES: usize = 1 << 14;

/// What an index says.
pub(super) struct Index {
    /// The files, by their names, each with the tensors that it should have.
    pub(super) files: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Deserialize)]
struct Text {
    weight_map: Files,
}

/// Tensors and their files, in the order of the text.
struct Files(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Files;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the file of each tensor")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Files, A::Error> {
                let mut files = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    if files.len() == MOST_TENSORS {
                        return Err(A::Error::custom(format!("more than {MOST_TENSORS} tensors")));
                    }
                    files.push(entry);
                }
                Ok(Files(files))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl Index {
    pub(super) fn read(path: &Path) -> Result<Self, PresetError> {
        Self::parse(&located::read_up_to(path, LARGEST_HEADER)?, &path.display().to_string())
    }

    pub(super) fn parse(text: &str, origin: &str) -> Result<Self, PresetError> {
        let text: Text = serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
            let place =
                Place { path: origin.to_owned(), line: error.line(), column: error.column(), key: String::new() };
            PresetError { place, message }
        })?;
        let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, file) in text.weight_map.0 {
            if !is_name(&file) {
                let message = format!("weight_map: found {file:?}, expected the name of a file in the index's folder");
                return Err(at(origin, &name, message));
            }
            files.entry(file).or_default().insert(name);
        }
        let found = files.len();
        if found == 0 || found > MOST_FILES {
            let message = format!("weight_map: names {found} files; models have 1 to {MOST_FILES}");
            return Err(PresetError::file(origin, message));
        }
        Ok(Self { files })
    }

    /// The files in a folder that are not there.
    pub(super) fn missing(&self, folder: &Path) -> Vec<PathBuf> {
        self.files.keys().map(|name| folder.join(name)).filter(|path| !is_there(path)).collect()
    }
}

/// Whether it is a name, and leads nowhere else.
fn is_name(file: &str) -> bool {
    let mut parts = Path::new(file).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    plain && !file.contains(['/', '\\']) && !file.chars().any(char::is_control)
}
