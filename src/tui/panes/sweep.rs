//! Memory against one parameter.

mod draw;
mod keys;

use super::Pane;
pub(in crate::tui) use keys::go_to;

pub(super) const PANE: Pane =
    Pane { order: Some(|app| app.sweep.linear = !app.sweep.linear), ..Pane::drawn_by(draw::draw) };
