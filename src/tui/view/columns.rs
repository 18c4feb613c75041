//! What names, bars and numbers in columns have in common.

use crate::memory::Categories;
use crate::tui::theme::Theme;
use crate::tui::widget::bar::Segment;
use crate::units::{Bytes, Unit};

/// Cells of the names.
pub(in crate::tui) const LABEL: u16 = 12;
/// Cells of a number; larger numbers take more.
const NUMBER: usize = 6;

/// Cells that the widest number takes.
pub(in crate::tui) fn number_width(sizes: impl Iterator<Item = Bytes>, unit: Unit) -> usize {
    sizes.map(|bytes| unit.number(bytes).len()).max().unwrap_or(0).max(NUMBER)
}

/// The next power of two, or three quarters of it.
pub(in crate::tui) fn stepped(most: Bytes) -> Bytes {
    let power = most.get().max(1).checked_next_power_of_two().unwrap_or(u64::MAX);
    let three_quarters = power / 4 * 3;
    Bytes::new(if most.get() <= three_quarters { three_quarters } else { power })
}

/// The parts of a total.
pub(in crate::tui) fn segments(by_category: &Categories, theme: Theme) -> Vec<Segment> {
    by_category
        .iter()
        .filter(|(_, bytes)| !bytes.is_zero())
        .map(|(category, bytes)| Segment { bytes, style: theme.category(category), fill: theme.fill(category) })
        .collect()
}
