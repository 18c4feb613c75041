//! Text that fits.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

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

/// A text broken at words.
pub(super) fn wrapped(frame: &mut Frame, area: Rect, text: &str, style: Style) {
    frame.render_widget(Paragraph::new(text).style(style).wrap(Wrap { trim: true }), area);
}

/// The row of an area, counted from its top; empty below its end.
pub(super) fn row(area: Rect, index: u16) -> Rect {
    Rect { y: area.y.saturating_add(index), height: 1, ..area }.intersection(area)
}

/// The first of `length` rows to show so that `selected` is among the `shown` ones, near the middle.
pub(super) fn first_shown(selected: usize, length: usize, shown: usize) -> usize {
    selected.saturating_sub(shown / 2).min(length.saturating_sub(shown))
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
