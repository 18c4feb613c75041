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
        let changed = self.changes(wanted);
        let anew = Self::default().changes(wanted);
        // A reset begins a style anew; alone it needs no code.
        let anew = if anew.is_empty() { anew } else { format!("0;{anew}") };
        let codes = if changed.len() <= anew.len() { changed } else { anew };
        bytes.extend_from_slice(format!("\x1b[{codes}m").as_bytes());
        *self = wanted;
    }

    /// The codes that turn this pen into another.
    fn changes(self, wanted: Self) -> String {
        let mut codes: Vec<String> = Vec::new();
        for family in MODES.chunk_by(|(.., one), (.., other)| one == other) {
            // Bold and dim, slow and fast, end together; where terminals know only one of the two, the last one counts.
            let all = family.iter().fold(Modifier::empty(), |all, (mode, ..)| all | *mode);
            let (had, has) = (self.modes & all, wanted.modes & all);
            if had == has {
                continue;
            }
            codes.extend(family.iter().filter(|_| !has.contains(had)).map(|(.., end)| end.to_string()).take(1));
            codes.extend(family.iter().filter(|(mode, ..)| has.contains(*mode)).map(|(_, begin, _)| begin.to_string()));
        }
        if self.fg != wanted.fg {
            codes.push(colour(wanted.fg, 30));
        }
        if self.bg != wanted.bg {
            codes.push(colour(wanted.bg, 40));
        }
        codes.join(";")
    }
}

/// The code of a colour; `base` is 30 for signs and 40 for what is behind them.
fn colour(colour: Color, base: u8) -> String {
    let named = |index: u8| (base + index).to_string();
    let bright = |index: u8| (base + 60 + index).to_string();
    match colour {
        Color::Reset => named(9),
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => bright(0),
        Color::LightRed => bright(1),
        Color::LightGreen => bright(2),
        Color::LightYellow => bright(3),
        Color::LightBlue => bright(4),
        Color::LightMagenta => bright(5),
        Color::LightCyan => bright(6),
        Color::White => bright(7),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        Color::Rgb(red, green, blue) => format!("{};2;{red};{green};{blue}", base + 8),
    }
}

/// Whether a cell shows nothing at all.
pub(super) fn is_blank(cell: &Cell) -> bool {
    cell.symbol() == " " && Pen::default().suits(cell)
}

/// Whether two cells cannot be told apart.
pub(super) fn looks_alike(one: &Cell, other: &Cell) -> bool {
    one.symbol() == other.symbol() && Pen::of(one).suits(other)
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
