//! The style that the next sign is written in.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

/// What of a style shows on a blank.
const ON_BLANKS: Modifier = Modifier::REVERSED.union(Modifier::UNDERLINED).union(Modifier::CROSSED_OUT);

/// The codes that begin and end what can be added to a style (ECMA-48, "select graphic rendition").
const MODES: [(Modifier, u8, u8); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

/// The style that a terminal writes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct Pen {
    fg: Color,
    bg: Color,
    modes: Modifier,
}

impl Default for Pen {
    fn default() -> Self {
        Self { fg: Color::Reset, bg: Color::Reset, modes: Modifier::empty() }
    }
}

impl Pen {
    pub(super) const fn of(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, modes: cell.modifier }
    }

    /// Whether a cell written with this pen looks as it should; a blank shows less of it than other signs.
    pub(super) fn suits(self, cell: &Cell) -> bool {
        let wanted = Self::of(cell);
        self == wanted || (cell.symbol() == " " && self.on_blanks() == wanted.on_blanks())
    }

    /// What of it a blank shows. A reversed blank has the colour of signs.
    fn on_blanks(self) -> Self {
        let modes = self.modes.intersection(ON_BLANKS);
        let fg = if modes.is_empty() { Color::Reset } else { self.fg };
        Self { fg, modes, ..self }
    }

    /// Whether writing a cell again takes a byte and no change of style.
    pub(super) fn writes_plainly(self, cell: &Cell) -> bool {
        cell.symbol().len() == 1 && self.suits(cell)
    }

    /// Changes to what a cell asks for, in the fewest bytes.
    pub(in crate::tui) fn turn_to(&mut self, cell: &Cell, bytes: &mut Vec<u8>) {
        if self.suits(cell) {
            return;
        }
        let wanted = Self::of(cell);
        bytes.extend_from_slice(b"\x1b[");
        let start = bytes.len();
        self.changes(wanted, bytes);
        let changed = bytes.len() - start;
        // A reset begins a style anew; alone it needs no code.
        if wanted != Self::default() {
            bytes.extend_from_slice(b"0;");
            Self::default().changes(wanted, bytes);
        }
        let anew = bytes.len() - start - changed;
        if changed <= anew {
            bytes.truncate(start + changed);
        } else {
            bytes.drain(start..start + changed);
        }
        bytes.push(b'm');
        *self = wanted;
    }

    /// Writes the codes that turn this pen into another, with `;` between them.
    fn changes(self, wanted: Self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        for family in MODES.chunk_by(|(.., one), (.., other)| one == other) {
            // Bold and dim, slow and fast, end together; where terminals know only one of the two, the last one counts.
            let all = family.iter().fold(Modifier::empty(), |all, (mode, ..)| all | *mode);
            let (had, has) = (self.modes & all, wanted.modes & all);
            if had == has {
                continue;
            }
            family.iter().filter(|_| !has.contains(had)).take(1).for_each(|(.., end)| code(*end, bytes));
            family.iter().filter(|(mode, ..)| has.contains(*mode)).for_each(|(_, begin, _)| code(*begin, bytes));
        }
        if self.fg != wanted.fg {
            colour(wanted.fg, 30, bytes);
        }
        if self.bg != wanted.bg {
            colour(wanted.bg, 40, bytes);
        }
        // Each code ends with a semicolon, but for the last.
        if bytes.len() > start {
            bytes.pop();
        }
    }
}

/// Writes a number and a semicolon.
fn code(number: u8, bytes: &mut Vec<u8>) {
    for power in [100, 10].into_iter().filter(|power| number >= *power) {
        bytes.push(b'0' + number / power % 10);
    }
    bytes.extend_from_slice(&[b'0' + number % 10, b';']);
}

/// Writes the codes of a colour; `base` is 30 for signs and 40 for what is behind them.
fn colour(colour: Color, base: u8, bytes: &mut Vec<u8>) {
    let mut write = |codes: &[u8]| codes.iter().for_each(|number| code(*number, bytes));
    match colour {
        Color::Reset => write(&[base + 9]),
        Color::Black => write(&[base]),
        Color::Red => write(&[base + 1]),
        Color::Green => write(&[base + 2]),
        Color::Yellow => write(&[base + 3]),
        Color::Blue => write(&[base + 4]),
        Color::Magenta => write(&[base + 5]),
        Color::Cyan => write(&[base + 6]),
        Color::Gray => write(&[base + 7]),
        Color::DarkGray => write(&[base + 60]),
        Color::LightRed => write(&[base + 61]),
        Color::LightGreen => write(&[base + 62]),
        Color::LightYellow => write(&[base + 63]),
        Color::LightBlue => write(&[base + 64]),
        Color::LightMagenta => write(&[base + 65]),
        Color::LightCyan => write(&[base + 66]),
        Color::White => write(&[base + 67]),
        Color::Indexed(index) => write(&[base + 8, 5, index]),
        Color::Rgb(red, green, blue) => write(&[base + 8, 2, red, green, blue]),
    }
}

/// Whether a cell shows nothing at all.
pub(super) fn is_blank(cell: &Cell) -> bool {
    cell.symbol() == " " && Pen::default().suits(cell)
}

/// Whether two cells cannot be told apart.
pub(super) fn looks_alike(one: &Cell, other: &Cell) -> bool {
    // All cells are asked this in each frame, and most are as they were, with a sign of one byte.
    let same = match (one.symbol().as_bytes(), other.symbol().as_bytes()) {
        ([one], [other]) => one == other,
        (one, other) => one == other,
    };
    let in_style = one.modifier == other.modifier && one.fg == other.fg && one.bg == other.bg;
    same && (in_style || Pen::of(one).suits(other))
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    fn turned(from: Style, to: Style) -> String {
        let cell = |style| {
            let mut cell = Cell::new("x");
            cell.set_style(style);
            cell
        };
        let mut pen = Pen::of(&cell(from));
        let mut bytes = Vec::new();
        pen.turn_to(&cell(to), &mut bytes);
        assert_eq!(pen, Pen::of(&cell(to)));
        String::from_utf8(bytes).unwrap().replace('\u{1b}', "^")
    }

    #[test]
    fn a_change_says_what_changes() {
        let plain = Style::new();
        assert_eq!(turned(plain, plain), "");
        assert_eq!(turned(plain, plain.fg(Color::Red)), "^[31m");
        assert_eq!(turned(plain.fg(Color::Red), plain), "^[m");
        assert_eq!(turned(plain.fg(Color::Red), plain.fg(Color::LightBlue)), "^[94m");
        assert_eq!(turned(plain.fg(Color::Red).bold(), plain.bold()), "^[39m");
        assert_eq!(turned(plain.bold().dim(), plain.dim()), "^[0;2m");
        assert_eq!(turned(plain.bold().dim().fg(Color::Red), plain.dim().fg(Color::Red)), "^[22;2m");
        assert_eq!(turned(plain.fg(Color::Red), plain.fg(Color::Red).on_blue()), "^[44m");
        assert_eq!(turned(plain, plain.fg(Color::Indexed(200)).bg(Color::Rgb(1, 2, 3))), "^[38;5;200;48;2;1;2;3m");
    }
}
