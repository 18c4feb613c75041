//! The entries of an instant as a tree: groups, and what is in them.

use std::collections::HashSet;

use super::App;
use crate::memory::{Category, Entry, Place};
use crate::tui::field::Field;
use crate::units::Bytes;

/// What the view of entries remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries {
    /// The row under the cursor.
    pub(crate) cursor: usize,
    /// What narrows the list.
    pub(crate) filter: Field,
    /// Whether groups are places instead of categories.
    pub(crate) by_place: bool,
    /// How rows are sorted.
    pub(crate) order: EntryOrder,
    /// Groups that are folded.
    pub(crate) folded: HashSet<String>,
}

/// How rows of the tree are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum EntryOrder {
    /// Groups as everywhere else, so that they stand still while a value changes; in each the largest first.
    #[default]
    Usual,
    /// The largest group first, and the largest in each.
    Size,
    /// By name.
    Name,
}

impl EntryOrder {
    /// The next one, round and round.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Usual => Self::Size,
            Self::Size => Self::Name,
            Self::Name => Self::Usual,
        }
    }

    /// In words that follow a title; the usual order needs none.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Usual => "",
            Self::Size => ", largest first",
            Self::Name => ", by name",
        }
    }
}

/// A row of the tree.
#[derive(Debug, Clone)]
pub(crate) enum EntryRow<'a> {
    /// A group: its name, what it comes to, how many entries it holds, and whether they are shown.
    Group {
        /// Its name.
        name: String,
        /// What its entries come to.
        bytes: Bytes,
        /// How many they are.
        count: usize,
        /// Whether they are shown.
        open: bool,
    },
    /// An entry.
    Entry(&'a Entry),
}

impl App {
    /// The tree of what is alive at the peak of the step that is looked at.
    pub(crate) fn entry_rows(&self) -> Vec<EntryRow<'_>> {
        let Ok(estimate) = &self.estimate else { return Vec::new() };
        let peak = estimate.peak(self.step);
        let state = &self.entries;
        let mut groups: Vec<(String, Vec<&Entry>)> = Vec::new();
        let shown = estimate.ledger.alive(peak.step, peak.instant).filter(|entry| !entry.bytes.is_zero());
        for entry in shown.filter(|entry| state.keeps(entry)) {
            let name = state.group(entry);
            match groups.iter_mut().find(|(known, _)| *known == name) {
                Some((_, entries)) => entries.push(entry),
                None => groups.push((name, vec![entry])),
            }
        }
        let sum =
            |entries: &[&Entry]| Bytes::checked_sum(entries.iter().map(|entry| entry.bytes)).unwrap_or(Bytes::MAX);
        match state.order {
            EntryOrder::Usual => groups.sort_by_key(|(_, entries)| entries.iter().map(|entry| state.rank(entry)).min()),
            EntryOrder::Size => groups.sort_by_key(|(_, entries)| std::cmp::Reverse(sum(entries))),
            EntryOrder::Name => groups.sort_by(|one, other| one.0.cmp(&other.0)),
        }
        let mut rows = Vec::new();
        for (name, mut entries) in groups {
            let open = !state.folded.contains(&name) || !state.filter.text().trim().is_empty();
            rows.push(EntryRow::Group { name, bytes: sum(&entries), count: entries.len(), open });
            if open {
                if state.order == EntryOrder::Name {
                    entries.sort_by(|one, other| one.name.cmp(&other.name));
                } else {
                    entries.sort_by_key(|entry| std::cmp::Reverse(entry.bytes));
                }
                rows.extend(entries.into_iter().map(EntryRow::Entry));
            }
        }
        rows
    }
}

impl Entries {
    fn keeps(&self, entry: &Entry) -> bool {
        let text = format!("{} {} {}", entry.name, entry.place, entry.category.id()).to_lowercase();
        self.filter.text().to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    /// Where an entry's group stands among the others.
    const fn rank(&self, entry: &Entry) -> (Option<Category>, Option<Place>) {
        if self.by_place { (None, Some(entry.place)) } else { (Some(entry.category), None) }
    }

    fn group(&self, entry: &Entry) -> String {
        match entry.place {
            _ if !self.by_place => entry.category.label().to_owned(),
            // Layers of equal fate are one line each; together they are the layers.
            Place::Layers(..) | Place::Among { .. } => String::from("layers"),
            place => place.to_string(),
        }
    }
}
