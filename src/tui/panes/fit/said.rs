//! What a reader may not expect of a run: what the card makes otherwise, what the framework has decided, and for which release
//! all of it holds.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::memory::notes_of_card;
use crate::report::serving::Serving;
use crate::scenario::Estimator;
use crate::tui::app::{App, Estimate};
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;
use crate::tui::view::text;
use crate::units::Unit;

/// What the card makes otherwise than the run is described.
pub(super) fn of_card(app: &App) -> Vec<String> {
    app.gpu_of(&app.scenario).map(|gpu| notes_of_card(&app.scenario, gpu)).unwrap_or_default()
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
