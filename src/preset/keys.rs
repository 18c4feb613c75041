//! The keys of the explorer as people write them: actions and the names of their keys.

use std::path::Path;

use super::rows::{Form, Row, rows};
use crate::located::{self, Document, PresetError};

const EMBEDDED: &str = include_str!("../../presets/keys.toml");

/// The keys that everybody has.
pub fn embedded() -> Result<Vec<Row>, PresetError> {
    parse(EMBEDDED, "embedded presets/keys.toml")
}

/// The keys of a file.
pub fn read(path: &Path) -> Result<Vec<Row>, PresetError> {
    parse(&located::read(path)?, &path.display().to_string())
}

fn parse(text: &str, origin: &str) -> Result<Vec<Row>, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let expected = "expected a list of keys, such as [\"left\", \"h\"]";
    rows(document, root.get_ref(), Form { prefix: "", alone: false, expected })
}
