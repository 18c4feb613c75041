//! A TOML file with the place of every key, so that each complaint can say where.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Place, PresetError, position};
use crate::model::keys::{Keyed, Sides, Source};
use crate::scenario::parameter::nearest;

/// The text of a file and what it is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'a> {
    /// The name for messages.
    pub(crate) origin: &'a str,
    /// All of it.
    pub(crate) text: &'a str,
}

impl<'a> Document<'a> {
    /// The root table, or where the text stops being TOML.
    pub(crate) fn parse(self) -> Result<Spanned<DeTable<'a>>, PresetError> {
        DeTable::parse(self.text).map_err(|error| {
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            let span = error.span().unwrap_or(0..0);
            // Which key stands twice is for the text to say.
            let key = self.text.get(span.clone()).filter(|_| message == "duplicate key").unwrap_or_default();
            self.error(span, key, message)
        })
    }

    /// An error at a place in the text.
    pub(crate) fn error(self, span: Range<usize>, key: impl Into<String>, message: impl Into<String>) -> PresetError {
        let (line, column) = position(self.text, span.start);
        PresetError {
            place: Place { path: self.origin.to_owned(), line, column, key: key.into() },
            message: message.into(),
        }
    }
}

/// One table of a document. It remembers which keys were asked for; [`Section::finish`] rejects the others.
#[derive(Debug)]
pub(crate) struct Section<'t, 'a> {
    document: Document<'a>,
    prefix: &'static str,
    start: usize,
    table: &'t DeTable<'a>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'t, 'a> Section<'t, 'a> {
    /// A table whose keys are called `prefix` and their name in messages.
    pub(crate) fn new(document: Document<'a>, prefix: &'static str, start: usize, table: &'t DeTable<'a>) -> Self {
        Self { document, prefix, start, table, asked: RefCell::default() }
    }

    /// An error at a key, or at the table's head where the key is absent.
    pub(crate) fn error(&self, key: &str, message: impl Into<String>) -> PresetError {
        let span = self.table.get_key_value(key).map_or(self.start..self.start, |(key, _)| key.span());
        self.document.error(span, format!("{}{key}", self.prefix), message)
    }

    /// A value that must be there.
    pub(crate) fn need<T>(&self, key: &str, value: Option<T>) -> Result<T, PresetError> {
        value.ok_or_else(|| self.error(key, "missing; it has no default"))
    }

    /// Rejects keys that nobody asked for, the first in the file first.
    pub(crate) fn finish(&self) -> Result<(), PresetError> {
        let asked = self.asked.borrow();
        let unknown = self.table.keys().filter(|key| !asked.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        Err(self.error(key.get_ref(), format!("unknown key; {}", suggestion(key.get_ref(), &asked))))
    }

    /// A table inside this one.
    pub(crate) fn table(&self, key: &'static str, prefix: &'static str) -> Result<Option<Self>, PresetError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Table(table) => Ok(Some(Section::new(self.document, prefix, value.span().start, table))),
            other => Err(self.wrong(key, other, "a table")),
        }
    }

    /// Tables in a list, `[[key]]`.
    pub(crate) fn tables(&self, key: &'static str, prefix: &'static str) -> Result<Vec<Self>, PresetError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let DeValue::Array(items) = value.get_ref() else {
            let expected = format!("a list of tables, each under `[[{key}]]`");
            return Err(self.wrong(key, value.get_ref(), &expected));
        };
        let sections = items.iter().map(|item| match item.get_ref() {
            DeValue::Table(table) => Ok(Section::new(self.document, prefix, item.span().start, table)),
            other => Err(self.wrong(key, other, "a table")),
        });
        sections.collect()
    }

    /// A table inside this one as it stands in the file, for readers of their own.
    pub(crate) fn raw_table(&self, key: &'static str) -> Result<Option<&'t DeTable<'a>>, PresetError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Table(table) => Ok(Some(table)),
            other => Err(self.wrong(key, other, "a table")),
        }
    }

    /// The file that the table is in.
    pub(crate) fn document(&self) -> Document<'a> {
        self.document
    }

    fn get(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    fn read<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&DeValue<'a>) -> Option<T>,
    ) -> Result<Option<T>, PresetError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        read(value.get_ref()).map(Some).ok_or_else(|| self.wrong(key, value.get_ref(), expected))
    }

    fn wrong(&self, key: &str, value: &DeValue<'_>, expected: &str) -> PresetError {
        self.error(key, format!("found {}, expected {expected}", found(value)))
    }
}

impl Source for Section<'_, '_> {
    type Error = PresetError;

    fn text(&self, key: &'static str) -> Result<Option<String>, PresetError> {
        self.read(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    fn count(&self, key: &'static str) -> Result<Option<u64>, PresetError> {
        self.read(key, "a whole number that is not negative", whole)
    }

    fn number(&self, key: &'static str) -> Result<Option<f64>, PresetError> {
        self.read(key, "a number", finite)
    }

    fn flag(&self, key: &'static str) -> Result<Option<bool>, PresetError> {
        self.read(key, "true or false", DeValue::as_bool)
    }

    fn words(&self, key: &'static str) -> Result<Option<Vec<String>>, PresetError> {
        self.read(key, "a list of texts", words)
    }

    fn counts(&self, key: &'static str) -> Result<Option<Vec<u64>>, PresetError> {
        let counts = |value: &DeValue<'_>| value.as_array()?.iter().map(|item| whole(item.get_ref())).collect();
        self.read(key, "a list of whole numbers", counts)
    }

    fn numbers(&self, key: &'static str) -> Result<Option<Vec<f64>>, PresetError> {
        let numbers = |value: &DeValue<'_>| value.as_array()?.iter().map(|item| finite(item.get_ref())).collect();
        self.read(key, "a list of numbers", numbers)
    }

    fn group<K: Keyed>(&self, key: &'static str) -> Result<Option<K>, PresetError> {
        let Some(section) = self.table(key, "architecture.tower.")? else { return Ok(None) };
        let keys = K::read(&section, key)?;
        section.finish()?;
        Ok(Some(keys))
    }

    fn groups<K: Keyed>(&self, key: &'static str) -> Result<Option<Vec<K>>, PresetError> {
        let mut groups = Vec::new();
        for section in self.tables(key, "architecture.quantization_config.")? {
            groups.push(K::read(&section, key)?);
            section.finish()?;
        }
        Ok(Some(groups).filter(|groups| !groups.is_empty()))
    }

    fn sides(&self, key: &'static str) -> Result<Option<Sides>, PresetError> {
        let sides = |value: &DeValue<'_>| match value.as_array().map(|items| &items[..]) {
            None => whole(value).map(Sides::Square),
            Some([height, width]) => Some(Sides::Both([whole(height.get_ref())?, whole(width.get_ref())?])),
            Some(_) => None,
        };
        self.read(key, "a whole number, or a list of height and width", sides)
    }
}

/// A TOML integer as a count, where it is one.
pub(crate) fn whole(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A TOML number, whole or not, where it is one.
fn finite(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        DeValue::Float(number) => number.as_str().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// A TOML array of texts, where it is one.
pub(crate) fn words(value: &DeValue<'_>) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

/// A value in the words of a message.
pub(crate) fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(number) => format!("`{}`", number.as_str()),
        DeValue::Float(number) => format!("`{}`", number.as_str()),
        DeValue::Boolean(flag) => format!("`{flag}`"),
        DeValue::Datetime(date) => format!("the date {date}"),
        DeValue::Array(_) => String::from("a list"),
        DeValue::Table(_) => String::from("a table"),
    }
}

/// The nearest valid name, or all of them where none is near.
pub(crate) fn suggestion(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("the nearest is `{near}`"),
        None => format!("allowed are {}", known.join(", ")),
    }
}
