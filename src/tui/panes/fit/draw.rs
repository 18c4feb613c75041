//! The right panel: a bar per category, the total, and what more there is room for.

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Borders;

use super::{detail, fits_on, said, stages, total};
use crate::memory::{Category, Step};
use crate::report::stages::fullest_stage;
use crate::scenario::{Estimator, Task};
use crate::tui::action::Action;
use crate::tui::app::{App, Bar, Estimate};
use crate::tui::panes::timeline::beside;
use crate::tui::screen::View;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::tui::view::columns::{LABEL, number_width, stepped};
use crate::tui::view::frame::{no_estimate, panel};
use crate::tui::view::text;
use crate::tui::widget::bar::{Segment, StackedBar};
use crate::units::{Bytes, Unit};

/// Most cells of the contents: numbers stay near their bars, and longer bars would cost much on a slow line.
const WIDEST: u16 = 120;

/// Most lines of notes.
const NOTES: u16 = 3;

/// From here on the timeline stands beside the bars, this wide.
const BESIDE: u16 = 116;
const TIMELINE: u16 = 56;

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    let trains = app.scenario.task == Task::Train && app.scenario.estimator == Estimator::Ledger;
    if area.width < BESIDE || !trains {
        return bars(app, theme, frame, area, (borders, false));
    }
    let [left, right] = area.layout(&Layout::horizontal([Constraint::Fill(1), Constraint::Length(TIMELINE)]));
    bars(app, theme, frame, left, (borders, true));
    beside(app, theme, frame, right, borders);
    frame.spot(right, Spot::Do(Action::Show(View::Timeline)));
}

/// The bars, with the instants of the step below them or beside them.
fn bars(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, (borders, split): (Borders, bool)) {
    let mut title = title(app);
    if text::width(&title) + 4 > area.width {
        title = title.replace("Memory per GPU at", "At");
    }
    let title = text::cut(&title, area.width.saturating_sub(4), theme);
    let block = panel(theme, &title, borders);
    let inner = block.inner(area);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(1).min(WIDEST), ..inner };
    frame.draw_panel(block, area);
    match &app.estimate {
        Ok(estimate) => contents(app, (estimate, split), theme, frame, inner),
        Err(_) => no_estimate(app, theme, frame, inner),
    }
}

fn title(app: &App) -> String {
    let Ok(estimate) = &app.estimate else { return String::from("Memory per GPU") };
    if app.scenario.estimator == Estimator::Sketch {
        return String::from("Memory by the sketch (a rule of thumb)");
    }
    let instant = estimate.peak(app.step).instant.id();
    match app.step {
        Step::Steady => {
            let stage = fullest_stage(&estimate.ledger).map(|stage| format!(" of {stage}")).unwrap_or_default();
            format!("Memory per GPU at the peak{stage} ({instant})")
        }
        Step::First => format!("Memory per GPU, first step ({instant})"),
    }
}

/// Rows of the panel, from the top, and how many are still free.
struct Rows {
    area: Rect,
    used: u16,
}

impl Rows {
    const fn free(&self) -> u16 {
        self.area.height.saturating_sub(self.used)
    }

    fn take(&mut self, rows: u16) -> Rect {
        let area = Rect { y: self.area.y + self.used.min(self.area.height), height: rows, ..self.area };
        self.used += rows;
        area.intersection(self.area)
    }

    /// So many rows after a blank one, where there is room for both.
    fn after_blank(&mut self, rows: u16) -> Option<Rect> {
        (self.free() > rows && rows > 0).then(|| {
            self.used += 1;
            self.take(rows)
        })
    }
}

fn contents(app: &App, (estimate, split): (&Estimate, bool), theme: Theme, frame: &mut Sheet, area: Rect) {
    let mut rows = Rows { area, used: 0 };
    // The total and its verdict are never left out.
    let room = usize::from(area.height.saturating_sub(2));
    let folded = fold(estimate.bars(app.step), room);
    let chosen = app.bar.filter(|_| app.in_view());
    categories((&folded, chosen), app.unit, theme, frame, rows.take(u16::try_from(folded.len()).unwrap_or(u16::MAX)));
    if rows.free() > 2 {
        rows.take(1);
    }
    let area = rows.take(1);
    total::bar(app, estimate, theme, frame, area);
    frame.spot(area, Spot::Do(Action::Show(View::Ledger)));
    let area = rows.take(1);
    total::verdict(app, estimate, theme, frame, area);
    if rows.free() > 0 {
        let chosen = app.bar.filter(|_| app.in_view());
        let lines = if chosen.is_some() { rows.free().min(3) } else { 1 };
        let area = rows.take(lines);
        match chosen {
            Some(category) => detail::category(category, theme, frame, area),
            None => detail::place(app, estimate, theme, frame, area),
        }
    }
    for answer in said::of_serving(estimate, app.unit) {
        if rows.free() > 0 {
            let area = rows.take(1);
            said::line(&answer, Style::new(), theme, frame, area);
        }
    }
    if estimate.sketch.is_some() && app.scenario.task == Task::Infer && rows.free() > 2 {
        let area = rows.take(2);
        detail::sketch_in_serving(theme, frame, area);
    }
    let lines = usize::from(rows.free().min(NOTES));
    for note in said::of_run(app, estimate, lines) {
        let area = rows.take(1);
        said::line(&note, theme.notice(), theme, frame, area);
        frame.spot(area, Spot::Do(Action::Notes));
    }
    // Half of what is left, so that there is something beside them.
    if let Some(area) = rows.after_blank(stages::height(estimate, rows.free().saturating_sub(2) / 2)) {
        stages::draw(app, estimate, theme, frame, area);
    }
    if let Some(sketch) = &estimate.sketch
        && let Some(area) = rows.after_blank(5)
    {
        detail::sketch(sketch, theme, frame, area);
    }
    if let Some(area) = rows.after_blank(fits_on::height(estimate, theme, area.width)) {
        fits_on::draw(estimate, theme, frame, area);
    }
    let moments = u16::try_from(estimate.moments(app.step).count()).unwrap_or(u16::MAX);
    if estimate.sketch.is_none()
        && !split
        && let Some(area) = rows.after_blank(moments).or_else(|| (rows.free() >= moments).then(|| rows.take(moments)))
    {
        detail::moments(app, estimate, theme, frame, area);
        frame.spot(area, Spot::Do(Action::Show(View::Timeline)));
    }
    // What the framework has decided, and for which release all of this holds, where there is room for more than that.
    let of_framework = said::of_framework(app, estimate);
    if rows.free() > 4 + u16::try_from(of_framework.len()).unwrap_or(u16::MAX) {
        rows.take(1);
        for words in of_framework {
            let area = rows.take(1);
            said::line(&words, theme.dim(), theme, frame, area);
        }
    }
    if rows.free() > 4 {
        let free = rows.free() - 1;
        if let Some(area) = rows.after_blank(free) {
            detail::entries(app, estimate, theme, frame, area);
            frame.spot(area, Spot::Do(Action::Show(View::Ledger)));
        }
    }
}

/// The name of the bar that stands for several.
const OTHER: &str = "Other";

/// A bar of the panel; the last may stand for several small ones.
type Folded = (&'static str, Bar);

/// Folds the smallest bars into one where there is no room for all; those that people look for stay.
fn fold(bars: Vec<Bar>, room: usize) -> Vec<Folded> {
    let mut kept: Vec<Folded> = bars.into_iter().map(|bar| (bar.category.label(), bar)).collect();
    let looked_for =
        |bar: &Bar| matches!(bar.category, Category::Parameters | Category::Gradients | Category::Activations);
    let mut other: Option<Bytes> = None;
    while kept.len() + usize::from(other.is_some()) > room {
        let small = kept.iter().enumerate().filter(|(_, (_, bar))| !looked_for(bar) && bar.elsewhere.is_none());
        let absent = kept.iter().position(|(_, bar)| !looked_for(bar) && bar.elsewhere.is_some());
        let smallest = absent.or_else(|| small.min_by_key(|(_, (_, bar))| bar.bytes).map(|(index, _)| index));
        let Some(index) = smallest else { break };
        let (_, bar) = kept.remove(index);
        // What is empty at the peak adds nothing to the others.
        let bytes = if bar.elsewhere.is_some() { Bytes::ZERO } else { bar.bytes };
        other = Some(other.unwrap_or_default().checked_add(bytes).unwrap_or(Bytes::MAX));
    }
    if let Some(bytes) = other {
        kept.push((OTHER, Bar { category: Category::Runtime, bytes, elsewhere: None }));
    }
    kept.truncate(room);
    kept
}

fn categories((bars, chosen): (&[Folded], Option<Category>), unit: Unit, theme: Theme, frame: &mut Sheet, area: Rect) {
    let number = number_width(bars.iter().map(|(_, bar)| bar.bytes), unit);
    let words = |bar: &Bar| match bar.elsewhere {
        Some(instant) if area.width >= 44 => format!("{:>number$} at {}", unit.number(bar.bytes), instant.id()),
        _ => format!("{:>number$} {}", unit.number(bar.bytes), unit.label()),
    };
    let room = |bar: &Bar| area.width.saturating_sub(LABEL + text::width(&words(bar)) + 1);
    let column = area.width.saturating_sub(LABEL + u16::try_from(number).unwrap_or(u16::MAX) + 5);
    let full = scale(bars.iter().map(|(_, bar)| (bar.bytes, room(bar))), column);
    for ((label, bar), row) in bars.iter().zip(0..area.height) {
        let area = text::row(area, row);
        let spot = if *label == OTHER { Spot::Do(Action::Show(View::Ledger)) } else { Spot::Category(bar.category) };
        frame.spot(area, spot);
        let absent = bar.elsewhere.is_some();
        let (style, sign) = if absent {
            (theme.category(bar.category).patch(theme.dim()), theme.glyphs.absent)
        } else {
            (theme.category(bar.category), theme.glyphs.full)
        };
        let segment = [Segment { bytes: bar.bytes, style, fill: sign }];
        let place = Rect { x: area.x + LABEL.min(area.width), width: column, ..area }.intersection(area);
        frame.render_widget(StackedBar::new(&segment, full, theme), place);
        let style = if absent { theme.dim() } else { Style::new() };
        let here = *label != OTHER && chosen == Some(bar.category);
        let named = if here { theme.selected() } else { style };
        text::left(frame, Rect { width: (LABEL - 1).min(area.width), ..area }, Line::styled(*label, named));
        text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words(bar), style);
    }
}

/// The bytes at which a bar fills the column, such that every bar stays within its own room.
///
/// It moves in steps of a third to a half, so that bars stand still while one of them grows.
fn scale(bars: impl Iterator<Item = (Bytes, u16)>, column: u16) -> Bytes {
    let needed = |(bytes, room): (Bytes, u16)| {
        let bytes = u128::from(bytes.get()) * u128::from(column.max(1)) / u128::from(room.clamp(1, column.max(1)));
        u64::try_from(bytes).unwrap_or(u64::MAX)
    };
    stepped(Bytes::new(bars.map(needed).max().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Instant;

    fn bar(category: Category, bytes: u64) -> Bar {
        Bar { category, bytes: Bytes::new(bytes), elsewhere: None }
    }

    #[test]
    fn the_smallest_fold_and_the_sum_stays() {
        let gone = Bar { elsewhere: Some(Instant::BackwardEnd), ..bar(Category::Gradients, 50) };
        let bars = vec![
            bar(Category::Parameters, 1),
            gone,
            bar(Category::Optimizer, 100),
            bar(Category::Activations, 2),
            bar(Category::Logits, 4),
            bar(Category::Runtime, 3),
        ];
        let labels = |room| fold(bars.clone(), room).into_iter().map(|(label, bar)| (label, bar.bytes.get()));
        assert!(labels(6).all(|(label, _)| label != "Other"));
        let folded: Vec<_> = labels(5).collect();
        assert_eq!(folded, [("Model", 1), ("Gradients", 50), ("Optimizer", 100), ("Activations", 2), ("Other", 7)]);
        assert_eq!(labels(2).count(), 2);
    }

    #[test]
    fn bars_stay_within_their_room_and_stand_still() {
        let full = |bytes| scale([(Bytes::new(bytes), 20), (Bytes::new(100), 10)].into_iter(), 20).get();
        // The second has half the column, so that it counts double.
        assert_eq!(full(10), 256);
        assert_eq!(full(250), 256);
        assert_eq!(full(257), 384);
    }
}
