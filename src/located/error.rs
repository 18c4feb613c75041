//! What is wrong with a file that somebody wrote, and where.

use std::fmt;

/// Why a file was not taken: where, what was found, what would be right.
///
/// On one line: ``my.toml:12:1: architecture.hiden_size: unknown key; the nearest is `hidden_size` ``.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}{message}")]
pub struct PresetError {
    /// Where.
    pub place: Place,
    /// What was found, what is allowed, and the nearest valid name.
    pub message: String,
}

/// A place in a file; what is not known is left out when it is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it, or `embedded presets/models/x.toml`; empty: no file is at fault.
    pub path: String,
    /// Line, from 1; 0: the file as a whole.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The dotted key; empty: none in particular.
    pub key: String,
}

impl PresetError {
    /// An error that lies in no file, such as an id that does not exist.
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self { place: Place::default(), message: message.into() }
    }

    /// An error about a file as a whole.
    pub(crate) fn file(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: Place { path: path.into(), ..Place::default() }, message: message.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            f.write_str(&self.path)?;
            if self.line > 0 {
                write!(f, ":{}:{}", self.line, self.column)?;
            }
            f.write_str(": ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        Ok(())
    }
}

/// Line and column, both from 1, of a byte offset in a text.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    (line, column)
}
