//! The stacked total against capacity, and the verdict.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::bars::{LABEL, number_width, segments};
use super::text;
use crate::memory::{Fit, Step, Verdict};
use crate::tui::action::Action;
use crate::tui::app::{App, Estimate};
use crate::tui::theme::Theme;
use crate::tui::widget::bar::StackedBar;
use crate::units::{Bytes, SignedBytes};

/// Where this much room is, the total says what is free or missing beside the bar too.
const ROOMY: u16 = 60;

/// A step's total against the card.
struct Standing {
    total: Bytes,
    capacity: Bytes,
    headroom: SignedBytes,
    verdict: Verdict,
    band: (Bytes, Bytes),
}

/// The steady step stands as the fit says; the first one by its own total, within the same distances.
fn standing(app: &App, estimate: &Estimate) -> Option<Standing> {
    let fit = estimate.fit.as_ref()?;
    let total = estimate.peak(app.step).total;
    if app.step == Step::Steady {
        let Fit { capacity, headroom, verdict, band, .. } = *fit;
        return Some(Standing { total, capacity, headroom, verdict, band });
    }
    let verdict = if total <= fit.capacity { Verdict::Fits } else { Verdict::Over };
    let headroom = fit.capacity.minus(total);
    Some(Standing { total, capacity: fit.capacity, headroom, verdict, band: (total, total) })
}

pub(super) fn bar(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Frame, area: Rect) {
    let peak = estimate.peak(app.step);
    let unit = app.unit;
    let number = number_width(estimate.bars(app.step).iter().map(|bar| bar.bytes).chain([peak.total]), unit);
    let standing = standing(app, estimate);
    let mut words = format!("{:>number$} {}", unit.number(peak.total), unit.label());
    if let Some(standing) = standing.as_ref().filter(|_| area.width >= ROOMY) {
        let word = if standing.headroom.is_negative() { "over" } else { "free" };
        words = format!(
            "{:>number$}  {word} {:<number$}",
            unit.number(peak.total),
            unit.number(standing.headroom.magnitude())
        );
    }
    let segments = segments(&peak.by_category, theme);
    let bar = match &standing {
        Some(standing) => StackedBar::against(&segments, standing.capacity, theme),
        None => StackedBar::new(&segments, peak.total, theme),
    };
    let width = area.width.saturating_sub(LABEL + text::width(&words) + 2);
    frame.render_widget(bar, Rect { x: area.x + LABEL.min(area.width), width, ..area }.intersection(area));
    text::left(frame, Rect { width: LABEL.min(area.width), ..area }, Line::styled("Total", theme.strong()));
    let style = standing.map_or(theme.strong(), |standing| theme.verdict(standing.verdict));
    text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, style);
}

pub(super) fn verdict(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Frame, area: Rect) {
    let (words, style) = if let Some(standing) = standing(app, estimate) {
        let sign = theme.verdict_sign(standing.verdict);
        (format!("{sign} {}", in_words(app, &standing)), theme.verdict(standing.verdict))
    } else {
        let chooses = app.with_key(Action::PickGpu, ": {} chooses one");
        (format!("no card to hold it against{chooses}"), Style::new())
    };
    text::left(frame, area, Line::styled(text::cut(&words, area.width, theme), style));
}

fn in_words(app: &App, standing: &Standing) -> String {
    let unit = app.unit;
    let (capacity, difference) = (unit.number(standing.capacity), unit.show(standing.headroom.magnitude()));
    match standing.verdict {
        Verdict::Fits => format!("fits: {difference} free of {capacity}"),
        Verdict::Over => {
            format!("over by {difference}: needs {}, has {capacity}", unit.number(standing.total))
        }
        Verdict::Tight => {
            let (low, high) = standing.band;
            let word = if standing.headroom.is_negative() { "over" } else { "free" };
            format!("tight: {difference} {word}; takes {} to {}", unit.number(low), unit.number(high))
        }
    }
}
