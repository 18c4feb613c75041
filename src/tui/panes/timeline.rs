//! Memory through one step.

mod draw;

use super::Pane;

pub(super) const PANE: Pane = Pane::drawn_by(draw::draw);
