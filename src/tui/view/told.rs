//! A text of several lines over the view.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::frame::popup;
use super::text;
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;

/// Cells of the popup, and most rows of a line.
const WIDE: u16 = 100;
const ROWS: u16 = 12;

/// Draws the lines from the first that is not scrolled away.
pub(super) fn draw(title: &str, lines: &[String], scroll: usize, theme: Theme, frame: &mut Sheet, body: Rect) {
    let width = WIDE.min(body.width).saturating_sub(4);
    let rows = |line: &String| {
        // What is indented stays so.
        if line.starts_with(' ') {
            1
        } else {
            u16::try_from(text::rows(line, width, ROWS, theme).len()).unwrap_or(1).max(1)
        }
    };
    let height = lines.iter().map(rows).fold(0, u16::saturating_add).saturating_add(2);
    let inner = popup(theme, title, (WIDE, height), frame, body);
    let mut used = 0;
    for line in lines.iter().skip(scroll) {
        let place = Rect { x: inner.x + 1, y: inner.y.saturating_add(used), width, height: rows(line) };
        let place = place.intersection(inner);
        if line.starts_with(' ') {
            let short = text::cut(line, width, theme);
            text::left(frame, place, ratatui::text::Line::raw(short));
        } else {
            text::wrapped(frame, place, line, Style::new(), theme);
        }
        used = used.saturating_add(rows(line));
        if used >= inner.height {
            break;
        }
    }
}
