//! What larger screens show as well: where the peak lies, every instant, the biggest entries, the sketch's ratio.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::bars::{number_width, segments};
use super::text;
use crate::memory::{Entry, Sketch};
use crate::tui::app::{App, Estimate};
use crate::tui::theme::Theme;
use crate::tui::widget::bar::StackedBar;
use crate::units::Bytes;

/// Cells of an instant's name.
const INSTANT: u16 = 15;

/// Where exactly the peak lies.
pub(super) fn place(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Frame, area: Rect) {
    let peak = estimate.peak(app.step);
    let words = format!("{}: {}", peak.instant.id(), peak.at);
    text::left(frame, area, Line::styled(text::cut(&words, area.width.saturating_sub(1), theme), theme.dim()));
}

/// The ratio of the rule of thumb, and what it tends to.
pub(super) fn sketch(sketch: &Sketch, theme: Theme, frame: &mut Frame, area: Rect) {
    let lines = [
        (String::from("Activations / model"), String::from("B·T·(T + 2D) / (4·N·D²)"), sketch.ratio),
        (
            String::from("long sequences"),
            format!("B·T² / (4·N·D²), T {} D", if theme.glyphs.unicode { "≫" } else { ">>" }),
            sketch.long_sequence_ratio,
        ),
    ];
    for ((name, formula, value), row) in lines.into_iter().zip([0, 2]) {
        let value = format!("{value:.3}");
        text::left(frame, text::row(area, row), Line::raw(name));
        let place = text::row(area, row);
        text::right(frame, Rect { width: place.width.saturating_sub(1), ..place }, &value, theme.strong());
        text::left(frame, text::row(area, row + 1), Line::styled(format!("  {formula}"), theme.dim()));
    }
}

/// Every instant of the step, stacked by category; the peak is marked.
pub(super) fn moments(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Frame, area: Rect) {
    let peak = estimate.peak(app.step);
    let number = number_width(estimate.moments(app.step).map(|moment| moment.total), app.unit);
    for (moment, row) in estimate.moments(app.step).zip(0..area.height) {
        let area = text::row(area, row);
        let here = moment.instant == peak.instant;
        let style = if here { theme.strong() } else { theme.dim() };
        text::left(frame, Rect { width: INSTANT.min(area.width), ..area }, Line::styled(moment.instant.id(), style));
        let words = format!("{:>number$} {}", app.unit.number(moment.total), app.unit.label());
        let width = area.width.saturating_sub(INSTANT + text::width(&words) + 2);
        let segments = segments(&moment.by_category, theme);
        let place = Rect { x: area.x + INSTANT.min(area.width), width, ..area }.intersection(area);
        frame.render_widget(StackedBar::new(&segments, peak.total, theme), place);
        text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, style);
    }
}

/// The biggest entries that are alive at the peak.
pub(super) fn entries(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Frame, area: Rect) {
    let peak = estimate.peak(app.step);
    let mut alive: Vec<&Entry> = estimate.ledger.alive(peak.step, peak.instant).collect();
    alive.sort_by_key(|entry| std::cmp::Reverse(entry.bytes));
    let number = number_width(alive.iter().map(|entry| entry.bytes), app.unit);
    let heading = format!("Biggest of {} entries", alive.len());
    text::left(frame, area, Line::styled(heading, theme.strong()));
    for (entry, row) in alive.into_iter().filter(|entry| entry.bytes > Bytes::ZERO).zip(1..area.height) {
        let area = text::row(area, row);
        let words = format!("{:>number$} {}", app.unit.number(entry.bytes), app.unit.label());
        let room = area.width.saturating_sub(text::width(&words) + 3);
        let place = if room > 60 { format!("  {}", entry.place) } else { String::new() };
        let formula = if room > 90 { format!("  {}", entry.formula()) } else { String::new() };
        let name = text::cut(&entry.name, room.saturating_sub(text::width(&place) + 2), theme);
        let mut line = Line::from(vec![
            Span::styled(theme.glyphs.fills[0], theme.category(entry.category)),
            Span::raw(format!(" {name}")),
            Span::styled(place, theme.dim()),
        ]);
        let left = room.saturating_sub(u16::try_from(line.width()).unwrap_or(u16::MAX));
        line.push_span(Span::styled(text::cut(&formula, left, theme), theme.dim()));
        text::left(frame, area, line);
        text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, Style::new());
    }
}
