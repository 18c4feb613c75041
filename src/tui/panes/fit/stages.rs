//! What each stage of a pipeline holds at its own peak.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::report::stages::{StageRow, chart};
use crate::tui::app::{App, Estimate};
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;
use crate::tui::view::columns::{LABEL, number_width, stepped};
use crate::tui::view::text;
use crate::tui::widget::bar::{Segment, StackedBar};

/// Most rows that stages take.
const MOST: u16 = 10;

/// Cells of the mark of the fullest.
const MARK: u16 = 8;

/// Rows that they take where there is room for so many.
pub(super) fn height(estimate: &Estimate, room: u16) -> u16 {
    let rows = chart(&estimate.ledger, usize::from(room.min(MOST))).len();
    u16::try_from(rows).unwrap_or(u16::MAX)
}

/// `Stage 0     ███████████  61.20 GiB fullest`, by tensors.
pub(super) fn draw(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Sheet, area: Rect) {
    let rows = chart(&estimate.ledger, usize::from(area.height));
    let totals = || estimate.ledger.stages().iter().map(|filled| filled.total);
    let number = number_width(totals(), app.unit);
    let full = stepped(totals().max().unwrap_or_default());
    for (row, position) in rows.into_iter().zip(0..area.height) {
        let area = text::row(area, position);
        match row {
            StageRow::One { stage, total, fullest } => {
                let style = if fullest { theme.strong() } else { Style::new() };
                let words = format!("{:>number$} {}", app.unit.number(total), app.unit.label());
                let mark = if fullest { "fullest" } else { "" };
                text::left(frame, area, Line::styled(format!("Stage {stage}"), style));
                let width = area.width.saturating_sub(LABEL + text::width(&words) + MARK + 2);
                let segments = [Segment { bytes: total, style, fill: theme.glyphs.full }];
                let place = Rect { x: area.x + LABEL.min(area.width), width, ..area }.intersection(area);
                frame.render_widget(StackedBar::new(&segments, full, theme), place);
                let words = format!("{words} {mark:<mark_cells$}", mark_cells = usize::from(MARK) - 1);
                text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, style);
            }
            StageRow::Others { count, least, most } => {
                let (least, most) = (app.unit.number(least), app.unit.show(most));
                let to = if most.starts_with(&least) { String::new() } else { format!("{least} to ") };
                text::left(frame, area, Line::styled(format!("{count} others  {to}{most}"), theme.dim()));
            }
        }
    }
}
