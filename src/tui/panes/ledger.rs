//! Every entry with its formula.

mod draw;
mod keys;

use super::{Filter, Group, Pane, Rows};
pub(in crate::tui) use keys::show_category;

pub(super) const PANE: Pane = Pane {
    rows: Some(Rows {
        name: "entries",
        filter: Some(Filter { of: |app| &app.entries.filter, of_mut: |app| &mut app.entries.filter }),
        at: keys::at,
        go_to: |app, index| app.entries.cursor = index,
        go: keys::go,
        take: keys::take,
        takes: "explain",
        at_once: true,
    }),
    order: Some(|app| keys::reorder(app, |entries| entries.order = entries.order.next())),
    group: Some(Group {
        next: |app| keys::reorder(app, |entries| entries.by_place = !entries.by_place),
        words: |app| if app.entries.by_place { "by category" } else { "by place" },
    }),
    copy: Some(keys::copy),
    to_group: Some(keys::to_group),
    fold: Some(keys::fold),
    ..Pane::drawn_by(draw::draw)
};
