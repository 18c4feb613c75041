//! Journeys from "over by" to a run that fits, and through the words that say why.

use super::{app, press, text};
use crate::memory::Category;
use crate::scenario::{Loss, Recompute, Task};
use crate::tui::app::{Multiplexer, Overlay};
use crate::tui::message::Effect;
use crate::tui::screen::{Focus, View};

/// The commonest question, in three keys.
#[test]
fn two_changes_at_once_are_taken_and_taken_back() {
    let mut app = app();
    app.scenario.train.method = crate::scenario::Method::Lora;
    app.scenario.train.sequence_length = 8192;
    press(&mut app, "g \"4090\" enter");
    press(&mut app, "f");
    let Some(Overlay::Advice { list, .. }) = &app.overlay else { panic!("{}", text(&app)) };
    assert!(list[0].1.steps == 2 && list[0].1.changes.len() == 2, "{:?}", list[0]);
    assert!(text(&app).contains("It fits after any of these"), "{}", text(&app));
    let needs = list[0].1.needs;
    press(&mut app, "enter");
    assert_eq!(app.estimate.as_ref().unwrap().fit.as_ref().unwrap().needs, needs);
    assert_eq!(app.scenario.train.recompute, Recompute::Full);
    press(&mut app, "u");
    assert_eq!((app.scenario.train.recompute, app.scenario.train.loss), (Recompute::None, Loss::Eager));
}

#[test]
fn where_nothing_is_enough_it_is_said_what_is_missing() {
    let mut app = app();
    press(&mut app, "m \"70\" enter g \"4090\" enter f");
    let shown = text(&app);
    assert!(shown.contains("these come nearest") && shown.contains("still "), "{shown}");
}

#[test]
fn a_value_that_is_typed_takes_the_place_of_the_old_one() {
    let mut app = app();
    press(&mut app, "down enter \"8k\"");
    let shown = text(&app);
    assert!(shown.contains("= 8,192 tokens") && shown.contains("over"), "{shown}");
    press(&mut app, "enter");
    assert_eq!(app.scenario.train.sequence_length, 8192);
    // Arrows keep it.
    press(&mut app, "enter end \"0\"");
    assert!(text(&app).contains("= 81,920 tokens"), "{}", text(&app));
    press(&mut app, "esc enter \"x\"");
    assert!(!text(&app).contains("needs "), "what is no value is not understood: {}", text(&app));
}

#[test]
fn beyond_the_models_own_length_stands_with_the_verdict() {
    let mut app = app();
    press(&mut app, "down enter \"1M\"");
    assert!(text(&app).contains("made for sequences of"), "{}", text(&app));
    press(&mut app, "enter up");
    let shown = text(&app);
    assert!(shown.contains("! llama 3.1 8b was made for"), "{shown}");
    press(&mut app, "n");
    let shown = text(&app);
    assert!(shown.contains("Notes on this run") && shown.contains("131,072 tokens"), "{shown}");
    press(&mut app, "esc u n");
    assert!(text(&app).contains("nothing to be warned of"), "{}", text(&app));
}

#[test]
fn bars_are_reached_explained_and_opened_by_keys() {
    let mut app = app();
    press(&mut app, "tab");
    assert_eq!((app.focus, app.bar), (Focus::View, Some(Category::Parameters)));
    assert!(text(&app).contains("Model: the model's weights"), "{}", text(&app));
    press(&mut app, "down down down");
    assert_eq!(app.bar, Some(Category::Activations));
    press(&mut app, "right");
    assert_eq!(app.scenario.train.micro_batch_size, 2, "left and right still adjust");
    press(&mut app, "left enter");
    assert_eq!(app.view, View::Ledger);
    assert!(text(&app).contains("- Activations ("), "{}", text(&app));
    // Another visit leaves the arrow keys with the parameters.
    press(&mut app, "1 down");
    assert_eq!(app.focused().unwrap().key, "train.sequence_length");
}

#[test]
fn the_ledger_is_walked_by_category_and_folded() {
    let mut app = app();
    press(&mut app, "6");
    let groups = |app: &crate::tui::app::App| {
        app.entry_rows().iter().filter(|row| matches!(row, crate::tui::app::EntryRow::Group { .. })).count()
    };
    let (all, rows) = (groups(&app), app.entry_rows().len());
    press(&mut app, "]");
    let second = app.entries.cursor;
    assert!(second > 1);
    press(&mut app, "down [");
    assert_eq!(app.entries.cursor, second, "to the head of its own group first");
    press(&mut app, "[");
    assert_eq!(app.entries.cursor, 0);
    press(&mut app, "] down z");
    assert_eq!((app.entry_rows().len(), app.entries.cursor), (all, 1));
    press(&mut app, "z");
    assert_eq!((app.entry_rows().len(), app.entries.cursor), (rows, second));
    press(&mut app, "1 ]");
    assert!(text(&app).contains("only in this view: ledger (6)"), "{}", text(&app));
}

#[test]
fn help_has_a_page_of_words() {
    let mut app = app();
    press(&mut app, "?");
    assert!(text(&app).contains("Tab: words and signs"), "{}", text(&app));
    press(&mut app, "tab");
    let shown = text(&app);
    assert!(shown.contains("Words and signs") && shown.contains("Activations"), "{shown}");
    press(&mut app, "end");
    assert!(text(&app).contains("rule of thumb"), "{}", text(&app));
    press(&mut app, "tab home");
    assert!(text(&app).contains("Keys; "), "{}", text(&app));
}

/// What tmux keeps to itself can be selected: whole rows, and nothing beside the text.
#[test]
fn what_may_not_come_through_is_shown() {
    let mut app = app();
    press(&mut app, "y");
    assert!(app.overlay.is_none() && text(&app).contains("is sent to the clipboard: brimful llama"), "{}", text(&app));
    for (through, hint) in [(Multiplexer::Tmux, "set-clipboard on"), (Multiplexer::Screen, "screen")] {
        app.multiplexer = Some(through);
        let Some(Effect::Copy(line)) = press(&mut app, "y") else { panic!("nothing is copied") };
        let shown = text(&app);
        assert!(shown.contains(hint) && shown.contains(&format!("\"{line}")), "{shown}");
        press(&mut app, "esc");
    }
    press(&mut app, "Y");
    assert!(text(&app).contains("\"model = "), "{}", text(&app));
}

#[test]
fn the_theme_is_changed_inside() {
    let mut app = app();
    app.themes = (vec![String::from("default"), String::from("light")], 0);
    assert_eq!(press(&mut app, "T"), Some(Effect::Theme(String::from("light"))));
    assert!(text(&app).contains("theme = \"light\""), "{}", text(&app));
    assert_eq!(press(&mut app, "T"), Some(Effect::Theme(String::from("default"))));
}

#[test]
fn a_run_that_serves_is_shown_under_every_type() {
    let mut app = app();
    press(&mut app, "k");
    assert!(text(&app).contains("of serving, which t turns to"), "{}", text(&app));
    press(&mut app, "t k");
    let Some(Overlay::Types { types, at }) = &app.overlay else { panic!("{}", text(&app)) };
    assert_eq!(types.weights[at.0].0, app.scenario.infer.weights);
    assert!(text(&app).contains("Weights by cache"), "{}", text(&app));
    let (row, needs) = (at.0, types.weights[at.0 + 1].1[at.1]);
    press(&mut app, "down enter");
    assert_eq!(app.scenario.task, Task::Infer);
    assert_ne!(app.scenario.infer.weights, "bf16", "row {row}");
    assert_eq!(app.estimate.as_ref().unwrap().fit.as_ref().map(|fit| (fit.needs, fit.verdict)), needs);
    press(&mut app, "u");
    assert_eq!(app.scenario.infer.weights, "bf16");
}

#[test]
fn the_sketch_says_that_it_is_about_training() {
    let mut app = app();
    press(&mut app, "s");
    assert!(!text(&app).contains("about training"));
    press(&mut app, "t");
    assert!(text(&app).contains("about training"), "{}", text(&app));
}

#[test]
fn own_cards_stand_in_the_line_of_cards() {
    let mut app = app();
    app.hold_against(&[String::from("l40s"), String::from("none-such")]);
    let shown = text(&app);
    let line = shown.lines().find(|line| line.contains("Fits on")).unwrap();
    assert!(line.contains("l40s") && !line.contains("4090"), "{line}");
}
