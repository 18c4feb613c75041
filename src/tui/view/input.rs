//! An exact value being typed.

use ratatui::layout::Rect;

use super::frame::popup;
use super::text;
use crate::scenario::parameter::{Kind, Parameter};
use crate::tui::app::App;
use crate::tui::field::Field;
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;

pub(super) fn draw(
    app: &App,
    parameter: &Parameter,
    (field, error): (&Field, Option<&str>),
    theme: Theme,
    frame: &mut Sheet,
    body: Rect,
) {
    let unit = if parameter.unit.is_empty() { String::new() } else { format!(" ({})", parameter.unit) };
    let title = format!("{}{unit}, now {}", parameter.label, parameter.get(&app.scenario));
    let inner = popup(theme, &title, (54, 6), frame, body);
    text::typed(frame, text::row(inner, 0), " = ", field, theme);
    let below = Rect { x: inner.x + 1, y: inner.y + 1, width: inner.width.saturating_sub(2), height: 3 };
    let below = below.intersection(inner);
    match error {
        Some(error) => text::wrapped(frame, below, error, theme.error(), theme),
        None => text::wrapped(frame, below, &hint(parameter), theme.dim(), theme),
    }
}

fn hint(parameter: &Parameter) -> String {
    let unset = if parameter.optional() { "; - for unset" } else { "" };
    match parameter.kind {
        Kind::Count { .. } => format!("{}, such as 4, 8k, 128Ki or 1e6{unset}", parameter.values()),
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
