//! Bars by category against the card.

mod detail;
mod draw;
mod fits_on;
mod said;
mod stages;
mod total;

use super::Pane;

pub(super) const PANE: Pane = Pane::drawn_by(draw::draw);
