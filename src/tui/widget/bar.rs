//! A bar of segments, exact to an eighth of a cell, with a line where capacity ends.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use crate::tui::theme::Theme;
use crate::units::Bytes;

/// Parts of a cell that an edge can stand on.
const EIGHTHS: u64 = 8;

/// One part of a bar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    /// How much it stands for.
    pub(crate) bytes: Bytes,
    /// Its colour.
    pub(crate) style: Style,
    /// The sign that fills its cells.
    pub(crate) fill: &'static str,
}

/// A bar of segments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StackedBar<'a> {
    segments: &'a [Segment],
    full: Bytes,
    capacity: Option<Bytes>,
    theme: Theme,
}

impl<'a> StackedBar<'a> {
    /// A bar that fills its width at `full` bytes.
    pub(crate) const fn new(segments: &'a [Segment], full: Bytes, theme: Theme) -> Self {
        Self { segments, full, capacity: None, theme }
    }

    /// A bar with a line at `capacity`: at the right end where all fits, inside where it does not.
    ///
    /// What does not fit is drawn on a scale that moves in steps, so that the line stands still while it grows.
    pub(crate) fn against(segments: &'a [Segment], capacity: Bytes, theme: Theme) -> Self {
        let mut bar = Self { segments, full: capacity, capacity: Some(capacity), theme };
        let (total, mut step) = (bar.total(), u128::from(capacity.get().max(1)));
        if total > u128::from(capacity.get()) {
            while step * 2 < total {
                step *= 2;
            }
            let full = [step * 5 / 4, step * 3 / 2, step * 2].into_iter().find(|full| *full >= total);
            bar.full = Bytes::new(full.and_then(|full| u64::try_from(full).ok()).unwrap_or(u64::MAX));
        }
        bar
    }

    fn total(&self) -> u128 {
        self.segments.iter().map(|segment| u128::from(segment.bytes.get())).sum()
    }

    /// Eighths of a cell for each segment, on so many cells.
    ///
    /// Edges between two segments in one cell need two colours; without them edges stand on cells.
    fn lengths(&self, cells: u64) -> Vec<u64> {
        let values: Vec<u64> = self.segments.iter().map(|segment| segment.bytes.get()).collect();
        // A pattern has no parts of a cell.
        let solid = self.segments.iter().all(|segment| segment.fill == self.theme.glyphs.full);
        let lone = self.segments.len() == 1;
        let fine = !self.theme.glyphs.eighths.is_empty() && solid && (self.theme.colour || lone);
        // A sliver shows that something is there; a whole cell for it would be a lie.
        let (unit, least) = if fine { (1, 1) } else { (EIGHTHS, 0) };
        let room = cells * EIGHTHS / unit;
        let present = values.iter().filter(|value| **value > 0).count() as u64;
        let filled = scaled(self.total(), u128::from(self.full.get()), room);
        // What does not fit reaches beyond the line.
        let beyond = self.line(cells).filter(|_| self.over()).map_or(0, |line| (line + 1) * EIGHTHS / unit);
        let filled = filled.max(present * least).max(beyond).min(room);
        allocate(&values, filled, least).into_iter().map(|length| length * unit).collect()
    }

    fn over(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.total() > u128::from(capacity.get()))
    }

    /// How many cells lie left of the capacity line, of the `cells` beside it.
    fn line(&self, cells: u64) -> Option<u64> {
        let capacity = self.capacity?;
        if !self.over() {
            return Some(cells);
        }
        let left = u128::from(capacity.get()) * u128::from(cells) / u128::from(self.full.get());
        Some(u64::try_from(left).unwrap_or(cells).min(cells.saturating_sub(1)))
    }
}

/// `part / whole` of `room`, rounded, at most all of it.
pub(super) fn scaled(part: u128, whole: u128, room: u64) -> u64 {
    if part >= whole {
        return if part == 0 { 0 } else { room };
    }
    // Both below 2^68 and room below 2^20, so nothing overflows.
    u64::try_from((part * u128::from(room) * 2 + whole) / (whole * 2)).unwrap_or(room)
}

/// Hands `room` out in proportion to `values`, exactly: largest remainders first, and `least` to each that is
/// not zero, taken from the longest; where there is not room for that, the smallest go without.
pub(crate) fn allocate(values: &[u64], room: u64, least: u64) -> Vec<u64> {
    let total: u128 = values.iter().map(|value| u128::from(*value)).sum();
    if total == 0 {
        return vec![0; values.len()];
    }
    let exact = |value: u64| u128::from(value) * u128::from(room);
    let mut lengths: Vec<u64> =
        values.iter().map(|value| u64::try_from(exact(*value) / total).unwrap_or(room)).collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(exact(values[*index]) % total));
    let left = room - lengths.iter().sum::<u64>();
    for index in order.iter().cycle().take(usize::try_from(left).unwrap_or(0)) {
        lengths[*index] += 1;
    }
    order.sort_by_key(|index| std::cmp::Reverse(values[*index]));
    for index in order {
        while values[index] > 0 && lengths[index] < least {
            let longest = (0..lengths.len()).max_by_key(|index| lengths[*index]).unwrap_or(index);
            if lengths[longest] <= least {
                break;
            }
            lengths[longest] -= 1;
            lengths[index] += 1;
        }
    }
    lengths
}

impl Widget for StackedBar<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let cells = u64::from(area.width) - u64::from(self.capacity.is_some());
        let lengths = self.lengths(cells);
        let line = self.line(cells);
        let mut x = area.x;
        for cell in 0..=cells {
            if line == Some(cell) && x < area.right() {
                if let Some(target) = buffer.cell_mut((x, area.y)) {
                    target.set_symbol(self.theme.glyphs.tick).set_style(self.theme.strong());
                }
                x += 1;
            }
            if cell < cells {
                let over = line.is_some_and(|line| cell >= line);
                self.paint(cell, &lengths, over, (x, area.y), buffer);
                x += 1;
            }
        }
    }
}

impl StackedBar<'_> {
    fn paint(&self, cell: u64, lengths: &[u64], over: bool, at: (u16, u16), buffer: &mut Buffer) {
        let (start, end) = (cell * EIGHTHS, (cell + 1) * EIGHTHS);
        let mut edge = 0;
        let mut inside = lengths.iter().zip(self.segments).filter_map(|(length, segment)| {
            let from = edge.max(start);
            edge += length;
            let within = edge.min(end).saturating_sub(from);
            (within > 0).then_some((segment, edge, within))
        });
        // A cell has two colours: the first part's, and that of the largest after it.
        let Some((left, edge, _)) = inside.next() else { return };
        let right = inside.max_by_key(|(.., within)| *within).map(|(segment, ..)| segment);
        let Some(target) = buffer.cell_mut(at) else { return };
        if over {
            let larger = right.filter(|_| edge - start < EIGHTHS / 2).unwrap_or(left);
            target.set_symbol(self.theme.glyphs.over).set_style(larger.style);
        } else if edge >= end {
            target.set_symbol(left.fill).set_style(left.style);
        } else {
            let part = usize::try_from(edge - start).unwrap_or(1).saturating_sub(1);
            let glyph = self.theme.glyphs.eighths.get(part).copied().unwrap_or(left.fill);
            target.set_symbol(glyph).set_style(left.style);
            if let Some(colour) = right.and_then(|segment| segment.style.fg) {
                target.set_bg(colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Color;

    use super::*;
    use crate::memory::Category;

    fn segments(values: &[u64], theme: Theme) -> Vec<Segment> {
        let categories = [Category::Parameters, Category::Optimizer, Category::Activations];
        let colours = [Color::Blue, Color::Green, Color::Red];
        let segment = |(index, value): (usize, &u64)| Segment {
            bytes: Bytes::new(*value),
            style: if theme.colour { Style::new().fg(colours[index % 3]) } else { Style::new() },
            fill: theme.fill(categories[index % 3]),
        };
        values.iter().enumerate().map(segment).collect()
    }

    fn drawn(values: &[u64], capacity: u64, width: u16, theme: Theme) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
        let segments = segments(values, theme);
        StackedBar::against(&segments, Bytes::new(capacity), theme).render(buffer.area, &mut buffer);
        buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    const COLOUR: Theme = Theme::new(true, true);
    const MONO: Theme = Theme::new(false, true);
    const ASCII: Theme = Theme::new(false, false);

    #[test]
    fn the_capacity_line_ends_what_fits_and_cuts_what_does_not() {
        assert_eq!(drawn(&[40, 40], 100, 11, COLOUR), "████████  │");
        assert_eq!(drawn(&[50, 50], 100, 11, COLOUR), "██████████│");
        assert_eq!(drawn(&[100, 100], 100, 11, COLOUR), "█████│▒▒▒▒▒");
        assert_eq!(drawn(&[100, 1], 100, 11, COLOUR), "████████│▒ ");
        assert_eq!(drawn(&[10, 10, 20], 100, 11, MONO), "MOAA      │");
        assert_eq!(drawn(&[10, 10, 20], 100, 11, ASCII), "MOAA      |");
        assert_eq!(drawn(&[30, 30, 60], 100, 13, ASCII), "MMMOOOAAA|xxx");
    }

    #[test]
    fn edges_stand_on_eighths_between_two_colours() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        let two = segments(&[12, 20], COLOUR);
        StackedBar::new(&two, Bytes::new(32), COLOUR).render(buffer.area, &mut buffer);
        let edge = &buffer[(1, 0)];
        assert_eq!((edge.symbol(), edge.fg, edge.bg), ("▌", Color::Blue, Color::Green));
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        let one = segments(&[3], COLOUR);
        StackedBar::new(&one, Bytes::new(32), COLOUR).render(buffer.area, &mut buffer);
        assert_eq!(buffer[(0, 0)].symbol(), "▍");
    }

    proptest! {
        #[test]
        fn lengths_sum_to_the_room_and_every_part_is_seen(
            values in proptest::collection::vec(prop_oneof![Just(0_u64), any::<u64>(), 1_u64..100], 1..9),
            room in 0_u64..2000,
            least in 0_u64..9,
        ) {
            let lengths = allocate(&values, room, least);
            let present = values.iter().filter(|value| **value > 0).count() as u64;
            prop_assert_eq!(lengths.iter().sum::<u64>(), if present == 0 { 0 } else { room });
            for (value, length) in values.iter().zip(&lengths) {
                prop_assert!(*value > 0 || *length == 0);
                prop_assert!(*value == 0 || *length >= least || present * least > room);
            }
        }

        #[test]
        fn cells_sum_to_the_width_at_any_size_and_keep_their_order(
            values in proptest::collection::vec(prop_oneof![Just(0_u64), any::<u64>(), 1_u64..1000], 0..9),
            capacity in prop_oneof![Just(0_u64), any::<u64>(), 1_u64..1000],
            width in 0_u16..200,
            colour in any::<bool>(),
            unicode in any::<bool>(),
        ) {
            let theme = Theme::new(colour, unicode);
            let segments = segments(&values, theme);
            let bar = StackedBar::against(&segments, Bytes::new(capacity), theme);
            let cells = u64::from(width).saturating_sub(1);
            let lengths = bar.lengths(cells);
            prop_assert!(lengths.iter().sum::<u64>() <= cells * EIGHTHS);
            let over = bar.total() > u128::from(capacity);
            let text = drawn(&values, capacity, width, theme);
            prop_assert_eq!(text.chars().count(), usize::from(width));
            prop_assert_eq!(text.matches(theme.glyphs.tick).count(), usize::from(width > 0));
            if width > 2 {
                prop_assert_eq!(text.contains(theme.glyphs.over), over);
            }
            // What is drawn is bar, line, overflow, space: never a gap inside.
            prop_assert!(!text.trim_end_matches([' ', '│', '|']).contains(' '));
        }
    }
}
