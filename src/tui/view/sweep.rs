//! Memory against one parameter: a line for each compared scenario, capacity lines, and the crossings in words.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::Borders;
use ratatui::widgets::canvas::{Canvas, Line as Stroke};

use super::bars::stepped;
use super::{panel, text};
use crate::scenario::parameter::Parameter;
use crate::solve::{Furthest, Largest, Stop};
use crate::tui::app::pins::letter;
use crate::tui::app::{App, Curve};
use crate::tui::theme::Theme;
use crate::units::{Bytes, grouped};

/// Cells of the numbers left of the plot, at least.
const AXIS: u16 = 7;

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Frame, area: Rect, borders: Borders) {
    let Some(parameter) = app.swept() else {
        let block = panel(theme, "Sweep", borders);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        super::bars::reason(app, theme, frame, inner);
        if app.estimate.is_ok() {
            text::wrapped(frame, inner, "no number of this run can be swept", theme.dim());
        }
        return;
    };
    let scale = if app.sweep.linear { "equal steps" } else { "powers of two" };
    let title = format!("Memory against {} ({scale})", parameter.label);
    let title = text::cut(&title, area.width.saturating_sub(4), theme);
    let block = panel(theme, &title, borders);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if app.sweep.curves.is_empty() {
        return super::bars::reason(app, theme, frame, inner);
    }
    let sentences = u16::try_from(app.sweep.curves.len()).unwrap_or(u16::MAX);
    let plot = Rect { height: inner.height.saturating_sub(sentences + 2), ..inner };
    lines(app, theme, frame, plot);
    axis(app, parameter, theme, frame, text::row(inner, plot.height));
    for (curve, row) in app.sweep.curves.iter().zip(plot.height + 1..inner.height) {
        let words = format!(" {} {}", letter(curve.index, app.pins.list.len()), sentence(app, parameter, curve));
        let area = text::row(inner, row);
        text::left(frame, area, Line::styled(text::cut(&words, area.width, theme), theme.series(curve.index)));
    }
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    let words = " sweeps the row under the cursor; o: scale";
    text::left(frame, bottom, Line::styled(text::cut(words, bottom.width, theme), theme.dim()));
}

/// Capacities of the compared scenarios' cards, each once.
fn capacities(app: &App) -> Vec<(String, Bytes)> {
    let mut found: Vec<(String, Bytes)> = Vec::new();
    for (scenario, _) in app.compared() {
        if let Some(gpu) = app.gpu_of(scenario)
            && let Ok(capacity) = gpu.capacity()
            && found.iter().all(|(_, known)| *known != capacity)
        {
            found.push((gpu.name.split(" (").next().unwrap_or_default().to_owned(), capacity));
        }
    }
    found
}

/// The size at the top of the plot: what lies far beyond every capacity is cut off, since the crossing is what people
/// look for.
fn roof(app: &App, capacities: &[(String, Bytes)]) -> Bytes {
    let totals = app.sweep.curves.iter().flat_map(|curve| curve.totals.iter().flatten().copied());
    let roof = capacities.iter().map(|(_, capacity)| *capacity).max().unwrap_or_default();
    stepped(totals.max().unwrap_or_default().min(Bytes::new(roof.get().max(1).saturating_mul(2))).max(roof))
}

/// Cells of the numbers left of the plot.
fn axis_width(app: &App) -> u16 {
    AXIS.max(text::width(&app.unit.number(roof(app, &capacities(app)))) + 1)
}

fn lines(app: &App, theme: Theme, frame: &mut Frame, area: Rect) {
    let left = axis_width(app);
    let plot = Rect { x: area.x + left, width: area.width.saturating_sub(left + 2), ..area }.intersection(area);
    let capacities = capacities(app);
    let top = roof(app, &capacities);
    let last = f64::from(u32::try_from(app.sweep.values.len().saturating_sub(1)).unwrap_or(u32::MAX).max(1));
    let marker = if theme.glyphs.unicode { Marker::Braille } else { Marker::Dot };
    let canvas = Canvas::default().marker(marker).x_bounds([0.0, last]).y_bounds([0.0, 1.0]).paint(|context| {
        for (_, capacity) in &capacities {
            let y = capacity.ratio(top);
            context.draw(&Stroke { x1: 0.0, y1: y, x2: last, y2: y, color: ratatui::style::Color::Reset });
        }
        for curve in &app.sweep.curves {
            let color = theme.series(curve.index).fg.unwrap_or(ratatui::style::Color::Reset);
            let points: Vec<(f64, f64)> = (0_u32..)
                .zip(&curve.totals)
                .filter_map(|(index, total)| Some((f64::from(index), total.as_ref()?.ratio(top))))
                .collect();
            for pair in points.windows(2) {
                let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
                context.draw(&Stroke { x1, y1, x2, y2, color });
            }
        }
    });
    frame.render_widget(canvas, plot);
    let label = |bytes: Bytes| app.unit.number(bytes);
    text::right(frame, Rect { width: left - 1, ..text::row(area, 0) }, &label(top), theme.dim());
    let zero = text::row(area, area.height.saturating_sub(1));
    text::right(frame, Rect { width: left - 1, ..zero }, "0", theme.dim());
    for (name, capacity) in &capacities {
        let row = text::row(area, height_of(*capacity, top, plot.height));
        text::right(frame, Rect { width: left - 1, ..row }, &label(*capacity), theme.strong());
        let name = format!(" {} ", text::cut(name, plot.width / 2, theme));
        text::right(frame, Rect { x: plot.x, width: plot.width, ..row }, &name, theme.dim());
    }
    for curve in &app.sweep.curves {
        let Some(total) = curve.totals.iter().flatten().next_back() else { continue };
        let row = text::row(area, height_of((*total).min(top), top, plot.height));
        let place = Rect { x: plot.right(), width: 1, ..row }.intersection(area);
        text::left(frame, place, Line::styled(letter(curve.index, app.pins.list.len()), theme.series(curve.index)));
    }
}

/// The row in which a size lies, from the top.
fn height_of(bytes: Bytes, top: Bytes, rows: u16) -> u16 {
    let rows = u128::from(rows.saturating_sub(1));
    let from_below = u128::from(bytes.get()) * rows / u128::from(top.get().max(1));
    u16::try_from(rows.saturating_sub(from_below)).unwrap_or(0)
}

/// The first, middle and last value under the plot.
fn axis(app: &App, parameter: &Parameter, theme: Theme, frame: &mut Frame, area: Rect) {
    let values = &app.sweep.values;
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return };
    let left = axis_width(app);
    let place = Rect { x: area.x + left, width: area.width.saturating_sub(left + 2), ..area }.intersection(area);
    text::left(frame, place, Line::styled(grouped(*first), theme.dim()));
    let middle = format!("{} {}", grouped(values[values.len() / 2]), parameter.unit);
    frame.render_widget(Line::styled(middle, theme.dim()).centered(), place);
    text::right(frame, place, &grouped(*last), theme.dim());
}

/// Where a curve crosses the capacity of its card.
fn sentence(app: &App, parameter: &Parameter, curve: &Curve) -> String {
    let label = parameter.label;
    match &curve.furthest {
        None => String::from("no card to hold it against"),
        Some(Err(reason)) => reason.clone(),
        Some(Ok(Furthest::Indifferent)) => format!("{label} changes nothing here"),
        Some(Ok(Furthest::Largest(found))) => crossing(app, curve, label, (found, true)),
        Some(Ok(Furthest::Smallest(found))) => crossing(app, curve, label, (found, false)),
    }
}

fn crossing(app: &App, curve: &Curve, label: &str, (found, up): (&Largest, bool)) -> String {
    let Some(value) = found.value else {
        return format!("no {label} fits: it would still need {}", app.unit.show(found.total));
    };
    let (word, next) = if up { ("up to", value.saturating_add(1)) } else { ("from", value.saturating_sub(1)) };
    match &found.stopped_by {
        Stop::Capacity(bytes) => {
            let capacity = app.gpu_of(&curve.scenario).and_then(|gpu| gpu.capacity().ok()).unwrap_or_default();
            let over = app.unit.show(bytes.saturating_sub(capacity));
            format!("fits {word} {}; {} is over by {over}", grouped(value), grouped(next))
        }
        Stop::End(_) => format!("fits {word} {}, where {label} ends", grouped(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_lie_on_rows_from_the_top() {
        assert_eq!(height_of(Bytes::new(0), Bytes::new(100), 11), 10);
        assert_eq!(height_of(Bytes::new(100), Bytes::new(100), 11), 0);
        assert_eq!(height_of(Bytes::new(50), Bytes::new(100), 11), 5);
        assert_eq!(height_of(Bytes::new(1), Bytes::ZERO, 0), 0);
    }
}
