//! Values as Python, JSON and YAML write them.

/// A value of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    /// `None`, `null`.
    Nothing,
    /// `True`, `true`.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// `[…]`, `(…)`.
    List(Vec<Self>),
    /// `{…}`, or an indented block.
    Table(Vec<Item>),
    /// A dotted name, such as `torch.bfloat16`, or a call of one.
    Name(String),
    /// Anything else, as it is written.
    Other(String),
}

/// A value under its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// Its name.
    pub(super) name: String,
    /// The value.
    pub(super) value: Literal,
    /// The line that it stands in, from 1.
    pub(super) line: usize,
}

impl Literal {
    /// It as people type a value of a parameter; nothing where it is none.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Flag(on) => Some(on.to_string()),
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) | Self::Name(text) => Some(text.clone()),
            Self::List(items) => items.iter().map(Self::text).collect::<Option<Vec<_>>>().map(|texts| texts.join(",")),
            Self::Nothing | Self::Table(_) | Self::Other(_) => None,
        }
    }

    /// Whether it is on; texts as YAML and `accelerate` write them.
    pub(super) fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(on) => Some(*on),
            Self::Text(text) | Self::Name(text) => match text.to_lowercase().as_str() {
                "true" | "yes" | "on" => Some(true),
                "false" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Short, for messages.
    pub(super) fn shown(&self) -> String {
        const MOST: usize = 40;
        let text = match self {
            Self::Nothing => String::from("None"),
            Self::Flag(true) => String::from("True"),
            Self::Flag(false) => String::from("False"),
            Self::Table(_) => String::from("{…}"),
            Self::List(_) => format!("[{}]", self.text().unwrap_or_else(|| String::from("…"))),
            Self::Number(number) => number.to_string(),
            Self::Text(text) | Self::Name(text) | Self::Other(text) => text.clone(),
        };
        let short: String = text.chars().filter(|letter| !letter.is_control()).take(MOST).collect();
        if short.len() < text.len() { short + "…" } else { short }
    }

    /// The items of a table.
    pub(super) fn items(&self) -> &[Item] {
        match self {
            Self::Table(items) => items,
            _ => &[],
        }
    }
}

/// A word that stands bare: a number, a name of Python, JSON or YAML, or a text.
pub(super) fn bare(word: &str) -> Literal {
    let digits = word.replace('_', "");
    match word {
        "None" | "null" | "~" | "" => Literal::Nothing,
        "True" | "true" => Literal::Flag(true),
        "False" | "false" => Literal::Flag(false),
        _ if digits.starts_with(|letter: char| letter.is_ascii_digit() || "-+.".contains(letter)) => {
            digits.parse().map_or_else(|_| Literal::Name(word.to_owned()), Literal::Number)
        }
        _ => Literal::Name(word.to_owned()),
    }
}
