//! Journeys in the view of models.

use super::{app, hurry, paste, press, text};
use crate::memory::{Verdict, played};
use crate::scenario::parameter::Parameter;
use crate::solve::lineup::usual_quantity;
use crate::solve::{By, Points, largest};
use crate::tui::app::{App, Job, Overlay, Reach};
use crate::tui::message::Message;
use crate::tui::screen::{Focus, View};
use crate::tui::update::update;

fn words(app: &App) -> Vec<String> {
    app.model_rows().iter().map(|row| row.word.to_owned()).collect()
}

fn work(app: &mut App) {
    let done = app.wanted().map(Job::run).expect("something is wanted");
    update(app, Message::Done(done));
}

#[test]
fn every_model_is_held_against_the_card_and_one_is_taken() {
    let mut app = app();
    press(&mut app, "8");
    assert_eq!((app.view, app.focus), (View::Models, Focus::View));
    assert_eq!(words(&app), ["llama-3.1-8b", "llama-3.2-1b", "llama-3.1-70b"], "the fullest first, then what is over");
    let verdicts: Vec<Verdict> = app.model_rows().iter().map(|row| row.fit().unwrap().verdict).collect();
    assert_eq!(verdicts, [Verdict::Fits, Verdict::Fits, Verdict::Over]);
    let fit = app.estimate.as_ref().unwrap().fit.clone().unwrap();
    assert_eq!(app.model_rows()[0].fit(), Some(&fit), "the run itself is what other views show");
    press(&mut app, "down enter");
    assert_eq!(app.scenario.model, "llama-3.2-1b");
    assert!(text(&app).contains("the model is llama 3.2 1b now"), "{}", text(&app));
    press(&mut app, "enter");
    assert!(text(&app).contains("is the run's model already"));
    press(&mut app, "u");
    assert_eq!(app.scenario.model, "llama-3.1-8b");
}

#[test]
fn how_far_each_goes_is_what_the_search_says() {
    let mut app = app();
    press(&mut app, "8");
    let parameter = Parameter::by_key(usual_quantity(app.scenario.task)).unwrap();
    for row in app.model_rows() {
        let (model, gpu) = (app.models.iter().find(|it| it.word == row.word).unwrap(), app.gpu_of(&app.scenario));
        let candidate = row.candidate.unwrap();
        let model = model.item().unwrap();
        let ledger = played(model, &candidate.scenario, gpu).unwrap();
        let points = Points::of(model, &candidate.scenario, gpu, parameter, By::Allocator).unwrap();
        let wanted = largest(&points).unwrap().value.filter(|_| candidate.fits()).map_or(Reach::Unknown, Reach::To);
        assert_eq!(row.reach, wanted, "{}", row.word);
        assert!(!candidate.fits() || row.fit().unwrap().needs == ledger.total());
    }
}

#[test]
fn rows_are_narrowed_and_ordered() {
    let mut app = app();
    for (filter, wanted) in [
        ("8b", &["llama-3.1-8b"][..]),
        ("fits", &["llama-3.1-8b", "llama-3.2-1b"]),
        ("over", &["llama-3.1-70b"]),
        ("<=8.5b", &["llama-3.1-8b", "llama-3.2-1b"]),
        (">=9b", &["llama-3.1-70b"]),
        ("<40", &["llama-3.2-1b"]),
        ("fits 3.1", &["llama-3.1-8b"]),
        ("zzz", &[]),
    ] {
        press(&mut app, &format!("8 esc 8 / \"{}\" enter", filter.replace(' ', "\" space \"")));
        assert_eq!(words(&app), wanted, "{filter}");
    }
    press(&mut app, "enter");
    assert!(text(&app).contains("no model matches"), "{}", text(&app));
    press(&mut app, "esc o");
    assert_eq!(words(&app)[0], "llama-3.2-1b", "the smallest first");
    press(&mut app, "o o");
    assert_eq!(words(&app)[0], "llama-3.1-70b", "by name");
}

#[test]
fn models_come_as_they_are_looked_at_and_a_change_begins_anew() {
    let mut app = app();
    hurry(&mut app, "8");
    assert_eq!(app.looked_at(), (0, 3));
    assert!(text(&app).contains("0 of 3 models looked at"), "{}", text(&app));
    work(&mut app);
    assert_eq!(app.looked_at(), (3, 3));
    let late = app.wanted().unwrap();
    hurry(&mut app, "right");
    assert_eq!((app.scenario.train.micro_batch_size, app.looked_at()), (2, (0, 3)));
    update(&mut app, Message::Done(late.run()));
    assert_eq!(app.looked_at(), (0, 3), "what is found of the run before is of no use");
    press(&mut app, "left");
    assert_eq!(app.looked_at(), (3, 3));
    hurry(&mut app, "1");
    assert!(app.wanted().is_none_or(|job| !format!("{job:?}").contains("LineUp")), "nothing is looked for unseen");
}

#[test]
fn without_a_card_it_says_how_to_choose_one_and_rows_can_be_pinned() {
    let mut app = app();
    press(&mut app, "8 down p");
    assert_eq!(app.pins.list[0].scenario.model, "llama-3.2-1b");
    assert_eq!(app.scenario.model, "llama-3.1-8b", "the run stays");
    app.scenario.gpu = None;
    press(&mut app, "o");
    assert!(text(&app).contains("no card that models could fit: g chooses one"), "{}", text(&app));
}

#[test]
fn the_model_list_knows_names_of_the_hub() {
    let mut app = app();
    press(&mut app, "m");
    paste(&mut app, "https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct");
    let Some(Overlay::Picker(picker)) = &app.overlay else { panic!("no list") };
    assert_eq!(picker.chosen().unwrap().word, "llama-3.1-8b");
    press(&mut app, "ctrl-u");
    paste(&mut app, "acme/Rocket-9B");
    assert!(matches!(&app.overlay, Some(Overlay::Picker(picker)) if picker.matches.is_empty()));
}
