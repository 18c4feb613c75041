//! A view as a picture: the explorer's own drawing, without a terminal.

mod svg;

use std::io;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::action::Action;
use super::app::App;
use super::keymap::Chord;
use super::message::Message;
use super::opening::{dressed, of_terminal};
use super::screen::View;
use super::spot::Sheet;
use super::taste::Dress;
use super::theme::Theme;
use super::theme::colour::Depth;
use super::update::update;
use super::wire::pen::Pen;
use super::wire::width;
use super::{Start, view};
use crate::preset::Library;

/// The most cells that a picture has on a side.
pub const LARGEST: u16 = 500;

/// What a picture is looked at on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A page, which has every colour and sign.
    Page {
        /// Whether colours are wanted.
        colour: bool,
    },
    /// The terminal that the environment speaks of, with the colours and signs that it has.
    Terminal,
}

/// A view as it would stand in a terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// What stood there before the first key, and after each.
    frames: Vec<Buffer>,
    paper: Style,
}

impl Picture {
    /// Draws a view of a scenario on `width` × `height` cells, at most [`LARGEST`] each, and what comes of these keys.
    ///
    /// # Errors
    /// Where there is no such theme, or no such file of keys.
    pub fn draw(
        library: &Library,
        start: Start,
        view: View,
        (width, height): (u16, u16),
        (medium, keys): (Medium, &[Chord]),
    ) -> io::Result<Self> {
        let looks = match medium {
            Medium::Page { colour } => (Theme::new(colour, true), Depth::True),
            Medium::Terminal => of_terminal(),
        };
        let (mut app, Dress { theme, .. }) = dressed(library, start, looks).map_err(io::Error::other)?;
        update(&mut app, Message::Do(Action::Show(view)));
        app.settle();
        let shot = |app: &App| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width.min(LARGEST), height.min(LARGEST)));
            view::draw(app, theme, &mut Sheet::new(&mut buffer));
            buffer
        };
        let mut frames = vec![shot(&app)];
        for chord in keys {
            let message = super::message(&app, *chord);
            update(&mut app, message);
            app.settle();
            frames.push(shot(&app));
        }
        Ok(Self { frames, paper: theme.paper() })
    }

    /// The signs alone, a line a row.
    pub fn text(&self) -> String {
        let line = |row| signs(row).map(Cell::symbol).collect::<String>().trim_end().to_owned() + "\n";
        self.rows().map(line).collect()
    }

    /// The signs with the codes of their colours, a line a row.
    pub fn ansi(&self) -> String {
        self.rows().map(ansi).collect()
    }

    /// A picture for pages and tickets.
    pub fn svg(&self) -> String {
        svg::of(&self.frames, self.paper)
    }

    fn rows(&self) -> std::slice::Chunks<'_, Cell> {
        let last = self.frames.last().map_or((&[][..], 1), |frame| (&frame.content[..], usize::from(frame.area.width)));
        last.0.chunks(last.1.max(1))
    }
}

/// The cells of a row, each with whether the sign before covers it.
fn covered(row: &[Cell]) -> impl Iterator<Item = (&Cell, bool)> {
    let mut left = 0_u16;
    row.iter().map(move |cell| {
        let covered = left > 0;
        left = if covered { left - 1 } else { width(cell).saturating_sub(1) };
        (cell, covered)
    })
}

/// The cells of a row that show something.
fn signs(row: &[Cell]) -> impl Iterator<Item = &Cell> {
    covered(row).filter(|(_, covered)| !covered).map(|(cell, _)| cell)
}

/// A row with the codes of its colours, which end with it.
pub(super) fn ansi(row: &[Cell]) -> String {
    let (mut pen, mut bytes) = (Pen::default(), Vec::new());
    for cell in signs(row) {
        pen.turn_to(cell, &mut bytes);
        bytes.extend_from_slice(cell.symbol().as_bytes());
    }
    pen.turn_to(&Cell::new("."), &mut bytes);
    bytes.push(b'\n');
    String::from_utf8_lossy(&bytes).into_owned()
}
