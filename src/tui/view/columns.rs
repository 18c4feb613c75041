//! What names, bars and numbers in columns have in common.

use ratatui::layout::Rect;

use crate::memory::Categories;
use crate::tui::theme::Theme;
use crate::tui::widget::bar::Segment;
use crate::units::{Bytes, Unit};

/// Cells of the names.
pub(in crate::tui) const LABEL: u16 = 12;
/// Cells of a number; larger numbers take more.
const NUMBER: usize = 6;

/// Rows of a list below which what its cursor stands on is told, where there is room for both: more rows would cost much on
/// a slow line when they all change.
const LIST: u16 = 19;
/// Rows of what is told, at least.
const TOLD: u16 = 5;

/// A view's rows, and what lies below them for what the cursor stands on; nothing where the view is low.
pub(in crate::tui) fn list_and_told(area: Rect) -> [Rect; 2] {
    let below = area.height.saturating_sub(LIST);
    // A low view gives up a few rows too, but never a quarter of them.
    let told = if area.height >= 4 * (TOLD + 2) { below.max(TOLD + 2) } else { 0 };
    let rows = area.height - told;
    [Rect { height: rows, ..area }, Rect { y: area.y + rows, height: told, ..area }]
}

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
