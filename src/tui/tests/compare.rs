//! Journeys in the view that compares pins.

use super::{app, press, text};
use crate::tui::screen::View;

#[test]
fn pins_are_compared_taken_and_let_go() {
    let mut app = app();
    press(&mut app, "p right 3");
    assert_eq!((app.view, app.pins.list.len()), (View::Compare, 1));
    let shown = text(&app);
    assert!(shown.contains("micro batch: A 1  * 2"), "{shown}");
    let [first, second] = [0, 1].map(|index| app.compared()[index].1.unwrap().ledger.total());
    assert!(shown.contains(&app.unit.number(first)) && shown.contains(&app.unit.number(second)));
    press(&mut app, "enter");
    assert_eq!(app.scenario.train.micro_batch_size, 1, "the pin is the present scenario");
    press(&mut app, "u");
    assert_eq!(app.scenario.train.micro_batch_size, 2);
    press(&mut app, "d");
    assert!(app.pins.list.is_empty());
    press(&mut app, "d");
    assert!(text(&app).contains("nothing is pinned"));
}

#[test]
fn the_same_is_pinned_once_and_six_are_the_most() {
    let mut app = app();
    press(&mut app, "p p");
    assert!(text(&app).contains("pinned already, as A"));
    press(&mut app, "right p right p right p right p right p right p");
    assert_eq!(app.pins.list.len(), 6);
    assert!(text(&app).contains("6 pins are the most"));
    press(&mut app, "3 down down d");
    assert_eq!((app.pins.list.len(), app.pins.cursor), (5, 2));
}

#[test]
fn marked_models_are_pinned_together() {
    let mut app = app();
    press(&mut app, "m home tab tab enter");
    assert_eq!((app.view, app.pins.list.len()), (View::Compare, 2));
    let models: Vec<&str> = app.pins.list.iter().map(|pin| pin.scenario.model.as_str()).collect();
    assert_eq!(models, ["llama-3.1-8b", "llama-3.2-1b"]);
    press(&mut app, "m tab tab esc");
    assert_eq!(app.pins.list.len(), 2, "backing out pins nothing");
    // What is typed after a mark begins anew.
    let mut app = super::app();
    press(&mut app, "m \"3.2\" tab \"70\" tab enter");
    let models: Vec<&str> = app.pins.list.iter().map(|pin| pin.scenario.model.as_str()).collect();
    assert_eq!(models, ["llama-3.2-1b", "llama-3.1-70b"]);
}
