//! Keys in the view of entries.

use crate::memory::Category;
use crate::tui::app::{App, Entries, EntryRow, Overlay};
use crate::tui::message::Effect;
use crate::tui::screen::{View, moved};

/// Moves the cursor by so many rows.
pub(super) fn go(app: &mut App, step: isize) {
    let rows = app.entry_rows().len();
    app.entries.cursor = moved(app.entries.cursor.min(rows.saturating_sub(1)), rows, step);
}

/// Goes to the next group, or to the one before.
pub(super) fn to_group(app: &mut App, step: isize) {
    let groups: Vec<usize> =
        app.entry_rows().iter().enumerate().filter(|(_, row)| is_group(row)).map(|(at, _)| at).collect();
    let now = groups.iter().rposition(|row| *row <= app.entries.cursor).unwrap_or(0);
    // Back from among entries is to the head of their own group.
    let inside = step < 0 && groups.get(now).is_some_and(|row| *row < app.entries.cursor);
    if let Some(row) = groups.get(if inside { now } else { moved(now, groups.len(), step) }) {
        app.entries.cursor = *row;
    }
}

const fn is_group(row: &EntryRow<'_>) -> bool {
    matches!(row, EntryRow::Group { .. })
}

/// Folds every group, or unfolds them where all are; the cursor stays in its group.
pub(super) fn fold(app: &mut App) {
    let rows = app.entry_rows();
    let group = |row: &EntryRow<'_>| match row {
        EntryRow::Group { name, open, .. } => Some((name.clone(), *open)),
        EntryRow::Entry(_) => None,
    };
    let here = rows.iter().take(app.entries.cursor.saturating_add(1)).rev().find_map(group);
    let groups: Vec<(String, bool)> = rows.iter().filter_map(group).collect();
    let any_open = groups.iter().any(|(_, open)| *open);
    for (name, _) in groups {
        if any_open {
            app.entries.folded.insert(name);
        } else {
            app.entries.folded.remove(&name);
        }
    }
    let at = app
        .entry_rows()
        .iter()
        .position(|row| group(row).map(|(name, _)| name) == here.as_ref().map(|it| it.0.clone()));
    app.entries.cursor = at.unwrap_or(0);
}

/// The row that one is on.
pub(super) fn at(app: &App) -> usize {
    app.entries.cursor.min(app.entry_rows().len().saturating_sub(1))
}

/// Shows the entries of a category.
pub(in crate::tui) fn show_category(app: &mut App, category: Category) {
    app.show(View::Ledger);
    app.entries.filter.clear();
    app.entries.by_place = false;
    let name = category.label();
    let group = |row: &EntryRow<'_>| matches!(row, EntryRow::Group { name: known, .. } if known == name);
    match app.entry_rows().iter().position(group) {
        Some(row) => app.entries.cursor = row,
        None => app.refuse(format!("{name} has no entry at the peak")),
    }
}

/// Puts the rows in another order; the cursor stays on its entry.
pub(super) fn reorder(app: &mut App, change: impl FnOnce(&mut Entries)) {
    let under = |app: &App| match app.entry_rows().get(app.entries.cursor) {
        Some(EntryRow::Entry(entry)) => Some((*entry).clone()),
        _ => None,
    };
    let before = under(app);
    change(&mut app.entries);
    let Some(before) = before else { return };
    let same = |row: &EntryRow<'_>| matches!(row, EntryRow::Entry(entry) if **entry == before);
    if let Some(row) = app.entry_rows().iter().position(same) {
        app.entries.cursor = row;
    }
}

/// Folds or unfolds a group, or explains an entry.
pub(super) fn take(app: &mut App) {
    let rows = app.entry_rows();
    let at = app.entries.cursor.min(rows.len().saturating_sub(1));
    match rows.get(at) {
        None => app.refuse("no entry matches"),
        Some(EntryRow::Entry(entry)) => {
            let entry = (*entry).clone();
            app.overlay = Some(Overlay::Explanation(entry));
        }
        Some(EntryRow::Group { name, .. }) => {
            let name = name.clone();
            if !app.entries.folded.remove(&name) {
                app.entries.folded.insert(name);
            }
        }
    }
}

/// Sends the row under the cursor to the clipboard.
pub(super) fn copy(app: &mut App) -> Option<Effect> {
    let rows = app.entry_rows();
    let at = app.entries.cursor.min(rows.len().saturating_sub(1));
    let text = match rows.get(at)? {
        EntryRow::Group { name, bytes, count, .. } => format!("{name}: {count} entries, {} bytes", bytes.get()),
        EntryRow::Entry(entry) => {
            format!("{}, {}: {} ({})", entry.name, entry.place, entry.formula_in_numbers(), entry.source)
        }
    };
    Some(app.copy("the entry", text))
}
