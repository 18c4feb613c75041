//! Journeys in the view of cards.

use super::{app, press, text};
use crate::memory::Verdict;
use crate::scenario::parameter::Parameter;
use crate::tui::message::Effect;
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

#[test]
fn a_card_of_any_size_is_offered_shared_and_taken_back() {
    let mut app = app();
    press(&mut app, "g \"24GB\"");
    assert!(text(&app).contains("any 24GB card"), "{}", text(&app));
    press(&mut app, "enter");
    assert_eq!(app.scenario.gpu.as_deref(), Some("24GB"));
    let fit = app.estimate.as_ref().unwrap().fit.clone().unwrap();
    assert_eq!(fit.capacity.get(), (24 * 1024 - 600) << 20);
    assert!(text(&app).contains("any 24GB card"), "{}", text(&app));
    let Some(Effect::Copy(line)) = press(&mut app, "y") else { panic!("nothing is copied") };
    assert!(line.contains("--gpu 24GB"), "{line}");
    press(&mut app, "2");
    assert!(ids(&app).contains(&String::from("24GB")), "it stands among the cards");
    press(&mut app, "1 u");
    assert_eq!(app.scenario.gpu.as_deref(), Some("h100-sxm-80"));
    // A number alone is taken for a size too.
    press(&mut app, "g \"17\" enter");
    assert_eq!(app.scenario.gpu.as_deref(), Some("17GB"));
}

#[test]
fn what_is_free_counts_for_the_run_and_not_for_other_cards() {
    let mut app = app();
    let free = Parameter::by_key("runtime.free_mib").unwrap();
    app.set(free, free.parse("17GiB").unwrap(), true).unwrap();
    app.settle();
    let fit = app.estimate.as_ref().unwrap().fit.clone().unwrap();
    assert_eq!((fit.capacity.get(), fit.verdict), (17 << 30, Verdict::Over));
    assert!(text(&app).contains("17.00 GiB"), "{}", text(&app));
    press(&mut app, "2");
    let rows = app.card_rows();
    let capacity = |word: &str| rows.iter().find(|row| row.word == word).unwrap().fit.capacity.get();
    assert_eq!([capacity("h100-sxm-80"), capacity("h200-sxm-141")], [17 << 30, 143_156 << 20]);
    press(&mut app, "home enter");
    assert_eq!((app.scenario.gpu.as_deref(), app.scenario.runtime.free_mib), (Some("b200-sxm"), None));
}
