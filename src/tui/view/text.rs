//! Text that fits.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::tui::field::Field;
use crate::tui::theme::Theme;

/// Cells that a text takes.
pub(super) fn width(text: &str) -> u16 {
    u16::try_from(Line::raw(text).width()).unwrap_or(u16::MAX)
}

/// A text cut to so many cells, with a sign where something is missing.
pub(super) fn cut(text: &str, cells: u16, theme: Theme) -> String {
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
pub(super) fn left(frame: &mut Frame, area: Rect, line: Line<'_>) {
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
    row_of(frame, Rect { width, ..area }, line);
}

/// A line whose style fills an area's first row.
pub(super) fn row_of(frame: &mut Frame, area: Rect, line: Line<'_>) {
    frame.render_widget(line, Rect { height: area.height.min(1), ..area });
}

/// A text at the right of an area's first row.
pub(super) fn right(frame: &mut Frame, area: Rect, text: &str, style: Style) {
    let width = width(text).min(area.width);
    left(frame, Rect { x: area.right() - width, width, ..area }, Line::styled(text, style));
}

/// A text broken at words, with a sign where it has no room to end.
pub(super) fn wrapped(frame: &mut Frame, area: Rect, text: &str, style: Style, theme: Theme) {
    let mut rows = rows(text, area.width);
    if let Some(rest) = rows.get(usize::from(area.height)..).filter(|rest| !rest.is_empty()) {
        let rest = format!(" {}", rest.join(" "));
        rows.truncate(usize::from(area.height));
        rows.last_mut().into_iter().for_each(|row| *row += &rest);
    }
    for (words, place) in rows.iter().zip(0..area.height) {
        left(frame, row(area, place), Line::styled(cut(words, area.width, theme), style));
    }
}

/// A text in rows of so many cells, broken at words; what is longer than a row is broken anywhere.
pub(super) fn rows(text: &str, cells: u16) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match rows.last_mut() {
            Some(row) if width(row) + 1 + width(word) <= cells => row.extend([" ", word]),
            _ => rows.push(word.to_owned()),
        }
        while let Some(long) = rows.pop_if(|row| width(row) > cells && cells > 0) {
            let fits = (1..=long.chars().count())
                .take_while(|count| width(&long.chars().take(*count).collect::<String>()) <= cells)
                .last()
                .unwrap_or(1);
            rows.push(long.chars().take(fits).collect());
            let rest: String = long.chars().skip(fits).collect();
            if rest.is_empty() {
                break;
            }
            rows.push(rest);
        }
    }
    rows
}

/// The row of an area, counted from its top; empty below its end.
pub(super) fn row(area: Rect, index: u16) -> Rect {
    Rect { y: area.y.saturating_add(index), height: 1, ..area }.intersection(area)
}

/// A line that is typed into, with the terminal's own cursor; its end stays in sight.
pub(super) fn typed(frame: &mut Frame, area: Rect, prompt: &str, field: &Field, theme: Theme) {
    if area.is_empty() {
        return;
    }
    let before: String = field.text().chars().take(field.cursor()).collect();
    let room = area.width.saturating_sub(width(prompt) + 1);
    let hidden = before.chars().count().saturating_sub(usize::from(room));
    let shown: String = field.text().chars().skip(hidden).collect();
    let mut line = Line::styled(prompt.to_owned(), theme.key());
    line.push_span(ratatui::text::Span::raw(shown).style(Style::reset()));
    left(frame, area, line);
    let visible: String = before.chars().skip(hidden).collect();
    let x = area.x.saturating_add(width(prompt)).saturating_add(width(&visible));
    frame.set_cursor_position((x.min(area.right() - 1), area.y));
}
