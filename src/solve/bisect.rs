//! The end of a range in which something holds.

/// The last value from `first` to `most` for which `holds`, given that it holds for `first` and, once it has failed,
/// for no larger one. Doubles until it fails, then halves what is left.
pub(super) fn last(first: u64, most: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut good, mut step) = (first, 1_u64);
    let mut bad = loop {
        let next = good.saturating_add(step).min(most);
        if next == good {
            return good;
        }
        if !holds(next) {
            break next;
        }
        good = next;
        step = step.saturating_mul(2);
    };
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if holds(middle) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    good
}

/// The last value from `first` to `most` for which `holds`, looked for from `most` on downwards, where it is near; none where
/// it does not hold for `first`.
pub(super) fn last_before(first: u64, most: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut bad, mut step) = (most.checked_add(1)?, 1_u64);
    loop {
        let next = bad.saturating_sub(step).max(first);
        if holds(next) {
            return Some(last(next, bad - 1, &holds));
        }
        if next == first {
            return None;
        }
        (bad, step) = (next, step.saturating_mul(2));
    }
}

/// The first value from `from` on for which `holds`, given that it holds for `most` and for all behind the first.
pub(super) fn first(from: u64, most: u64, holds: impl Fn(u64) -> bool) -> u64 {
    if holds(from) { from } else { last(from, most, |value| !holds(value)) + 1 }
}

#[cfg(test)]
mod tests {
    use super::{first, last, last_before};

    #[test]
    fn every_end_is_found() {
        for end in 1..200 {
            assert_eq!(last(1, 1000, |value| value <= end), end);
            assert_eq!(last(1, end, |_| true), end);
            assert_eq!(first(1, 1000, |value| value >= end), end);
            assert_eq!(last_before(1, 200, |value| value <= end), Some(end));
        }
        assert_eq!(last(1, u64::MAX, |_| true), u64::MAX);
        assert_eq!(last_before(1, 200, |_| false), None);
    }
}
