//! Keys whose answer takes longer than a frame: what is shown meanwhile, and what the next key does to it.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::{app, hurry, press, text};
use crate::memory;
use crate::scenario::Scenario;
use crate::tui::app::{App, Job, Overlay};
use crate::tui::event::Event;
use crate::tui::inbox::Inbox;
use crate::tui::keymap::Chord;
use crate::tui::message::Message;
use crate::tui::screen::Focus;
use crate::tui::update::update;

/// Does what is wanted most, once.
fn work(app: &mut App) {
    let done = app.wanted().map(Job::run).expect("something is wanted");
    update(app, Message::Done(done));
}

#[test]
fn what_is_known_is_shown_until_the_answer_is_there() {
    let mut app = app();
    hurry(&mut app, "down x");
    let before = app.scenario.clone();
    assert!(text(&app).contains("looking for the furthest sequence that fits; the next key cancels"), "{}", text(&app));
    work(&mut app);
    assert!(text(&app).contains("looking for the furthest sequence that fits: at most "), "{}", text(&app));
    assert_eq!(app.scenario, before);
    work(&mut app);
    assert!(app.scenario.train.sequence_length > 4096 && app.asked.is_none());
    assert!(text(&app).contains("is the largest sequence that fits"), "{}", text(&app));
}

#[test]
fn the_next_key_cancels_and_nothing_lands_on_another_run() {
    for question in ["down x", "down right right right f"] {
        for next in ["up", "right", "t", "esc", "m", "5"] {
            let mut app = app();
            hurry(&mut app, question);
            let (early, late) = (app.wanted().unwrap().run(), app.wanted().unwrap());
            hurry(&mut app, next);
            assert!(app.asked.is_none());
            let (scenario, overlaid, notice) = (app.scenario.clone(), app.overlay.is_some(), app.notice.clone());
            assert!(notice.is_some(), "{next} says something, if only that nothing is looked for any more");
            update(&mut app, Message::Done(early));
            update(&mut app, Message::Done(late.run()));
            assert_eq!((&app.scenario, app.overlay.is_some()), (&scenario, overlaid), "{question} {next}");
            assert_eq!(app.notice, notice);
        }
    }
}

#[test]
fn the_same_key_again_goes_on_waiting() {
    let mut app = app();
    hurry(&mut app, "down x");
    work(&mut app);
    let job = app.wanted().unwrap();
    hurry(&mut app, "x");
    assert!(text(&app).contains(": at most "), "what is known is not forgotten: {}", text(&app));
    update(&mut app, Message::Done(job.run()));
    assert!(text(&app).contains("is the largest sequence that fits"), "{}", text(&app));
}

#[test]
fn another_question_takes_the_place_of_one() {
    let mut app = app();
    hurry(&mut app, "down right right right x");
    let job = app.wanted().unwrap();
    hurry(&mut app, "f");
    update(&mut app, Message::Done(job.run()));
    assert!(text(&app).contains("looking for changes"), "{}", text(&app));
    app.settle();
    assert!(matches!(app.overlay, Some(Overlay::Advice { .. })));
}

#[test]
fn what_is_no_key_cancels_nothing() {
    let mut app = app();
    hurry(&mut app, "4 down x");
    update(&mut app, Message::Wheel(Some(Focus::Parameters), false));
    let asked = app.asked.clone().unwrap();
    app.settle();
    assert_ne!(app.scenario, asked.scenario);
    assert!(text(&app).contains("is the largest sequence that fits"), "{}", text(&app));
}

/// A question is answered before a curve is gone on with.
#[test]
fn a_question_comes_before_curves() {
    let mut app = app();
    hurry(&mut app, "down 4");
    let curves = app.wanted().unwrap();
    hurry(&mut app, "x");
    update(&mut app, Message::Done(curves.run()));
    assert!(app.sweep.curves.is_empty(), "they were cancelled");
    work(&mut app);
    work(&mut app);
    assert!(app.asked.is_none() && app.sweep.curves.is_empty());
    app.settle();
    assert!(!app.sweep.curves.is_empty() && app.wanted().is_none());
}

/// A model that is read anew while something of the old one is computed.
#[test]
fn nothing_is_kept_of_a_model_that_is_another_now() {
    let mut app = app();
    press(&mut app, "down 4");
    hurry(&mut app, "left");
    let stale: Vec<_> = std::iter::from_fn(|| app.wanted()).take(1).collect();
    app.forget_played("llama-3.1-8b");
    app.models.iter_mut().filter(|listed| listed.word == "llama-3.1-8b").for_each(|listed| {
        *listed = super::listed(["llama-3.1-8b", "half"], super::llama("llama-3.1-8b", 2048, 16, 1));
    });
    for job in stale {
        update(&mut app, Message::Done(job.run()));
    }
    press(&mut app, "right left");
    let fresh = |scenario: &Scenario| {
        memory::played(app.model_of(scenario).unwrap(), scenario, app.gpu_of(scenario)).unwrap().total()
    };
    assert_eq!(app.estimate.as_ref().unwrap().ledger.total(), fresh(&app.scenario));
    let mut scenario = app.scenario.clone();
    scenario.train.sequence_length = app.sweep.values[0];
    assert_eq!(app.sweep.curves.last().unwrap().totals[0], Some(fresh(&scenario)));
}

#[test]
fn events_keep_their_order_while_an_answer_is_waited_for() {
    let (sender, events) = channel();
    let mut inbox = Inbox::new(events);
    let key = |letter: char| Event::Key(Chord::letter(letter));
    for event in [key('a'), key('b'), Event::Done(crate::tui::app::Done::Cancelled), key('c')] {
        sender.send(event).unwrap();
    }
    assert!(inbox.done_within(Duration::from_secs(5)).is_some());
    assert!(inbox.done_within(Duration::ZERO).is_none());
    let letters: Vec<String> = std::iter::from_fn(|| inbox.waiting()).map(|event| format!("{event:?}")).collect();
    assert_eq!(letters, ['a', 'b', 'c'].map(|letter| format!("{:?}", key(letter))));
}
