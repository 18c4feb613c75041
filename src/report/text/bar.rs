//! Bars made of block characters: eighths of a cell where a bar ends, whole cells where pieces meet.

use crate::memory::Categories;
use crate::units::Bytes;

/// Cells of the widest bar.
pub(super) const WIDTH: usize = 44;

const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// A bar of so many bytes, where `scale` bytes fill every cell.
pub(super) fn single(bytes: Bytes, scale: Bytes) -> String {
    let eighths = cells(bytes, scale, WIDTH * 8);
    let mut bar = "█".repeat(eighths / 8);
    match eighths % 8 {
        0 if eighths == 0 && !bytes.is_zero() => bar.push('▏'),
        0 => {}
        rest => bar.push(EIGHTHS[rest]),
    }
    bar
}

/// A bar of what is not there at the peak.
pub(super) fn absent(bytes: Bytes, scale: Bytes) -> String {
    "░".repeat(cells(bytes, scale, WIDTH).max(usize::from(!bytes.is_zero())))
}

/// The categories end to end in two alternating shades, then in a pattern of its own what of the last one is unusable; a
/// mark at the capacity, and a pattern for what lies beyond.
pub(super) fn stacked(categories: &Categories, unusable: Bytes, capacity: Bytes, scale: Bytes) -> String {
    let limit = cells(capacity, scale, WIDTH);
    let mut bar: Vec<char> = Vec::with_capacity(WIDTH + 1);
    let mut sum = Bytes::ZERO;
    let mut shades = ['█', '▓'].into_iter().cycle();
    let all = categories.iter().fold(Bytes::ZERO, |sum, (_, bytes)| sum.checked_add(bytes).unwrap_or(Bytes::MAX));
    let usable = cells(all.saturating_sub(unusable), scale, WIDTH);
    for (_, bytes) in categories.iter().filter(|(_, bytes)| !bytes.is_zero()) {
        sum = sum.checked_add(bytes).unwrap_or(Bytes::MAX);
        let shade = shades.next().unwrap_or('█');
        let end = cells(sum, scale, WIDTH);
        while bar.len() < end {
            let shade = if bar.len() < usable { shade } else { '▚' };
            bar.push(if bar.len() < limit { shade } else { '▒' });
        }
    }
    while bar.len() < limit {
        bar.push(' ');
    }
    bar.insert(limit, '│');
    bar.into_iter().collect()
}

/// How many of `most` cells so many bytes fill, rounded to the nearest.
fn cells(bytes: Bytes, scale: Bytes, most: usize) -> usize {
    let scale = u128::from(scale.get().max(1));
    let filled = (u128::from(bytes.get()) * most as u128 + scale / 2) / scale;
    usize::try_from(filled).unwrap_or(most).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Category;

    fn stack(sizes: &[(Category, u64)]) -> Categories {
        let mut categories = Categories::default();
        for (category, bytes) in sizes {
            categories.add(*category, Bytes::new(*bytes)).unwrap();
        }
        categories
    }

    #[test]
    fn a_bar_ends_in_eighths() {
        assert_eq!(single(Bytes::new(352), Bytes::new(352)), "█".repeat(WIDTH));
        assert_eq!(single(Bytes::new(12), Bytes::new(352)), "█▌");
        assert_eq!(single(Bytes::ZERO, Bytes::new(352)), "");
        assert_eq!(single(Bytes::new(1), Bytes::new(1 << 60)), "▏", "something is never nothing");
        assert_eq!(single(Bytes::MAX, Bytes::new(1)), "█".repeat(WIDTH), "and never leaves its room");
    }

    #[test]
    fn a_total_within_capacity_ends_before_the_mark() {
        let categories = stack(&[(Category::Parameters, 11), (Category::Gradients, 11)]);
        let bar = stacked(&categories, Bytes::ZERO, Bytes::new(44), Bytes::new(44));
        assert_eq!(bar, format!("{}{}{}│", "█".repeat(11), "▓".repeat(11), " ".repeat(22)));
    }

    #[test]
    fn what_is_unusable_has_its_own_pattern() {
        let categories = stack(&[(Category::Parameters, 22), (Category::Runtime, 11)]);
        let bar = stacked(&categories, Bytes::new(6), Bytes::new(44), Bytes::new(44));
        assert_eq!(bar, format!("{}{}{}{}│", "█".repeat(22), "▓".repeat(5), "▚".repeat(6), " ".repeat(11)));
    }

    #[test]
    fn what_lies_beyond_capacity_has_its_own_pattern() {
        let categories = stack(&[(Category::Parameters, 22), (Category::Activations, 22)]);
        let bar = stacked(&categories, Bytes::ZERO, Bytes::new(33), Bytes::new(44));
        assert_eq!(bar, format!("{}{}│{}", "█".repeat(22), "▓".repeat(11), "▒".repeat(11)));
    }
}
