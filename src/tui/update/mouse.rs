//! Clicks and turns of the wheel. A click goes to a row; on the row that one is on, it does what Enter does.

use super::{Effect, Message};
use crate::memory::Category;
use crate::scenario::Value;
use crate::scenario::parameter::PARAMETERS;
use crate::tui::action::Action;
use crate::tui::app::{App, EntryRow, Overlay};
use crate::tui::screen::{Focus, View};
use crate::tui::spot::Spot;

/// Rows that a notch of the wheel goes.
const NOTCH: isize = 3;

/// A click.
pub(super) fn click(app: &mut App, spot: Spot) -> Option<Effect> {
    // What is typed into a filter holds when something else is turned to.
    let filtering = matches!(app.overlay, Some(Overlay::Filter));
    if filtering {
        app.overlay = None;
    }
    match spot {
        Spot::Do(action) => return super::take_in(app, Message::Do(action)),
        Spot::Panel(panel) => focus(app, panel),
        Spot::Parameter(index) => parameter(app, index, filtering),
        Spot::Row(index) => return row(app, index, filtering),
        Spot::Choice(index) => return choice(app, index),
        Spot::Category(category) => entries_of(app, category),
        Spot::Card(word) => super::cards::choose(app, &word),
        Spot::Value(value) => sweep_to(app, value),
        Spot::Popup => {}
    }
    None
}

/// A turn of the wheel over a panel.
pub(super) fn wheel(app: &mut App, panel: Option<Focus>, up: bool) {
    let step = if up { -NOTCH } else { NOTCH };
    match (&app.overlay, panel) {
        (Some(overlay), _) if !matches!(overlay, Overlay::Filter) => super::overlay::go(app, step),
        (_, Some(Focus::Parameters)) => super::parameters::go(app, step),
        (_, Some(Focus::View)) => super::go_in_view(app, step),
        (_, None) => {}
    }
}

fn focus(app: &mut App, panel: Focus) {
    app.focus = if app.view.has_rows() { panel } else { Focus::Parameters };
}

/// Goes to a parameter; where one is there already, and has not just typed a filter, edits it.
fn parameter(app: &mut App, index: usize, filtering: bool) {
    let rows = app.rows();
    let here = !app.in_view() && rows.get(app.row(&rows)) == Some(&index);
    app.focus = Focus::Parameters;
    app.cursor = index;
    if here && !filtering {
        super::parameters::edit(app);
    }
}

fn row(app: &mut App, index: usize, filtering: bool) -> Option<Effect> {
    let before = (app.in_view(), app.view_row());
    focus(app, Focus::View);
    app.go_to_view_row(index);
    if before == (true, app.view_row()) && !filtering {
        return super::take_in(app, Message::Do(Action::Edit));
    }
    None
}

fn choice(app: &mut App, index: usize) -> Option<Effect> {
    let selected = match &mut app.overlay {
        Some(Overlay::Picker(picker)) => &mut picker.selected,
        Some(Overlay::Fixes { selected, .. }) => selected,
        _ => return None,
    };
    if *selected == index {
        return super::overlay::act(app, Action::Accept);
    }
    *selected = index;
    None
}

/// Shows the entries of a category.
fn entries_of(app: &mut App, category: Category) {
    super::show(app, View::Ledger);
    app.entries.filter.clear();
    app.entries.by_place = false;
    let name = category.label();
    let group = |row: &EntryRow<'_>| matches!(row, EntryRow::Group { name: known, .. } if known == name);
    match app.entry_rows().iter().position(group) {
        Some(row) => app.entries.cursor = row,
        None => app.refuse(format!("{name} has no entry at the peak")),
    }
}

/// Puts a value into the parameter that is swept.
fn sweep_to(app: &mut App, value: u64) {
    let Some(parameter) = app.swept() else { return };
    app.cursor = PARAMETERS.iter().position(|known| known.key == parameter.key).unwrap_or(app.cursor);
    if let Err(reason) = app.set(parameter, Value::Count(value), false) {
        app.refuse(reason);
    }
}

impl App {
    /// The row of the view that one is on, counted as [`Spot::Row`] counts.
    fn view_row(&self) -> usize {
        match self.view {
            View::Cards => self.card_row(&self.card_rows()),
            View::Compare => self.pins.cursor,
            View::Ledger => self.entries.cursor.min(self.entry_rows().len().saturating_sub(1)),
            View::Fit | View::Sweep | View::Timeline => 0,
        }
    }

    fn go_to_view_row(&mut self, index: usize) {
        match self.view {
            View::Cards => self.cards.cursor = self.card_rows().get(index).map(|row| row.word.to_owned()),
            // The last of those compared is the present one, which no key goes to either.
            View::Compare if index < self.pins.list.len() => self.pins.cursor = index,
            View::Ledger => self.entries.cursor = index,
            View::Compare | View::Fit | View::Sweep | View::Timeline => {}
        }
    }
}
