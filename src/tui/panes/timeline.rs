//! Memory through one step.

mod draw;

use super::Pane;
pub(super) use draw::beside;

pub(super) const PANE: Pane = Pane::drawn_by(draw::draw);
