//! The stacked total against capacity, and the verdict.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::memory::{Fit, Step, Verdict};
use crate::report::stages::fullest_stage;
use crate::tui::action::Action;
use crate::tui::app::{App, Estimate};
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;
use crate::tui::view::columns::{LABEL, number_width, segments};
use crate::tui::view::text;
use crate::tui::widget::bar::{Segment, StackedBar};
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
    margin: Bytes,
    at_least: bool,
}

/// The steady step stands as the fit says; the first one by its own total, within the same distances.
fn standing(app: &App, estimate: &Estimate) -> Option<Standing> {
    let fit = estimate.fit.as_ref()?;
    let total = estimate.peak(app.step).total;
    if app.step == Step::Steady {
        let Fit { capacity, headroom, verdict, band: (low, high), margin, at_least, with_room, .. } = *fit;
        let band = (low, high.max(with_room.unwrap_or(high)));
        return Some(Standing { total, capacity, headroom, verdict, band, margin, at_least });
    }
    let Fit { capacity, margin, at_least, .. } = *fit;
    let verdict = match total.checked_add(margin) {
        Ok(kept) if kept <= capacity && at_least => Verdict::Tight,
        Ok(kept) if kept <= capacity => Verdict::Fits,
        _ => Verdict::Over,
    };
    let headroom = capacity.minus(total);
    Some(Standing { total, capacity, headroom, verdict, band: (total, total), margin, at_least })
}

pub(super) fn bar(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Sheet, area: Rect) {
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
    let width = area.width.saturating_sub(LABEL + text::width(&words) + 2);
    let mut segments = segments(&peak.by_category, theme);
    // A pattern has no parts of a cell: what would not fill one would only take the edges from the others.
    let full = standing.as_ref().map_or(peak.total, |standing| standing.capacity.max(peak.total));
    let cell = Bytes::new(full.get() / u64::from(width.max(1)));
    hatch(&mut segments, Some(estimate.ledger.unusable()).filter(|unusable| *unusable > cell), theme);
    let bar = match &standing {
        Some(standing) => StackedBar::against(&segments, standing.capacity, theme),
        None => StackedBar::new(&segments, peak.total, theme),
    };
    frame.render_widget(bar, Rect { x: area.x + LABEL.min(area.width), width, ..area }.intersection(area));
    text::left(frame, Rect { width: LABEL.min(area.width), ..area }, Line::styled("Total", theme.strong()));
    let style = standing.map_or(theme.strong(), |standing| theme.verdict(standing.verdict));
    text::right(frame, Rect { width: area.width.saturating_sub(1), ..area }, &words, style);
}

pub(super) fn verdict(app: &App, estimate: &Estimate, theme: Theme, frame: &mut Sheet, area: Rect) {
    let (words, style) = if let Some(standing) = standing(app, estimate) {
        let sign = theme.verdict_sign(standing.verdict);
        let words = format!("{sign} {}", in_words(app, &standing));
        (on_stage(estimate, words, area.width), theme.verdict(standing.verdict))
    } else {
        let chooses = app.with_key(Action::PickGpu, ": {} chooses one");
        (format!("no card to hold it against{chooses}"), Style::new())
    };
    text::left(frame, area, Line::styled(text::cut(&words, area.width, theme), style));
}

/// Words of the verdict, with the stage that they are about where there is room for it.
fn on_stage(estimate: &Estimate, words: String, room: u16) -> String {
    let stage = fullest_stage(&estimate.ledger).map(|stage| format!(", {stage}")).unwrap_or_default();
    if text::width(&words) + text::width(&stage) <= room { words + &stage } else { words }
}

/// Hatches what the allocator holds and cannot use, the last part of the last segment, the runtime's.
fn hatch(segments: &mut Vec<Segment>, unusable: Option<Bytes>, theme: Theme) {
    if let (Some(unusable), Some(runtime)) = (unusable, segments.last_mut()) {
        let style = runtime.style;
        runtime.bytes = runtime.bytes.saturating_sub(unusable);
        segments.push(Segment { bytes: unusable, style, fill: theme.glyphs.unusable });
    }
}

fn in_words(app: &App, standing: &Standing) -> String {
    let unit = app.unit;
    let Standing { capacity, headroom, margin, at_least, .. } = *standing;
    let (capacity, difference) = (unit.number(capacity), unit.show(headroom.magnitude()));
    match standing.verdict {
        Verdict::Fits => format!("fits: {difference} free of {capacity}"),
        Verdict::Over if !headroom.is_negative() => {
            format!("over: {difference} free of {capacity}, {} are to stay so", unit.show(margin))
        }
        Verdict::Over => {
            let least = if at_least { "at least " } else { "" };
            format!("over by {least}{difference}: needs {}, has {capacity}", unit.number(standing.total))
        }
        Verdict::Tight if at_least => format!("at most {difference} free of {capacity}; playing out the allocator"),
        Verdict::Tight => {
            let (low, high) = standing.band;
            let word = if headroom.is_negative() { "over" } else { "free" };
            format!("tight: {difference} {word}; takes {} to {}", unit.number(low), unit.number(high))
        }
    }
}
