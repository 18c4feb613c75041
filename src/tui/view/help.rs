//! Every key, from the table.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::frame::popup;
use super::text;
use crate::tui::action::{Action, BINDINGS, help_lines};
use crate::tui::keymap::Keymap;
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;

/// Cells of the keys.
const KEYS: usize = 16;

pub(super) fn draw(keymap: &Keymap, scroll: usize, theme: Theme, frame: &mut Sheet, body: Rect) {
    let lines = lines(keymap, theme);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let inner = popup(theme, "Keys", (76, height), frame, body);
    let first = scroll.min(lines.len().saturating_sub(usize::from(inner.height)));
    let hidden = lines.len().saturating_sub(first + usize::from(inner.height));
    for (line, row) in lines.into_iter().skip(first).zip(0..inner.height) {
        text::left(frame, text::row(inner, row), line);
    }
    if hidden > 0 {
        let words = format!(" {hidden} more below ");
        text::right(frame, Rect { y: inner.bottom(), height: 1, ..inner }, &words, theme.dim());
    }
}

fn lines(keymap: &Keymap, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::with_capacity(help_lines());
    for section in Action::sections() {
        if !lines.is_empty() {
            lines.push(Line::raw(""));
        }
        lines.push(Line::styled(format!(" {section}"), theme.strong()));
        for binding in BINDINGS.iter().filter(|binding| binding.section == section) {
            let keys: Vec<String> = keymap.keys(binding).iter().map(|chord| chord.show(theme.glyphs.unicode)).collect();
            lines.push(Line::from(vec![
                Span::styled(format!("   {:<KEYS$}", keys.join(" ")), theme.key()),
                Span::raw(binding.words),
            ]));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrolling_knows_how_long_the_list_is() {
        assert_eq!(lines(&crate::tui::standard_keys(), Theme::new(true, true)).len(), help_lines());
    }
}
