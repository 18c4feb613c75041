//! The row of well-known cards.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::memory::Verdict;
use crate::tui::app::{CardFit, Estimate};
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::tui::view::columns::LABEL;
use crate::tui::view::text;

/// Rows that the cards take.
pub(super) fn height(estimate: &Estimate, theme: Theme, width: u16) -> u16 {
    u16::try_from(lines(estimate, theme, width).len()).unwrap_or(u16::MAX)
}

/// `Fits on     ✘ 4090 ✘ L40S ✔ H200`.
pub(super) fn draw(estimate: &Estimate, theme: Theme, frame: &mut Sheet, area: Rect) {
    text::left(frame, area, Line::raw("Fits on"));
    let lines = lines(estimate, theme, area.width);
    for (cards, row) in lines.into_iter().zip(0..area.height) {
        let mut area = text::row(area, row);
        area = Rect { x: area.x + LABEL.min(area.width), ..area }.intersection(area);
        for card in cards {
            let line = Line::from(spans(card, theme));
            let place = Rect { width: width(card, theme), ..area }.intersection(area);
            text::left(frame, place, line);
            frame.spot(place, Spot::Card(card.word.clone()));
            area = Rect { x: area.x + place.width + GAP, ..area }.intersection(area);
        }
    }
}

/// Cells between two cards.
const GAP: u16 = 2;

/// The cards of each row.
fn lines(estimate: &Estimate, theme: Theme, cells: u16) -> Vec<Vec<&CardFit>> {
    let room = cells.saturating_sub(LABEL + 1);
    let mut lines: Vec<Vec<&CardFit>> = Vec::new();
    let mut used = 0;
    for card in &estimate.cards {
        let width = width(card, theme);
        match lines.last_mut() {
            Some(line) if used + GAP + width <= room => {
                line.push(card);
                used += GAP + width;
            }
            _ => {
                lines.push(vec![card]);
                used = width;
            }
        }
    }
    lines
}

fn width(card: &CardFit, theme: Theme) -> u16 {
    spans(card, theme).iter().map(|span| text::width(&span.content)).sum()
}

fn spans(card: &CardFit, theme: Theme) -> Vec<Span<'_>> {
    let name = if card.verdict == Verdict::Over { theme.dim() } else { Style::new() };
    vec![
        Span::styled(theme.verdict_sign(card.verdict), theme.verdict(card.verdict)),
        Span::raw(" "),
        Span::styled(card.name.as_str(), name),
    ]
}
