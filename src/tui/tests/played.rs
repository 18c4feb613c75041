//! What is shown before an allocator is played out, and after.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::{app, hurry, press, text};
use crate::tui::app::App;
use crate::tui::event::Event;
use crate::tui::message::Message;
use crate::tui::update::update;
use crate::tui::worker::Worker;

/// A run with room to spare, under the cursor its sequence length.
fn roomy() -> App {
    let mut app = app();
    press(&mut app, "m \"3.2-1b\" enter down");
    app
}

#[test]
fn a_key_shows_the_least_at_once_and_the_rest_when_it_is_known() {
    let mut app = roomy();
    assert!(text(&app).contains("fits: "), "{}", text(&app));
    hurry(&mut app, "left");
    let least = app.estimate.as_ref().unwrap().ledger.total();
    let shown = text(&app);
    assert!(shown.contains("≈ at most ") && shown.contains("playing out") && !shown.contains("fits: "), "{shown}");
    app.settle();
    assert!(app.estimate.as_ref().unwrap().ledger.total() >= least);
    assert!(text(&app).contains("fits: ") && app.wanted().is_none());
    // What was known once is known at once.
    hurry(&mut app, "u");
    assert!(text(&app).contains("fits: ") && app.wanted().is_none(), "{}", text(&app));
}

#[test]
fn what_is_missing_for_certain_is_said_before_the_allocator_is_played_out() {
    let mut app = app();
    hurry(&mut app, "right right right");
    assert!(text(&app).contains("over by at least "), "{}", text(&app));
}

#[test]
fn a_sweep_is_solved_by_tensors_and_then_by_allocators() {
    let mut app = app();
    hurry(&mut app, "down 4");
    assert!(app.sweep.curves.is_empty() && text(&app).contains("computing the curves"), "{}", text(&app));
    let by_tensors = app.wanted().unwrap().run();
    update(&mut app, Message::Done(by_tensors));
    assert!(text(&app).contains("fits at most up to "), "{}", text(&app));
    let by_tensors = app.sweep.curves.clone();
    app.settle();
    assert!(text(&app).contains("fits up to "), "{}", text(&app));
    assert!(by_tensors[0].totals.iter().zip(&app.sweep.curves[0].totals).all(|(least, total)| least <= total));
}

#[test]
fn pins_are_played_too() {
    let mut app = roomy();
    hurry(&mut app, "left p right right");
    app.settle();
    assert!(app.pins.list.iter().all(|pin| !pin.estimate.as_ref().unwrap().ledger.is_to_be_played()));
    press(&mut app, "3");
    assert!(app.wanted().is_none());
}

#[test]
fn a_worker_does_one_job_after_another_and_only_what_is_wanted() {
    let mut app = roomy();
    let (sender, events) = channel();
    let mut worker = Worker::start(sender).unwrap();
    hurry(&mut app, "left");
    worker.keep_busy(|| app.wanted());
    // A key in between makes another run the one that is wanted.
    hurry(&mut app, "left");
    worker.keep_busy(|| panic!("it is busy"));
    for _ in 0..2 {
        let Ok(Event::Done(done)) = events.recv_timeout(Duration::from_secs(60)) else { panic!("nothing was done") };
        worker.is_free();
        update(&mut app, Message::Done(done));
        worker.keep_busy(|| app.wanted());
    }
    assert!(app.wanted().is_none() && text(&app).contains("fits: "), "{}", text(&app));
    assert!(events.recv_timeout(Duration::from_millis(50)).is_err(), "nothing more was wanted");
}
