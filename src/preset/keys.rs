//! The keys of the explorer as people write them: actions and the names of their keys.

use std::path::Path;

use toml::de::DeValue;

use super::document::Document;
use super::error::PresetError;
use super::source;

const EMBEDDED: &str = include_str!("../../presets/keys.toml");

/// An action and its keys, as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The id of the action.
    pub id: String,
    /// The names of its keys.
    pub keys: Vec<String>,
    /// An error at this row; its message is to be filled in.
    error: PresetError,
}

impl Row {
    /// An error at this row.
    pub fn error(&self, message: impl Into<String>) -> PresetError {
        PresetError { message: message.into(), ..self.error.clone() }
    }
}

/// The keys that everybody has.
pub fn embedded() -> Result<Vec<Row>, PresetError> {
    parse(EMBEDDED, "embedded presets/keys.toml")
}

/// The keys of a file.
pub fn read(path: &Path) -> Result<Vec<Row>, PresetError> {
    parse(&source::read(path)?, &path.display().to_string())
}

fn parse(text: &str, origin: &str) -> Result<Vec<Row>, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let mut rows = Vec::new();
    for (id, value) in root.get_ref() {
        let error = document.error(id.span(), id.get_ref().as_ref(), "");
        let names = match value.get_ref() {
            DeValue::Array(names) => names.iter().map(|name| name.get_ref().as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        let Some(keys) = names else {
            return Err(PresetError {
                message: String::from("expected a list of keys, such as [\"left\", \"h\"]"),
                ..error
            });
        };
        rows.push(Row { id: id.get_ref().clone().into_owned(), keys, error });
    }
    Ok(rows)
}
