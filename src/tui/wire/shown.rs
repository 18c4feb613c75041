//! What every cell of the terminal shows.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

use super::order::Change;
use super::pen;
use super::width;
use crate::tui::marks::Marks;

/// Stands for a cell that a wide sign covers: nothing that is ever drawn looks like it.
const COVERED: &str = "\u{80}";

/// The cells, as many as were ever asked for.
#[derive(Debug, Default)]
pub(super) struct Shown(Buffer);

impl Shown {
    /// All of them are blank.
    pub(super) fn blank(&mut self) {
        self.0.reset();
    }

    /// What a cell shows.
    pub(super) fn at(&self, place: (u16, u16)) -> Option<&Cell> {
        self.0.cell(place)
    }

    /// The cells that do not look yet as they should, in reading order; all others than the `drawn` ones are blank and
    /// were before. What a wide sign covers is not looked at.
    pub(super) fn news<'a>(&mut self, next: &'a Buffer, drawn: &Marks) -> Vec<Change<'a>> {
        self.grow(next.area.width, next.area.height);
        let mut news = Vec::new();
        let columns = usize::from(next.area.width).max(1);
        let room = usize::from(self.0.area.width).max(1);
        let rows = next.content.chunks_exact(columns).zip(self.0.content.chunks_exact(room)).zip(drawn.rows());
        for (y, ((wanted, shown), drawn)) in (0..).zip(rows) {
            let (mut hidden, mut same, mut expected) = (0_u16, false, 0);
            for run in drawn {
                // What lies between looks as it should.
                same |= run.start > expected;
                expected = run.end;
                let cells = usize::from(run.start)..usize::from(run.end);
                for (x, (cell, before)) in run.zip(wanted[cells.clone()].iter().zip(&shown[cells])) {
                    if x < hidden {
                        same = false;
                    } else if pen::looks_alike(before, cell) {
                        same = true;
                    } else if !same || before.symbol() != COVERED {
                        news.push((x, y, cell));
                        (hidden, same) = (x.saturating_add(width(cell)), false);
                    }
                }
            }
        }
        news
    }

    /// From here on a cell shows this, and those that it covers nothing of their own.
    pub(super) fn remember(&mut self, (x, y): (u16, u16), cell: &Cell) {
        self.put((x, y), cell);
        let covered = Cell::new(COVERED);
        (1..width(cell)).for_each(|cells| self.put((x.saturating_add(cells), y), &covered));
    }

    fn put(&mut self, place: (u16, u16), cell: &Cell) {
        if let Some(shown) = self.0.cell_mut(place) {
            shown.clone_from(cell);
        }
    }

    /// Makes room for the cells up to `width` and `height`.
    fn grow(&mut self, width: u16, height: u16) {
        let area = self.0.area;
        if width > area.width || height > area.height {
            let larger = Rect::new(0, 0, width.max(area.width), height.max(area.height));
            let smaller = std::mem::replace(&mut self.0, Buffer::empty(larger));
            self.0.merge(&smaller);
        }
    }
}
