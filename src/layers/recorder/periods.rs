//! Parts of a model that repeat: so many times the same few layers, of which the first time and the last are recorded.

use std::ops::Range;

use crate::model::architecture::{Layer, LayerGroup};

/// Layers that are to be one stretch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planned<'a> {
    /// The layers of one time.
    pub(crate) period: Vec<&'a Layer>,
    /// Number of the first layer, and how many layers there are in all.
    pub(crate) span: [u64; 2],
}

/// The stretches of a model, in order; none goes on over the layers of these numbers, where something else begins.
pub(crate) fn plan<'a>(groups: &'a [LayerGroup], breaks: &[u64]) -> Vec<Planned<'a>> {
    let mut plan = Plan { stretches: Vec::with_capacity(8), next: 0, breaks };
    for part in parts(groups) {
        let period = &groups[part.groups.clone()];
        let length = period.iter().map(|group| group.layers).fold(0, u64::saturating_add);
        let mut times = part.times as u64;
        while times > 0 {
            let (whole, broken) = plan.unbroken(length, times);
            if whole > 2 && period.len() > 1 {
                plan.periods(period, whole * length);
            } else {
                (0..whole).for_each(|_| plan.groups(period));
            }
            if broken {
                plan.groups(period);
            }
            times -= whole + u64::from(broken);
        }
    }
    plan.stretches
}

struct Plan<'a, 'b> {
    stretches: Vec<Planned<'a>>,
    /// Number of the next layer.
    next: u64,
    breaks: &'b [u64],
}

impl<'a> Plan<'a, '_> {
    /// How many times so many layers follow, of these times, before the next break, and whether the next time has the
    /// break inside it.
    fn unbroken(&self, length: u64, times: u64) -> (u64, bool) {
        let end = self.next.saturating_add(length.saturating_mul(times));
        let inside = |at: &u64| *at > self.next && *at < end;
        match self.breaks.iter().copied().filter(inside).min() {
            Some(at) => ((at - self.next) / length, !(at - self.next).is_multiple_of(length)),
            None => (times, false),
        }
    }

    fn periods(&mut self, period: &'a [LayerGroup], layers: u64) {
        let each = period.iter().flat_map(|group| (0..group.layers).map(move |_| &group.layer));
        self.stretches.push(Planned { period: each.collect(), span: [self.next, layers] });
        self.next += layers;
    }

    /// Groups one by one, each up to a break and on from it.
    fn groups(&mut self, groups: &'a [LayerGroup]) {
        for group in groups {
            let end = self.next.saturating_add(group.layers);
            while self.next < end {
                let inside = |at: &u64| *at > self.next && *at < end;
                let layers = self.breaks.iter().copied().filter(inside).min().unwrap_or(end) - self.next;
                self.stretches.push(Planned { period: vec![&group.layer], span: [self.next, layers] });
                self.next += layers;
            }
        }
    }
}

/// Groups in a row, and how many times they follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// The groups of the first time.
    groups: Range<usize>,
    /// How many times.
    times: usize,
}

/// Groups that are looked for as one period, and layers of a period, at most.
const MOST_GROUPS: usize = 24;
const MOST_LAYERS: u64 = 64;

/// A group among others: which kind of layer, and how many of it.
type Kind = (usize, u64);

/// The parts of a model, in order.
fn parts(groups: &[LayerGroup]) -> Vec<Part> {
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

    /// First and last number and period of each stretch.
    fn planned(pattern: &[(&str, u64)], times: usize, breaks: &[u64]) -> Vec<(u64, u64, usize)> {
        let library = crate::preset::Library::embedded();
        let layer = |id: &str| library.model(id).unwrap().architecture.groups[0].layer.clone();
        let period = pattern.iter().map(|(id, layers)| LayerGroup { layers: *layers, layer: layer(id) });
        let period: Vec<LayerGroup> = period.collect();
        let groups = vec![period; times].concat();
        let stretches = plan(&groups, breaks);
        stretches.iter().map(|it| (it.span[0], it.span[0] + it.span[1] - 1, it.period.len())).collect()
    }

    #[test]
    fn breaks_end_stretches() {
        let pattern = [("llama-3.1-8b", 3), ("gpt2", 1)];
        assert_eq!(planned(&pattern, 12, &[0, 0]), [(0, 47, 4)]);
        // Between two times.
        assert_eq!(planned(&pattern, 12, &[16]), [(0, 15, 4), (16, 47, 4)]);
        // Inside one, which stands apart, group by group.
        let apart = [(0, 0, 1), (1, 2, 1), (3, 3, 1), (4, 47, 4)];
        assert_eq!(planned(&pattern, 12, &[1]), apart);
        let apart = [(0, 15, 4), (16, 17, 1), (18, 18, 1), (19, 19, 1), (20, 47, 4)];
        assert_eq!(planned(&pattern, 12, &[18, 0]), apart);
        assert_eq!(planned(&[("gpt2", 12)], 1, &[1, 5]), [(0, 0, 1), (1, 4, 1), (5, 11, 1)]);
        assert_eq!(planned(&[("gpt2", 12)], 1, &[12, 400]), [(0, 11, 1)]);
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
