//! A row is the field that it gets and sets, whose path is the key and whose type is what it may hold, and what is said of
//! it.

use super::super::{Kind, Parameter, Step};
use crate::scenario::Scenario;

/// The row of a field of the scenario, or of one of its tables.
macro_rules! row {
    ($field:ident) => {
        row!(stringify!($field), $field)
    };
    ($table:ident.$field:ident) => {
        row!(concat!(stringify!($table), ".", stringify!($field)), $table.$field)
    };
    ($key:expr, $($at:ident).+) => {
        $crate::scenario::parameter::Parameter {
            key: $key,
            label: "",
            unit: "",
            help: "",
            kind: super::field::kind(|scenario: &$crate::scenario::Scenario| &scenario.$($at).+),
            applies: super::applies::always,
            get: |scenario| super::field::Field::value(&scenario.$($at).+),
            set: |scenario, value| super::field::Field::of(value).map(|value| scenario.$($at).+ = value),
        }
    };
}

impl Parameter {
    /// A short name for lists.
    pub(super) const fn label(self, label: &'static str) -> Self {
        Self { label, ..self }
    }

    /// The unit of its values.
    pub(super) const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// One line that says what it does.
    pub(super) const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// The scenarios in which it changes anything: all, unless this is said.
    pub(super) const fn when(self, applies: fn(&Scenario) -> bool) -> Self {
        Self { applies, ..self }
    }

    /// A whole number from the smallest to the largest, and how a key press moves it.
    pub(super) const fn within(self, [min, max]: [u64; 2], step: Step) -> Self {
        let kind = Kind::Count { min, max, step, optional: self.optional() };
        Self { kind, ..self }
    }

    /// One of these words.
    pub(super) const fn one_of(self, words: &'static [&'static str], optional: bool) -> Self {
        let kind = Kind::Choice { words, covered: words, optional };
        Self { kind, ..self }
    }

    /// The words of a choice that are described: all, unless this is said.
    pub(super) const fn covered(self, covered: &'static [&'static str]) -> Self {
        let kind = match self.kind {
            Kind::Choice { words, optional, .. } => Kind::Choice { words, covered, optional },
            kind => kind,
        };
        Self { kind, ..self }
    }

    /// What people often write.
    pub(super) const fn suggesting(self, suggestions: &'static [&'static str]) -> Self {
        Self { kind: Kind::Text { suggestions }, ..self }
    }

    /// A word that is chosen in a picker.
    pub(super) const fn picked(self) -> Self {
        Self { kind: Kind::Word, ..self }
    }
}
