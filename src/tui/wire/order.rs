//! In which order changed cells are written: as they are read, or style by style, whichever takes fewer bytes. Codes of
//! colours are long where there are millions of them, and jumps are short.

use ratatui::buffer::Cell;

use super::pen::Pen;
use super::{step_length, width};

/// A changed cell: column, row and what it shows.
pub(super) type Change<'a> = (u16, u16, &'a Cell);

/// Bytes of a jump to any cell, about.
const JUMP: usize = 7;

/// The changes in the order that costs least. Those that touch wide signs stay as they are: the halves of a sign must
/// not be torn apart.
pub(super) fn cheapest(changes: Vec<Change<'_>>, pen: Pen) -> Vec<Change<'_>> {
    if changes.iter().any(|(_, _, cell)| width(cell) != 1) {
        return changes;
    }
    let styled = by_style(&changes);
    if cost(&styled, pen) < cost(&changes, pen) { styled } else { changes }
}

/// The changes of one style after those of another; in a style as they are read.
fn by_style<'a>(changes: &[Change<'a>]) -> Vec<Change<'a>> {
    let mut styles: Vec<Pen> = Vec::new();
    let mut keyed: Vec<(usize, Change<'a>)> = Vec::with_capacity(changes.len());
    let mut last: Option<(u16, u16, usize)> = None;
    for change @ (x, y, cell) in changes {
        // A blank goes with the sign before it.
        let before = last.filter(|(column, row, style)| (*column, *row) == (*x, *y) && styles[*style].suits(cell));
        let style = match before {
            Some((.., style)) => style,
            None => place_of(Pen::of(cell), &mut styles),
        };
        keyed.push((style, *change));
        last = Some((x.saturating_add(1), *y, style));
    }
    keyed.sort_by_key(|(style, _)| *style);
    keyed.into_iter().map(|(_, change)| change).collect()
}

/// Where a style stands among those seen so far.
fn place_of(wanted: Pen, styles: &mut Vec<Pen>) -> usize {
    styles.iter().position(|known| *known == wanted).unwrap_or_else(|| {
        styles.push(wanted);
        styles.len() - 1
    })
}

/// About how many bytes the changes take in this order.
fn cost(changes: &[Change<'_>], mut pen: Pen) -> usize {
    let mut codes = Vec::new();
    let mut at: Option<(u16, u16)> = None;
    let mut bytes = 0;
    for (x, y, cell) in changes {
        bytes += match at {
            Some(at) if at == (*x, *y) => 0,
            Some((column, row)) if row == *y && column < *x => step_length(usize::from(x - column)),
            _ => JUMP,
        };
        pen.turn_to(cell, &mut codes);
        bytes += cell.symbol().len();
        at = Some((x.saturating_add(1), *y));
    }
    bytes + codes.len()
}

#[cfg(test)]
mod tests {
    use ratatui::style::{Color, Style};

    use super::*;

    fn cells(styles: &[Style]) -> Vec<Cell> {
        let cell = |style: &Style| {
            let mut cell = Cell::new("x");
            cell.set_style(*style);
            cell
        };
        styles.iter().map(cell).collect()
    }

    fn order(styles: &[Style]) -> Vec<u16> {
        let cells = cells(styles);
        let changes: Vec<Change<'_>> = (0..).zip(&cells).map(|(x, cell)| (x, 0, cell)).collect();
        cheapest(changes, Pen::default()).into_iter().map(|(x, ..)| x).collect()
    }

    #[test]
    fn long_colours_are_written_one_after_the_other() {
        let (one, other) = (Style::new().fg(Color::Rgb(200, 100, 200)), Style::new().fg(Color::Rgb(100, 200, 100)));
        assert_eq!(order(&[one, other, one, other, one]), [0, 2, 4, 1, 3]);
        let (red, green) = (Style::new().fg(Color::Red), Style::new().fg(Color::Green));
        assert_eq!(order(&[red, green]), [0, 1]);
        assert_eq!(order(&[Style::new(); 4]), [0, 1, 2, 3]);
    }

    #[test]
    fn wide_signs_stay_in_order() {
        let (one, other) = (Style::new().fg(Color::Rgb(200, 100, 200)), Style::new().fg(Color::Rgb(100, 200, 100)));
        let mut all = cells(&[one, other, one, other, one]);
        all[2].set_symbol("宽");
        let changes: Vec<Change<'_>> = (0..).zip(&all).map(|(x, cell)| (x, 0, cell)).collect();
        let ordered: Vec<u16> = cheapest(changes, Pen::default()).into_iter().map(|(x, ..)| x).collect();
        assert_eq!(ordered, [0, 1, 2, 3, 4]);
    }
}
