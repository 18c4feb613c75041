//! What a parameter can hold, apart from its type in the scenario.

use std::fmt;

/// The value of a parameter on its way between a file, a flag, a key press and the scenario.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: the default applies.
    Unset,
    /// A whole number.
    Count(u64),
    /// A number between 0 and 1.
    Fraction(f64),
    /// On or off.
    Flag(bool),
    /// A word, an id or a path.
    Word(String),
    /// Several words.
    Words(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.pad("-"),
            Self::Count(count) => f.pad(&count.to_string()),
            Self::Fraction(fraction) => f.pad(&fraction.to_string()),
            Self::Flag(on) => f.pad(if *on { "true" } else { "false" }),
            Self::Word(word) => f.pad(word),
            Self::Words(words) => f.pad(&words.join(",")),
        }
    }
}
