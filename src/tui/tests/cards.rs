//! Journeys in the view of cards.

use super::{app, press, text};
use crate::memory::Verdict;
use crate::tui::screen::{Focus, View};

fn ids(app: &crate::tui::app::App) -> Vec<String> {
    app.card_rows().iter().map(|row| row.word.to_owned()).collect()
}

#[test]
fn the_card_under_the_cursor_becomes_the_card() {
    let mut app = app();
    press(&mut app, "2");
    assert_eq!((app.view, app.focus), (View::Cards, Focus::View));
    assert_eq!(ids(&app)[0], "b200-sxm", "the most room first");
    press(&mut app, "home down enter");
    assert_eq!(app.scenario.gpu.as_deref(), Some("h200-sxm-141"));
    press(&mut app, "u");
    assert_eq!(app.scenario.gpu.as_deref(), Some("h100-sxm-80"));
}

#[test]
fn rows_are_narrowed_by_words_verdicts_and_bounds() {
    let mut app = app();
    press(&mut app, "2 / \"rtx\" enter");
    assert_eq!(ids(&app), ["rtx-4090"]);
    press(&mut app, "esc / \">=100\"");
    assert_eq!(ids(&app), ["b200-sxm", "h200-sxm-141"]);
    press(&mut app, "esc / \"over\" enter");
    assert!(app.card_rows().iter().all(|row| row.fit.verdict == Verdict::Over) && !ids(&app).is_empty());
    press(&mut app, "esc / \"zzz\" enter enter");
    assert!(text(&app).contains("no card matches"));
    press(&mut app, "esc");
    assert_eq!(ids(&app).len(), app.gpus.len());
}

#[test]
fn orders_and_vendors_go_round() {
    let mut app = app();
    press(&mut app, "2 o");
    assert_eq!(ids(&app)[0], "rtx-4090", "the smallest first");
    press(&mut app, "o");
    assert_eq!(ids(&app)[0], "b200-sxm", "by name");
    press(&mut app, "o v");
    assert_eq!(app.cards.vendor.as_deref(), Some("nvidia"));
    press(&mut app, "v");
    assert_eq!(app.cards.vendor, None);
    press(&mut app, "1 o");
    assert!(text(&app).contains("only in these views: cards (2), sweep (4), ledger (6), models (8)"));
}

#[test]
fn arrows_move_where_the_focus_is_and_parameters_stay_at_hand() {
    let mut app = app();
    press(&mut app, "2 right");
    assert_eq!(app.scenario.train.micro_batch_size, 2, "left and right still adjust");
    press(&mut app, "tab down");
    assert_eq!(app.focused().unwrap().key, "train.sequence_length");
    press(&mut app, "tab down");
    assert_eq!(app.focused().unwrap().key, "train.sequence_length");
    press(&mut app, "esc");
    assert_eq!(app.focus, Focus::Parameters);
    press(&mut app, "5 tab");
    assert!(text(&app).contains("Timeline has no rows"));
}
