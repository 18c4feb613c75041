//! A line of text, written cell by cell where every sign takes one: most do, and finding out costs more than writing.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

/// Signs of the explorer beyond ASCII that take one cell each and never join with another.
const SINGLE: &str = "·×÷²≫≪→←▸◂…–—’‘✔✘";

/// Cells that a text takes.
pub(crate) fn width(text: &str) -> u16 {
    let cells = if is_plain(text) { text.chars().count() } else { Line::raw(text).width() };
    u16::try_from(cells).unwrap_or(u16::MAX)
}

/// Cells that a line takes.
pub(crate) fn width_of(line: &Line<'_>) -> u16 {
    line.spans.iter().map(|span| width(&span.content)).fold(0, u16::saturating_add)
}

/// Draws a line at the left of an area, as ratatui does.
pub(crate) fn draw(line: &Line<'_>, area: Rect, buffer: &mut Buffer) {
    if is_plain_line(line) { draw_plain(line, area, buffer) } else { line.render(area, buffer) }
}

/// Draws a line at the left of an area and gives its style to no more than it takes; which part of the area that is.
pub(crate) fn draw_left(line: &Line<'_>, area: Rect, buffer: &mut Buffer) -> Rect {
    let plain = is_plain_line(line);
    let signs = || line.spans.iter().map(|span| span.content.chars().count()).sum::<usize>();
    let width = if plain { u16::try_from(signs()).unwrap_or(u16::MAX) } else { width_of(line) };
    let area = Rect { width: width.min(area.width), ..area };
    if plain {
        draw_plain(line, area, buffer);
    } else {
        line.render(area, buffer);
    }
    area
}

/// A line each of whose signs takes a cell of its own.
fn draw_plain(line: &Line<'_>, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if area.is_empty() || line.spans.iter().all(|span| span.content.is_empty()) {
        return;
    }
    let start = buffer.index_of(area.x, area.y);
    let row = &mut buffer.content[start..start + usize::from(area.width)];
    let signs = line.spans.iter().flat_map(|span| span.content.chars().map(|sign| (sign, span.style)));
    let mut cells = row.iter_mut();
    for ((sign, style), cell) in signs.zip(&mut cells) {
        cell.set_char(sign).set_style(line.style).set_style(style);
    }
    for cell in cells {
        cell.set_style(line.style);
    }
}

fn is_plain_line(line: &Line<'_>) -> bool {
    line.alignment.is_none() && line.spans.iter().all(|span| is_plain(&span.content))
}

/// Whether each sign of a text takes one cell of its own.
fn is_plain(text: &str) -> bool {
    let ascii = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    ascii || text.chars().all(|sign| matches!(sign, ' '..='~' | '─'..='▟') || SINGLE.contains(sign))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::{Color, Modifier, Style};
    use ratatui::text::Span;

    use super::*;

    #[test]
    fn plain_signs_take_a_cell_each() {
        for sign in ('─'..='▟').chain(SINGLE.chars()).chain(' '..='~') {
            assert_eq!(Line::raw(sign.to_string()).width(), 1, "{sign}");
        }
    }

    fn span() -> impl Strategy<Value = Span<'static>> {
        let text = prop_oneof!["[ -~]{0,12}", "[a-z▸█…·│]{0,8}", Just(String::from("漢字 e\u{301}\u{200b}"))];
        (text, 0_u8..4).prop_map(|(text, style)| {
            let styles = [Style::new(), Style::reset(), Style::new().fg(Color::Red), Style::new().bold()];
            Span::styled(text, styles[usize::from(style)])
        })
    }

    proptest! {
        #[test]
        fn lines_are_drawn_as_by_ratatui(
            spans in proptest::collection::vec(span(), 0..4),
            x in 0_u16..12,
            width in 0_u16..24,
        ) {
            let line = Line::from(spans).style(Style::new().bg(Color::Blue).add_modifier(Modifier::DIM));
            let area = Rect::new(0, 0, 20, 2);
            let mut before = Buffer::empty(area);
            before.set_string(0, 0, "what was there before", Style::new().fg(Color::Green));
            let (mut ours, mut theirs) = (before.clone(), before.clone());
            let place = Rect { x, y: 0, width, height: 1 };
            draw(&line, place, &mut ours);
            (&line).render(place, &mut theirs);
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(usize::from(width_of(&line)), line.width());
            let taken = Rect { width: width_of(&line).min(place.width), ..place };
            (ours, theirs) = (before.clone(), before);
            prop_assert_eq!(draw_left(&line, place, &mut ours), taken);
            (&line).render(taken, &mut theirs);
            prop_assert_eq!(ours, theirs);
        }
    }
}
