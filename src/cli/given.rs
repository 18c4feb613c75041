//! What flags give: whose value is at fault, and where two of them contradict each other.

use std::fmt;

use anyhow::{Result, bail};

use super::arguments::Setting;

/// A model stands behind the command, and a flag names another: one of them would be passed over in silence.
pub(super) fn one_model(input: &str, settings: &[Setting]) -> Result<()> {
    let other = settings.iter().rev().find(|setting| setting.key == "model");
    let Some(other) = other.filter(|other| other.text.trim() != input) else { return Ok(()) };
    let Setting { origin, text, .. } = other;
    bail!(
        "there are two models: `{input}`, and `{text}` of {origin}\n\
         hint: name one; `brimful compare {input} {text}` puts them side by side"
    )
}

/// A flag that is at fault, and the parameter that it stands for.
#[derive(Debug)]
pub(super) struct Given {
    origin: String,
    /// Its dotted key.
    pub(super) key: String,
}

impl Given {
    /// What errors call it, and its key.
    pub(super) fn of(origin: impl Into<String>, key: impl Into<String>) -> Self {
        Self { origin: origin.into(), key: key.into() }
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}
