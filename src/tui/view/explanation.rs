//! What an entry is, over the view.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::frame::popup;
use super::text;
use crate::memory::{Entry, Exactness, Step};
use crate::tui::app::App;
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;

/// Cells of the explanation, and of the name of a fact in it.
const WIDE: u16 = 76;
const FACT: u16 = 14;
/// Cells of it below a list at most.
const WIDEST: u16 = 110;

/// What an entry is, line by line.
pub(super) fn draw(app: &App, entry: &Entry, theme: Theme, frame: &mut Sheet, body: Rect) {
    let lines = facts(app, entry);
    let width = WIDE.min(body.width).saturating_sub(2 + FACT + 1);
    let rows = |words: &str| u16::try_from(text::rows(words, width, 3, theme).len()).unwrap_or(3).max(1);
    let height = lines.iter().map(|(_, words)| rows(words)).sum::<u16>() + 2;
    let inner = popup(theme, &text::cut(&entry.name, 70, theme), (WIDE, height), frame, body);
    listed(&lines, theme, frame, inner);
}

/// The same in a part of a view, below its name.
pub(in crate::tui) fn below(app: &App, entry: &Entry, theme: Theme, frame: &mut Sheet, area: Rect) {
    let area = Rect { width: area.width.min(WIDEST), ..area };
    text::left(frame, text::row(area, 0), Line::styled(text::cut(&entry.name, area.width, theme), theme.strong()));
    let rest = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    listed(&facts(app, entry), theme, frame, rest.intersection(area));
}

/// Facts, each beside what it is, as far as there is room.
pub(in crate::tui) fn listed(facts: &[(&'static str, String)], theme: Theme, frame: &mut Sheet, area: Rect) {
    let width = area.width.saturating_sub(FACT + 1);
    let mut used = 0;
    for (label, words) in facts {
        let rows = u16::try_from(text::rows(words, width, 3, theme).len()).unwrap_or(3).max(1);
        text::left(frame, text::row(area, used), Line::styled(format!(" {label}"), theme.dim()));
        let place = Rect { x: area.x + FACT, y: area.y + used, width, height: rows };
        text::wrapped(frame, place.intersection(area), words, Style::new(), theme);
        used += rows;
        if used >= area.height {
            return;
        }
    }
}

fn facts(app: &App, entry: &Entry) -> Vec<(&'static str, String)> {
    let exact = match entry.exactness {
        Exactness::Exact => String::from("exact: it follows from shapes"),
        Exactness::Estimated { low, high } => {
            format!("estimated: {} to {}", app.unit.show(low), app.unit.show(high))
        }
    };
    let steady = |moment: &&crate::memory::Moment| {
        moment.step == Step::Steady && entry.alive.contains(moment.step, moment.instant)
    };
    let instants: Vec<&str> = app.estimate.as_ref().map_or_else(
        |_| Vec::new(),
        |estimate| estimate.ledger.moments().iter().filter(steady).map(|moment| moment.instant.id()).collect(),
    );
    let divided = match entry.divided.ways() {
        1 => String::from("nothing: it is whole on this GPU"),
        _ => format!("{} GPUs", entry.divided),
    };
    let because = app.estimate.as_ref().ok().and_then(|estimate| estimate.ledger.because(entry, app.unit));
    let mut facts = vec![
        ("size", app.unit.show(entry.bytes)),
        ("category", entry.category.label().to_owned()),
        ("where", entry.place.to_string()),
        ("shape", entry.shape.to_string()),
        ("formula", entry.formula()),
        ("in numbers", entry.formula_in_numbers()),
        ("divided over", divided),
        ("lives", format!("{} ({})", entry.lifetime.id(), instants.join(", "))),
        ("exactness", exact),
        ("source", entry.source.to_owned()),
    ];
    facts.extend(because.map(|because| ("because", because)));
    facts
}
