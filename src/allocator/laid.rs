//! Blocks that are only ever asked for: many equal ones at once, as weights come.

use std::collections::BTreeMap;

use super::block::{GRAIN, SMALL, segment, splits};

/// What so many allocations come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Laid {
    /// Bytes that were asked for.
    pub(crate) requested: u64,
    /// Bytes of the blocks that they got.
    pub(crate) allocated: u64,
}

/// What allocations come to that are never released, on a card without end and with PyTorch's own settings: sizes in
/// bytes, each with how many of it come in a row. What a replay of them one by one says; nothing where it overflows.
pub(crate) fn laid(requests: impl IntoIterator<Item = (u64, u64)>) -> Option<Laid> {
    let mut laid = Laid::default();
    // Free blocks by size, of the large pool and of the small one; where they lie makes no difference.
    let mut pools = [Holes::default(), Holes::default()];
    for (bytes, count) in requests.into_iter().filter(|(bytes, _)| *bytes > 0) {
        laid.requested = laid.requested.checked_add(bytes.checked_mul(count)?)?;
        let size = bytes.checked_next_multiple_of(GRAIN)?;
        let holes = &mut pools[usize::from(size <= SMALL)];
        let mut left = count;
        while left > 0 {
            let (hole, there) = match holes.best(size) {
                Some(best) => best,
                None => (segment(size)?, u64::MAX),
            };
            let each = hole / size;
            // As many holes as are used up, or one in part.
            let whole = (left / each).min(there);
            if there < u64::MAX {
                holes.take(hole, whole.max(1));
            }
            if whole > 0 {
                let rest = hole - each * size;
                let (taken, free) = if splits(rest, size) { (hole - rest, rest) } else { (hole, 0) };
                holes.put(free, whole);
                laid.allocated = laid.allocated.checked_add(taken.checked_mul(whole)?)?;
                left -= whole * each;
            } else {
                holes.put(hole - left * size, 1);
                laid.allocated = laid.allocated.checked_add(left.checked_mul(size)?)?;
                left = 0;
            }
        }
    }
    Some(laid)
}

/// Free blocks: how many there are of each size.
#[derive(Debug, Default)]
struct Holes(BTreeMap<u64, u64>);

impl Holes {
    /// The smallest that is large enough, and how many of it there are.
    fn best(&self, size: u64) -> Option<(u64, u64)> {
        self.0.range(size..).next().map(|(hole, count)| (*hole, *count))
    }

    fn take(&mut self, hole: u64, count: u64) {
        if let Some(there) = self.0.get_mut(&hole) {
            *there -= count;
            if *there == 0 {
                self.0.remove(&hole);
            }
        }
    }

    fn put(&mut self, hole: u64, count: u64) {
        if hole > 0 {
            *self.0.entry(hole).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::{Event, Settings, replay};

    proptest! {
        #[test]
        fn many_at_once_are_one_after_another(requests in prop::collection::vec((0..9000_u64, 1..40_u64), 1..40)) {
            let requests: Vec<(u64, u64)> = requests.into_iter().map(|(root, count)| (root * root, count)).collect();
            let one_by_one: Vec<Event> =
                requests.iter().flat_map(|(bytes, count)| (0..*count).map(|_| Event::Allocate(*bytes))).collect();
            let replay = replay(&one_by_one, Settings::default()).whole;
            let expected = Laid { requested: replay.requested, allocated: replay.allocated };
            prop_assert_eq!(laid(requests), Some(expected));
        }
    }

    #[test]
    fn what_is_beyond_all_cards_is_nothing() {
        assert_eq!(laid([(u64::MAX, 2)]), None);
        assert_eq!(laid([(u64::MAX, 1)]), None);
        assert_eq!(laid([(0, u64::MAX)]), Some(Laid::default()));
    }
}
