//! What a click on each part of the screen means. Views write it down while they draw; [`super::update()`] makes it
//! true.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::action::Action;
use super::marks::Marks;
use super::screen::Focus;
use super::widget::line;
use super::widget::panel::Panel;
use crate::memory::Category;

/// What a click means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spot {
    /// The same as a key.
    Do(Action),
    /// A panel between its rows.
    Panel(Focus),
    /// A parameter, as an index into the table.
    Parameter(usize),
    /// A row of the view, counted from the first one that could be shown.
    Row(usize),
    /// A row of the list that lies over the view.
    Choice(usize),
    /// The bar of a category.
    Category(Category),
    /// A card, by the word by which scenarios name it.
    Card(String),
    /// A value of the parameter that is swept.
    Value(u64),
    /// What lies over the view, where it has no rows.
    Popup,
}

/// The spots of a frame; later ones lie over earlier ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spots(Vec<(Rect, Spot)>);

impl Spots {
    /// What lies at a cell.
    pub(crate) fn at(&self, (x, y): (u16, u16)) -> Option<&Spot> {
        self.under((x, y)).last()
    }

    /// The panel at a cell, whatever lies over it.
    pub(crate) fn panel(&self, (x, y): (u16, u16)) -> Option<Focus> {
        self.under((x, y)).find_map(|spot| if let Spot::Panel(panel) = spot { Some(*panel) } else { None })
    }

    /// The middle of a spot, where it is on the screen.
    #[cfg(test)]
    pub(crate) fn find(&self, wanted: &Spot) -> Option<(u16, u16)> {
        let (area, _) = self.0.iter().rev().find(|(_, spot)| spot == wanted)?;
        Some((area.x + area.width / 2, area.y + area.height / 2))
    }

    fn under(&self, (x, y): (u16, u16)) -> impl Iterator<Item = &Spot> {
        let here = move |(area, _): &&(Rect, Spot)| area.contains(Position { x, y });
        self.0.iter().filter(here).map(|(_, spot)| spot)
    }
}

/// Cells that are drawn on, the spots of what is drawn, and where the terminal's cursor stands.
pub(crate) struct Sheet<'a> {
    buffer: &'a mut Buffer,
    marks: Marks,
    spots: Spots,
    cursor: Option<Position>,
}

impl<'a> Sheet<'a> {
    /// Cells on which there is nothing yet.
    pub(crate) fn new(buffer: &'a mut Buffer) -> Self {
        let marks = Marks::none(buffer.area.as_size());
        Self { buffer, marks, spots: Spots::default(), cursor: None }
    }

    /// Says what a click on an area means.
    pub(crate) fn spot(&mut self, area: Rect, spot: Spot) {
        if !area.is_empty() {
            self.spots.0.push((area, spot));
        }
    }

    /// All of it.
    pub(crate) fn area(&self) -> Rect {
        self.buffer.area
    }

    /// A cell to be drawn on.
    pub(crate) fn cell_mut(&mut self, (x, y): (u16, u16)) -> Option<&mut Cell> {
        self.marks.mark(Rect { x, y, width: 1, height: 1 });
        self.buffer.cell_mut((x, y))
    }

    /// Gives the cells of an area a style.
    pub(crate) fn set_style(&mut self, area: Rect, style: Style) {
        self.marks.mark(area);
        self.buffer.set_style(area, style);
    }

    /// Draws a line at the left of an area's first row.
    pub(crate) fn draw_line(&mut self, line: &Line<'_>, area: Rect) {
        let taken = line::draw_left(line, Rect { height: area.height.min(1), ..area }, self.buffer);
        self.marks.mark(taken);
    }

    /// Draws a line whose style fills an area's first row.
    pub(crate) fn fill_row(&mut self, line: &Line<'_>, area: Rect) {
        let row = Rect { height: area.height.min(1), ..area };
        self.marks.mark(row);
        line::draw(line, row, self.buffer);
    }

    /// Draws the frame of a panel, and none of the cells inside.
    pub(crate) fn draw_panel(&mut self, panel: Panel<'_>, area: Rect) {
        let inner = panel.inner(area);
        let above = Rect { height: inner.top() - area.top(), ..area };
        let below = Rect { y: inner.bottom(), height: area.bottom() - inner.bottom(), ..area };
        let left = Rect { width: inner.left() - area.left(), ..area };
        let right = Rect { x: inner.right(), width: area.right() - inner.right(), ..area };
        for edge in [above, below, left, right] {
            self.marks.mark(edge);
        }
        panel.render(area, self.buffer);
    }

    /// Draws a widget on an area.
    pub(crate) fn render_widget(&mut self, widget: impl Widget, area: Rect) {
        self.marks.mark(area);
        widget.render(area, self.buffer);
    }

    /// Changes each cell that was drawn on.
    pub(crate) fn each_drawn(&mut self, change: impl Fn(&mut Cell)) {
        for (y, runs) in (0..).zip(self.marks.rows()) {
            runs.flatten().for_each(|x| self.buffer.cell_mut((x, y)).into_iter().for_each(&change));
        }
    }

    /// Which cells were drawn on.
    pub(crate) fn into_marks(self) -> Marks {
        self.marks
    }

    /// Shows the terminal's cursor here.
    pub(crate) fn set_cursor(&mut self, at: impl Into<Position>) {
        self.cursor = Some(at.into());
    }

    /// Where the terminal's cursor is shown.
    pub(crate) const fn cursor(&self) -> Option<Position> {
        self.cursor
    }

    /// Takes the spots that were said.
    pub(crate) fn take_spots(&mut self) -> Spots {
        std::mem::take(&mut self.spots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_said_lies_on_top() {
        let spots = Spots(vec![
            (Rect::new(0, 0, 10, 10), Spot::Panel(Focus::View)),
            (Rect::new(2, 2, 3, 1), Spot::Row(7)),
            (Rect::new(2, 2, 1, 1), Spot::Popup),
        ]);
        assert_eq!(spots.at((4, 2)), Some(&Spot::Row(7)));
        assert_eq!(spots.at((2, 2)), Some(&Spot::Popup));
        assert_eq!(spots.at((5, 2)), Some(&Spot::Panel(Focus::View)));
        assert_eq!(spots.panel((2, 2)), Some(Focus::View));
        assert_eq!(spots.at((10, 2)), None);
    }
}
