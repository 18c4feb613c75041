//! Files that give names a text or a list of texts: keys by action, styles by role.

use toml::de::{DeTable, DeValue};

use crate::located::{Document, PresetError};

/// A name and what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The action, or the role.
    pub name: String,
    /// The texts; one, where the file has a text alone.
    pub texts: Vec<String>,
    /// An error at this row; its message is to be filled in.
    error: PresetError,
}

impl Row {
    /// An error at this row.
    pub fn error(&self, message: impl Into<String>) -> PresetError {
        PresetError { message: message.into(), ..self.error.clone() }
    }
}

/// What a file's rows may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// Before a row's name in messages.
    pub(super) prefix: &'static str,
    /// Whether a text may stand without a list around it.
    pub(super) alone: bool,
    /// What a row holds, in words.
    pub(super) expected: &'static str,
}

/// The rows of a table.
pub(super) fn rows(document: Document<'_>, table: &DeTable<'_>, form: Form) -> Result<Vec<Row>, PresetError> {
    let row = |(name, value): (&toml::Spanned<std::borrow::Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
        let error = document.error(name.span(), format!("{}{}", form.prefix, name.get_ref()), form.expected);
        let texts = match value.get_ref() {
            DeValue::String(text) if form.alone => Some(vec![text.clone().into_owned()]),
            DeValue::Array(texts) => texts.iter().map(|text| text.get_ref().as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        let name = name.get_ref().clone().into_owned();
        texts.map(|texts| Row { name, texts, error: error.clone() }).ok_or(error)
    };
    table.iter().map(row).collect()
}
