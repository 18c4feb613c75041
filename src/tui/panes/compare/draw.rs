//! Pinned scenarios and the present one side by side: a bar for each in every category, all on one scale.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Borders;

use crate::memory::Category;
use crate::scenario::parameter::Parameter;
use crate::tui::action::Action;
use crate::tui::app::pins::letter;
use crate::tui::app::{App, Bar};
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::tui::view::columns::{number_width, stepped};
use crate::tui::view::frame::panel;
use crate::tui::view::text;
use crate::tui::widget::bar::{Segment, StackedBar};
use crate::units::Bytes;

/// Cells of a category's name and of a scenario's letter.
const LABEL: u16 = 12;
const LETTER: u16 = 2;

/// One line of the comparison.
enum Row {
    /// A scenario: its letter, model and card, and what it comes to.
    Scenario(usize),
    /// A category of one scenario.
    Bar { category: Category, index: usize, bar: Option<Bar>, first: Option<Bytes> },
    /// A heading, or a parameter in which the scenarios differ.
    Text(String, Style),
}

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    let pins = app.pins.list.len();
    let title = format!("Compare: {pins} pinned, * now; steady step");
    let title = text::cut(&title, area.width.saturating_sub(4), theme);
    let block = panel(theme, &title, borders);
    let inner = block.inner(area);
    frame.draw_panel(block, area);
    let differences = app.differences();
    let rows = rows(app, &differences, theme);
    let list = Rect { height: inner.height.saturating_sub(1), ..inner };
    let first = app.pins.scroll.min(rows.len().saturating_sub(usize::from(list.height)));
    let numbers =
        rows.iter().filter_map(|row| if let Row::Bar { bar, .. } = row { bar.map(|bar| bar.bytes) } else { None });
    let most = numbers.clone().max().unwrap_or_default();
    let scale = (stepped(most), number_width(numbers, app.unit));
    for (row, position) in rows.iter().skip(first).zip(0..list.height) {
        let area = text::row(list, position);
        if let Row::Scenario(index) | Row::Bar { index, .. } = row {
            frame.spot(area, Spot::Row(*index));
        }
        line(app, (row, &differences), scale, theme, frame, area);
    }
    let hidden = rows.len().saturating_sub(first + usize::from(list.height));
    let words = match (pins, hidden) {
        (0, _) => app.with_key(Action::Pin, " {} pins this run; change it, then look here"),
        (_, 0) => format!(" differences are to A{}", takes(app)),
        (_, hidden) => format!(" {hidden} more{}{}", app.with_key(Action::FarDown, " ({})"), takes(app)),
    };
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    text::left(frame, bottom, Line::styled(text::cut(&words, bottom.width, theme), theme.dim()));
}

fn takes(app: &App) -> String {
    app.with_key(Action::Edit, "; {} takes") + &app.with_key(Action::Unpin, ", {} unpins")
}

/// A parameter in which the compared scenarios differ, and the value of each.
type Difference = (&'static Parameter, Vec<String>);

fn rows(app: &App, differences: &[Difference], theme: Theme) -> Vec<Row> {
    let count = app.compared().len();
    let mut rows: Vec<Row> = (0..count).map(Row::Scenario).collect();
    for (category, values) in app.compared_categories() {
        let first = values.first().copied().flatten().map(|bar| bar.bytes);
        let bar = |(index, bar)| Row::Bar { category, index, bar, first };
        rows.extend(values.into_iter().enumerate().map(bar));
    }
    if !differences.is_empty() {
        rows.push(Row::Text(String::from("They differ in"), theme.strong()));
    }
    for (parameter, values) in differences {
        let pins = app.pins.list.len();
        let values = values.iter().enumerate();
        let values: Vec<String> = values.map(|(index, value)| format!("{} {value}", letter(index, pins))).collect();
        rows.push(Row::Text(format!("  {}: {}", parameter.label, values.join("  ")), Style::new()));
    }
    rows
}

fn line(
    app: &App,
    (row, differences): (&Row, &[Difference]),
    (full, number): (Bytes, usize),
    theme: Theme,
    frame: &mut Sheet,
    area: Rect,
) {
    match row {
        Row::Text(words, style) => {
            text::left(frame, area, Line::styled(text::cut(words, area.width, theme), *style));
        }
        Row::Scenario(index) => scenario(app, differences, (*index, number), theme, frame, area),
        Row::Bar { category, index, bar, first } => {
            let name = if *index == 0 { category.label() } else { "" };
            text::left(frame, Rect { width: LABEL.min(area.width), ..area }, Line::raw(name));
            let place = Rect { x: area.x + LABEL, width: LETTER, ..area }.intersection(area);
            text::left(frame, place, Line::raw(letter(*index, app.pins.list.len())));
            let words = match bar {
                None => String::from("no ledger"),
                Some(bar) => {
                    let change = if *index == 0 { String::new() } else { change(app, bar.bytes, *first) };
                    format!("{:>number$} {change:>8}", app.unit.number(bar.bytes))
                }
            };
            // What is empty at the peak shows its largest, dimmed, as in the view of bars.
            let absent = bar.is_some_and(|bar| bar.elsewhere.is_some());
            let dim = if absent { theme.dim() } else { Style::new() };
            let start = LABEL + LETTER;
            let width = area.width.saturating_sub(start + text::width(&words) + 2);
            let segment = Segment {
                bytes: bar.map_or(Bytes::ZERO, |bar| bar.bytes),
                style: theme.category(*category).patch(dim),
                fill: if absent { theme.glyphs.absent } else { theme.glyphs.full },
            };
            let place = Rect { x: area.x + start, width, ..area }.intersection(area);
            frame.render_widget(StackedBar::new(&[segment], full, theme), place);
            text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, dim);
        }
    }
}

/// `+3.24`, `-1.02`, `=`: against the first scenario.
fn change(app: &App, bytes: Bytes, first: Option<Bytes>) -> String {
    let Some(first) = first else { return String::new() };
    let difference = bytes.minus(first);
    if difference.magnitude().is_zero() {
        return String::from("=");
    }
    let sign = if difference.is_negative() { "-" } else { "+" };
    format!("{sign}{}", app.unit.number(difference.magnitude()))
}

/// `▸A llama-3.1-8b on h100-sxm-80     75.86 ≈ 3.32 free`.
fn scenario(
    app: &App,
    differences: &[Difference],
    (index, number): (usize, usize),
    theme: Theme,
    frame: &mut Sheet,
    area: Rect,
) {
    let compared = app.compared();
    let Some((scenario, estimate)) = compared.get(index) else { return };
    let pins = app.pins.list.len();
    let here = app.in_view() && index == app.pins.cursor && index < pins;
    let mark = if here { theme.glyphs.cursor } else { " " };
    let name = scenario.model.rsplit('/').next().unwrap_or_default();
    // What tells it apart from the others; its card, where that is not among it.
    let apart = differences.iter().filter(|(parameter, _)| parameter.key != "model");
    let named = differences.iter().any(|(parameter, _)| parameter.key == "model") || differences.is_empty();
    let name = if named { format!(" {name}") } else { String::new() };
    let apart: Vec<String> =
        apart.filter_map(|(parameter, values)| Some(format!("{} {}", parameter.label, values.get(index)?))).collect();
    let card = || format!("on {}", scenario.gpu.as_deref().unwrap_or("no card"));
    let apart = if apart.is_empty() { card() } else { apart.join(", ") };
    let (words, style) = match estimate {
        Err(_) => (String::from("no ledger"), theme.error()),
        Ok(estimate) => {
            let total = app.unit.number(estimate.ledger.total());
            let fit = estimate.fit.as_ref();
            let verdict = fit.map(|fit| {
                let word = if fit.headroom.is_negative() { "over" } else { "free" };
                let sign = theme.verdict_sign(fit.verdict);
                format!("{sign} {} {word}", app.unit.number(fit.headroom.magnitude()))
            });
            let style = fit.map_or(Style::new(), |fit| theme.verdict(fit.verdict));
            (format!("{total:>number$} {:<14}", verdict.unwrap_or_default()), style)
        }
    };
    let room = area.width.saturating_sub(text::width(&words) + 2);
    let left = text::cut(&format!("{mark}{}{name} {apart}", letter(index, pins)), room, theme);
    let base = if here { theme.selected() } else { Style::new() };
    text::row_of(frame, Rect { width: room, ..area }, Line::styled(left, base));
    text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, style);
}
