//! Memory through one step: stacked bars at the named instants, and the course through the layers between them.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Borders;

use crate::ledger::End;
use crate::memory::{Category, Instant, Pass, Place, Stage, Step};
use crate::tui::action::Action;
use crate::tui::app::{App, Estimate};
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;
use crate::tui::view::columns::{number_width, segments, stepped};
use crate::tui::view::frame::{no_estimate, panel};
use crate::tui::view::text;
use crate::tui::widget::bar::StackedBar;
use crate::units::Bytes;

/// Cells of an instant's name, and of the numbers left of the course.
const NAME: u16 = 15;
const AXIS: u16 = 7;
/// Most columns and rows of the course: more would say no more, and cost much on a slow line.
const WIDEST: u16 = 60;
const HIGHEST: u16 = 8;

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    whole(app, theme, frame, (area, borders), true);
}

/// The instants alone, beside another view.
pub(in crate::tui::panes) fn beside(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    whole(app, theme, frame, (area, borders), false);
}

fn whole(app: &App, theme: Theme, frame: &mut Sheet, (area, borders): (Rect, Borders), with_course: bool) {
    let step = if app.step == Step::First { "first step" } else { "steady step" };
    let other = if app.step == Step::First { " ({}: steady)" } else { " ({}: first)" };
    let title = format!("Timeline of the {step}{}", app.with_key(Action::FlipStep, other));
    let title = text::cut(&title, area.width.saturating_sub(4), theme);
    let block = panel(theme, &title, borders);
    let inner = block.inner(area);
    frame.draw_panel(block, area);
    let Ok(estimate) = &app.estimate else { return no_estimate(app, theme, frame, inner) };
    let peak = estimate.peak(app.step);
    let count = u16::try_from(estimate.moments(app.step).count()).unwrap_or(u16::MAX);
    let full = stepped(peak.total);
    let number = number_width(estimate.moments(app.step).map(|moment| moment.total), app.unit);
    for (moment, row) in estimate.moments(app.step).zip(0..inner.height) {
        let area = text::row(inner, row);
        let here = moment.instant == peak.instant;
        let style = if here { theme.strong() } else { Style::new() };
        let mark = if here { theme.glyphs.cursor } else { " " };
        text::left(frame, Rect { width: NAME.min(area.width), ..area }, Line::styled(moment.instant.id(), style));
        let words = format!("{mark}{:>number$}", app.unit.number(moment.total));
        let width = area.width.saturating_sub(NAME + text::width(&words) + 2).min(WIDEST);
        let area = Rect { width: (NAME + width + 2 + text::width(&words)).min(area.width), ..area };
        let bar = Rect { x: area.x + NAME, width, ..area }.intersection(area);
        frame.render_widget(StackedBar::new(&segments(&moment.by_category, theme), full, theme), bar);
        mark_capacity(estimate, full, theme, frame, bar);
        text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, style);
    }
    let words = format!("peak: {} {}, {}", app.unit.show(peak.total), peak.instant.id(), peak.at);
    let line = text::row(inner, count);
    text::left(frame, line, Line::styled(text::cut(&words, line.width, theme), theme.strong()));
    legend(estimate, app.step, theme, frame, text::row(inner, count + 1));
    if with_course {
        let below = Rect { y: inner.y + count + 3, height: inner.height.saturating_sub(count + 3), ..inner };
        course(app, estimate, full, theme, frame, below.intersection(inner));
    }
}

/// The colours of the bars, each with its category.
fn legend(estimate: &Estimate, step: Step, theme: Theme, frame: &mut Sheet, area: Rect) {
    let shown = |category: &Category| estimate.moments(step).any(|moment| !moment.by_category.get(*category).is_zero());
    let mut area = area;
    for category in Category::ALL.into_iter().filter(shown) {
        let mut line = Line::styled(theme.fill(category), theme.category(category));
        line.push_span(Span::styled(format!(" {}", category.label()), theme.dim()));
        let width = text::width(category.label()) + 2;
        if width > area.width {
            return;
        }
        text::left(frame, Rect { width, ..area }, line);
        area = Rect { x: area.x + width + 2, width: area.width.saturating_sub(width + 2), ..area };
    }
}

/// A line through a bar where the card ends.
fn mark_capacity(estimate: &Estimate, full: Bytes, theme: Theme, frame: &mut Sheet, bar: Rect) {
    let Some(capacity) = capacity(estimate, full) else { return };
    let cells = u128::from(capacity.get()) * u128::from(bar.width) / u128::from(full.get().max(1));
    let column = u16::try_from(cells).unwrap_or(u16::MAX).min(bar.width.saturating_sub(1));
    if let Some(cell) = frame.cell_mut((bar.x + column, bar.y)) {
        cell.set_symbol(theme.glyphs.tick).set_style(theme.strong());
    }
}

/// The card's capacity, where it lies within what is drawn.
fn capacity(estimate: &Estimate, full: Bytes) -> Option<Bytes> {
    estimate.fit.as_ref().map(|fit| fit.capacity).filter(|capacity| *capacity <= full)
}

/// The step's stages from left to right, each layer as wide as every other, and the optimizer last.
fn course(app: &App, estimate: &Estimate, full: Bytes, theme: Theme, frame: &mut Sheet, area: Rect) {
    let mut stages = estimate.ledger.course(app.step);
    let optimizer = estimate.moments(app.step).find(|moment| moment.instant == Instant::OptimizerStep);
    let Some(optimizer) = optimizer.filter(|_| !stages.is_empty() && area.height > 3) else {
        let words = if stages.is_empty() { "no course: nothing runs back here" } else { "too low for the course" };
        return text::left(frame, area, Line::styled(text::cut(words, area.width, theme), theme.dim()));
    };
    let end = End { most: optimizer.total, after: optimizer.total };
    stages.push(Stage { pass: Pass::Backward, place: Place::Optimizer, ends: [end; 2] });
    let left = AXIS.max(text::width(&app.unit.number(full)) + 1);
    let plot = Rect {
        x: area.x + left,
        width: area.width.saturating_sub(left + 1).min(WIDEST),
        height: area.height.saturating_sub(2).min(HIGHEST),
        ..area
    }
    .intersection(area);
    let columns: Vec<Bytes> = (0..plot.width).map(|column| most_in(&stages, column, plot.width)).collect();
    let highest = columns.iter().copied().max().unwrap_or_default();
    for (x, bytes) in (plot.x..).zip(&columns) {
        // In no category's colour: it is all of them.
        let style = if *bytes == highest { theme.strong() } else { theme.dim() };
        rise(*bytes, full, (x, plot), style, theme, frame);
    }
    text::right(frame, Rect { width: left - 1, ..text::row(area, 0) }, &app.unit.number(full), theme.dim());
    let zero = text::row(area, plot.height.saturating_sub(1));
    text::right(frame, Rect { width: left - 1, ..zero }, "0", theme.dim());
    if let Some(capacity) = capacity(estimate, full) {
        // The row that a column of just that height ends in.
        let filled = u128::from(capacity.get()) * u128::from(plot.height) / u128::from(full.get().max(1));
        let row = plot.height.saturating_sub(u16::try_from(filled).unwrap_or(u16::MAX).saturating_add(1));
        let words = format!("{}-", app.unit.number(capacity));
        text::right(frame, Rect { width: left, ..text::row(area, row) }, &words, theme.strong());
        let line = Rect { x: plot.x, width: plot.width, ..text::row(area, row) };
        through(line, theme, frame);
        let card = estimate.fit.as_ref().map_or("", |fit| fit.gpu.as_str());
        text::right(frame, line, &format!(" {card} "), theme.strong());
    }
    let arrows = if theme.glyphs.unicode { ["forward →", "← backward"] } else { ["forward >", "< backward"] };
    let turn = units(&stages, Pass::Forward) * u64::from(plot.width) / total(&stages).max(1);
    let turn = u16::try_from(turn).unwrap_or(0).min(plot.width);
    let words = text::row(area, plot.height);
    text::left(frame, Rect { x: plot.x, width: turn, ..words }, Line::styled(arrows[0], theme.dim()));
    let right = Rect { x: plot.x + turn, width: plot.width - turn, ..words };
    text::left(frame, right, Line::styled(arrows[1], theme.dim()));
    text::right(frame, right, "optimizer", theme.dim());
    let peak = columns.iter().position(|bytes| *bytes == highest).and_then(|column| u16::try_from(column).ok());
    if let Some(cell) = peak.and_then(|column| frame.cell_mut((plot.x + column, words.y))) {
        cell.set_symbol(if theme.glyphs.unicode { "▲" } else { "^" }).set_style(theme.strong());
    }
}

/// A line where nothing is drawn yet.
fn through(area: Rect, theme: Theme, frame: &mut Sheet) {
    let sign = if theme.glyphs.unicode { "─" } else { "-" };
    for x in area.x..area.right() {
        if let Some(cell) = frame.cell_mut((x, area.y)).filter(|cell| cell.symbol() == " ") {
            cell.set_symbol(sign).set_style(theme.strong());
        }
    }
}

const fn layers(stage: &Stage) -> u64 {
    match stage.place {
        Place::Layers(first, last) => last - first + 1,
        _ => 1,
    }
}

fn total(stages: &[Stage]) -> u64 {
    stages.iter().map(layers).fold(0, u64::saturating_add)
}

fn units(stages: &[Stage], pass: Pass) -> u64 {
    stages.iter().filter(|stage| stage.pass == pass).map(layers).fold(0, u64::saturating_add)
}

/// The most that is alive in the part of the step that a column stands for.
fn most_in(stages: &[Stage], column: u16, columns: u16) -> Bytes {
    let all = total(stages);
    let edge = |column: u64| u128::from(column) * u128::from(all) / u128::from(columns.max(1));
    let from = u64::try_from(edge(u64::from(column))).unwrap_or(u64::MAX);
    let to = u64::try_from(edge(u64::from(column) + 1)).unwrap_or(u64::MAX).max(from + 1);
    let mut start = 0;
    let mut most = Bytes::ZERO;
    for stage in stages {
        let end = start + layers(stage);
        let (first, last) = (from.max(start), to.min(end));
        if first < last {
            // Between its ends a stage rises or falls in equal steps, so that one end of the part is the highest.
            most = most.max(at(stage, first - start)).max(at(stage, last - 1 - start));
        }
        start = end;
    }
    most
}

/// What is alive at most in the `index`th layer of a stage.
fn at(stage: &Stage, index: u64) -> Bytes {
    let [first, last] = stage.ends.map(|end| i128::from(end.most.get()));
    let steps = i128::from(layers(stage).saturating_sub(1).max(1));
    let value = first + (last - first) * i128::from(index) / steps;
    Bytes::new(u64::try_from(value).unwrap_or(0))
}

/// A column of cells, exact to an eighth where those can be drawn.
fn rise(bytes: Bytes, full: Bytes, (x, plot): (u16, Rect), style: Style, theme: Theme, frame: &mut Sheet) {
    let eighths = u128::from(bytes.get()) * u128::from(plot.height) * 8 / u128::from(full.get().max(1));
    let eighths = u16::try_from(eighths).unwrap_or(u16::MAX).min(plot.height * 8);
    for row in 0..plot.height {
        let below = row * 8;
        let filled = eighths.saturating_sub(below).min(8);
        let sign = match filled {
            0 => continue,
            8 => theme.glyphs.full,
            part => match theme.glyphs.rises.get(usize::from(part) - 1) {
                Some(sign) => sign,
                None if part >= 4 => theme.glyphs.full,
                None => continue,
            },
        };
        if let Some(cell) = frame.cell_mut((x, plot.bottom().saturating_sub(row + 1))) {
            cell.set_symbol(sign).set_style(style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(layers: u64, most: [u64; 2]) -> Stage {
        let ends = most.map(|most| End { most: Bytes::new(most), after: Bytes::ZERO });
        Stage { pass: Pass::Forward, place: Place::Layers(0, layers - 1), ends }
    }

    #[test]
    fn columns_hold_the_most_of_what_they_stand_for() {
        let stages = [stage(4, [10, 40]), stage(1, [100, 100])];
        let columns = |width: u16| (0..width).map(|column| most_in(&stages, column, width).get()).collect::<Vec<_>>();
        assert_eq!(columns(5), [10, 20, 30, 40, 100]);
        assert_eq!(columns(1), [100]);
        assert_eq!(columns(2), [20, 100]);
        assert_eq!(columns(10), [10, 10, 20, 20, 30, 30, 40, 40, 100, 100]);
    }

    #[test]
    fn a_model_of_absurd_depth_is_no_more_work() {
        let stages = [stage(1 << 28, [1, 1 << 40])];
        assert!(most_in(&stages, 50, 100).get() > 1 << 38);
    }
}
