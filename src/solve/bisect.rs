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

/// The first value from `from` on for which `holds`, given that it holds for `most` and for all behind the first.
pub(super) fn first(from: u64, most: u64, holds: impl Fn(u64) -> bool) -> u64 {
    if holds(from) { from } else { last(from, most, |value| !holds(value)) + 1 }
}

#[cfg(test)]
mod tests {
    use super::{first, last};

    #[test]
    fn every_end_is_found() {
        for end in 1..200 {
            assert_eq!(last(1, 1000, |value| value <= end), end);
            assert_eq!(last(1, end, |_| true), end);
            assert_eq!(first(1, 1000, |value| value >= end), end);
        }
        assert_eq!(last(1, u64::MAX, |_| true), u64::MAX);
    }
}
