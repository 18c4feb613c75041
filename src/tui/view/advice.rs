//! What to change of a run, to choose from.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::frame::popup;
use super::text;
use crate::solve::{Fix, Told};
use crate::tui::action::Action;
use crate::tui::app::{App, Estimate, changes_in_words};
use crate::tui::screen::first_shown;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::units::Bytes;

/// A line of the list.
enum Row<'a> {
    Heading(Told),
    Change(usize, Told, &'a Fix),
}

pub(super) fn draw(app: &App, list: &[(Told, Fix)], selected: usize, theme: Theme, frame: &mut Sheet, body: Rect) {
    let rows = rows(list);
    let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(4);
    let inner = popup(theme, "What to change", (WIDTH, height), frame, body);
    let shown = Rect { height: inner.height.saturating_sub(2), ..inner };
    let here = rows.iter().position(|row| matches!(row, Row::Change(index, ..) if *index == selected)).unwrap_or(0);
    let first = first_shown(here, rows.len(), usize::from(shown.height));
    // An engine that takes a share of the card needs more of it than its ledger comes to.
    let needs = |estimate: &Estimate| estimate.fit.as_ref().map_or(estimate.ledger.total(), |fit| fit.needs);
    let now = app.estimate.as_ref().ok().map(needs);
    for (row, line) in rows.iter().skip(first).zip(0..shown.height) {
        let area = text::row(shown, line);
        match row {
            Row::Heading(told) => text::left(frame, area, Line::styled(format!(" {}", heading(*told)), theme.dim())),
            Row::Change(index, told, fix) => {
                frame.spot(area, Spot::Choice(*index));
                change(app, (*told, fix), *index == selected, now, theme, frame, area);
            }
        }
    }
    // A row has no room for three changes.
    let whole = list.get(selected).map(|(_, fix)| changes_in_words(&fix.changes)).unwrap_or_default();
    let place = text::row(inner, inner.height.saturating_sub(2));
    text::left(frame, place, Line::styled(text::cut(&format!(" {whole}"), place.width, theme), theme.strong()));
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    let back = app.with_key(Action::Undo, "; {} takes it back");
    let words = &format!(" each by its own ledger; {} is tight{back}", theme.glyphs.maybe);
    text::left(frame, bottom, Line::styled(text::cut(words, bottom.width, theme), theme.dim()));
}

/// Columns of the list where there is room.
const WIDTH: u16 = 96;

/// From here on a line says what its change costs too.
const WITH_COST: u16 = 60;

/// The changes, with a heading before each part of them.
fn rows(list: &[(Told, Fix)]) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (index, (told, fix)) in list.iter().enumerate() {
        if index == 0 || list[index - 1].0 != *told {
            rows.push(Row::Heading(*told));
        }
        rows.push(Row::Change(index, *told, fix));
    }
    rows
}

const fn heading(told: Told) -> &'static str {
    match told {
        Told::Fits => "It fits after any of these",
        Told::Nearest => "No three changes make it fit here; these come nearest",
        Told::Room => "The room is enough for any one of these",
        Told::Less => "It needs less after any of these",
    }
}

/// A change, what it needs and what it costs.
fn change(
    app: &App,
    (told, fix): (Told, &Fix),
    here: bool,
    now: Option<Bytes>,
    theme: Theme,
    frame: &mut Sheet,
    area: Rect,
) {
    let sign = theme.verdict_sign(fix.verdict);
    let saved = now.map(|now| now.saturating_sub(fix.needs)).filter(|saved| !saved.is_zero());
    let saved = saved.map(|saved| format!("-{}", app.unit.number(saved))).unwrap_or_default();
    let left = app.unit.number(fix.headroom.magnitude());
    let note = match told {
        Told::Nearest => format!("still {left} over"),
        Told::Room => format!("{left} free"),
        Told::Fits | Told::Less => String::from(fix.cost.words()),
    };
    let words = match area.width {
        WITH_COST.. => format!("{sign} {:>10}  {saved:>7}  {note:<20}", app.unit.show(fix.needs)),
        _ => format!("{:>10} ", app.unit.show(fix.needs)),
    };
    let room = area.width.saturating_sub(text::width(&words) + 2);
    let mark = if here { theme.glyphs.cursor } else { " " };
    let style = if here { theme.selected() } else { Style::new() };
    let left = text::cut(&format!("{mark} {}", changes_in_words(&fix.changes)), room, theme);
    text::row_of(frame, Rect { width: room, ..area }, Line::styled(left, style));
    text::right(frame, area, &words, Style::new());
}
