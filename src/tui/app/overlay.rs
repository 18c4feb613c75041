//! What lies over the view: lists, fields, answers and texts.

use super::picker::Picker;
use crate::memory::{Entry, Verdict};
use crate::scenario::parameter::Parameter;
use crate::solve::types::Types;
use crate::solve::{Fix, Told};
use crate::tui::field::Field;
use crate::units::Bytes;

/// What lies over the view.
#[derive(Debug, Clone)]
pub(crate) enum Overlay {
    /// A list to choose from.
    Picker(Picker),
    /// An exact value is typed.
    Value {
        /// For which parameter.
        parameter: &'static Parameter,
        /// What is typed.
        field: Field,
        /// What was understood of it and what comes of that, in words, once something was typed.
        understood: Option<Understood>,
        /// Why it was not taken.
        error: Option<String>,
    },
    /// The path of a file to save to is typed.
    Save {
        /// What is typed.
        field: Field,
        /// Why it was not saved.
        error: Option<String>,
        /// The path of a file that is there already: taken once more, it is replaced.
        replaces: Option<String>,
    },
    /// The filter of the list that has the arrow keys is typed.
    Filter,
    /// What to change of the run, and which change is under the cursor.
    Advice {
        /// The changes.
        list: Vec<(Told, Fix)>,
        /// Which of them.
        selected: usize,
    },
    /// The run under each type of weights and of caches, and the row and the column under the cursor.
    Types {
        /// What it needs under each.
        types: Types,
        /// Which of them is marked.
        at: (usize, usize),
    },
    /// What an entry is, and by which formula.
    Explanation(Entry),
    /// A text to read, or to select.
    Reading(Reading),
    /// Every key or every word, from this line on.
    Help {
        /// Which of them.
        page: Page,
        /// Lines scrolled away.
        scroll: usize,
    },
}

/// A page of help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// What each key does.
    Keys,
    /// What the words and signs on the screen mean.
    Words,
}

impl Page {
    /// The other one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Keys => Self::Words,
            Self::Words => Self::Keys,
        }
    }
}

/// A text that lies over the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// What it is.
    pub(crate) title: String,
    /// It.
    pub(crate) paragraphs: Vec<String>,
    /// What to know of it, below.
    pub(crate) hint: String,
    /// Whether it is there to be selected with the mouse: in rows from edge to edge, and nothing beside them.
    pub(crate) to_select: bool,
    /// Paragraphs scrolled away.
    pub(crate) scroll: usize,
}

/// What was understood of a value that is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Understood {
    /// The value, in full: `8,192 tokens`.
    pub(crate) value: String,
    /// What the run would need with it and what that is held against, or why it cannot be run.
    pub(crate) outcome: Result<(Bytes, Option<Verdict>), String>,
    /// What is worth saying of such a run.
    pub(crate) notes: Vec<String>,
}
