//! The run on every card.

mod draw;
mod keys;

use super::{Filter, Group, Pane, Rows};
pub(in crate::tui) use keys::choose;

pub(super) const PANE: Pane = Pane {
    rows: Some(Rows {
        name: "cards",
        filter: Some(Filter { of: |app| &app.cards.filter, of_mut: |app| &mut app.cards.filter }),
        at: |app| app.card_row(&app.card_rows()),
        go_to: keys::go_to,
        go: keys::go,
        take: keys::take,
        takes: "take it",
        at_once: true,
    }),
    order: Some(|app| app.cards.order = app.cards.order.next()),
    group: Some(Group { next: keys::next_vendor, words: |_| "vendor" }),
    ..Pane::drawn_by(draw::draw)
};
