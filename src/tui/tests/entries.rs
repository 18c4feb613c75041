//! Journeys in the view of entries.

use super::{app, press, text};
use crate::tui::app::{App, EntryRow, Overlay};
use crate::tui::keymap::Chord;
use crate::tui::message;
use crate::tui::message::Effect;
use crate::tui::update::update;
use crate::units::Bytes;

fn sum(app: &App) -> Bytes {
    let rows = app.entry_rows();
    let entries = rows.iter().filter_map(|row| if let EntryRow::Entry(entry) = row { Some(entry.bytes) } else { None });
    Bytes::checked_sum(entries).unwrap()
}

#[test]
fn the_tree_sums_to_the_total_however_it_is_grouped() {
    let mut app = app();
    press(&mut app, "6");
    let total = app.estimate.as_ref().unwrap().ledger.total();
    assert_eq!(sum(&app), total);
    press(&mut app, "v o");
    assert_eq!(sum(&app), total);
    assert!(app.entry_rows().iter().any(|row| matches!(row, EntryRow::Group { name, .. } if name == "layers")));
    let groups = app.entry_rows().into_iter().filter_map(|row| match row {
        EntryRow::Group { bytes, .. } => Some(bytes),
        EntryRow::Entry(_) => None,
    });
    assert_eq!(Bytes::checked_sum(groups).unwrap(), total);
}

/// A row under the eye stays where it is while a value changes, unless the largest are asked for first.
#[test]
fn groups_stand_still_while_a_value_changes() {
    let mut app = app();
    press(&mut app, "6");
    let groups = |app: &App| -> Vec<(String, Bytes)> {
        let rows = app.entry_rows().into_iter();
        rows.filter_map(|row| if let EntryRow::Group { name, bytes, .. } = row { Some((name, bytes)) } else { None })
            .collect()
    };
    let names = |app: &App| groups(app).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let before = names(&app);
    press(&mut app, "tab right right right");
    assert_eq!(names(&app), before);
    assert!(!groups(&app).is_sorted_by_key(|(_, bytes)| std::cmp::Reverse(*bytes)));
    press(&mut app, "tab o");
    assert!(groups(&app).is_sorted_by_key(|(_, bytes)| std::cmp::Reverse(*bytes)));
    assert_eq!(app.entries.order.words(), ", largest first");
    press(&mut app, "o");
    assert!(names(&app).is_sorted());
    press(&mut app, "o v");
    assert_eq!(names(&app).first().map(String::as_str), Some("embedding"));
}

#[test]
fn enter_folds_a_group_and_explains_an_entry() {
    let mut app = app();
    press(&mut app, "6");
    let all = app.entry_rows().len();
    press(&mut app, "home enter");
    assert!(app.entry_rows().len() < all);
    press(&mut app, "enter down enter");
    assert!(matches!(app.overlay, Some(Overlay::Explanation(_))));
    let shown = text(&app);
    assert!(shown.contains("in numbers") && shown.contains("source") && shown.contains("\u{d7}"), "{shown}");
    press(&mut app, "esc");
    assert!(app.overlay.is_none());
}

#[test]
fn a_filter_narrows_and_a_copy_says_what_it_was() {
    let mut app = app();
    press(&mut app, "6 / \"cosines\" enter");
    let rows = app.entry_rows();
    assert!(rows.len() < 8 && rows.len() > 1, "{}", rows.len());
    press(&mut app, "home down");
    let effect = {
        let message = message(&app, Chord::letter('c'));
        update(&mut app, message)
    };
    let Some(Effect::Copy(copied)) = effect else { panic!("nothing was copied") };
    assert!(copied.contains("rotary") && copied.contains(" B = "), "{copied}");
    assert!(text(&app).contains("sent to the clipboard"));
}

/// The footer offers a copy where there is something to copy.
#[test]
fn the_list_of_keys_has_nothing_to_copy() {
    let mut app = app();
    press(&mut app, "6 down enter");
    assert!(text(&app).contains("c copy"), "{}", text(&app));
    press(&mut app, "esc ?");
    assert!(!text(&app).contains("c copy"), "{}", text(&app));
    assert_eq!(press(&mut app, "c"), None);
    assert!(text(&app).contains("nothing to copy here"));
}
