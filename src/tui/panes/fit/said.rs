//! What a reader may not expect of a run: what commands warn of, what the framework has decided, and for which release
//! all of it holds.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::report::serving::Serving;
use crate::scenario::Estimator;
use crate::tui::action::Action;
use crate::tui::app::{App, Estimate};
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;
use crate::tui::view::text;
use crate::units::Unit;

/// What commands warn of, in as many lines as there are; of what has no line the last says how many they are.
pub(super) fn of_run(app: &App, estimate: &Estimate, lines: usize) -> Vec<String> {
    let notes = &estimate.notes;
    let whole = |count: usize| app.with_key(Action::Notes, &format!("! {{}}: {count} notes on this run"));
    match (notes.len(), lines) {
        (0, _) | (_, 0) => Vec::new(),
        (count, lines) if count <= lines => notes.iter().map(|note| format!("! {note}")).collect(),
        (count, lines) => {
            let some = notes.iter().take(lines - 1).map(|note| format!("! {note}"));
            some.chain([whole(count)]).collect()
        }
    }
}

/// What an engine's pool holds, and what waits on the host.
pub(super) fn of_serving(estimate: &Estimate, unit: Unit) -> Vec<String> {
    estimate.serving.as_ref().map(|serving| serving.brief(unit)).unwrap_or_default()
}

/// The framework's own defaults where it has any, the bound of its speed, and the release that is described.
pub(super) fn of_framework(app: &App, estimate: &Estimate) -> Vec<String> {
    let framework = &app.scenario.framework;
    let Some(profile) = framework.profile().filter(|_| app.scenario.estimator == Estimator::Ledger) else {
        return Vec::new();
    };
    let decided = app.scenario.decided_by_framework();
    let decided: Vec<String> =
        decided.iter().map(|(parameter, value)| format!("{} {value}", parameter.label)).collect();
    let own = (!decided.is_empty()).then(|| format!("{}'s own: {}", framework.word(), decided.join(", ")));
    let bound = estimate.serving.as_ref().and_then(Serving::bound);
    own.into_iter().chain(bound).chain([format!("holds for {}", profile.version)]).collect()
}

/// A line of it, as far as it goes.
pub(super) fn line(words: &str, style: Style, theme: Theme, frame: &mut Sheet, area: Rect) {
    text::left(frame, area, Line::styled(text::cut(words, area.width.saturating_sub(1), theme), style));
}
