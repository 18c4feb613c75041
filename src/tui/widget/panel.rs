//! The frame of a panel: its border and titles, and none of the cells inside.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Borders, Widget};

use super::line;

/// A border around an area, or above it alone, with a title at its left and maybe one at its right.
#[derive(Debug, Clone)]
pub(crate) struct Panel<'a> {
    /// Where there is a border: everywhere, or at the top.
    pub(crate) borders: Borders,
    /// The signs of the border.
    pub(crate) set: border::Set<'static>,
    /// How they look.
    pub(crate) style: Style,
    /// The title.
    pub(crate) title: Line<'a>,
    /// The title at the right.
    pub(crate) right: Option<Line<'a>>,
}

impl Panel<'_> {
    /// The area inside.
    pub(crate) fn inner(&self, area: Rect) -> Rect {
        let side = u16::from(self.has_sides());
        Rect {
            x: area.x.saturating_add(side).min(area.right()),
            y: area.y.saturating_add(1).min(area.bottom()),
            width: area.width.saturating_sub(2 * side),
            height: area.height.saturating_sub(1 + side),
        }
    }

    fn has_sides(&self) -> bool {
        self.borders == Borders::ALL
    }

    fn border(&self, area: Rect, buffer: &mut Buffer) {
        let set = self.set;
        let mut put = |x: u16, y: u16, sign: &str| {
            buffer[(x, y)].set_symbol(sign).set_style(self.style);
        };
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        (area.x..=right).for_each(|x| put(x, area.y, set.horizontal_top));
        if !self.has_sides() {
            return;
        }
        (area.x..=right)
            .for_each(|x| put(x, bottom, if bottom == area.y { set.horizontal_top } else { set.horizontal_bottom }));
        for y in area.y..=bottom {
            put(area.x, y, set.vertical_left);
            put(right, y, set.vertical_right);
        }
        put(right, bottom, set.bottom_right);
        put(right, area.y, set.top_right);
        put(area.x, bottom, set.bottom_left);
        put(area.x, area.y, set.top_left);
    }
}

impl Widget for Panel<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        self.border(area, buffer);
        let side = u16::from(self.has_sides());
        let room = Rect { x: area.x + side, width: area.width.saturating_sub(2 * side), height: 1, ..area };
        let width = |title: &Line<'_>| line::width_of(title).min(room.width);
        line::draw(&self.title, Rect { width: width(&self.title), ..room }, buffer);
        if let Some(title) = self.right.map(Line::right_aligned) {
            let width = width(&title);
            line::draw(&title, Rect { x: room.right() - width, width, ..room }, buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Color;
    use ratatui::widgets::Block;

    use super::*;

    proptest! {
        #[test]
        fn panels_are_drawn_as_blocks_are(
            width in 0_u16..40,
            height in 2_u16..6,
            all: bool,
            title in "[a-z ]{0,24}",
            right in proptest::option::of("[0-9/]{1,9}"),
        ) {
            let borders = if all { Borders::ALL } else { Borders::TOP };
            let (set, style) = (border::PLAIN, Style::new().fg(Color::Red));
            let titles = (Line::styled(title, Style::new().bold()), right.map(Line::raw));
            let mut block = Block::new().borders(borders).border_set(set).border_style(style).title(titles.0.clone());
            if let Some(right) = &titles.1 {
                block = block.title(right.clone().right_aligned());
            }
            let panel = Panel { borders, set, style, title: titles.0, right: titles.1 };
            let area = Rect::new(1, 1, width, height);
            prop_assert_eq!(panel.inner(area), block.inner(area));
            let mut ours = Buffer::empty(Rect::new(0, 0, 42, 8));
            let mut theirs = ours.clone();
            panel.render(area, &mut ours);
            block.render(area, &mut theirs);
            prop_assert_eq!(ours, theirs);
        }
    }
}
