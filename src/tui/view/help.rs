//! Every key, from the table, and on a second page what the words on the screen mean.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::frame::popup;
use super::text;
use crate::tui::action::{Action, BINDINGS, Context, help_lines};
use crate::tui::app::{App, Page};
use crate::tui::glossary;
use crate::tui::keymap::Keymap;
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;

/// Cells of the keys, and of the words that are explained.
const KEYS: usize = 16;
/// Cells of a page.
const WIDE: u16 = 76;

pub(super) fn draw(app: &App, (page, scroll): (Page, usize), theme: Theme, frame: &mut Sheet, body: Rect) {
    let other = match page {
        Page::Keys => "words and signs",
        Page::Words => "keys",
    };
    let turn = app.keymap.name(Context::Help, Action::Turn);
    let turn = turn.map(|key| format!("; {key}: {other}")).unwrap_or_default();
    let (title, lines) = match page {
        Page::Keys => ("Keys", keys(&app.keymap, theme)),
        Page::Words => ("Words and signs", words(theme, WIDE.min(body.width).saturating_sub(2))),
    };
    let height = u16::try_from(lines.iter().map(Vec::len).sum::<usize>()).unwrap_or(u16::MAX).saturating_add(2);
    let inner = popup(theme, &format!("{title}{turn}"), (WIDE, height), frame, body);
    // No further than to where the last line is at the bottom.
    let (mut room, mut last) = (usize::from(inner.height), lines.len());
    while let Some(before) = last.checked_sub(1).filter(|before| lines[*before].len() <= room) {
        (room, last) = (room - lines[before].len(), before);
    }
    let shown: Vec<Line<'static>> = lines.into_iter().skip(scroll.min(last)).flatten().collect();
    let hidden = shown.len().saturating_sub(usize::from(inner.height));
    for (line, row) in shown.into_iter().zip(0..inner.height) {
        text::left(frame, text::row(inner, row), line);
    }
    if hidden > 0 {
        let words = format!(" {hidden} more below ");
        text::right(frame, Rect { y: inner.bottom(), height: 1, ..inner }, &words, theme.dim());
    }
}

/// The lines of the keys, each a row.
fn keys(keymap: &Keymap, theme: Theme) -> Vec<Vec<Line<'static>>> {
    let mut lines = Vec::with_capacity(help_lines());
    for section in Action::sections() {
        if !lines.is_empty() {
            lines.push(vec![Line::raw("")]);
        }
        lines.push(vec![Line::styled(format!(" {section}"), theme.strong())]);
        for binding in BINDINGS.iter().filter(|binding| binding.section == section) {
            let keys: Vec<String> = keymap.keys(binding).iter().map(|chord| chord.show(theme.glyphs.unicode)).collect();
            lines.push(vec![Line::from(vec![
                Span::styled(format!("   {:<KEYS$}", keys.join(" ")), theme.key()),
                Span::raw(binding.words),
            ])]);
        }
    }
    lines
}

/// The lines of the words, each of as many rows as it takes.
fn words(theme: Theme, width: u16) -> Vec<Vec<Line<'static>>> {
    let room = width.saturating_sub(u16::try_from(KEYS + 4).unwrap_or(0)).max(1);
    let line = |line: glossary::Line| match line {
        glossary::Line::Blank => vec![Line::raw("")],
        glossary::Line::Heading(words) => vec![Line::styled(format!(" {words}"), theme.strong())],
        glossary::Line::Word(word, means) => {
            let rows = text::rows(means, room, u16::MAX, theme);
            let label = |row: usize| if row == 0 { format!("   {word:<KEYS$}") } else { " ".repeat(KEYS + 3) };
            let row = |(row, means): (usize, String)| {
                Line::from(vec![Span::styled(label(row), theme.key()), Span::raw(means)])
            };
            rows.into_iter().enumerate().map(row).collect()
        }
    };
    glossary::of(theme).into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrolling_knows_how_long_the_list_is() {
        assert_eq!(keys(&crate::tui::standard_keys(), Theme::new(true, true)).len(), help_lines());
    }
}
