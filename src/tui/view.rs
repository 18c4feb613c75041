//! What is on the screen: a function of the state, which it never changes.
//!
//! ```text
//!  header   brimful  model, task, framework                    cards, capacity
//!  ┌ parameters ──────────┐┌ bars ─────────────────────────────────────────┐
//!  │ one row each         ││ one bar per category                          │
//!  │                      ││ total against capacity, verdict, where        │
//!  │ help of the focused  ││ cards, instants, biggest entries: as room is  │
//!  └──────────────────────┘└───────────────────────────────────────────────┘
//!  footer   the keys that work here and now, or the answer to the last one
//! ```

pub(super) mod columns;
mod explanation;
mod fixes;
mod footer;
pub(super) mod frame;
mod header;
mod help;
mod input;
mod parameters;
mod picker;
pub(super) mod text;
mod told;

use ratatui::buffer::Cell;
use ratatui::layout::{Constraint, Layout, Margin, Rect};
use ratatui::text::Line;
use ratatui::widgets::Borders;

use super::action::Action;
use super::app::{App, Overlay};
use super::screen::{Focus, View};
use super::spot::{Sheet, Spot, Spots};
use super::theme::Theme;

/// The smallest size at which there is something to see.
pub(crate) const SMALLEST: (u16, u16) = (40, 12);

/// From here on the list stands beside the bars, below it above them.
const SIDE_BY_SIDE: u16 = 72;

/// Draws everything; what a click on each part of it means.
pub(crate) fn draw(app: &App, theme: Theme, frame: &mut Sheet) -> Spots {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(theme, frame, area);
    } else {
        let [top, body, bottom] =
            area.layout(&Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]));
        header::draw(app, theme, frame, top);
        panels(app, theme, frame, body);
        overlay(app, theme, frame, body);
        footer::draw(app, theme, frame, bottom);
    }
    if !theme.glyphs.unicode {
        frame.each_drawn(transliterate);
    }
    frame.take_spots()
}

fn too_small(theme: Theme, frame: &mut Sheet, area: Rect) {
    let (width, height) = SMALLEST;
    let x = theme.glyphs.times;
    let text = format!("needs at least {width}{x}{height} (now {}{x}{})", area.width, area.height);
    let row = Rect { y: area.y + area.height / 2, height: area.height.min(1), ..area };
    text::wrapped(
        frame,
        row.union(Rect { height: area.bottom().saturating_sub(row.y), ..row }),
        &text,
        theme.dim(),
        theme,
    );
}

fn panels(app: &App, theme: Theme, frame: &mut Sheet, body: Rect) {
    if body.width >= SIDE_BY_SIDE {
        let list = (body.width * 7 / 20).clamp(30, 44);
        let [left, right] = body.layout(&Layout::horizontal([Constraint::Length(list), Constraint::Fill(1)]));
        parameters::draw(app, theme, frame, left, Borders::ALL);
        view(app, theme, frame, right, Borders::ALL);
    } else {
        let list = (body.height * 3 / 10).max(3);
        let [upper, lower] = body.layout(&Layout::vertical([Constraint::Length(list), Constraint::Fill(1)]));
        parameters::draw(app, theme, frame, upper, Borders::TOP);
        view(app, theme, frame, lower, Borders::TOP);
    }
}

fn view(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    frame.spot(area, Spot::Panel(Focus::View));
    (app.pane().draw)(app, theme, frame, area, borders);
    if borders.contains(Borders::BOTTOM) {
        tabs(app, theme, frame, Rect { y: area.bottom().saturating_sub(1), height: 1, ..area });
    }
}

/// The names of the views in the lower border, the present one marked.
fn tabs(app: &App, theme: Theme, frame: &mut Sheet, area: Rect) {
    let mut area = area.inner(Margin::new(2, 0));
    let keys = View::ALL.map(|view| app.with_key(Action::Show(view), "{} "));
    let names: u16 = View::ALL.iter().map(|view| text::width(view.name()) + 2).sum();
    let gap = if names <= area.width { " " } else { "" };
    let with_keys = names + keys.iter().map(|key| text::width(key)).sum::<u16>() <= area.width;
    for (key, view) in keys.iter().zip(View::ALL) {
        let here = view == app.view;
        let mark = if here { theme.glyphs.cursor } else { " " };
        let name = format!("{mark}{}{}{gap}", if with_keys { key.as_str() } else { "" }, view.name());
        let place = Rect { width: text::width(&name), ..area }.intersection(area);
        let style = if here { theme.title() } else { theme.dim() };
        text::left(frame, place, Line::styled(name, style));
        frame.spot(place, Spot::Do(Action::Show(view)));
        area = Rect { x: place.right(), width: area.width - place.width, ..area };
    }
}

fn overlay(app: &App, theme: Theme, frame: &mut Sheet, body: Rect) {
    match &app.overlay {
        None | Some(Overlay::Filter) => {}
        Some(Overlay::Picker(picker)) => picker::draw(app, picker, theme, frame, body),
        Some(Overlay::Value { parameter, field, error }) => {
            input::draw(app, parameter, (field, error.as_deref()), theme, frame, body);
        }
        Some(Overlay::Save { field, error, .. }) => input::save(field, error.as_deref(), theme, frame, body),
        Some(Overlay::Fixes { list, selected }) => fixes::draw(app, list, *selected, theme, frame, body),
        Some(Overlay::Explanation(entry)) => explanation::draw(app, entry, theme, frame, body),
        Some(Overlay::Told { title, lines, scroll }) => told::draw(title, lines, *scroll, theme, frame, body),
        Some(Overlay::Help { scroll }) => help::draw(&app.keymap, *scroll, theme, frame, body),
    }
}

/// Where only ASCII can be shown, every other sign becomes the nearest one.
fn transliterate(cell: &mut Cell) {
    if cell.symbol().is_ascii() {
        return;
    }
    let plain = match cell.symbol() {
        "²" => "2",
        "·" | "×" | "•" => "*",
        "÷" => "/",
        "≫" | "→" | "▸" => ">",
        "≪" | "←" | "◂" => "<",
        "…" => "~",
        "–" | "—" => "-",
        "’" | "‘" => "'",
        _ => "?",
    };
    cell.set_symbol(plain);
}
