//! Why there is no ledger.

use std::fmt::Display;

use crate::units::Overflow;

/// Why there is no ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EstimateError {
    /// A size beyond 64 bits.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// A value that is valid but that no rule covers yet.
    #[error("{key} = {value} is not covered yet; covered: {covered}")]
    NotCovered {
        /// The dotted key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is covered.
        covered: String,
    },
    /// Values that contradict each other or the model.
    #[error("{key}: {problem}")]
    Invalid {
        /// The dotted key.
        key: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// Nobody waits for it any more.
    #[error("cancelled")]
    Cancelled,
}

impl EstimateError {
    /// A framework that does not describe what is asked of it; what is covered instead.
    pub(crate) fn framework(found: impl Into<String>, covered: String) -> Self {
        Self::NotCovered { key: "framework", value: found.into(), covered }
    }

    /// An error for the first of these that is not known; `beside`: what it stands beside, as in "under litgpt".
    pub(crate) fn first_unknown(asked: &[Asked<'_>], beside: &str) -> Result<(), Self> {
        match asked.iter().find(|(known, ..)| !known) {
            None => Ok(()),
            Some((_, key, value, covered)) => {
                Err(Self::NotCovered { key, value: value.to_string(), covered: format!("{covered}, {beside}") })
            }
        }
    }
}

/// One thing that is asked of a run: whether it is known, its key and value, and what is covered.
pub(crate) type Asked<'a> = (bool, &'static str, &'a dyn Display, &'a str);
