//! Memory against one parameter: a line for each compared scenario, capacity lines, and the crossings in words.

use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::Borders;
use ratatui::widgets::canvas::{Canvas, Line as Stroke};

use crate::scenario::Value;
use crate::scenario::parameter::Parameter;
use crate::solve::{Furthest, Largest, Stop};
use crate::tui::action::Action;
use crate::tui::app::pins::letter;
use crate::tui::app::{App, Curve};
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::tui::view::columns::stepped;
use crate::tui::view::frame::{no_estimate, panel};
use crate::tui::view::text;
use crate::units::{Bytes, grouped};

/// Cells of the numbers left of the plot, at least.
const AXIS: u16 = 7;
/// Most cells of the plot: more would say no more, and cost much on a slow line.
const WIDEST: u16 = 110;
const HIGHEST: u16 = 30;

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    let Some(parameter) = app.swept() else {
        let block = panel(theme, "Sweep", borders);
        let inner = block.inner(area);
        frame.draw_panel(block, area);
        no_estimate(app, theme, frame, inner);
        if app.estimate.is_ok() {
            text::wrapped(frame, inner, "no number of this run can be swept", theme.dim(), theme);
        }
        return;
    };
    let scale = if app.sweep.linear { "equal steps" } else { "powers of two" };
    let title = format!("Memory against {} ({scale})", parameter.label);
    let title = text::cut(&title, area.width.saturating_sub(4), theme);
    let block = panel(theme, &title, borders);
    let inner = block.inner(area);
    frame.draw_panel(block, area);
    if app.sweep.is_pending() {
        return text::wrapped(frame, inner, "computing the curves", theme.dim(), theme);
    }
    if app.sweep.curves.is_empty() {
        return no_estimate(app, theme, frame, inner);
    }
    let sentences = u16::try_from(app.sweep.curves.len()).unwrap_or(u16::MAX);
    let plot = Rect {
        width: inner.width.min(axis_width(app) + WIDEST),
        height: inner.height.saturating_sub(sentences + 2).min(HIGHEST),
        ..inner
    };
    lines(app, parameter, theme, frame, plot);
    axis(app, parameter, theme, frame, Rect { width: plot.width, ..text::row(inner, plot.height) });
    for (curve, row) in app.sweep.curves.iter().zip(plot.height + 1..inner.height) {
        let words = format!(" {} {}", letter(curve.index, app.pins.list.len()), sentence(app, parameter, curve));
        let area = text::row(inner, row);
        text::left(frame, area, Line::styled(text::cut(&words, area.width, theme), theme.series(curve.index)));
    }
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    let here = app.focused().is_some_and(|focused| focused.key == parameter.key);
    let scale = app.with_key(Action::Order, "; {}: scale");
    let words = if here {
        format!(" letters stand at the runs' own values{scale}")
    } else {
        format!(" still {}: that row is no number{scale}", parameter.label)
    };
    text::left(frame, bottom, Line::styled(text::cut(&words, bottom.width, theme), theme.dim()));
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
/// look for; but every curve is seen to begin.
fn roof(app: &App, capacities: &[(String, Bytes)]) -> Bytes {
    let totals = || app.sweep.curves.iter().map(|curve| curve.totals.iter().flatten().copied());
    let capacity = capacities.iter().map(|(_, capacity)| *capacity).max().unwrap_or_default();
    let least = totals().filter_map(Iterator::min).max().unwrap_or_default();
    let most = totals().flatten().max().unwrap_or_default();
    stepped(most.min(Bytes::new(capacity.max(least).get().max(1).saturating_mul(2))).max(capacity))
}

/// Cells of the numbers left of the plot.
fn axis_width(app: &App) -> u16 {
    AXIS.max(text::width(&app.unit.number(roof(app, &capacities(app)))) + 1)
}

fn lines(app: &App, parameter: &Parameter, theme: Theme, frame: &mut Sheet, area: Rect) {
    let left = axis_width(app);
    let plot = Rect { x: area.x + left, width: area.width.saturating_sub(left + 2), ..area }.intersection(area);
    let capacities = capacities(app);
    let top = roof(app, &capacities);
    let last = f64::from(u32::try_from(app.sweep.values.len().saturating_sub(1)).unwrap_or(u32::MAX).max(1));
    let marker = if theme.glyphs.unicode { Marker::Braille } else { Marker::Dot };
    let dots = dots(theme);
    let canvas = Canvas::default().marker(marker).x_bounds([0.0, last]).y_bounds([0.0, 1.0]).paint(|context| {
        // Where a cell has one dot, a line of them would look like a curve.
        for (_, capacity) in capacities.iter().filter(|_| theme.glyphs.unicode) {
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
    for (_, capacity) in capacities.iter().filter(|_| !theme.glyphs.unicode) {
        let row = text::row(plot, height_of(*capacity, top, (plot.height, dots)));
        for x in row.x..row.right() {
            if let Some(cell) = frame.cell_mut((x, row.y)).filter(|cell| cell.symbol() == " ") {
                cell.set_symbol("-");
            }
        }
    }
    let label = |bytes: Bytes| app.unit.number(bytes);
    text::right(frame, Rect { width: left - 1, ..text::row(area, 0) }, &label(top), theme.dim());
    let zero = text::row(area, area.height.saturating_sub(1));
    text::right(frame, Rect { width: left - 1, ..zero }, "0", theme.dim());
    for (name, capacity) in &capacities {
        let row = text::row(area, height_of(*capacity, top, (plot.height, dots)));
        text::right(frame, Rect { width: left - 1, ..row }, &label(*capacity), theme.strong());
        let name = format!(" {} ", text::cut(name, plot.width / 2, theme));
        text::right(frame, Rect { x: plot.x, width: plot.width, ..row }, &name, theme.dim());
    }
    letters(app, parameter, top, plot, theme, frame);
    for column in 0..plot.width {
        if let Some(value) = nearest(&app.sweep.values, column, plot.width) {
            frame.spot(Rect { x: plot.x + column, width: 1, ..plot }, Spot::Value(value));
        }
    }
}

/// The swept value that lies nearest to a column.
fn nearest(values: &[u64], column: u16, width: u16) -> Option<u64> {
    let last = values.len().checked_sub(1)?;
    let cells = usize::from(width.saturating_sub(1).max(1));
    values.get((usize::from(column) * last * 2 + cells) / (cells * 2)).copied()
}

/// Each scenario's letter where it stands on its curve, at its own value of the parameter.
fn letters(app: &App, parameter: &Parameter, top: Bytes, plot: Rect, theme: Theme, frame: &mut Sheet) {
    let mut taken: Vec<(u16, u16)> = Vec::new();
    for curve in &app.sweep.curves {
        let Value::Count(value) = parameter.get(&curve.scenario) else { continue };
        let Some((column, total)) = place(&app.sweep.values, &curve.totals, value, plot.width) else { continue };
        let row = text::row(plot, height_of(total.min(top), top, (plot.height, dots(theme))));
        let mut x = row.x.saturating_add(column).min(plot.right().saturating_sub(1));
        // Two at the same place stand side by side.
        while taken.contains(&(x, row.y)) && x + 1 < plot.right() {
            x += 1;
        }
        taken.push((x, row.y));
        let place = Rect { x, width: 1, ..row }.intersection(plot);
        let style = theme.series(curve.index).patch(theme.strong());
        text::left(frame, place, Line::styled(letter(curve.index, app.pins.list.len()), style));
    }
}

/// The column at which a value lies among the swept ones, which stand at equal distances, and the total there: of the
/// swept value before it, or a part of the way to the next.
fn place(values: &[u64], totals: &[Option<Bytes>], value: u64, width: u16) -> Option<(u16, Bytes)> {
    let last = values.len().checked_sub(1)?;
    let at = values.iter().rposition(|swept| *swept <= value).unwrap_or(0);
    let (from, to) = (values[at], *values.get(at + 1).unwrap_or(&values[at]));
    let (past, gap) = (u128::from(value.clamp(from, to) - from), u128::from((to - from).max(1)));
    let cells = u128::from(width.saturating_sub(1));
    let column = (u128::try_from(at).ok()? * gap + past) * cells / (u128::try_from(last.max(1)).ok()? * gap);
    let first = (*totals.get(at)?)?;
    let next = totals.get(at + 1).copied().flatten().unwrap_or(first);
    let between = u128::from(next.get().abs_diff(first.get())) * past / gap;
    let between = Bytes::new(u64::try_from(between).unwrap_or(0));
    let total = if next < first { first.saturating_sub(between) } else { first.checked_add(between).ok()? };
    Some((u16::try_from(column).unwrap_or(u16::MAX).min(width.saturating_sub(1)), total))
}

/// How many dots of the plot lie above each other in a cell.
const fn dots(theme: Theme) -> u16 {
    if theme.glyphs.unicode { 4 } else { 1 }
}

/// The row in which the canvas draws a size, from the top.
fn height_of(bytes: Bytes, top: Bytes, (rows, dots): (u16, u16)) -> u16 {
    let last = (u128::from(rows) * u128::from(dots)).saturating_sub(1);
    let top = u128::from(top.get().max(1));
    let from_above = (top.saturating_sub(u128::from(bytes.get())) * last * 2 + top) / (top * 2);
    u16::try_from(from_above / u128::from(dots.max(1))).unwrap_or(0)
}

/// The first, middle and last value under the plot.
fn axis(app: &App, parameter: &Parameter, theme: Theme, frame: &mut Sheet, area: Rect) {
    let values = &app.sweep.values;
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return };
    let left = axis_width(app);
    let place = Rect { x: area.x + left, width: area.width.saturating_sub(left + 2), ..area }.intersection(area);
    text::left(frame, place, Line::styled(grouped(*first), theme.dim()));
    text::right(frame, place, &grouped(*last), theme.dim());
    // The middle of the label stands where the value does.
    let middle = values.len() / 2;
    let label = format!("{} {}", grouped(values[middle]), parameter.unit);
    let column = usize::from(place.width.saturating_sub(1)) * middle / values.len().saturating_sub(1).max(1);
    let start = u16::try_from(column).unwrap_or(u16::MAX).saturating_sub(text::width(&label) / 2);
    let free = text::width(&grouped(*first)) + 1..place.width.saturating_sub(text::width(&grouped(*last)) + 1);
    if free.contains(&start) && start + text::width(&label) <= free.end {
        text::left(
            frame,
            Rect { x: place.x + start, width: free.end - start, ..place },
            Line::styled(label, theme.dim()),
        );
    }
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
        return format!("none fits: {} at least", app.unit.show(found.needs));
    };
    // What fits by its tensors alone may yet not fit.
    let (word, next) = match (up, curve.is_open()) {
        (true, false) => ("up to", value.saturating_add(1)),
        (true, true) => ("at most up to", value.saturating_add(1)),
        (false, false) => ("from", value.saturating_sub(1)),
        (false, true) => ("at best from", value.saturating_sub(1)),
    };
    match &found.stopped_by {
        Stop::Capacity(bytes) => {
            let capacity = app.gpu_of(&curve.scenario).and_then(|gpu| gpu.capacity().ok()).unwrap_or_default();
            let over = app.unit.show(bytes.saturating_sub(capacity));
            format!("fits {word} {}; {} needs {over} more", grouped(value), grouped(next))
        }
        Stop::End(_) => format!("fits {word} {}, where {label} ends", grouped(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_values_that_stand_there() {
        let values = [1, 2, 4, 8, 16];
        for (index, value) in values.iter().enumerate() {
            let totals = [Some(Bytes::new(7)); 5];
            let (column, _) = place(&values, &totals, *value, 33).unwrap();
            assert_eq!(nearest(&values, column, 33), Some(values[index]));
        }
        assert_eq!(nearest(&values, 3, 33), Some(1));
        assert_eq!(nearest(&values, 5, 33), Some(2));
        assert_eq!(nearest(&[], 5, 33), None);
        assert_eq!(nearest(&[9], 5, 33), Some(9));
    }

    #[test]
    fn sizes_lie_on_rows_from_the_top() {
        let height = |bytes, size| height_of(Bytes::new(bytes), Bytes::new(100), size);
        assert_eq!([0, 50, 100].map(|bytes| height(bytes, (11, 1))), [10, 5, 0]);
        // The lowest of four dots is still in its row.
        assert_eq!([0, 1, 50, 97, 98, 100].map(|bytes| height(bytes, (10, 4))), [9, 9, 5, 0, 0, 0]);
        assert_eq!(height_of(Bytes::new(1), Bytes::ZERO, (0, 4)), 0);
    }
}
