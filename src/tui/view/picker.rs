//! A list to choose from.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::frame::popup;
use super::text;
use crate::tui::action::Action;
use crate::tui::app::{App, Item, Picker, SHOWN, Target};
use crate::tui::screen::first_shown;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;

/// Cells of a list with columns, and of one with descriptions.
const WIDE: u16 = 74;
const WIDEST: u16 = 104;
/// Cells below which a row has its id alone.
const NARROW: u16 = 56;
/// Cells of the ids beside descriptions.
const IDS: u16 = 36;

pub(super) fn draw(app: &App, picker: &Picker, theme: Theme, frame: &mut Sheet, body: Rect) {
    let (title, width) = match picker.target {
        Target::Model => (String::from("Model: type to filter, or the path of a model or scenario"), WIDE),
        Target::Gpu => (String::from("Card: type to filter"), WIDE),
        Target::Palette => (String::from("Do, or go to: type to filter"), WIDEST),
        Target::Choice(parameter) => (parameter.label.to_owned(), 30),
    };
    let typed = 1;
    let rows = u16::try_from(picker.items.len()).unwrap_or(u16::MAX).saturating_add(3 + typed);
    let inner = popup(theme, &title, (width, rows.min(SHOWN + 4)), frame, body);
    text::typed(frame, text::row(inner, 0), " > ", &picker.query, theme);
    let list = Rect { y: inner.y + typed, height: inner.height.saturating_sub(typed + 1), ..inner };
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    let first = first_shown(picker.selected, picker.matches.len(), usize::from(list.height));
    for (index, row) in (first..picker.matches.len()).zip(0..list.height) {
        let item = &picker.items[picker.matches[index]];
        let marked = picker.marked.contains(&item.word);
        let area = text::row(list, row);
        frame.spot(area, Spot::Choice(index));
        line(item, [index == picker.selected, marked], theme, frame, area);
    }
    let (words, style) = match &picker.error {
        Some(error) => (error.clone(), theme.error()),
        None => (answer(app, picker), theme.dim()),
    };
    // What went wrong may need rows of the list.
    let width = bottom.width.saturating_sub(1).max(1);
    let most = if picker.error.is_some() { 4 } else { 1 };
    let rows = u16::try_from(text::rows(&words, width, most, theme).len()).unwrap_or(most).max(1);
    if rows == 1 {
        return text::left(frame, bottom, Line::styled(text::cut(&format!(" {words}"), bottom.width, theme), style));
    }
    let height = (rows + 1).min(inner.height);
    let place = Rect { x: bottom.x + 1, y: bottom.bottom().saturating_sub(height), width, height };
    frame.render_widget(Clear, Rect { x: bottom.x, width: bottom.width, ..place });
    text::wrapped(frame, place, &words, style, theme);
}

/// What Enter would do, and how many rows there are.
fn answer(app: &App, picker: &Picker) -> String {
    let count = format!("{} of {}", picker.matches.len(), picker.items.len());
    if !picker.marked.is_empty() {
        return app.with_key(
            Action::Accept,
            &format!("{{}} pins the {} that are marked, to compare them", picker.marked.len()),
        );
    }
    match (picker.path(), picker.target, picker.chosen()) {
        (Some(path), _, _) => app.with_key(Action::Accept, "{} opens ") + path,
        (None, _, None) => String::from("nothing matches"),
        (None, Target::Choice(_), _) => String::new(),
        (None, Target::Model, Some(item)) => {
            let source = app
                .models
                .iter()
                .find(|listed| listed.word == item.word)
                .and_then(|listed| listed.item()?.card.organization.clone());
            source.map_or(count.clone(), |source| format!("{count}, {source}"))
        }
        (None, Target::Gpu | Target::Palette, Some(_)) => count,
    }
}

fn line(item: &Item, [here, marked]: [bool; 2], theme: Theme, frame: &mut Sheet, area: Rect) {
    let mark = match (marked, here) {
        (true, _) => theme.glyphs.yes,
        (false, true) => theme.glyphs.cursor,
        (false, false) => " ",
    };
    let room = area.width.saturating_sub(3);
    let total = item.total.as_ref().map(|total| format!("{total:>14}")).unwrap_or_default();
    let size = format!("{:>9}{total}", item.size.as_deref().unwrap_or_default());
    let names = room.saturating_sub(text::width(&size) + 1);
    let half = match area.width {
        _ if item.name.is_empty() => room,
        0..NARROW => names,
        _ => (names / 2).min(IDS),
    };
    let word = if item.name.is_empty() { item.word.clone() } else { text::cut(&item.word, half, theme) };
    let own = if item.own { " (yours)" } else { "" };
    let left = names.saturating_sub(half + 1);
    let name =
        if item.name.is_empty() { String::new() } else { text::cut(&format!("{}{own}", item.name), left, theme) };
    let base = if here { theme.selected() } else { Style::new() };
    let half = usize::from(half);
    let line = Line::from(vec![
        Span::raw(format!("{mark} {word}")),
        Span::raw(" ".repeat((half + 1).saturating_sub(usize::from(text::width(&word))))),
        Span::raw(name),
    ])
    .style(base);
    frame.set_style(area, base);
    text::left(frame, area, line);
    if !item.name.is_empty() {
        text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &size, base);
    }
}
