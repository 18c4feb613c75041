//! Keys in the bars.

use crate::memory::Category;
use crate::tui::app::App;
use crate::tui::panes::ledger::show_category;
use crate::tui::screen::moved;

/// The categories that have a bar, in order.
fn bars(app: &App) -> Vec<Category> {
    let bars = app.estimate.as_ref().map(|estimate| estimate.bars(app.step));
    bars.map_or_else(|_| Vec::new(), |bars| bars.iter().map(|bar| bar.category).collect())
}

/// The bar that one is on: the first, until another is gone to.
pub(super) fn at(app: &App) -> usize {
    bars(app).iter().position(|category| Some(*category) == app.bar).unwrap_or(0)
}

/// Goes to a bar.
pub(super) fn go_to(app: &mut App, index: usize) {
    app.bar = bars(app).get(index).copied();
}

/// Moves the cursor by so many bars.
pub(super) fn go(app: &mut App, step: isize) {
    go_to(app, moved(at(app), bars(app).len(), step));
}

/// Shows the entries of the bar.
pub(super) fn take(app: &mut App) {
    match bars(app).get(at(app)) {
        Some(category) => show_category(app, *category),
        None => app.refuse("there is no bar"),
    }
}
