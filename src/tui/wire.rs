//! The fewest bytes that turn the screen shown into the screen wanted: what counts over a slow line.
//!
//! It remembers what every cell shows, so that cells which look the same are passed over, short gaps are written again
//! where that is cheaper than a jump, and a change of style says what changes and no more.

mod order;
pub(super) mod pen;
mod shown;

use std::io;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Size};

use super::marks::Marks;
use super::widget::line;
use pen::Pen;
use shown::Shown;

/// Makes every cell blank and the style plain.
pub(crate) const BLANK: &[u8] = b"\x1b[0m\x1b[2J";
/// So many blanks in a row are erased instead of written: erasing and stepping over them takes ten bytes at most.
const ERASED: usize = 11;

/// Bytes of a frame on their way to a terminal of the VT220's kind.
#[derive(Debug)]
pub(crate) struct Wire {
    bytes: Vec<u8>,
    shown: Shown,
    pen: Pen,
    /// Where the next sign lands; `None` where only the terminal knows.
    at: Option<Position>,
    cursor_visible: bool,
    /// A size that is not the terminal's to say.
    size: Option<Size>,
}

impl Wire {
    /// A blank terminal with a hidden cursor. A given size is never asked for.
    pub(crate) fn new(size: Option<Size>) -> Self {
        Self {
            bytes: Vec::with_capacity(16 * 1024),
            shown: Shown::default(),
            pen: Pen::default(),
            at: None,
            cursor_visible: false,
            size,
        }
    }

    /// Another size that is not the terminal's to say.
    #[cfg(test)]
    pub(crate) fn resize(&mut self, size: Size) {
        self.size = Some(size);
    }

    /// What has to be sent; it counts as sent from here on.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Begins anew on a blank screen, whatever the terminal shows.
    pub(crate) fn blank(&mut self) {
        self.bytes.extend_from_slice(BLANK);
        self.pen = Pen::default();
        self.at = None;
        self.shown.blank();
    }

    /// Makes the terminal show these cells, of which only those that are `drawn` on now or were before are looked at, and
    /// its cursor here or nowhere.
    pub(crate) fn show(&mut self, next: &Buffer, drawn: &Marks, cursor: Option<Position>) {
        let cells = order::cheapest(self.shown.news(next, drawn), self.pen);
        let mut rest = cells.as_slice();
        while let [first @ (x, y, _), others @ ..] = rest {
            self.go(Position { x: *x, y: *y });
            match blanks(rest) {
                count if count >= ERASED => {
                    self.erase(&rest[..count]);
                    rest = &rest[count..];
                }
                _ => {
                    self.write(*first);
                    rest = others;
                }
            }
        }
        if cursor.is_some() != std::mem::replace(&mut self.cursor_visible, cursor.is_some()) {
            self.bytes.extend_from_slice(if cursor.is_some() { b"\x1b[?25h" } else { b"\x1b[?25l" });
        }
        if let Some(at) = cursor {
            self.go(at);
        }
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> io::Result<Size> {
        match self.size {
            Some(size) => Ok(size),
            None => crossterm::terminal::size().map(Size::from),
        }
    }

    /// Goes to a cell, by way of the cells between where those cost less than a jump.
    fn go(&mut self, to: Position) {
        match self.at {
            Some(at) if at == to => {}
            Some(at) if at.y == to.y && at.x < to.x => {
                let gap: Vec<&Cell> = (at.x..to.x).filter_map(|x| self.shown.at((x, to.y))).collect();
                let step = gap.len();
                let again = step <= step_length(step) && gap.iter().all(|cell| self.pen.writes_plainly(cell));
                if again {
                    let symbols: String = gap.iter().map(|cell| cell.symbol()).collect();
                    self.bytes.extend_from_slice(symbols.as_bytes());
                } else if step == 1 {
                    self.bytes.extend_from_slice(b"\x1b[C");
                } else {
                    self.bytes.extend_from_slice(format!("\x1b[{step}C").as_bytes());
                }
            }
            Some(at) if at.y + 1 == to.y && to.x == 0 => self.bytes.extend_from_slice(b"\r\n"),
            _ if to.x == 0 => self.bytes.extend_from_slice(format!("\x1b[{}H", u32::from(to.y) + 1).as_bytes()),
            _ => {
                let (row, column) = (u32::from(to.y) + 1, u32::from(to.x) + 1);
                self.bytes.extend_from_slice(format!("\x1b[{row};{column}H").as_bytes());
            }
        }
        self.at = Some(to);
    }

    /// Writes a cell where the cursor is.
    fn write(&mut self, (x, y, cell): (u16, u16, &Cell)) {
        self.pen.turn_to(cell, &mut self.bytes);
        let symbol = cell.symbol();
        self.bytes.extend_from_slice(symbol.as_bytes());
        self.shown.remember((x, y), cell);
        if width(cell) == 1 {
            self.at = self.at.map(|at| Position { x: at.x.saturating_add(1), ..at });
        } else {
            // Where a sign of another width leaves the cursor is for the terminal to say.
            self.at = None;
        }
    }

    /// Erases cells from the cursor on; it stays where it is.
    fn erase(&mut self, cells: &[(u16, u16, &Cell)]) {
        self.pen.turn_to(&Cell::EMPTY, &mut self.bytes);
        self.bytes.extend_from_slice(format!("\x1b[{}X", cells.len()).as_bytes());
        for (x, y, cell) in cells {
            self.shown.remember((*x, *y), cell);
        }
    }
}

/// Cells that a sign takes.
pub(super) fn width(cell: &Cell) -> u16 {
    match cell.symbol() {
        symbol if symbol.len() == 1 => 1,
        symbol => line::width(symbol),
    }
}

/// Bytes of a jump to the right.
const fn step_length(cells: usize) -> usize {
    match cells {
        0..=1 => 3,
        2..=9 => 4,
        _ => 5,
    }
}

/// How many of the changed cells, from the first on, are neighbours and blank.
fn blanks(cells: &[(u16, u16, &Cell)]) -> usize {
    let Some((x, y, _)) = cells.first() else { return 0 };
    let neighbours = (*x..=u16::MAX).zip(cells);
    neighbours.take_while(|(x, (column, row, cell))| x == column && row == y && pen::is_blank(cell)).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Modifier, Style};

    use super::*;

    const SIZE: Size = Size { width: 24, height: 4 };

    fn parser() -> vt100::Parser {
        let cells = |cells| std::num::NonZero::new(cells).unwrap();
        vt100::Parser::new(cells(SIZE.height), cells(SIZE.width), 0)
    }

    fn colour(code: u8) -> Color {
        [Color::Reset, Color::Red, Color::LightBlue, Color::Indexed(200), Color::Rgb(1, 2, 3)][usize::from(code % 5)]
    }

    /// What a terminal shows in a cell: its sign and what of its style can be seen.
    fn seen(cell: &vt100::Cell) -> String {
        let sign = if cell.has_contents() { cell.contents() } else { " " };
        let modes = [cell.bold(), cell.dim(), cell.inverse(), cell.underline()];
        let (fg, modes) =
            if sign == " " { (None, [false, false, modes[2], modes[3]]) } else { (Some(cell.fgcolor()), modes) };
        format!("{sign:?} {fg:?} {:?} {modes:?}", cell.bgcolor())
    }

    /// A run of text somewhere on the screen.
    #[derive(Debug, Clone)]
    struct Run(u16, u16, String, Style);

    fn run() -> impl Strategy<Value = Run> {
        let texts = prop_oneof!["[ ab█▒]{1,24}", Just("                    ".to_owned()), Just("漢字 x".to_owned())];
        let modes = prop_oneof![
            Just(Modifier::empty()),
            Just(Modifier::BOLD),
            Just(Modifier::DIM),
            Just(Modifier::REVERSED),
            Just(Modifier::UNDERLINED),
            Just(Modifier::BOLD | Modifier::REVERSED),
        ];
        (0_u16..24, 0_u16..4, texts, any::<u8>(), any::<u8>(), modes).prop_map(|(x, y, text, fg, bg, modes)| {
            let style = Style::new().fg(colour(fg)).bg(colour(bg / 3 * u8::from(bg > 150)));
            Run(x, y, text, style.add_modifier(modes))
        })
    }

    proptest! {
        /// However frames follow each other, a terminal shows the same as one that drew the last frame alone.
        #[test]
        fn a_terminal_shows_the_last_frame(
            frames in proptest::collection::vec((proptest::collection::vec(run(), 0..6), any::<bool>()), 1..8),
        ) {
            let mut wire = Wire::new(Some(SIZE));
            let mut shown = parser();
            for (runs, blank) in frames {
                if blank {
                    wire.blank();
                }
                let frame = frame(|buffer| {
                    for Run(x, y, text, style) in &runs {
                        buffer.set_string(*x, *y, text, *style);
                    }
                });
                wire.show(&frame, &everywhere(), None);
                shown.process(&wire.take());
                let mut alone = Wire::new(Some(SIZE));
                let mut fresh = parser();
                alone.show(&frame, &everywhere(), None);
                let wanted: Vec<String> = frame.content.iter().map(|cell| cell.symbol().to_owned()).collect();
                fresh.process(&alone.take());
                for y in 0..SIZE.height {
                    for x in 0..SIZE.width {
                        let (cell, expected) = (shown.screen().cell(y, x).unwrap(), fresh.screen().cell(y, x).unwrap());
                        prop_assert_eq!(seen(cell), seen(expected), "{} {}", x, y);
                        if !expected.is_wide_continuation() {
                            let sign = &wanted[usize::from(y * SIZE.width + x)];
                            prop_assert!(seen(expected).starts_with(&format!("{sign:?} ")), "{} {}", x, y);
                        }
                    }
                }
            }
        }
    }

    fn frame(draw: impl FnOnce(&mut Buffer)) -> Buffer {
        let mut buffer = Buffer::empty(Rect::from((Position::ORIGIN, SIZE)));
        draw(&mut buffer);
        buffer
    }

    fn everywhere() -> Marks {
        let mut marks = Marks::none(SIZE);
        marks.mark(Rect::from((Position::ORIGIN, SIZE)));
        marks
    }

    fn put(buffer: &mut Buffer, (x, y): (u16, u16), text: &str, style: Style) {
        buffer.set_string(x, y, text, style);
    }

    fn sent(draw: &[&dyn Fn(&mut Buffer)]) -> Vec<String> {
        let mut wire = Wire::new(Some(SIZE));
        let sent = draw.iter().map(|draw| {
            wire.show(&frame(draw), &everywhere(), None);
            String::from_utf8(wire.take()).unwrap()
        });
        sent.collect()
    }

    #[test]
    fn only_what_differs_is_sent() {
        let dim = Style::new().add_modifier(Modifier::DIM);
        let red = Style::new().fg(Color::Red);
        let plain = Style::new();
        let frames = sent(&[
            &|buffer| put(buffer, (2, 1), "12.5 GiB", plain),
            &|buffer| put(buffer, (2, 1), "13.4 GiB", plain),
            &|buffer| put(buffer, (2, 1), "13.4 MiB", red),
            &|buffer| put(buffer, (2, 1), "13.4 MiB", red.patch(dim)),
            &|_| (),
            &|_| (),
        ]);
        assert_eq!(frames[0], "\u{1b}[2;3H12.5 GiB");
        assert_eq!(frames[1], "\u{1b}[2;4H3.4", "a point between two changed digits is cheaper than a jump");
        assert_eq!(frames[2], "\u{1b}[2;3H\u{1b}[31m13.4 MiB", "the blank has no colour to change");
        assert_eq!(frames[3], "\u{1b}[2;3H\u{1b}[2m13.4 MiB");
        assert_eq!(frames[4], "\u{1b}[2;3H        ", "blanks have no style to change");
        assert_eq!(frames[5], "");
    }

    #[test]
    fn long_blanks_are_erased() {
        let frames = sent(&[
            &|buffer| {
                put(buffer, (0, 0), "|                  a   |", Style::new());
                put(buffer, (0, 1), "|######################|", Style::new());
            },
            &|buffer| {
                put(buffer, (0, 0), "|                  a   |", Style::new());
                put(buffer, (0, 1), "|                      |", Style::new());
            },
        ]);
        assert_eq!(frames[0], "\u{1b}[1H|\u{1b}[18Ca   |\r\n|######################|");
        assert_eq!(frames[1], "\u{1b}[2;2H\u{1b}[22X");
    }
}
