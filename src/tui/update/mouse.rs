//! Clicks and turns of the wheel. A click goes to a row; on the row that one is on, it does what Enter does.

use crate::tui::action::Action;
use crate::tui::app::{App, Overlay};
use crate::tui::message::{Effect, Message};
use crate::tui::panes::{cards, ledger, sweep};
use crate::tui::screen::Focus;
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
        Spot::Category(category) => ledger::show_category(app, category),
        Spot::Card(word) => cards::choose(app, &word),
        Spot::Value(value) => sweep::go_to(app, value),
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
    app.focus = if app.pane().rows.is_some() { panel } else { Focus::Parameters };
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
    let rows = app.pane().rows?;
    let before = (app.in_view(), (rows.at)(app));
    focus(app, Focus::View);
    (rows.go_to)(app, index);
    if before == (true, (rows.at)(app)) && !filtering {
        return super::take_in(app, Message::Do(Action::Edit));
    }
    None
}

fn choice(app: &mut App, index: usize) -> Option<Effect> {
    let selected = match &mut app.overlay {
        Some(Overlay::Picker(picker)) => &mut picker.selected,
        Some(Overlay::Advice { selected, .. } | Overlay::Types { at: (selected, _), .. }) => selected,
        _ => return None,
    };
    if *selected == index {
        return super::overlay::act(app, Action::Accept);
    }
    *selected = index;
    None
}
