//! Single changes that make a run fit, to choose from.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::frame::popup;
use super::text;
use crate::memory::Fit;
use crate::solve::Fix;
use crate::tui::action::Action;
use crate::tui::app::{App, Estimate, fix_words};
use crate::tui::screen::first_shown;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;

pub(super) fn draw(app: &App, list: &[Fix], selected: usize, theme: Theme, frame: &mut Sheet, body: Rect) {
    let rows = u16::try_from(list.len()).unwrap_or(u16::MAX).saturating_add(3);
    let fits = app.estimate.as_ref().is_ok_and(|estimate| estimate.fit.as_ref().is_some_and(Fit::fits));
    let title = if fits { "Single changes that need less" } else { "Single changes after which it fits" };
    let inner = popup(theme, title, (76, rows), frame, body);
    let shown = Rect { height: inner.height.saturating_sub(1), ..inner };
    let first = first_shown(selected, list.len(), usize::from(shown.height));
    // An engine that takes a share of the card needs more of it than its ledger comes to.
    let needs = |estimate: &Estimate| estimate.fit.as_ref().map_or(estimate.ledger.total(), |fit| fit.needs);
    let now = app.estimate.as_ref().ok().map(needs);
    for (index, row) in (first..list.len()).zip(0..shown.height) {
        let fix = &list[index];
        let area = text::row(shown, row);
        frame.spot(area, Spot::Choice(index));
        let here = index == selected;
        let saved = now.map(|now| now.saturating_sub(fix.needs)).filter(|saved| !saved.is_zero());
        let saved = saved.map(|saved| format!("-{}", app.unit.number(saved))).unwrap_or_default();
        let sign = theme.verdict_sign(fix.verdict);
        let words = match area.width {
            60.. => format!("{sign} {:>10}  {saved:>7}  {:<20}", app.unit.show(fix.needs), fix.cost.words()),
            _ => format!("{:>10} ", app.unit.show(fix.needs)),
        };
        let room = area.width.saturating_sub(text::width(&words) + 2);
        let mark = if here { theme.glyphs.cursor } else { " " };
        let style = if here { theme.selected() } else { Style::new() };
        let left = text::cut(&format!("{mark} {}", fix_words(fix)), room, theme);
        text::row_of(frame, Rect { width: room, ..area }, Line::styled(left, style));
        text::right(frame, area, &words, Style::new());
    }
    let bottom = text::row(inner, inner.height.saturating_sub(1));
    let back = app.with_key(Action::Undo, "; {} takes it back");
    let words = &format!(" total and saving, each by its own ledger; {} is tight{back}", theme.glyphs.maybe);
    text::left(frame, bottom, Line::styled(text::cut(words, bottom.width, theme), theme.dim()));
}
