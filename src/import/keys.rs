//! Keys of a `config.json` as a family's row lists them, and values of which the refused ones are errors.

use super::json::Object;
use crate::families::{Key, Refusal, When};
use crate::located::PresetError;
use crate::model::keys::{Keyed, Sides, Source};
use crate::model::{ArchitectureKeys, Family};

/// Reads the listed keys; what they say replaces what was there, also where it is nothing.
pub(super) fn fill(
    config: &Object<'_>,
    family: &Family,
    listed: &[&[Key]],
    keys: &mut ArchitectureKeys,
) -> Result<(), PresetError> {
    for key in listed.iter().copied().flatten() {
        let (form, key, names): (_, _, &[&str]) = match *key {
            Key::KeyValueHeads => {
                keys.num_key_value_heads = kv_heads(config, family, keys)?;
                continue;
            }
            Key::RotaryShare(older) => {
                keys.partial_rotary_factor = rotary_share(config, older)?;
                continue;
            }
            Key::Own(key) => (Form::Plain, key, &[key]),
            Key::Named(key, names) => (Form::Plain, key, names),
            Key::Spelled(key) => (Form::Plain, key, ArchitectureKeys::spellings(key)),
            Key::OrZero(key) => (Form::OrZero, key, &[key]),
            Key::OrAuto(key, names) => (Form::OrAuto, key, names),
            Key::OrEqual(key, names) => (Form::OrEqual, key, names),
        };
        keys.read_one(&Names { config, spellings: names, form }, key)?;
    }
    Ok(())
}

/// The first of the values that the family's row refuses, as an error.
pub(super) fn refuse(config: &Object<'_>, refusals: &[Refusal]) -> Result<(), PresetError> {
    for Refusal { key, when, problem } in refusals {
        let (is, found) = match when {
            When::True => (config.flag(key)? == Some(true), "found `true`; "),
            When::False => (config.flag(key)? == Some(false), "found `false`; "),
            When::Number => (config.number(&[key])?.is_some(), "found a number; "),
            When::Several => (config.number(&[key])?.is_some_and(|number| number > 1.0), ""),
            When::NotTrue => (config.flag(key)? != Some(true), "found no `true`; "),
            When::NotFalse => (config.flag(key)? != Some(false), "found no `false`; "),
            When::Without(words) => (!has_words(config, key, words)?, ""),
            When::Positive => (config.number(&[key])?.is_some_and(|number| number > 0.0), ""),
        };
        if is {
            return Err(config.error(key, format!("{found}{problem}")));
        }
    }
    Ok(())
}

/// Whether all of these words stand there: in a list, or in a text between bars.
fn has_words(config: &Object<'_>, key: &str, words: &[&str]) -> Result<bool, PresetError> {
    let said = if config.is_list(key) {
        config.words(key)?.unwrap_or_default()
    } else {
        let text = config.text(&[key])?.unwrap_or_default().to_lowercase();
        text.split('|').map(|word| word.trim().to_owned()).collect()
    };
    Ok(words.iter().all(|word| said.iter().any(|said| said == word)))
}

/// Key and value heads: null means as many as query heads, also where the class's default is another number.
fn kv_heads(config: &Object<'_>, family: &Family, keys: &ArchitectureKeys) -> Result<Option<u64>, PresetError> {
    const KEY: &str = "num_key_value_heads";
    if config.is_null(KEY) {
        return Ok(Some(keys.num_attention_heads.unwrap_or(family.defaults.num_attention_heads)));
    }
    config.count(&[KEY])
}

/// The share of a head that rotates: in the rotary parameters, or under the family's older name.
fn rotary_share(config: &Object<'_>, older: &str) -> Result<Option<f64>, PresetError> {
    for group in ["rope_scaling", "rope_parameters"] {
        if let Some(parameters) = config.object(group)?
            && let Some(share) = parameters.number(&["partial_rotary_factor"])?
        {
            return Ok(Some(share));
        }
    }
    config.number(&[older])
}

/// What counts as a number beside numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    OrZero,
    OrAuto,
    OrEqual,
}

/// One key of a configuration, by the first of these names that is there.
struct Names<'c, 't> {
    config: &'c Object<'t>,
    spellings: &'c [&'c str],
    form: Form,
}

impl Names<'_, '_> {
    fn is_zero(&self) -> bool {
        self.form == Form::OrZero && self.spellings.iter().any(|name| self.config.is_null(name))
    }

    fn by_name<T>(&self, read: impl FnOnce(&str) -> Result<Option<T>, PresetError>) -> Result<Option<T>, PresetError> {
        self.config.spelling(self.spellings).map_or(Ok(None), read)
    }
}

impl Source for Names<'_, '_> {
    type Error = PresetError;

    fn count(&self, _: &'static str) -> Result<Option<u64>, PresetError> {
        match self.form {
            Form::OrZero if self.is_zero() => Ok(Some(0)),
            Form::Plain | Form::OrZero => self.config.count(self.spellings),
            Form::OrAuto => self.config.count_or_auto(self.spellings),
            Form::OrEqual => self.config.count_or_equal_counts(self.spellings),
        }
    }

    fn number(&self, _: &'static str) -> Result<Option<f64>, PresetError> {
        if self.is_zero() { Ok(Some(0.0)) } else { self.config.number(self.spellings) }
    }

    fn flag(&self, _: &'static str) -> Result<Option<bool>, PresetError> {
        self.by_name(|name| self.config.flag(name))
    }

    fn text(&self, _: &'static str) -> Result<Option<String>, PresetError> {
        self.config.text(self.spellings)
    }

    fn counts(&self, _: &'static str) -> Result<Option<Vec<u64>>, PresetError> {
        self.by_name(|name| self.config.counts(name))
    }

    fn numbers(&self, _: &'static str) -> Result<Option<Vec<f64>>, PresetError> {
        self.by_name(|name| self.config.numbers(name))
    }

    fn words(&self, _: &'static str) -> Result<Option<Vec<String>>, PresetError> {
        self.by_name(|name| self.config.words(name))
    }

    /// A tower is read from an object of its own.
    fn group<K: Keyed>(&self, _: &'static str) -> Result<Option<K>, PresetError> {
        Ok(None)
    }

    /// A quantization too.
    fn groups<K: Keyed>(&self, _: &'static str) -> Result<Option<Vec<K>>, PresetError> {
        Ok(None)
    }

    fn sides(&self, _: &'static str) -> Result<Option<Sides>, PresetError> {
        self.by_name(|name| self.config.sides(name))
    }
}
