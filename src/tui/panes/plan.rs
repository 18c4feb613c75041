//! Layouts for the GPUs of the run.

mod draw;
mod keys;
mod terms;

use super::{Pane, Rows};

pub(super) const PANE: Pane = Pane {
    rows: Some(Rows {
        name: "layouts",
        filter: None,
        at: |app| app.planning.at(),
        go_to: |app, index| app.planning.cursor = index,
        go: keys::go,
        take: keys::take,
        takes: "take it",
        at_once: true,
    }),
    copy: Some(keys::copy),
    launch: Some(keys::launch),
    pinned: Some(keys::pinned),
    ..Pane::drawn_by(draw::draw)
};
