//! Text that fits.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::tui::field::Field;
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;

pub(in crate::tui) use crate::tui::widget::line::width;

/// A text cut to so many cells, with a sign where something is missing.
pub(in crate::tui) fn cut(text: &str, cells: u16, theme: Theme) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        let longer = format!("{kept}{character}");
        if width(&longer) >= cells {
            break;
        }
        kept = longer;
    }
    if cells > 0 { kept + theme.glyphs.more } else { kept }
}

/// A line at the left of an area's first row. A line gives its style to all of its area, so that is as wide as it.
#[expect(clippy::needless_pass_by_value, reason = "lines are made where they are drawn")]
pub(in crate::tui) fn left(frame: &mut Sheet, area: Rect, line: Line<'_>) {
    frame.draw_line(&line, area);
}

/// A line whose style fills an area's first row.
#[expect(clippy::needless_pass_by_value, reason = "lines are made where they are drawn")]
pub(in crate::tui) fn row_of(frame: &mut Sheet, area: Rect, line: Line<'_>) {
    frame.fill_row(&line, area);
}

/// A text at the right of an area's first row.
pub(in crate::tui) fn right(frame: &mut Sheet, area: Rect, text: &str, style: Style) {
    let width = width(text).min(area.width);
    left(frame, Rect { x: area.right() - width, width, ..area }, Line::styled(text, style));
}

/// A text broken at words, with a sign where it has no room to end.
pub(in crate::tui) fn wrapped(frame: &mut Sheet, area: Rect, text: &str, style: Style, theme: Theme) {
    for (words, place) in rows(text, area.width, area.height, theme).iter().zip(0..area.height) {
        left(frame, row(area, place), Line::styled(words.as_str(), style));
    }
}

/// A text in rows of so many cells, at most this many: broken at words, what is longer than a row anywhere; with a sign
/// where it does not end. What lies beyond is not looked at: a text may be as long as whatever was pasted.
pub(in crate::tui) fn rows(text: &str, cells: u16, most: u16, theme: Theme) -> Vec<String> {
    let most = usize::from(most);
    let mut rows: Vec<String> = Vec::new();
    for piece in text.split_whitespace().flat_map(|word| pieces(word, cells)) {
        match rows.last_mut() {
            Some(row) if width(row) + 1 + width(piece) <= cells => row.extend([" ", piece]),
            _ => rows.push(piece.to_owned()),
        }
        if rows.len() > most {
            break;
        }
    }
    if let Some(next) = rows.get(most).cloned() {
        rows.truncate(most);
        rows.last_mut().into_iter().for_each(|row| *row = cut(&format!("{row} {next}"), cells, theme));
    }
    rows
}

/// A word in pieces of so many cells, each at least one sign.
fn pieces(mut word: &str, cells: u16) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let mut taken = 0;
        let fits = |(index, sign): &(usize, char)| {
            taken += width(sign.encode_utf8(&mut [0; 4]));
            *index == 0 || taken <= cells
        };
        let end = word.char_indices().take_while(fits).last().map(|(index, sign)| index + sign.len_utf8())?;
        let (piece, rest) = word.split_at(end);
        word = rest;
        Some(piece)
    })
}

/// The row of an area, counted from its top; empty below its end.
pub(in crate::tui) fn row(area: Rect, index: u16) -> Rect {
    Rect { y: area.y.saturating_add(index), height: 1, ..area }.intersection(area)
}

/// A line that is typed into, with the terminal's own cursor; its end stays in sight.
pub(in crate::tui) fn typed(frame: &mut Sheet, area: Rect, prompt: &str, field: &Field, theme: Theme) {
    if area.is_empty() {
        return;
    }
    let before: String = field.text().chars().take(field.cursor()).collect();
    let room = area.width.saturating_sub(width(prompt) + 1);
    let hidden = before.chars().count().saturating_sub(usize::from(room));
    let shown: String = field.text().chars().skip(hidden).collect();
    let mut line = Line::styled(prompt.to_owned(), theme.key());
    let style = if field.is_selected() { theme.selected() } else { Style::reset() };
    line.push_span(ratatui::text::Span::raw(shown).style(style));
    left(frame, area, line);
    let visible: String = before.chars().skip(hidden).collect();
    let x = area.x.saturating_add(width(prompt)).saturating_add(width(&visible));
    frame.set_cursor((x.min(area.right() - 1), area.y));
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEME: Theme = Theme::new(true, true);

    #[test]
    fn texts_are_broken_at_words_and_cut_where_they_must() {
        assert_eq!(rows("one two three", 8, 3, THEME), ["one two", "three"]);
        assert_eq!(rows("one two three", 8, 1, THEME), ["one two…"]);
        assert_eq!(rows("abcdefghij k", 4, 9, THEME), ["abcd", "efgh", "ij k"]);
        assert_eq!(rows("宽宽宽", 3, 9, THEME), ["宽", "宽", "宽"]);
        assert_eq!(rows("", 4, 2, THEME), [""; 0]);
        assert_eq!(rows("ab", 0, 2, THEME).len(), 2);
    }

    /// Beyond the last row nothing is broken or measured.
    #[test]
    fn a_pasted_text_fills_its_rows_and_no_more() {
        let pasted = "x".repeat(5_000_000);
        assert_eq!(rows(&pasted, 40, 3, THEME).len(), 3);
    }
}
