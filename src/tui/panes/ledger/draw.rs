//! Every entry of the peak, in groups.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Borders;

use crate::memory::Exactness;
use crate::tui::action::Action;
use crate::tui::app::{App, EntryRow, Overlay};
use crate::tui::screen::first_shown;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::tui::view::columns::{list_and_told, number_width};
use crate::tui::view::explanation;
use crate::tui::view::frame::{no_estimate, panel};
use crate::tui::view::text;
use crate::tui::widget::panel::Panel;
use crate::units::Bytes;

/// Cells of name, place and size.
const NARROW: u16 = 88;

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    let rows = app.entry_rows();
    let here = app.entries.cursor.min(rows.len().saturating_sub(1));
    let instant = app.estimate.as_ref().map_or("", |estimate| estimate.peak(app.step).instant.id());
    let place = format!(" {}/{} ", (here + 1).min(rows.len()), rows.len());
    let grouped = if app.entries.by_place { "place" } else { "category" };
    let title = format!("Ledger at {instant}, by {grouped}{}", app.entries.order.words());
    let title = text::cut(&title, area.width.saturating_sub(text::width(&place) + 5), theme);
    let block = Panel { right: Some(Line::styled(place, theme.dim())), ..panel(theme, &title, borders) };
    let inner = block.inner(area);
    frame.draw_panel(block, area);
    let Ok(estimate) = &app.estimate else { return no_estimate(app, theme, frame, inner) };
    let total = estimate.peak(app.step).total;
    let number = number_width([total].into_iter(), app.unit);
    let [list, told] = list_and_told(Rect { height: inner.height.saturating_sub(1), ..inner });
    if let Some(EntryRow::Entry(entry)) = rows.get(here) {
        let told = Rect {
            x: told.x + 1,
            y: told.y + 1,
            width: told.width.saturating_sub(1),
            height: told.height.saturating_sub(1),
        };
        explanation::below(app, entry, theme, frame, told.intersection(inner));
    }
    let first = first_shown(here, rows.len(), usize::from(list.height));
    for (index, position) in (first..rows.len()).zip(0..list.height) {
        let selected = app.in_view() && index == here;
        let area = text::row(list, position);
        frame.spot(area, Spot::Row(index));
        line(app, (&rows[index], selected), (total, number), theme, frame, area);
    }
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    if app.in_view() && matches!(app.overlay, Some(Overlay::Filter)) {
        return text::typed(frame, bottom, "/", &app.entries.filter, theme);
    }
    let filter = app.entries.filter.text();
    let words = match (rows.is_empty(), filter.is_empty()) {
        (true, false) => format!(" nothing matches `{filter}`{}", app.with_key(Action::Back, "; {} shows all")),
        (_, false) => format!(" /{filter}{}", app.with_key(Action::Back, "  ({} shows all)")),
        (_, true) => {
            let explains = app.with_key(Action::Edit, " {} explains or folds;");
            format!("{explains} {} is an estimate", theme.glyphs.maybe)
        }
    };
    text::left(frame, bottom, Line::styled(text::cut(&words, bottom.width, theme), theme.dim()));
}

fn line(
    app: &App,
    (row, here): (&EntryRow<'_>, bool),
    (total, number): (Bytes, usize),
    theme: Theme,
    frame: &mut Sheet,
    area: Rect,
) {
    let percent = |bytes: Bytes| {
        let whole = u128::from(total.get().max(1));
        let percent = (u128::from(bytes.get()) * 200 + whole) / (2 * whole);
        if percent == 0 { String::from(" <1%") } else { format!("{percent:>3}%") }
    };
    let mark = if here { theme.glyphs.cursor } else { " " };
    let (left, bytes, style) = match row {
        EntryRow::Group { name, bytes, count, open } => {
            let sign = if *open { "-" } else { "+" };
            (format!("{mark}{sign} {name} ({count})"), *bytes, theme.strong())
        }
        EntryRow::Entry(entry) => {
            let sign = if entry.exactness == Exactness::Exact { " " } else { theme.glyphs.maybe };
            let name = if area.width >= 70 {
                format!("{:<44} {}", text::cut(&entry.name, 44, theme), entry.place)
            } else {
                entry.name.to_string()
            };
            (format!("{mark} {sign}{name}"), entry.bytes, Style::new())
        }
    };
    let words = format!("{:>number$} {}", app.unit.number(bytes), percent(bytes));
    let area = Rect { width: area.width.min(NARROW), ..area };
    let room = area.width.saturating_sub(text::width(&words) + 2);
    let style = if here { theme.selected() } else { style };
    text::row_of(frame, Rect { width: room, ..area }, Line::styled(text::cut(&left, room, theme), style));
    text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, Style::new());
}
