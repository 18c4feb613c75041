//! How far a card is filled: the line of its capacity stands at the same place for every card.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::bar::scaled;
use crate::tui::theme::Theme;
use crate::units::Bytes;

/// A total against one card's capacity, on the card's own scale.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gauge {
    /// What has to fit.
    pub(crate) total: Bytes,
    /// What there is room for.
    pub(crate) capacity: Bytes,
    /// How it looks.
    pub(crate) theme: Theme,
}

/// Cells of a gauge: filled, up to the line, and beyond it.
#[derive(Debug, PartialEq, Eq)]
struct Lengths {
    filled: u16,
    line: u16,
    beyond: u16,
    /// Whether there is more beyond than is drawn.
    cut: bool,
}

impl Gauge {
    /// Three quarters of the width are the capacity; what is beyond has the same scale.
    fn lengths(&self, width: u16) -> Lengths {
        let room = width.saturating_sub(1);
        let line = room - room / 4;
        let after = room - line;
        let (total, capacity) = (u128::from(self.total.get()), u128::from(self.capacity.get()));
        if total <= capacity {
            let filled = scaled(total, capacity, u64::from(line));
            return Lengths { filled: u16::try_from(filled).unwrap_or(line), line, beyond: 0, cut: false };
        }
        // Rounded up: what does not fit is seen, however little it is.
        let needed = ((total - capacity) * u128::from(line)).div_ceil(capacity.max(1));
        let beyond = u16::try_from(needed).unwrap_or(u16::MAX).max(1).min(after);
        Lengths { filled: line, line, beyond, cut: needed > u128::from(after) }
    }
}

impl Widget for Gauge {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let lengths = self.lengths(area.width);
        let glyphs = self.theme.glyphs;
        for x in 0..area.width {
            let Some(cell) = buffer.cell_mut((area.x + x, area.y)) else { continue };
            // In no colour: in every row a change of it would cost as much as the cells that change.
            if x < lengths.filled {
                cell.set_symbol(glyphs.level);
            } else if x == lengths.line {
                cell.set_symbol(glyphs.tick).set_style(self.theme.strong());
            } else if x > lengths.line && x - lengths.line <= lengths.beyond {
                let last = x - lengths.line == lengths.beyond;
                let sign = if last && lengths.cut { glyphs.further } else { glyphs.over };
                cell.set_symbol(sign);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(total: u64, capacity: u64, width: u16) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
        let gauge = Gauge { total: Bytes::new(total), capacity: Bytes::new(capacity), theme: Theme::new(true, true) };
        gauge.render(buffer.area, &mut buffer);
        buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn the_line_stands_still() {
        assert_eq!(drawn(50, 100, 17), "▄▄▄▄▄▄      │    ");
        assert_eq!(drawn(100, 100, 17), "▄▄▄▄▄▄▄▄▄▄▄▄│    ");
        assert_eq!(drawn(101, 100, 17), "▄▄▄▄▄▄▄▄▄▄▄▄│▒   ");
        assert_eq!(drawn(125, 100, 17), "▄▄▄▄▄▄▄▄▄▄▄▄│▒▒▒ ");
        assert_eq!(drawn(133, 100, 17), "▄▄▄▄▄▄▄▄▄▄▄▄│▒▒▒▒");
        assert_eq!(drawn(134, 100, 17), "▄▄▄▄▄▄▄▄▄▄▄▄│▒▒▒»");
        assert_eq!(drawn(u64::MAX, 0, 5), "▄▄▄│»");
        assert_eq!(drawn(7, 3, 1), "│");
    }

    proptest! {
        #[test]
        fn beyond_the_line_is_what_does_not_fit(total: u64, capacity: u64, width in 5_u16..200) {
            let text = drawn(total, capacity, width);
            let (_, beyond) = text.split_once('│').unwrap();
            prop_assert_eq!(!beyond.trim().is_empty(), total > capacity);
            prop_assert_eq!(text.chars().count(), usize::from(width));
        }
    }
}
