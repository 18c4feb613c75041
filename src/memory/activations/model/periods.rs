//! Parts of a model that repeat: so many times the same few layers, of which the first time and the last are recorded.

use std::ops::Range;

use crate::model::architecture::LayerGroup;

/// Groups in a row, and how many times they follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The groups of the first time.
    pub(super) groups: Range<usize>,
    /// How many times.
    pub(super) times: usize,
}

/// Groups that are looked for as one period, and layers of a period, at most.
const MOST_GROUPS: usize = 24;
const MOST_LAYERS: u64 = 64;

/// A group among others: which kind of layer, and how many of it.
type Kind = (usize, u64);

/// The parts of a model, in order.
pub(super) fn parts(groups: &[LayerGroup]) -> Vec<Part> {
    let kinds = kinds(groups);
    let mut parts = Vec::with_capacity(groups.len().min(8));
    let mut start = 0;
    while start < kinds.len() {
        let part = repeated(&kinds, start).unwrap_or(Part { groups: start..start + 1, times: 1 });
        start += part.groups.len() * part.times;
        parts.push(part);
    }
    parts
}

fn kinds(groups: &[LayerGroup]) -> Vec<Kind> {
    let mut known: Vec<&LayerGroup> = Vec::new();
    let mut kinds = Vec::with_capacity(groups.len());
    for group in groups {
        let kind = known.iter().position(|known| known.layer == group.layer).unwrap_or(known.len());
        if kind == known.len() {
            known.push(group);
        }
        kinds.push((kind, group.layers));
    }
    kinds
}

/// The repetition from a group on that saves the most recorded layers, where one saves any.
fn repeated(kinds: &[Kind], start: usize) -> Option<Part> {
    let rest = &kinds[start..];
    let parts = (2..=MOST_GROUPS.min(rest.len() / 2)).map(|length| {
        let period = &rest[..length];
        let times = rest.chunks(length).take_while(|chunk| *chunk == period).count();
        Part { groups: start..start + length, times }
    });
    parts.filter(|part| saved(kinds, part) > 0).max_by_key(|part| saved(kinds, part))
}

/// Layers that need not be recorded where a part is one stretch instead of a stretch for each group.
fn saved(kinds: &[Kind], part: &Part) -> u64 {
    let period = &kinds[part.groups.clone()];
    let apart: u64 = period.iter().map(|(_, layers)| (*layers).min(2)).sum();
    let together = period.iter().fold(0_u64, |sum, (_, layers)| sum.saturating_add(*layers));
    let times = u64::try_from(part.times).unwrap_or(u64::MAX);
    if together > MOST_LAYERS { 0 } else { apart.saturating_mul(times).saturating_sub(2 * together) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kinds: &[Kind]) -> Option<(Range<usize>, usize)> {
        repeated(kinds, 0).map(|part| (part.groups, part.times))
    }

    #[test]
    fn a_pattern_is_one_part() {
        let alternating = [(0, 1), (1, 1)].repeat(21);
        assert_eq!(found(&alternating), Some((0..2, 21)));
        let hybrid = [(0, 3), (1, 1)].repeat(12);
        assert_eq!(found(&hybrid), Some((0..2, 12)));
        // Two times are recorded anyway, and one kind alone is a group.
        assert_eq!(found(&[(0, 1), (1, 1)].repeat(2)), None);
        assert_eq!(found(&[(0, 80)]), None);
        // What is left over behind the last time stands apart.
        let left_over = [&[(0, 5), (1, 1)].repeat(10)[..], &[(0, 2)]].concat();
        assert_eq!(found(&left_over), Some((0..2, 10)));
    }

    #[test]
    fn long_groups_stay_groups() {
        assert_eq!(found(&[(0, 1000), (1, 1000)].repeat(5)), None);
        assert_eq!(found(&[(0, u64::MAX), (1, 1)].repeat(5)), None);
        // Six layers for every time, of which two times three groups would record four.
        assert_eq!(found(&[(0, 5), (1, 1)].repeat(3)), None);
        assert_eq!(found(&[(0, 5), (1, 1)].repeat(5)), Some((0..2, 5)));
    }
}
