//! Every model on the card of the run.

mod draw;
mod keys;

use super::{Filter, Pane, Rows};

pub(super) const PANE: Pane = Pane {
    rows: Some(Rows {
        name: "models",
        filter: Some(Filter { of: |app| &app.lineup.filter, of_mut: |app| &mut app.lineup.filter }),
        at: |app| app.model_row(&app.model_rows()),
        go_to: keys::go_to,
        go: keys::go,
        take: keys::take,
        takes: "take it",
        at_once: true,
    }),
    order: Some(|app| app.lineup.order = app.lineup.order.next()),
    pinned: Some(keys::pinned),
    ..Pane::drawn_by(draw::draw)
};
