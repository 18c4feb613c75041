//! Every model as a bar against the card's capacity line.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Borders;

use crate::solve::lineup::Candidate;
use crate::tui::action::Action;
use crate::tui::app::{App, ModelRow, Overlay, Reach, size};
use crate::tui::screen::first_shown;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::tui::view::columns::number_width;
use crate::tui::view::frame::panel;
use crate::tui::view::text;
use crate::tui::widget::gauge::Gauge;
use crate::tui::widget::panel::Panel;
use crate::units::grouped;

/// Cells of a model's name, at least and at most, and of a bar.
const NAME: [u16; 2] = [14, 36];
const BAR: [u16; 2] = [6, 40];

/// Cells of the parameters, and of the largest that fits.
const SIZE: u16 = 8;
const MOST: u16 = 12;

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    let rows = app.model_rows();
    let here = app.model_row(&rows);
    let card = app.gpu_of(&app.scenario).map(|gpu| format!(" on {}", gpu.name)).unwrap_or_default();
    let title = format!("Models{card}, {}", app.lineup.order.words());
    let title = text::cut(&title, area.width.saturating_sub(16), theme);
    let place = format!(" {}/{} ", (here + 1).min(rows.len()), rows.len());
    let block = Panel { right: Some(Line::styled(place, theme.dim())), ..panel(theme, &title, borders) };
    let inner = block.inner(area);
    frame.draw_panel(block, area);
    if let Some(reason) = app.no_lineup() {
        return text::wrapped(frame, inner, &reason, Style::new(), theme);
    }
    let sizes = rows.iter().filter_map(ModelRow::fit).map(|fit| fit.headroom.magnitude());
    let columns = Columns::of(number_width(sizes, app.unit), inner.width);
    heading(app, &columns, theme, frame, text::row(inner, 0));
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(2), ..inner };
    let first = first_shown(here, rows.len(), usize::from(list.height));
    for (index, position) in (first..rows.len()).zip(0..list.height) {
        let area = text::row(list, position);
        frame.spot(area, Spot::Row(index));
        line(app, (&rows[index], app.in_view() && index == here), &columns, theme, frame, area);
    }
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    if app.in_view() && matches!(app.overlay, Some(Overlay::Filter)) {
        return text::typed(frame, bottom, "/", &app.lineup.filter, theme);
    }
    let words = standing(app, &rows, here);
    text::left(frame, bottom, Line::styled(text::cut(&words, bottom.width, theme), theme.dim()));
}

/// What is to be said of the model under the cursor, or how far all of them are.
fn standing(app: &App, rows: &[ModelRow<'_>], here: usize) -> String {
    let filter = app.lineup.filter.text();
    let (looked_at, all) = app.looked_at();
    let note = rows.get(here).filter(|_| app.in_view()).and_then(|row| row.candidate?.note());
    match (rows.is_empty(), filter.is_empty(), note) {
        (true, false, _) => {
            format!(" nothing matches `{filter}`{}", app.with_key(Action::Back, "; {} shows all"))
        }
        _ if looked_at < all => format!(" {looked_at} of {all} models looked at"),
        (_, _, Some(note)) => format!(" {note}"),
        (_, false, _) => format!(" /{filter}{}", app.with_key(Action::Back, "  ({} shows all)")),
        (_, true, _) => {
            let fit = rows.iter().filter(|row| row.candidate.is_some_and(Candidate::fits)).count();
            format!(" {fit} of {all} fit, run as this is")
        }
    }
}

/// Cells of the columns.
struct Columns {
    name: u16,
    size: u16,
    bar: u16,
    number: u16,
    most: u16,
}

impl Columns {
    /// What there is room for: name and bar grow alike.
    fn of(number: usize, width: u16) -> Self {
        // `12.34 free`
        let number = u16::try_from(number).unwrap_or(u16::MAX).saturating_add(6);
        let fixed = 3 + number;
        let mut spare = width.saturating_sub(fixed + NAME[0]);
        let mut take = |cells: u16| {
            let taken = if cells <= spare { cells } else { 0 };
            spare -= taken;
            taken
        };
        let (most, bar, size) = (take(MOST), take(BAR[0]), take(SIZE));
        let longer = if bar > 0 { (spare / 2).min(BAR[1] - BAR[0]) } else { 0 };
        let wider = (spare - longer).min(NAME[1] - NAME[0]);
        let bar = bar + longer;
        Self { name: NAME[0] + wider, size, bar, number, most }
    }
}

/// Places one after the other in a row.
fn places(columns: &Columns, area: Rect) -> [Rect; 6] {
    let Columns { name, size, bar, number, most } = *columns;
    let mut left = area.x;
    [3, name, size, bar, number, most].map(|width| {
        let place = Rect { x: left, width, ..area }.intersection(area);
        left = left.saturating_add(width);
        place
    })
}

fn heading(app: &App, columns: &Columns, theme: Theme, frame: &mut Sheet, area: Rect) {
    let [_, _, size, _, number, most] = places(columns, area);
    let words = [(size, "size"), (number, app.unit.label()), (most, app.lineup_quantity())];
    for (place, words) in words.into_iter().filter(|(place, _)| place.width > 0) {
        text::right(frame, place, words, theme.dim());
    }
}

/// `▸✔ Llama 3.1 8B    8.03 B  ███████  │      3.66 free          12`.
fn line(app: &App, (row, here): (&ModelRow<'_>, bool), columns: &Columns, theme: Theme, frame: &mut Sheet, area: Rect) {
    let [sign, name, parameters, bar, number, most] = places(columns, area);
    let mark = if here { theme.glyphs.cursor } else { " " };
    text::left(frame, sign, Line::raw(mark));
    let style = match (here, app.scenario.model == row.word) {
        (true, _) => theme.selected(),
        (false, true) => theme.strong(),
        (false, false) => Style::new(),
    };
    let label = text::cut(row.name, name.width.saturating_sub(1), theme);
    text::row_of(frame, Rect { width: name.width.saturating_sub(1), ..name }, Line::styled(label, style));
    if parameters.width > 0 {
        text::right(frame, parameters, &size(row), Style::new());
    }
    let Some(fit) = row.fit() else {
        let words = if row.candidate.is_some() { "-" } else { "" };
        return text::right(frame, number, words, theme.dim());
    };
    let place = Rect { x: sign.x + 1, width: 1, ..sign }.intersection(sign);
    text::left(frame, place, Line::styled(theme.verdict_sign(fit.verdict), theme.verdict(fit.verdict)));
    if bar.width > 1 {
        let bar = Rect { x: bar.x + 1, width: bar.width - 1, ..bar };
        frame.render_widget(Gauge { total: fit.needs, capacity: fit.capacity, theme }, bar);
    }
    let word = if fit.headroom.is_negative() { "over" } else { "free" };
    let words = format!("{} {word}", app.unit.number(fit.headroom.magnitude()));
    text::right(frame, number, &words, Style::new());
    if most.width > 0 {
        let words = if let Reach::To(value) = row.reach { grouped(value) } else { String::new() };
        text::right(frame, most, &words, Style::new());
    }
}
