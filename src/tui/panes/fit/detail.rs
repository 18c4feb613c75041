//! What larger screens show as well: where the peak lies, every instant, the biggest entries, the sketch's ratio.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::memory::{Category, Entry, Sketch};
use crate::tui::app::{App, Estimate};
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;
use crate::tui::view::columns::{number_width, stepped};
use crate::tui::view::text;
use crate::tui::widget::bar::{Segment, StackedBar};
use crate::units::Bytes;

/// Cells of an instant's name.
const INSTANT: u16 = 15;

/// Rows of the biggest entries; they change places, and each that does costs bytes on a slow line.
const BIGGEST: u16 = 5;

/// Where exactly the peak lies.
pub(super) fn place(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Sheet, area: Rect) {
    let peak = estimate.peak(app.step);
    let words = format!("where: {}", peak.at);
    text::left(frame, area, Line::styled(text::cut(&words, area.width.saturating_sub(1), theme), theme.dim()));
}

/// What a category holds.
pub(super) fn category(category: Category, theme: Theme, frame: &mut Sheet, area: Rect) {
    let words = format!("{}: {}", category.label(), category.explains());
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    text::wrapped(frame, area, &words, theme.notice(), theme);
}

/// The ratio of the rule of thumb, and what it tends to.
pub(super) fn sketch(sketch: &Sketch, theme: Theme, frame: &mut Sheet, area: Rect) {
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
    let letters = "B sequences, T tokens, N heads, D head size";
    text::left(frame, text::row(area, 4), Line::styled(text::cut(letters, area.width, theme), theme.dim()));
}

/// That the rule of thumb is about training.
pub(super) fn sketch_in_serving(theme: Theme, frame: &mut Sheet, area: Rect) {
    let words = "the sketch is about training: it keeps every layer's T x T scores for a backward that serving has not";
    text::wrapped(frame, Rect { width: area.width.saturating_sub(1), ..area }, words, theme.notice(), theme);
}

/// Every instant of the step; the peak is marked.
pub(super) fn moments(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Sheet, area: Rect) {
    let peak = estimate.peak(app.step);
    let number = number_width(estimate.moments(app.step).map(|moment| moment.total), app.unit);
    let full = stepped(peak.total);
    for (moment, row) in estimate.moments(app.step).zip(0..area.height) {
        let area = text::row(area, row);
        let here = moment.instant == peak.instant;
        let style = if here { theme.strong() } else { theme.dim() };
        text::left(frame, Rect { width: INSTANT.min(area.width), ..area }, Line::styled(moment.instant.id(), style));
        let words = format!("{:>number$} {}", app.unit.number(moment.total), app.unit.label());
        let width = area.width.saturating_sub(INSTANT + text::width(&words) + 2);
        // One colour: the parts are told by the bars above, and a shifting row of them would cost much on a slow line.
        let segments = [Segment { bytes: moment.total, style, fill: theme.glyphs.full }];
        let place = Rect { x: area.x + INSTANT.min(area.width), width, ..area }.intersection(area);
        frame.render_widget(StackedBar::new(&segments, full, theme), place);
        text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, style);
    }
}

/// Name, and with more room place and formula, each cut or filled up to its cells.
fn columns(entry: &Entry, room: u16, theme: Theme) -> Vec<String> {
    let widths: &[u16] = match room {
        95.. => &[44, 14, 36],
        62.. => &[room - 15, 14],
        _ => &[room],
    };
    let texts = [entry.name.to_string(), entry.place.to_string(), entry.formula()];
    let column = |(text, width): (&String, &u16)| {
        let text = text::cut(text, *width, theme);
        let gap = usize::from(width.saturating_sub(text::width(&text)));
        format!("{text}{:gap$}", "")
    };
    texts.iter().zip(widths).map(column).collect()
}

/// The biggest entries that are alive at the peak.
pub(super) fn entries(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Sheet, area: Rect) {
    let peak = estimate.peak(app.step);
    let mut alive: Vec<&Entry> = estimate.ledger.alive(peak.step, peak.instant).collect();
    alive.sort_by_key(|entry| std::cmp::Reverse(entry.bytes));
    let number = number_width(alive.iter().map(|entry| entry.bytes), app.unit);
    let heading = format!("Biggest of {} entries", alive.len());
    text::left(frame, area, Line::styled(heading, theme.strong()));
    for (entry, row) in alive.into_iter().filter(|entry| entry.bytes > Bytes::ZERO).zip(1..area.height.min(BIGGEST)) {
        let area = text::row(area, row);
        let words = format!("{:>number$} {}", app.unit.number(entry.bytes), app.unit.label());
        let room = area.width.saturating_sub(text::width(&words) + 3);
        let mut line = Line::styled(theme.fill(entry.category), theme.category(entry.category));
        for column in columns(entry, room.saturating_sub(3), theme) {
            line.push_span(Span::styled(format!(" {column}"), Style::reset()));
        }
        text::left(frame, area, line);
        text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, Style::new());
    }
}
