//! What the fields of a scenario hold, each to and from a value.

use super::super::{Kind, Step};
use super::LARGEST;
use crate::scenario::choices::Choice;
use crate::scenario::{ImageSize, Value};

/// The type of a field.
pub(super) trait Field: Sized {
    /// What a parameter of it may hold, where nothing else is said.
    const KIND: Kind;

    /// As a value.
    fn value(&self) -> Value;

    /// Of a value, or what is wrong with that.
    fn of(value: Value) -> Result<Self, String>;
}

/// What a parameter of this field may hold.
pub(super) const fn kind<S, F: Field>(_: fn(&S) -> &F) -> Kind {
    F::KIND
}

impl Field for u64 {
    const KIND: Kind = Kind::Count { min: 0, max: LARGEST, step: Step::One, optional: false };

    fn value(&self) -> Value {
        Value::Count(*self)
    }

    fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::Count(count) => Ok(count),
            Value::Unset => Err(String::from("a whole number is needed")),
            other => Err(format!("`{other}` is not a whole number")),
        }
    }
}

impl Field for f64 {
    const KIND: Kind = Kind::Fraction { optional: false };

    fn value(&self) -> Value {
        Value::Fraction(*self)
    }

    fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::Fraction(fraction) => Ok(fraction),
            Value::Unset => Err(String::from("a number from 0 to 1 is needed")),
            other => Err(format!("`{other}` is not a number from 0 to 1")),
        }
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Flag;

    fn value(&self) -> Value {
        Value::Flag(*self)
    }

    fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::Flag(on) => Ok(on),
            other => Err(format!("`{other}` is neither true nor false")),
        }
    }
}

impl Field for String {
    const KIND: Kind = Kind::Text { suggestions: &[] };

    fn value(&self) -> Value {
        Value::Word(self.clone())
    }

    fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::Word(word) => Ok(word),
            Value::Unset => Err(Self::from("a text is needed")),
            other => Err(format!("`{other}` is not a text")),
        }
    }
}

impl Field for Vec<String> {
    const KIND: Kind = Kind::Words;

    fn value(&self) -> Value {
        Value::Words(self.clone())
    }

    fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::Words(words) => Ok(words),
            other => Err(format!("`{other}` is not a list of texts")),
        }
    }
}

impl Field for ImageSize {
    const KIND: Kind =
        Kind::Text { suggestions: &["336x336", "512x512", "1024x1024", "1280x720", "1920x1080", "3840x2160"] };

    fn value(&self) -> Value {
        Value::Word(self.to_string())
    }

    fn of(value: Value) -> Result<Self, String> {
        String::of(value)?.parse()
    }
}

impl<C: Choice> Field for C {
    const KIND: Kind = Kind::Choice { words: C::WORDS, covered: C::WORDS, optional: false };

    fn value(&self) -> Value {
        Value::Word(self.as_word().to_owned())
    }

    fn of(value: Value) -> Result<Self, String> {
        let word = String::of(value)?;
        C::of_word(&word).ok_or_else(|| format!("`{word}` is not a choice here"))
    }
}

impl<F: Field> Field for Option<F> {
    const KIND: Kind = match F::KIND {
        Kind::Count { min, max, step, .. } => Kind::Count { min, max, step, optional: true },
        Kind::Fraction { .. } => Kind::Fraction { optional: true },
        Kind::Choice { words, covered, .. } => Kind::Choice { words, covered, optional: true },
        kind => kind,
    };

    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Unset, F::value)
    }

    fn of(value: Value) -> Result<Self, String> {
        if value == Value::Unset { Ok(None) } else { F::of(value).map(Some) }
    }
}
