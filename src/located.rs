//! Files that somebody wrote, and what is wrong with them, where.

mod document;
mod error;
mod source;

pub(crate) use document::{Document, Section, found, suggestion, whole, words};
pub(crate) use error::position;
pub use error::{Place, PresetError};
pub(crate) use source::{is_there, open, read, read_up_to, text_of};
