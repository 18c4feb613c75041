//! A JSON object with complaints that say where.

use serde_json::{Map, Value};

use super::python;
use crate::located::{Place, PresetError, position};
use crate::model::keys::Sides;

/// The keys of one object in a JSON text. Unknown keys are nobody's business; null counts as absent.
#[derive(Debug, Clone)]
pub(super) struct Object<'t> {
    origin: &'t str,
    text: &'t str,
    keys: Map<String, Value>,
}

impl<'t> Object<'t> {
    /// The object that the text is.
    pub(super) fn parse(text: &'t str, origin: &'t str) -> Result<Self, PresetError> {
        let text = text.trim_start_matches('\u{feff}');
        let empty = Self { origin, text, keys: Map::new() };
        let (strict, quoted) = python::strict(text);
        match serde_json::from_str(&strict) {
            Ok(Value::Object(keys)) => Ok(Self { keys, ..empty }),
            Ok(other) => Err(empty.error("", format!("found {}, expected an object", found(&other)))),
            Err(error) => {
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
                let (line, column) = (error.line(), python::column(&quoted, [error.line(), error.column()]));
                Err(PresetError { place: Place { path: origin.to_owned(), line, column, key: String::new() }, message })
            }
        }
    }

    /// An error at the first place where the text spells the key, or about the whole text.
    pub(super) fn error(&self, key: &str, message: impl Into<String>) -> PresetError {
        let quoted = format!("\"{key}\"");
        let is_key = |at: &usize| self.text[at + quoted.len()..].trim_start().starts_with(':');
        let at = self.text.match_indices(&quoted).map(|(at, _)| at).find(is_key);
        let (line, column) = at.map_or((1, 1), |at| position(self.text, at));
        let place = Place { path: self.origin.to_owned(), line, column, key: key.to_owned() };
        PresetError { place, message: message.into() }
    }

    /// Whether the key stands there with a list for a value.
    pub(super) fn is_list(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(Value::is_array)
    }

    /// Whether the key stands there with null for a value.
    pub(super) fn is_null(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(Value::is_null)
    }

    /// Whether one of the keys that `chosen` picks says anything.
    pub(super) fn says(&self, chosen: impl Fn(&str) -> bool) -> bool {
        self.first_that_says(chosen).is_some()
    }

    /// The first of the keys that `chosen` picks that says anything: null, false, zero and an empty list or object do not.
    pub(super) fn first_that_says(&self, chosen: impl Fn(&str) -> bool) -> Option<&str> {
        let says = |value: &Value| match value {
            Value::Null => false,
            Value::Bool(flag) => *flag,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::Array(items) => !items.is_empty(),
            Value::Object(keys) => !keys.is_empty(),
            Value::String(_) => true,
        };
        self.keys.iter().find(|(key, value)| chosen(key) && says(value)).map(|(key, _)| key.as_str())
    }

    /// The first of these spellings that stands in the object.
    pub(super) fn spelling<'k>(&self, names: &[&'k str]) -> Option<&'k str> {
        names.iter().copied().find(|name| self.get(name).is_some())
    }

    /// An object inside this one.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, PresetError> {
        let inner = |value: &Value| value.as_object().cloned();
        let keys = self.read(&[name], "an object", inner)?;
        Ok(keys.map(|keys| Self { origin: self.origin, text: self.text, keys }))
    }

    /// A list of objects.
    pub(super) fn objects(&self, name: &str) -> Result<Option<Vec<Self>>, PresetError> {
        let read = |value: &Value| value.as_array()?.iter().map(|item| item.as_object().cloned()).collect();
        let found: Option<Vec<Map<String, Value>>> = self.read(&[name], "a list of objects", read)?;
        let inner = |keys| Self { origin: self.origin, text: self.text, keys };
        Ok(found.map(|objects| objects.into_iter().map(inner).collect()))
    }

    /// How many keys the object of this name has.
    pub(super) fn entries(&self, name: &str) -> Result<Option<u64>, PresetError> {
        self.read(&[name], "an object", |value| u64::try_from(value.as_object()?.len()).ok())
    }

    /// The first object inside the object of this name.
    pub(super) fn first_object_in(&self, name: &str) -> Option<Self> {
        let inner = self.get(name)?.as_object()?.values().find_map(Value::as_object)?;
        Some(Self { origin: self.origin, text: self.text, keys: inner.clone() })
    }

    /// The object of this name inside the first object inside this one.
    pub(super) fn first_object_in_any(&self, name: &str) -> Option<Self> {
        let inner = self.keys.values().find_map(|value| value.get(name)?.as_object())?;
        Some(Self { origin: self.origin, text: self.text, keys: inner.clone() })
    }

    /// The objects inside this one, by name.
    pub(super) fn entries_that_are_objects(&self) -> impl Iterator<Item = (&str, Self)> {
        let inner = |keys: &Map<String, Value>| Self { origin: self.origin, text: self.text, keys: keys.clone() };
        self.keys.iter().filter_map(move |(name, value)| Some((name.as_str(), inner(value.as_object()?))))
    }

    /// Whether a negative number stands there.
    pub(super) fn is_negative(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_f64).is_some_and(|number| number < 0.0)
    }

    /// Whether this text stands there.
    pub(super) fn has_text(&self, name: &str, text: &str) -> bool {
        self.get(name).and_then(Value::as_str) == Some(text)
    }

    /// Whether false or nothing stands there.
    pub(super) fn is_off(&self, name: &str) -> bool {
        self.get(name).is_none_or(|value| value.as_bool() == Some(false))
    }

    /// A whole number under one of these names; nothing where something else stands there.
    pub(super) fn whole_number(&self, names: &[&str]) -> Option<u64> {
        whole(self.get(self.spelling(names)?)?)
    }

    /// A whole number, or a list in which that number alone stands.
    pub(super) fn count_or_equal_counts(&self, names: &[&str]) -> Result<Option<u64>, PresetError> {
        match self.spelling(names) {
            Some(name) if self.get(name).is_some_and(Value::is_array) => {
                let counts = self.counts(name)?.unwrap_or_default();
                match counts.split_first() {
                    Some((first, rest)) if rest.iter().all(|count| count == first) => Ok(Some(*first)),
                    _ => Err(self.error(name, "found different numbers; layers of different widths are not covered")),
                }
            }
            _ => self.count(names),
        }
    }

    /// A whole number under one of these names.
    pub(super) fn count(&self, names: &[&str]) -> Result<Option<u64>, PresetError> {
        self.read(names, "a whole number that is not negative", whole)
    }

    /// A whole number under one of these names; the text `auto` counts as absent.
    pub(super) fn count_or_auto(&self, names: &[&str]) -> Result<Option<u64>, PresetError> {
        let auto = |name| self.get(name).and_then(Value::as_str) == Some("auto");
        if self.spelling(names).is_some_and(auto) { Ok(None) } else { self.count(names) }
    }

    /// A number under one of these names.
    pub(super) fn number(&self, names: &[&str]) -> Result<Option<f64>, PresetError> {
        self.read(names, "a number", Value::as_f64)
    }

    /// True or false.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, PresetError> {
        self.read(&[name], "true or false", Value::as_bool)
    }

    /// True or false, or a number that is zero or not.
    pub(super) fn flag_or_count(&self, name: &str) -> Result<Option<bool>, PresetError> {
        let read = |value: &Value| value.as_bool().or(whole(value).map(|count| count > 0));
        self.read(&[name], "true or false", read)
    }

    /// A text under one of these names.
    pub(super) fn text(&self, names: &[&str]) -> Result<Option<String>, PresetError> {
        self.read(names, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// A list of whole numbers.
    pub(super) fn counts(&self, name: &str) -> Result<Option<Vec<u64>>, PresetError> {
        let read = |value: &Value| value.as_array()?.iter().map(whole).collect();
        self.read(&[name], "a list of whole numbers that are not negative", read)
    }

    /// A list of numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>, PresetError> {
        let read = |value: &Value| value.as_array()?.iter().map(Value::as_f64).collect();
        self.read(&[name], "a list of numbers", read)
    }

    /// A list of texts.
    pub(super) fn words(&self, name: &str) -> Result<Option<Vec<String>>, PresetError> {
        let read = |value: &Value| value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        self.read(&[name], "a list of texts", read)
    }

    /// Both sides of a rectangle: one number, or height and width.
    pub(super) fn sides(&self, name: &str) -> Result<Option<Sides>, PresetError> {
        if !self.is_list(name) {
            return Ok(self.count(&[name])?.map(Sides::Square));
        }
        match self.counts(name)?.as_deref() {
            Some([height, width]) => Ok(Some(Sides::Both([*height, *width]))),
            _ => Err(self.error(name, "found a list, expected a whole number, or a height and a width")),
        }
    }

    /// How many words a list of `[[word, …], times]` makes.
    pub(super) fn repeated_words(&self, name: &str) -> Result<Option<u64>, PresetError> {
        let one = |item: &Value| {
            let [words, times] = item.as_array()?.as_slice() else { return None };
            u64::try_from(words.as_array()?.len()).ok()?.checked_mul(whole(times)?)
        };
        let read =
            |value: &Value| value.as_array()?.iter().map(one).try_fold(0_u64, |sum, count| sum.checked_add(count?));
        self.read(&[name], "a list of `[[kind, …], times]`", read)
    }

    /// The keys of objects that name a class of their own.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        let named = |value: &Value| value.get("model_type").is_some_and(Value::is_string);
        self.keys.iter().filter(move |(_, value)| named(value)).map(|(key, _)| key.as_str())
    }

    /// How many items a list has.
    pub(super) fn length(&self, name: &str) -> Option<u64> {
        u64::try_from(self.get(name)?.as_array()?.len()).ok()
    }

    /// A list of pairs of whole numbers, one after the other.
    pub(super) fn count_pairs(&self, name: &str) -> Result<Option<Vec<u64>>, PresetError> {
        let pair = |item: &Value| match item.as_array()?.as_slice() {
            [one, other] => Some([one.as_u64()?, other.as_u64()?]),
            _ => None,
        };
        let read = |value: &Value| {
            let pairs: Vec<[u64; 2]> = value.as_array()?.iter().map(pair).collect::<Option<_>>()?;
            Some(pairs.concat())
        };
        self.read(&[name], "a list of pairs of whole numbers", read)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.keys.get(name).filter(|value| !value.is_null())
    }

    fn read<T>(
        &self,
        names: &[&str],
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, PresetError> {
        let Some(name) = self.spelling(names) else { return Ok(None) };
        let Some(value) = self.get(name) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.error(name, format!("found {}, expected {expected}", found(value)))),
        }
    }
}

/// A whole number that is not negative, also where Python wrote it as a float.
fn whole(value: &Value) -> Option<u64> {
    /// From here on a float skips whole numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let of_float = |number: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and within limits")]
        let whole = number as u64;
        (number.fract() == 0.0 && (0.0..EXACT).contains(&number)).then_some(whole)
    };
    value.as_u64().or_else(|| value.as_f64().and_then(of_float))
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => String::from("null"),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => String::from("a list"),
        Value::Object(_) => String::from("an object"),
    }
}
