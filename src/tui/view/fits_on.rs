//! The row of well-known cards.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::bars::LABEL;
use super::text;
use crate::memory::Verdict;
use crate::tui::app::{CardFit, Estimate};
use crate::tui::theme::Theme;

/// Rows that the cards take.
pub(super) fn height(estimate: &Estimate, theme: Theme, width: u16) -> u16 {
    u16::try_from(lines(estimate, theme, width).len()).unwrap_or(u16::MAX)
}

/// `Fits on     ✘ 4090 ✘ L40S ✔ H200`.
pub(super) fn draw(estimate: &Estimate, theme: Theme, frame: &mut Frame, area: Rect) {
    text::left(frame, area, Line::raw("Fits on"));
    let lines = lines(estimate, theme, area.width);
    for (line, row) in lines.into_iter().zip(0..area.height) {
        let area = text::row(area, row);
        let place = Rect { x: area.x + LABEL.min(area.width), ..area }.intersection(area);
        text::left(frame, place, line);
    }
}

fn lines(estimate: &Estimate, theme: Theme, width: u16) -> Vec<Line<'static>> {
    let room = usize::from(width.saturating_sub(LABEL + 1));
    let mut lines: Vec<Line<'static>> = Vec::new();
    for card in &estimate.cards {
        let spans = spans(card, theme);
        let length: usize = spans.iter().map(Span::width).sum();
        match lines.last_mut() {
            Some(line) if line.width() + 2 + length <= room => {
                line.push_span(Span::raw("  "));
                line.extend(spans);
            }
            _ => lines.push(Line::from(spans)),
        }
    }
    lines
}

fn spans(card: &CardFit, theme: Theme) -> Vec<Span<'static>> {
    let name = if card.verdict == Verdict::Over { theme.dim() } else { Style::new() };
    vec![
        Span::styled(theme.verdict_sign(card.verdict), theme.verdict(card.verdict)),
        Span::raw(" "),
        Span::styled(card.name, name),
    ]
}
