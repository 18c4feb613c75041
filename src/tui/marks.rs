//! Which cells of a frame were drawn on: of all others nothing has to be cleared, compared or sent.

use std::ops::Range;

use ratatui::layout::{Rect, Size};

/// Bits of a word.
const BITS: usize = 64;

/// A bit for each cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    size: Size,
    /// Row by row, each in whole words.
    words: Vec<u64>,
}

impl Marks {
    /// No cell is marked.
    pub(crate) fn none(size: Size) -> Self {
        Self { size, words: vec![0; in_words(size) * usize::from(size.height)] }
    }

    /// Marks the cells of an area.
    pub(crate) fn mark(&mut self, area: Rect) {
        let area = area.intersection(Rect::new(0, 0, self.size.width, self.size.height));
        let (left, right, row) = (usize::from(area.left()), usize::from(area.right()), in_words(self.size));
        if area.is_empty() {
            return;
        }
        for y in area.top()..area.bottom() {
            let words = &mut self.words[usize::from(y) * row..][..row];
            for (index, word) in words.iter_mut().enumerate().take((right - 1) / BITS + 1).skip(left / BITS) {
                let from = left.saturating_sub(index * BITS);
                let to = (right - index * BITS).min(BITS);
                *word |= (u64::MAX >> (BITS - (to - from))) << from;
            }
        }
    }

    /// Marks what others of the same size mark too.
    pub(crate) fn join(&mut self, others: &Self) {
        self.words.iter_mut().zip(&others.words).for_each(|(word, other)| *word |= other);
    }

    /// The marked columns of each row, from the top, in runs.
    pub(crate) fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = Range<u16>>> {
        self.words.chunks(in_words(self.size).max(1)).map(|words| {
            (0_u16..).step_by(BITS).zip(words).flat_map(|(first, word)| {
                let (mut left, mut from) = (*word, first);
                std::iter::from_fn(move || {
                    if left == 0 {
                        return None;
                    }
                    let blank = left.trailing_zeros();
                    let run = (left >> blank).trailing_ones();
                    let start = from + columns(blank);
                    from = start + columns(run);
                    left = left.checked_shr(blank + run).unwrap_or(0);
                    Some(start..from)
                })
            })
        })
    }
}

/// Bits of a word as columns.
fn columns(bits: u32) -> u16 {
    u16::try_from(bits).unwrap_or(u16::MAX)
}

/// Words of a row.
const fn in_words(size: Size) -> usize {
    (size.width as usize).div_ceil(BITS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_marked_is_what_lies_in_an_area(
            areas in proptest::collection::vec((0_u16..150, 0_u16..8, 0_u16..150, 0_u16..8), 0..5),
            width in 0_u16..140,
        ) {
            let size = Size::new(width, 5);
            let areas: Vec<Rect> = areas.into_iter().map(|(x, y, width, height)| Rect { x, y, width, height }).collect();
            let (mut marks, mut last) = (Marks::none(size), Marks::none(size));
            areas.iter().skip(1).for_each(|area| marks.mark(*area));
            areas.iter().take(1).for_each(|area| last.mark(*area));
            marks.join(&last);
            let found: Vec<Vec<u16>> = marks.rows().map(|runs| runs.flatten().collect()).collect();
            for (y, row) in (0..5).zip(found.iter().map(Some).chain(std::iter::repeat(None))) {
                let inside = |x: &u16| areas.iter().any(|area| area.contains((*x, y).into()));
                let wanted: Vec<u16> = (0..width).filter(inside).collect();
                prop_assert_eq!(row.cloned().unwrap_or_default(), wanted);
            }
        }
    }
}
