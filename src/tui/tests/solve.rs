//! Journeys that solve for a value, and that choose a fix.

use super::{app, press, text};
use crate::memory::fits;
use crate::scenario::Recompute;
use crate::tui::app::Overlay;

#[test]
fn x_finds_the_largest_that_fits_and_its_neighbour_does_not() {
    let mut app = app();
    press(&mut app, "down x");
    let most = app.scenario.train.sequence_length;
    let fit = |app: &crate::tui::app::App| app.estimate.as_ref().unwrap().fit.clone().unwrap();
    assert!(most > 4096 && fit(&app).fits());
    let shown = text(&app);
    assert!(shown.contains("is the largest sequence that fits"), "{shown}");
    let mut next = app.scenario.clone();
    next.train.sequence_length += 1;
    let by_allocator = fits(app.model_of(&next).unwrap(), &next, app.gpu_of(&next).unwrap());
    assert_eq!(by_allocator, Ok(false));
    press(&mut app, "x");
    assert!(text(&app).contains("is already the largest"));
    press(&mut app, "u");
    assert_eq!(app.scenario.train.sequence_length, 4096);
}

#[test]
fn x_says_why_it_cannot() {
    let mut app = app();
    press(&mut app, "home x");
    assert!(text(&app).contains("is no whole number"));
    press(&mut app, "m \"70\" enter / \"micro\" enter x");
    assert!(text(&app).contains("no micro batch fits"), "{}", text(&app));
}

#[test]
fn a_fix_is_applied_and_taken_back() {
    let mut app = app();
    press(&mut app, "right f");
    let Some(Overlay::Advice { list, .. }) = &app.overlay else { panic!("no fixes") };
    let at = list.iter().position(|(_, fix)| fix.changes[0].0 == "train.recompute").unwrap();
    let total = list[at].1.needs;
    for _ in 0..at {
        press(&mut app, "down");
    }
    press(&mut app, "enter");
    assert_eq!(app.scenario.train.recompute, Recompute::Full);
    assert_eq!(app.estimate.as_ref().unwrap().ledger.total(), total, "what was promised is what came");
    press(&mut app, "u");
    assert_eq!(app.scenario.train.recompute, Recompute::None);
}
