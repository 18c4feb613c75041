//! What stands around a view, and in place of one that has nothing to show.

use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Borders, Clear};

use super::text;
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::tui::widget::panel::Panel;

/// Where fewer cells would be seen beside a popup, it covers them.
const RAGGED: u16 = 8;

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// The frame of a panel.
pub(in crate::tui) fn panel(theme: Theme, title: &str, borders: Borders) -> Panel<'_> {
    let boxes = theme.glyphs.unicode || theme.glyphs.has.contains('│');
    let set = if boxes { border::PLAIN } else { ASCII_BORDER };
    let title = Line::styled(format!(" {title} "), theme.title());
    Panel { borders, set, style: theme.border(), title, right: None }
}

/// An empty frame over the middle of an area, and what is inside it.
pub(in crate::tui) fn popup(theme: Theme, title: &str, size: (u16, u16), frame: &mut Sheet, body: Rect) -> Rect {
    // A few letters beside it would only look ragged.
    let width = if body.width < size.0 + RAGGED { body.width } else { size.0 };
    let area = body.centered(Constraint::Length(width), Constraint::Length(size.1.min(body.height)));
    let block = Panel { style: Style::new(), ..panel(theme, title, Borders::ALL) };
    let inner = block.inner(area);
    frame.spot(frame.area(), Spot::Do(Action::Back));
    frame.spot(area, Spot::Popup);
    frame.render_widget(Clear, area);
    frame.draw_panel(block, area);
    inner
}

/// Why there is no estimate, in place of whatever would show it.
pub(in crate::tui) fn no_estimate(app: &App, theme: Theme, frame: &mut Sheet, area: Rect) {
    let Err(reason) = &app.estimate else { return };
    text::wrapped(frame, area, reason, theme.error(), theme);
    let hint = Rect { y: area.y + 4, height: area.height.saturating_sub(4), ..area };
    let back = app.refusal(Action::Undo).is_none();
    let back = if back { app.with_key(Action::Undo, ", or take the last change back with {}") } else { String::new() };
    text::wrapped(frame, hint.intersection(area), &format!("Change it with the arrow keys{back}."), theme.dim(), theme);
}
