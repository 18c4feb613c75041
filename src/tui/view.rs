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

mod bars;
mod cards;
mod columns;
mod compare;
mod detail;
mod entries;
mod fits_on;
mod fixes;
mod footer;
mod header;
mod help;
mod input;
mod parameters;
mod picker;
mod sweep;
mod text;
mod timeline;
mod total;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Margin, Rect};
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Borders, Clear};

use super::action::Action;
use super::app::{App, Overlay};
use super::screen::{Focus, View};
use super::spot::{Sheet, Spot, Spots};
use super::theme::Theme;
use super::widget::panel::Panel;

/// The smallest size at which there is something to see.
pub(crate) const SMALLEST: (u16, u16) = (40, 12);

/// Where fewer cells would be seen beside a popup, it covers them.
const RAGGED: u16 = 8;

/// From here on the list stands beside the bars, below it above them.
const SIDE_BY_SIDE: u16 = 72;

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

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
        transliterate(frame.cells());
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
    match app.view {
        View::Fit => bars::draw(app, theme, frame, area, borders),
        View::Cards => cards::draw(app, theme, frame, area, borders),
        View::Compare => compare::draw(app, theme, frame, area, borders),
        View::Sweep => sweep::draw(app, theme, frame, area, borders),
        View::Timeline => timeline::draw(app, theme, frame, area, borders),
        View::Ledger => entries::draw(app, theme, frame, area, borders),
    }
    if borders.contains(Borders::BOTTOM) {
        tabs(app, theme, frame, Rect { y: area.bottom().saturating_sub(1), height: 1, ..area });
    }
}

/// The names of the views in the lower border, the present one marked.
fn tabs(app: &App, theme: Theme, frame: &mut Sheet, area: Rect) {
    let mut area = area.inner(Margin::new(2, 0));
    let keys = View::ALL.map(|view| app.with_key(Action::Show(view), "{} "));
    let names: u16 = View::ALL.iter().map(|view| text::width(view.name()) + 2).sum();
    let with_keys = names + keys.iter().map(|key| text::width(key)).sum::<u16>() <= area.width;
    for (key, view) in keys.iter().zip(View::ALL) {
        let here = view == app.view;
        let mark = if here { theme.glyphs.cursor } else { " " };
        let name = format!("{mark}{}{} ", if with_keys { key.as_str() } else { "" }, view.name());
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
        Some(Overlay::Explanation(entry)) => entries::explanation(app, entry, theme, frame, body),
        Some(Overlay::Help { scroll }) => help::draw(&app.keymap, *scroll, theme, frame, body),
    }
}

/// The frame of a panel.
fn panel(theme: Theme, title: &str, borders: Borders) -> Panel<'_> {
    let set = if theme.glyphs.unicode { border::PLAIN } else { ASCII_BORDER };
    let title = Line::styled(format!(" {title} "), theme.title());
    Panel { borders, set, style: theme.border(), title, right: None }
}

/// An empty frame over the middle of an area, and what is inside it.
fn popup(theme: Theme, title: &str, size: (u16, u16), frame: &mut Sheet, body: Rect) -> Rect {
    // A few letters beside it would only look ragged.
    let width = if body.width < size.0 + RAGGED { body.width } else { size.0 };
    let area = body.centered(Constraint::Length(width), Constraint::Length(size.1.min(body.height)));
    let block = Panel { style: ratatui::style::Style::new(), ..panel(theme, title, Borders::ALL) };
    let inner = block.inner(area);
    frame.spot(frame.area(), Spot::Do(Action::Back));
    frame.spot(area, Spot::Popup);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    inner
}

/// Where only ASCII can be shown, every other sign becomes the nearest one.
fn transliterate(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().is_ascii() {
            continue;
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
}
