//! Layouts that fit as rows, the fastest by estimate first.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Borders;

use super::terms;
use crate::report::plan::{layout_words, most_lost, row_words};
use crate::scenario::Recompute;
use crate::solve::plan::{Planned, Search};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::screen::{View, first_shown};
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::tui::view::columns::number_width;
use crate::tui::view::frame::panel;
use crate::tui::view::text;
use crate::tui::widget::gauge::Gauge;
use crate::tui::widget::panel::Panel;

/// Cells of the columns that are always there: batch, and tokens of a second.
const BATCH: u16 = 3;
const RATE: u16 = 7;

/// Cells of what is recomputed, in short and in full.
const AGAIN: [u16; 2] = [5, 10];

/// Cells of what is lost, and of a bar at most.
const LOST: u16 = 16;
const BAR: u16 = 20;

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    let (rows, here) = (app.planning.rows(), app.planning.at());
    let none = app.no_plan();
    let title =
        if none.is_some() { String::from("Plan") } else { format!("Plan: layouts on {} GPUs", app.scenario.gpus) };
    let title = text::cut(&title, area.width.saturating_sub(12), theme);
    let place = (!rows.is_empty()).then(|| Line::styled(format!(" {}/{} ", here + 1, rows.len()), theme.dim()));
    let block = Panel { right: place, ..panel(theme, &title, borders) };
    let inner = block.inner(area);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(1), ..inner };
    frame.draw_panel(block, area);
    if let Some(reason) = none {
        return text::wrapped(frame, inner, &reason, Style::new(), theme);
    }
    if let Some(reason) = app.planning.error() {
        return text::wrapped(frame, inner, reason, theme.error(), theme);
    }
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    text::left(frame, bottom, Line::styled(text::cut(&standing(app), bottom.width, theme), theme.dim()));
    let inner = Rect { height: inner.height.saturating_sub(1), ..inner };
    match (app.planning.search(), rows.is_empty()) {
        (Some(search), true) if search.is_done() => {
            text::wrapped(frame, inner, &none_fits(app, search), Style::new(), theme);
        }
        (_, true) => {}
        (_, false) => table(app, (rows, here), theme, frame, inner),
    }
}

/// How far the search is, and what it comes to.
fn standing(app: &App) -> String {
    let Some(search) = app.planning.search() else { return String::from("looking for layouts") };
    let (looked_at, all) = search.looked_at();
    let (action, words) =
        if app.planning.stopped { (Action::Show(View::Plan), "; {} goes on") } else { (Action::Back, "; {} stops") };
    let on = app.with_key(action, words);
    match search.plan() {
        _ if looked_at < all => format!("{looked_at} of {all} layouts looked at{on}"),
        _ if !search.is_done() => format!("playing out {} of {all} that may fit{on}", search.to_be_played()),
        plan if plan.fitting.is_empty() => String::new(),
        plan => format!("{} layouts, {} over; * is an estimate", plan.tried, plan.over),
    }
}

/// That nothing fits, and what comes nearest.
fn none_fits(app: &App, search: &Search) -> String {
    let plan = search.plan();
    let none = format!("None of {} layouts fits.", plan.tried);
    let nearest = plan.nearest.as_ref().zip(app.gpu_of(&app.scenario)).map(|((nearest, needs), gpu)| {
        let over = needs.saturating_sub(gpu.capacity().unwrap_or_default());
        format!(
            " The nearest is {}: it needs {}, {} too many.",
            row_words(nearest),
            app.unit.show(*needs),
            app.unit.show(over),
        )
    });
    let chooses = app.with_key(Action::PickGpu, ", or choose another card with {}");
    format!("{none}{} Raise gpus{chooses}.", nearest.unwrap_or_default())
}

/// Cells of the columns.
struct Columns {
    layout: u16,
    recompute: u16,
    number: u16,
    lost: u16,
    bar: u16,
}

impl Columns {
    /// What there is room for.
    fn of(app: &App, rows: &[Planned], width: u16) -> Self {
        let number = number_width(rows.iter().map(|planned| planned.fit.needs), app.unit);
        let number = u16::try_from(number).unwrap_or(u16::MAX).saturating_add(1);
        let wanted = rows.iter().map(|planned| text::width(&layout_words(&planned.scenario))).max().unwrap_or(0).max(8);
        let fixed = 3 + BATCH + AGAIN[0] + number + RATE;
        let layout = wanted.min(width.saturating_sub(fixed));
        let mut spare = width.saturating_sub(fixed + layout);
        let mut take = |cells: u16| {
            let taken = if cells <= spare { cells } else { 0 };
            spare -= taken;
            taken
        };
        let recompute = AGAIN[0] + take(AGAIN[1] - AGAIN[0]);
        let lost = take(LOST);
        let bar = spare.min(BAR);
        Self { layout, recompute, number, lost, bar: if bar < 6 { 0 } else { bar } }
    }
}

fn table(app: &App, (rows, here): (&[Planned], usize), theme: Theme, frame: &mut Sheet, area: Rect) {
    let columns = Columns::of(app, rows, area.width);
    text::left(frame, area, Line::styled(heading(app, &columns), theme.dim()));
    let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }.intersection(area);
    let shown = u16::try_from(rows.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(1));
    let list = Rect { height: shown, ..area };
    let first = first_shown(here, rows.len(), usize::from(shown));
    for (index, position) in (first..rows.len()).zip(0..shown) {
        let area = text::row(list, position);
        frame.spot(area, Spot::Row(index));
        line(app, (&rows[index], app.in_view() && index == here), &columns, theme, frame, area);
    }
    let below = Rect { y: area.y + shown, height: area.height - shown, ..area };
    rows.get(here).into_iter().for_each(|planned| terms::draw(app, planned, theme, frame, below));
}

fn heading(app: &App, columns: &Columns) -> String {
    let Columns { layout, recompute, number, lost, bar } = *columns;
    let [layout, recompute, number, lost, bar] = [layout, recompute, number, lost, bar].map(usize::from);
    let again = if recompute > usize::from(AGAIN[0]) { "recompute" } else { "rec." };
    let (unit, batch, rate) = (app.unit.label(), usize::from(BATCH) + 2, usize::from(RATE));
    let lost = if lost > 0 { "  lost most to*" } else { "" };
    let layout = layout.saturating_sub(2);
    let words =
        format!("   {:<layout$}{:>batch$} {again:<again_cells$}", "layout", "batch", again_cells = recompute - 1);
    format!("{words}{:bar$}{unit:>number$}{:>rate$}{lost}", "", "tok/s*")
}

/// `▸✔ deepspeed zero 2      8 full  ███████ │   66.12   9876  recompute 22 %`.
fn line(app: &App, (planned, here): (&Planned, bool), columns: &Columns, theme: Theme, frame: &mut Sheet, area: Rect) {
    let Planned { scenario, fit, cost, .. } = planned;
    let style = match (here, *scenario == app.scenario) {
        (true, _) => theme.selected(),
        (false, true) => theme.strong(),
        (false, false) => Style::new(),
    };
    let mut left = area.x;
    let mut cells = |width: u16| {
        let place = Rect { x: left, width, ..area }.intersection(area);
        left = left.saturating_add(width);
        place
    };
    let mark = if here { theme.glyphs.cursor } else { " " };
    text::left(frame, cells(1), Line::raw(mark));
    text::left(frame, cells(2), Line::styled(theme.verdict_sign(fit.verdict), theme.verdict(fit.verdict)));
    let layout = text::cut(&layout_words(scenario), columns.layout, theme);
    text::row_of(frame, cells(columns.layout), Line::styled(layout, style));
    text::right(frame, cells(BATCH), &scenario.train.micro_batch_size.to_string(), Style::new());
    let short = columns.recompute == AGAIN[0] && scenario.train.recompute == Recompute::Selective;
    let again = if short { "sel." } else { scenario.train.recompute.word() };
    text::left(frame, cells(columns.recompute), Line::raw(format!(" {again}")));
    let bar = cells(columns.bar);
    if bar.width > 0 {
        let bar = Rect { width: bar.width - 1, ..bar };
        frame.render_widget(Gauge { total: fit.needs, capacity: fit.capacity, theme }, bar);
    }
    text::right(frame, cells(columns.number), app.unit.number(fit.needs).as_str(), Style::new());
    text::right(frame, cells(RATE), &format!("{:.0}", cost.tokens_per_gpu()), Style::new());
    if let Some((term, share)) = most_lost(planned).filter(|_| columns.lost > 0) {
        text::left(frame, cells(columns.lost), Line::raw(format!("  {term} {:.0} %", 100.0 * share)));
    }
}
