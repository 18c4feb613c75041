//! Values as what a scenario holds.

use crate::scenario::Value;

pub(super) fn count(value: Value) -> Result<u64, String> {
    optional_count(value)?.ok_or_else(|| String::from("a whole number is needed"))
}

pub(super) fn optional_count(value: Value) -> Result<Option<u64>, String> {
    match value {
        Value::Count(count) => Ok(Some(count)),
        Value::Unset => Ok(None),
        other => Err(format!("`{other}` is not a whole number")),
    }
}

pub(super) fn fraction(value: Value) -> Result<f64, String> {
    optional_fraction(value)?.ok_or_else(|| String::from("a number from 0 to 1 is needed"))
}

pub(super) fn optional_fraction(value: Value) -> Result<Option<f64>, String> {
    match value {
        Value::Fraction(fraction) => Ok(Some(fraction)),
        Value::Unset => Ok(None),
        other => Err(format!("`{other}` is not a number from 0 to 1")),
    }
}

pub(super) fn flag(value: Value) -> Result<bool, String> {
    match value {
        Value::Flag(on) => Ok(on),
        other => Err(format!("`{other}` is neither true nor false")),
    }
}

pub(super) fn text(value: Value) -> Result<String, String> {
    optional_text(value)?.ok_or_else(|| String::from("a text is needed"))
}

pub(super) fn optional_text(value: Value) -> Result<Option<String>, String> {
    match value {
        Value::Word(word) => Ok(Some(word)),
        Value::Unset => Ok(None),
        other => Err(format!("`{other}` is not a text")),
    }
}

pub(super) fn words(value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::Words(words) => Ok(words),
        other => Err(format!("`{other}` is not a list of texts")),
    }
}

pub(super) fn word<T>(value: Value, from_word: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    let text = text(value)?;
    from_word(&text).ok_or_else(|| format!("`{text}` is not a choice here"))
}

pub(super) fn optional_word<T>(value: Value, from_word: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    if value == Value::Unset { Ok(None) } else { word(value, from_word).map(Some) }
}
