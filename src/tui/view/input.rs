//! An exact value being typed.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::frame::popup;
use super::text;
use crate::scenario::parameter::{Kind, Parameter};
use crate::tui::app::{App, Understood};
use crate::tui::field::Field;
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;
use crate::units::grouped;

pub(super) fn draw(
    app: &App,
    parameter: &Parameter,
    (field, understood, error): (&Field, Option<&Understood>, Option<&str>),
    theme: Theme,
    frame: &mut Sheet,
    body: Rect,
) {
    let unit = if parameter.unit.is_empty() { String::new() } else { format!(" ({})", parameter.unit) };
    let title = format!("{}{unit}, now {}", parameter.label, parameter.get(&app.scenario));
    let inner = popup(theme, &title, (60, 7), frame, body);
    text::typed(frame, text::row(inner, 0), " = ", field, theme);
    let below = Rect { x: inner.x + 1, y: inner.y + 1, width: inner.width.saturating_sub(2), height: 4 };
    let below = below.intersection(inner);
    match (error, understood) {
        (Some(error), _) => text::wrapped(frame, below, error, theme.error(), theme),
        (None, Some(understood)) => comes_of(app, understood, theme, frame, below),
        (None, None) => text::wrapped(frame, below, &hint(parameter), theme.dim(), theme),
    }
}

/// What was understood, what the run then needs, and what is worth saying of it.
fn comes_of(app: &App, understood: &Understood, theme: Theme, frame: &mut Sheet, area: Rect) {
    let line = Line::styled(text::cut(&format!("= {}", understood.value), area.width, theme), theme.strong());
    text::left(frame, text::row(area, 0), line);
    let second = text::row(area, 1);
    match &understood.outcome {
        Ok((needs, verdict)) => {
            let sign = verdict.map(|verdict| format!(" {} {}", theme.verdict_sign(verdict), verdict.id()));
            let words = format!("needs {}{}", app.unit.show(*needs), sign.unwrap_or_default());
            let style = verdict.map_or(theme.strong(), |verdict| theme.verdict(verdict));
            text::left(frame, second, Line::styled(words, style));
        }
        Err(reason) => {
            let rest = Rect { height: area.height.saturating_sub(1), ..second };
            return text::wrapped(frame, rest.intersection(area), reason, theme.error(), theme);
        }
    }
    let rest = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    text::wrapped(frame, rest.intersection(area), &understood.notes.join("; "), theme.notice(), theme);
}

fn hint(parameter: &Parameter) -> String {
    let unset = if parameter.optional() { "; - for unset" } else { "" };
    match parameter.kind {
        Kind::Count { .. } => {
            let thousand = grouped(parameter.thousand().saturating_mul(8));
            format!("{}, such as 4, 8k ({thousand}), 128Ki or 1e6{unset}", parameter.values())
        }
        Kind::Fraction { .. } => format!("{}{unset}", parameter.values()),
        Kind::Words => String::from("words with commas between them"),
        Kind::Word | Kind::Text { .. } | Kind::Choice { .. } | Kind::Framework | Kind::Flag => {
            parameter.help.to_owned()
        }
    }
}

/// The path of a file to save to, being typed.
pub(super) fn save(field: &Field, error: Option<&str>, theme: Theme, frame: &mut Sheet, body: Rect) {
    let inner = popup(theme, "Save the run as a scenario file", (64, 6), frame, body);
    text::typed(frame, text::row(inner, 0), " > ", field, theme);
    let below = Rect { x: inner.x + 1, y: inner.y + 1, width: inner.width.saturating_sub(2), height: 3 };
    let below = below.intersection(inner);
    match error {
        Some(error) => text::wrapped(frame, below, error, theme.error(), theme),
        None => text::wrapped(
            frame,
            below,
            "Enter writes it; a file that is there is asked about first",
            theme.dim(),
            theme,
        ),
    }
}
