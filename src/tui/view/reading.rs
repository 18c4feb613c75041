//! A text over the view: to be read, or to be selected with the mouse.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Clear;

use super::frame::popup;
use super::text;
use crate::tui::action::Action;
use crate::tui::app::Reading;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;

/// Cells of a text that is read.
const WIDE: u16 = 76;

pub(super) fn draw(reading: &Reading, theme: Theme, frame: &mut Sheet, body: Rect) {
    let width = if reading.to_select { body.width } else { WIDE.min(body.width).saturating_sub(3) };
    let rows = |text: &String| {
        if reading.to_select { pieces(text, width) } else { text::rows(text, width, body.height, theme) }
    };
    let paragraphs: Vec<Vec<String>> = reading.paragraphs.iter().skip(reading.scroll).map(rows).collect();
    let blank = !reading.to_select;
    let lines: Vec<String> =
        paragraphs.into_iter().flat_map(|rows| rows.into_iter().chain(blank.then(String::new))).collect();
    let hint = text::rows(&reading.hint, width.saturating_sub(1), 2, theme);
    let rows_of_hint = u16::try_from(hint.len()).unwrap_or(1);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(rows_of_hint);
    let inner = if reading.to_select {
        whole_rows(reading, height, theme, frame, body)
    } else {
        let inner = popup(theme, &reading.title, (WIDE, height.saturating_add(2)), frame, body);
        Rect { x: inner.x + 1, width: inner.width.saturating_sub(1), ..inner }
    };
    let room = inner.height.saturating_sub(rows_of_hint);
    for (line, row) in lines.iter().zip(0..room) {
        text::left(frame, text::row(inner, row), Line::styled(line.as_str(), Style::new()));
    }
    for (line, row) in hint.iter().zip(0..rows_of_hint) {
        text::left(frame, text::row(inner, room + row), Line::styled(line.as_str(), theme.dim()));
    }
}

/// Rows from edge to edge, with a title above: what is selected over several of them is the text and nothing else.
fn whole_rows(reading: &Reading, height: u16, theme: Theme, frame: &mut Sheet, body: Rect) -> Rect {
    let height = height.saturating_add(1).min(body.height);
    let area = Rect { y: body.bottom().saturating_sub(height), height, ..body };
    frame.spot(frame.area(), Spot::Do(Action::Back));
    frame.spot(area, Spot::Popup);
    frame.render_widget(Clear, area);
    let line = if theme.glyphs.unicode { "─" } else { "-" };
    let title = format!("{line} {} ", reading.title);
    let rest = usize::from(area.width.saturating_sub(text::width(&title)));
    text::left(frame, text::row(area, 0), Line::styled(title + &line.repeat(rest), theme.title()));
    Rect { y: area.y + 1, height: height.saturating_sub(1), ..area }
}

/// A text in rows of just so many signs.
fn pieces(text: &str, cells: u16) -> Vec<String> {
    let signs: Vec<char> = text.chars().collect();
    let rows: Vec<String> = signs.chunks(usize::from(cells.max(1))).map(|row| row.iter().collect()).collect();
    if rows.is_empty() { vec![String::new()] } else { rows }
}
