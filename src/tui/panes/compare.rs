//! Pinned scenarios side by side.

mod draw;
mod keys;

use super::{Pane, Rows};

pub(super) const PANE: Pane = Pane {
    rows: Some(Rows {
        name: "pins",
        filter: None,
        at: |app| app.pins.cursor,
        go_to: keys::go_to,
        go: keys::go,
        take: keys::take,
        takes: "take it",
        at_once: true,
    }),
    unpin: Some(keys::unpin),
    ..Pane::drawn_by(draw::draw)
};
