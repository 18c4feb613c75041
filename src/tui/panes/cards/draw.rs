//! Every card as a bar with its own capacity line.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Borders;

use crate::memory::notes_of_card;
use crate::tui::action::Action;
use crate::tui::app::{App, CardRow, Overlay};
use crate::tui::screen::first_shown;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::tui::view::columns::{list_and_told, number_width};
use crate::tui::view::explanation;
use crate::tui::view::frame::{no_estimate, panel};
use crate::tui::view::text;
use crate::tui::widget::gauge::Gauge;
use crate::tui::widget::panel::Panel;

/// Cells of a card's name, and of a bar at most: longer ones would say no more, and cost much on a slow line.
const NAME: u16 = 36;
const BAR: u16 = 20;
/// Cells of what stands beside them where there is room: what does not change with the run, so that it costs nothing.
const FACTS: [u16; 3] = [14, 14, 30];

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    let rows = app.card_rows();
    let here = app.card_row(&rows);
    let vendor = app.cards.vendor.as_deref().unwrap_or("every vendor");
    let title = format!("Cards: {vendor}, {}", app.cards.order.words());
    let title = text::cut(&title, area.width.saturating_sub(16), theme);
    let place = format!(" {}/{} ", (here + 1).min(rows.len()), rows.len());
    let block = Panel { right: Some(Line::styled(place, theme.dim())), ..panel(theme, &title, borders) };
    let inner = block.inner(area);
    frame.draw_panel(block, area);
    let Ok(estimate) = &app.estimate else { return no_estimate(app, theme, frame, inner) };
    let [list, told] = list_and_told(Rect { height: inner.height.saturating_sub(1), ..inner });
    if let Some(row) = rows.get(here).filter(|_| !told.is_empty()) {
        let name = Rect { x: told.x + 1, width: told.width.saturating_sub(2), ..text::row(told, 1) };
        text::left(frame, name, Line::styled(text::cut(&row.gpu.name, name.width, theme), theme.strong()));
        let rest = Rect { y: told.y + 2, height: told.height.saturating_sub(2), ..told };
        explanation::listed(&of_card(app, row), theme, frame, rest.intersection(inner));
    }
    let first = first_shown(here, rows.len(), usize::from(list.height));
    let number = number_width(rows.iter().map(|row| row.fit.headroom.magnitude()), app.unit);
    for (index, position) in (first..rows.len()).zip(0..list.height) {
        let selected = app.in_view() && index == here;
        let area = text::row(list, position);
        frame.spot(area, Spot::Row(index));
        line(app, (&rows[index], selected, number), theme, frame, area);
    }
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    if app.in_view() && matches!(app.overlay, Some(Overlay::Filter)) {
        return text::typed(frame, bottom, "/", &app.cards.filter, theme);
    }
    let filter = app.cards.filter.text();
    let words = match (rows.is_empty(), filter.is_empty()) {
        (true, false) => format!(" nothing matches `{filter}`{}", app.with_key(Action::Back, "; {} shows all")),
        (_, false) => format!(" /{filter}{}", app.with_key(Action::Back, "  ({} shows all)")),
        (_, true) => {
            format!(" {}; each line is the card's own capacity", app.unit.show(estimate.ledger.total()))
        }
    };
    text::left(frame, bottom, Line::styled(text::cut(&words, bottom.width, theme), theme.dim()));
}

/// `▸✔ H100 SXM 80GB      ███████  │      3.66 free`.
fn line(app: &App, (row, here, number): (&CardRow<'_>, bool, usize), theme: Theme, frame: &mut Sheet, area: Rect) {
    let fit = &row.fit;
    let word = if fit.headroom.is_negative() { "over" } else { "free" };
    let words = format!("{:>number$} {word} ", app.unit.number(fit.headroom.magnitude()));
    let chosen = app.scenario.gpu.as_deref() == Some(row.word);
    let name = NAME.min(area.width * 12 / 25);
    let mark = if here { theme.glyphs.cursor } else { " " };
    let style = match (here, chosen) {
        (true, _) => theme.selected(),
        (false, true) => theme.strong(),
        (false, false) => Style::new(),
    };
    let sign = Rect { width: 3, ..area };
    text::left(frame, sign, Line::raw(mark));
    let sign = Rect { x: area.x + 1, width: 1, ..area }.intersection(area);
    text::left(frame, sign, Line::styled(theme.verdict_sign(fit.verdict), theme.verdict(fit.verdict)));
    let place = Rect { x: area.x + 3, width: name.saturating_sub(4), ..area }.intersection(area);
    let label = row.gpu.name.split(" (").next().unwrap_or_default();
    text::row_of(frame, place, Line::styled(text::cut(label, place.width, theme), style));
    let taken = name + text::width(&words);
    let width = area.width.saturating_sub(taken + 1).min(BAR);
    let bar = Rect { x: area.x + name, width, ..area }.intersection(area);
    frame.render_widget(Gauge { total: fit.needs, capacity: fit.capacity, theme }, bar);
    let used = name + width + 2 + text::width(&words);
    facts(
        app,
        row,
        theme,
        frame,
        Rect { x: area.x + used.min(area.width), width: area.width.saturating_sub(used), ..area },
    );
    // The sign has the colour; numbers change with every key, and each change of colour costs as much as they do.
    let numbers = Rect { width: (name + width + 1 + text::width(&words)).min(area.width), ..area };
    text::right(frame, numbers, &words, Style::new());
}

/// What is known of a card.
fn of_card(app: &App, row: &CardRow<'_>) -> Vec<(&'static str, String)> {
    let (gpu, unit) = (row.gpu, app.unit);
    let estimated = if gpu.usable_estimated { ", estimated" } else { "" };
    let rate = |rate: Option<f64>, unit: &str| rate.map(|rate| format!("{rate:.0} {unit}"));
    let link = |rate: Option<f64>| rate.map(|rate| format!("{rate:.0} GB/s in one direction"));
    let facts = [
        ("usable", Some(format!("{}{estimated}", unit.show(row.fit.capacity)))),
        ("the run", Some(format!("needs {}: {}", unit.show(row.fit.needs), row.fit.verdict.id()))),
        ("id", Some(row.word.to_owned())),
        ("architecture", gpu.architecture.clone()),
        ("memory", rate(gpu.bandwidth_gb_s, "GB/s")),
        ("bf16", rate(gpu.bf16_tflops, "TFLOP/s")),
        ("in a node", link(gpu.link_gb_s)),
        ("among nodes", link(gpu.network_gb_s)),
        ("source", gpu.source.clone()),
        ("notes", Some(notes_of_card(&app.scenario, gpu).join("; ")).filter(|notes| !notes.is_empty())),
    ];
    facts.into_iter().filter_map(|(label, words)| Some((label, words?))).collect()
}

/// What a card is, as far as there is room: its capacity, its bandwidth and the id by which commands name it.
fn facts(app: &App, row: &CardRow<'_>, theme: Theme, frame: &mut Sheet, area: Rect) {
    let bandwidth = row.gpu.bandwidth_gb_s.map(|rate| format!("{rate:.0} GB/s")).unwrap_or_default();
    let mut rest = area;
    for (words, width) in [app.unit.show(row.fit.capacity), bandwidth, row.word.to_owned()].iter().zip(FACTS) {
        if rest.width < width {
            return;
        }
        let place = Rect { width, ..rest };
        if words == row.word {
            text::left(
                frame,
                Rect { x: place.x + 2, width: width - 2, ..place },
                Line::styled(words.as_str(), theme.dim()),
            );
        } else {
            text::right(frame, place, words, theme.dim());
        }
        rest = Rect { x: rest.x + width, width: rest.width - width, ..rest };
    }
}
