//! The catalogue of cards as rows: each with how the run fits on it.

use std::cmp::Reverse;

use super::{App, Listed};
use crate::gpu::Gpu;
use crate::memory::{Fit, Verdict};
use crate::scenario::parameter::parse_count;
use crate::tui::field::Field;
use crate::units::Bytes;

/// What the view of cards remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cards {
    /// The id under the cursor; the scenario's card where that is not shown.
    pub(crate) cursor: Option<String>,
    /// What narrows the list: words of a name, `fits`, `>=24`.
    pub(crate) filter: Field,
    /// Only cards of this vendor.
    pub(crate) vendor: Option<String>,
    /// How they are sorted.
    pub(crate) order: Order,
}

/// How cards are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// The most room first.
    #[default]
    Headroom,
    /// The smallest first.
    Memory,
    /// By name.
    Name,
}

impl Order {
    /// The next one, round and round.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Headroom => Self::Memory,
            Self::Memory => Self::Name,
            Self::Name => Self::Headroom,
        }
    }

    /// In words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Headroom => "most room first",
            Self::Memory => "smallest first",
            Self::Name => "by name",
        }
    }
}

/// A card and how the run fits on it.
#[derive(Debug, Clone)]
pub(crate) struct CardRow<'a> {
    /// The word by which scenarios name it.
    pub(crate) word: &'a str,
    /// The card.
    pub(crate) gpu: &'a Gpu,
    /// The run against it.
    pub(crate) fit: Fit,
}

impl App {
    /// The cards that the filter leaves, in order; none where the run has no ledger.
    pub(crate) fn card_rows(&self) -> Vec<CardRow<'_>> {
        let Ok(estimate) = &self.estimate else { return Vec::new() };
        let own = self.scenario.gpu.as_deref().zip(self.gpu_of(&self.scenario));
        let is_own = |word: &str| own.is_some_and(|(own, _)| own == word);
        let others = self.gpus.iter().filter(|listed| !is_own(&listed.word));
        let others = others.filter_map(|listed| Some((listed.word.as_str(), listed.item()?)));
        let mut rows: Vec<CardRow<'_>> = own
            .into_iter()
            .chain(others)
            .filter_map(|(word, gpu)| Some(CardRow { word, gpu, fit: Fit::of(&estimate.ledger, gpu).ok()? }))
            .filter(|row| self.cards.keeps(row))
            .collect();
        match self.cards.order {
            Order::Headroom => rows.sort_by_key(|row| Reverse(row.fit.headroom)),
            Order::Memory => rows.sort_by_key(|row| row.fit.capacity),
            Order::Name => rows.sort_by_key(|row| row.gpu.name.to_lowercase()),
        }
        rows
    }

    /// Where the cursor stands among the rows.
    pub(crate) fn card_row(&self, rows: &[CardRow<'_>]) -> usize {
        let at = |word: &str| rows.iter().position(|row| row.word == word);
        let cursor = self.cards.cursor.as_deref().and_then(at);
        cursor.or_else(|| self.scenario.gpu.as_deref().and_then(at)).unwrap_or(0)
    }

    /// The vendors in the catalogue, in the order of the cards.
    pub(crate) fn vendors(&self) -> Vec<&str> {
        let mut vendors: Vec<&str> = Vec::new();
        for gpu in self.gpus.iter().filter_map(Listed::item) {
            if !vendors.contains(&gpu.vendor.as_str()) {
                vendors.push(&gpu.vendor);
            }
        }
        vendors
    }
}

impl Cards {
    fn keeps(&self, row: &CardRow<'_>) -> bool {
        self.vendor.as_ref().is_none_or(|vendor| *vendor == row.gpu.vendor)
            && self.filter.text().to_lowercase().split_whitespace().all(|word| says(word, row))
    }
}

/// A bound that a word of a filter is, `>=24` or `<8`: whether it is the least, and the number.
pub(super) fn bound(word: &str) -> Option<(bool, &str)> {
    let text = word.strip_prefix(['>', '<'])?;
    Some((word.starts_with('>'), text.strip_prefix('=').unwrap_or(text)))
}

/// Whether a word of the filter is true of a card: a verdict, a bound on its memory in GiB that it may reach, or a
/// part of its name.
fn says(word: &str, row: &CardRow<'_>) -> bool {
    let capacity = row.fit.capacity;
    if let Some((is_least, text)) = bound(word) {
        let bound = parse_count(text, 1_000).and_then(|count| count.checked_mul(1 << 30)).map(Bytes::new);
        // A bound that is still being typed narrows nothing.
        return bound.is_none_or(|bound| if is_least { capacity >= bound } else { capacity <= bound });
    }
    match word {
        "fits" => row.fit.verdict == Verdict::Fits,
        "tight" => row.fit.verdict == Verdict::Tight,
        "over" => row.fit.verdict == Verdict::Over,
        word => [row.word, &row.gpu.name, &row.gpu.vendor].iter().any(|text| text.to_lowercase().contains(word)),
    }
}
