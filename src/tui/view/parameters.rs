//! The list of parameters, and what the one under the cursor means.

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Borders;

use super::frame::panel;
use super::text;
use crate::memory::beyond_positions;
use crate::scenario::Value;
use crate::scenario::parameter::{Kind, PARAMETERS, Parameter};
use crate::tui::action::Action;
use crate::tui::app::{App, Overlay};
use crate::tui::screen::{Focus, first_shown};
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, borders: Borders) {
    let rows = app.rows();
    let filtering = matches!(app.overlay, Some(Overlay::Filter)) && !app.in_view();
    let mut block = panel(theme, "Parameters", borders);
    let help = match area.height {
        30.. => 6,
        20.. => 4,
        16.. => 3,
        _ => u16::from(filtering),
    };
    let [list, below] = block.inner(area).layout(&Layout::vertical([Constraint::Fill(1), Constraint::Length(help)]));
    let row = app.row(&rows);
    if rows.len() > usize::from(list.height) {
        block.right = Some(Line::styled(format!(" {}/{} ", row + 1, rows.len()), theme.dim()));
    }
    frame.draw_panel(block, area);
    frame.spot(area, Spot::Panel(Focus::Parameters));
    let first = first_shown(row, rows.len(), usize::from(list.height));
    for (index, position) in (first..rows.len()).zip(0..list.height) {
        let area = text::row(list, position);
        frame.spot(area, Spot::Parameter(rows[index]));
        line(app, theme, frame, area, (&PARAMETERS[rows[index]], index == row));
    }
    if rows.is_empty() {
        text::wrapped(
            frame,
            list,
            &format!("nothing matches `{}`{}", app.filter.text(), app.with_key(Action::Back, "; {} shows all")),
            theme.dim(),
            theme,
        );
    }
    if filtering {
        text::typed(frame, text::row(below, 0), "/", &app.filter, theme);
    } else if !app.filter.text().is_empty() && help > 0 {
        let filter = format!("/{}{}", app.filter.text(), app.with_key(Action::Back, "  ({} shows all)"));
        text::left(frame, text::row(below, 0), Line::styled(filter, theme.notice()));
    }
    if let Some(parameter) = app.focused()
        && help > 1
    {
        explanation(app, theme, frame, Rect { y: below.y + 1, height: help - 1, ..below }, parameter);
    }
}

/// `▸ micro batch          1 ◂▸`.
fn line(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, (parameter, here): (&Parameter, bool)) {
    let glyphs = theme.glyphs;
    let room = area.width.saturating_sub(5);
    let value = shown(parameter, &parameter.get(&app.scenario));
    let value = text::cut(&value, room.saturating_sub(8), theme);
    let label = text::cut(parameter.label, room.saturating_sub(text::width(&value) + 1), theme);
    let gap = usize::from(room.saturating_sub(text::width(&value) + text::width(&label)));
    let (mark, arrows) = if here { (glyphs.cursor, glyphs.adjust) } else { (" ", "  ") };
    let text = format!("{mark} {label}{:gap$}{value} {arrows}", "");
    let style = match (here, app.in_view()) {
        (true, false) => theme.selected(),
        (true, true) => theme.strong(),
        (false, _) => ratatui::style::Style::new(),
    };
    text::left(frame, area, Line::styled(text, style));
    if here {
        let arrow = |from_right: u16| Rect { x: area.right().saturating_sub(from_right), width: 1, ..area };
        frame.spot(arrow(2).intersection(area), Spot::Do(Action::Less));
        frame.spot(arrow(1).intersection(area), Spot::Do(Action::More));
    }
}

/// A value as the list shows it.
fn shown(parameter: &Parameter, value: &Value) -> String {
    match (value, parameter.key) {
        (Value::Flag(on), _) => String::from(if *on { "yes" } else { "no" }),
        (Value::Unset, "train.recompute_layers") => String::from("all"),
        (Value::Unset, "train.dropout") => String::from("model's"),
        (value, _) => value.to_string(),
    }
}

/// The help line; with more room also the key and what it may hold.
fn explanation(app: &App, theme: Theme, frame: &mut Sheet, area: Rect, parameter: &Parameter) {
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }.intersection(frame.area());
    let mut area = area;
    if area.height > 3 {
        let unit = if parameter.unit.is_empty() { String::new() } else { format!(", {}", parameter.unit) };
        let title = Line::from(vec![Span::styled(parameter.key, theme.strong()), Span::styled(unit, theme.dim())]);
        text::left(frame, area, title);
        area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    }
    let range = match parameter.kind {
        _ if area.height < 3 => String::new(),
        Kind::Count { .. } | Kind::Choice { .. } | Kind::Fraction { .. } => format!(" ({})", parameter.values()),
        Kind::Framework | Kind::Word | Kind::Text { .. } | Kind::Flag | Kind::Words => String::new(),
    };
    let length = ["train.sequence_length", "infer.context_length"].contains(&parameter.key);
    let beyond =
        app.model_of(&app.scenario).filter(|_| length).and_then(|model| beyond_positions(model, &app.scenario));
    match beyond {
        Some(words) => text::wrapped(frame, area, &words, theme.refusal(), theme),
        None => text::wrapped(frame, area, &format!("{}{range}", parameter.help), theme.dim(), theme),
    }
}
