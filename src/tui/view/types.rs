//! The run under each type of weights and of caches.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::frame::popup;
use super::text;
use crate::solve::types::Types;
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::screen::first_shown;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;

/// Cells of a type of weights, and of a size.
const NAME: u16 = 14;
const CELL: u16 = 13;

pub(super) fn draw(
    app: &App,
    types: &Types,
    (row, column): (usize, usize),
    theme: Theme,
    frame: &mut Sheet,
    body: Rect,
) {
    let columns = u16::try_from(types.caches.len()).unwrap_or(u16::MAX);
    let rows = u16::try_from(types.weights.len()).unwrap_or(u16::MAX);
    let width = NAME.saturating_add(columns.saturating_mul(CELL)).saturating_add(4).max(56);
    let title = format!("Weights by cache, {}", app.unit.label());
    let inner = popup(theme, &title, (width, rows.saturating_add(4)), frame, body);
    let fit = inner.width.saturating_sub(NAME) / CELL;
    let from = first_shown(column, types.caches.len(), usize::from(fit));
    let place = |area: Rect, index: usize| {
        let x = u16::try_from(index - from).unwrap_or(u16::MAX).saturating_mul(CELL).saturating_add(area.x + NAME);
        Rect { x, width: CELL, ..area }.intersection(area)
    };
    let shown = (from..types.caches.len()).take(usize::from(fit));
    let head = text::row(inner, 0);
    for index in shown.clone() {
        let name = text::cut(types.caches[index], CELL - 2, theme);
        text::right(frame, place(head, index), &name, theme.strong());
    }
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(2), ..inner };
    let first = first_shown(row, types.weights.len(), usize::from(list.height));
    for (index, line) in (first..types.weights.len()).zip(0..list.height) {
        let area = text::row(list, line);
        let (word, cells) = &types.weights[index];
        let mark = if index == row { theme.glyphs.cursor } else { " " };
        text::left(frame, Rect { width: NAME.min(area.width), ..area }, Line::raw(format!("{mark} {word}")));
        frame.spot(area, Spot::Choice(index));
        for at in shown.clone() {
            let place = place(area, at);
            let Some((needs, verdict)) = cells[at] else {
                text::right(frame, place, "-", theme.dim());
                continue;
            };
            let words = format!("{} {}", app.unit.number(needs), theme.verdict_sign(verdict));
            let here = index == row && at == column;
            let style = if here { theme.selected() } else { Style::new() };
            text::right(frame, place, &words, style);
        }
    }
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    let words =
        format!(" {} is tight{}", theme.glyphs.maybe, app.with_key(Action::Accept, "; {} takes what is marked"));
    text::left(frame, bottom, Line::styled(text::cut(&words, bottom.width, theme), theme.dim()));
}
