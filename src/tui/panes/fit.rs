//! Bars by category against the card.

mod detail;
mod draw;
mod fits_on;
mod keys;
mod said;
mod stages;
mod total;

use super::{Pane, Rows};

pub(super) const PANE: Pane = Pane {
    rows: Some(Rows {
        name: "bars",
        filter: None,
        at: keys::at,
        go_to: keys::go_to,
        go: keys::go,
        take: keys::take,
        takes: "entries",
        at_once: false,
    }),
    ..Pane::drawn_by(draw::draw)
};
