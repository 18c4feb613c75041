//! Journeys in the view of layouts, through legal values, and over the stages of a pipeline.

use std::sync::Arc;

use super::{ASCII, COLOUR, MONO, app, hurry, press, screen, text};
use crate::memory::{EstimateError, Fit, Ledger, Rank, check, estimate, played};
use crate::preset::Library;
use crate::report::plan::row_words;
use crate::scenario::parameter::{PARAMETERS, Parameter};
use crate::scenario::{Scenario, Strategy, Value};
use crate::solve::plan::{Plan, Planned, Range, plan};
use crate::tui::app::{App, Job};
use crate::tui::message::{Effect, Message};
use crate::tui::screen::{Focus, View};
use crate::tui::update::update;

/// The explorer on a small model and so many GPUs.
fn on(model: &str, gpus: u64) -> App {
    let mut app = app();
    app.scenario.framework = Library::embedded().framework("transformers").unwrap();
    for (key, value) in [("model", Value::Word(model.to_owned())), ("gpus", Value::Count(gpus))] {
        app.set(Parameter::by_key(key).unwrap(), value, true).unwrap();
    }
    // What was suited to the model is no answer to a key.
    app.notice = None;
    app.settle();
    app
}

fn work(app: &mut App) {
    let done = app.wanted().map(Job::run).expect("something is wanted");
    update(app, Message::Done(done));
}

#[test]
fn layouts_that_fit_are_taken_copied_and_taken_back() {
    let mut app = on("llama-3.2-1b", 8);
    let before = app.scenario.clone();
    press(&mut app, "7");
    assert_eq!((app.view, app.focus), (View::Plan, Focus::View));
    let rows = app.planning.rows().to_vec();
    assert!(rows.len() > 3 && rows.iter().all(|planned| planned.fit.fits()));
    let rates: Vec<f64> = rows.iter().map(|planned| planned.cost.tokens_per_gpu()).collect();
    assert!(rates.is_sorted_by(|one, other| one >= other), "the fastest first");
    assert!(text(&app).contains("* is an estimate"), "{}", text(&app));
    press(&mut app, "p down p");
    let pinned: Vec<&Scenario> = app.pins.list.iter().map(|pin| &pin.scenario).collect();
    assert_eq!(pinned, [&rows[0].scenario, &rows[1].scenario], "rows are pinned, and the run stays");
    press(&mut app, "enter");
    assert_eq!(app.scenario, rows[1].scenario);
    assert_eq!(app.planning.rows(), rows, "taking one begins no search");
    let fit = app.estimate.as_ref().unwrap().fit.clone().unwrap();
    assert_eq!(fit, rows[1].fit, "other views show what was promised");
    press(&mut app, "enter");
    assert!(text(&app).contains("that is the run's layout already"));
    press(&mut app, "u");
    assert_eq!((&app.scenario, app.planning.rows().len()), (&before, rows.len()));
    let Some(Effect::Copy(command)) = press(&mut app, "y") else { panic!("nothing is copied") };
    assert!(command.starts_with("accelerate launch --num_processes 8"), "{command}");
    let Some(Effect::Copy(all)) = press(&mut app, "c") else { panic!("nothing is copied") };
    assert!(all.starts_with(&command));
    let Some(Effect::Copy(command)) = press(&mut app, "tab y") else { panic!("nothing is copied") };
    assert!(command.starts_with("brimful "), "in the parameters it is the run: {command}");
}

/// Whatever layout the run has of its own.
#[test]
fn the_explorer_plans_as_the_command_does() {
    let mut app = on("llama-3.1-8b", 8);
    app.scenario.framework = Library::embedded().framework("megatron").unwrap();
    app.scenario.follow_framework(|_| false);
    let plain = app.scenario.clone();
    (app.scenario.parallel.tensor, app.scenario.parallel.sequence) = (4, true);
    app.settle();
    press(&mut app, "7");
    let (model, gpu) = (app.model_of(&plain).unwrap(), app.gpu_of(&plain).unwrap());
    let most = app.planning.rows().len();
    let range = Range::of(&plain, |_| false);
    let planned = plan(model, &plain, gpu, (&range, most), &|| false).unwrap();
    assert!(most > 1, "{}", text(&app));
    let rows = |found: &Plan| {
        let row = |row: &Planned| (row_words(&row.scenario), row.fit.needs);
        (found.tried, found.over, found.fitting.iter().map(row).collect::<Vec<_>>())
    };
    assert_eq!(rows(app.planning.search().unwrap().plan()), rows(&planned));
}

#[test]
fn the_search_says_how_far_it_is_and_can_be_stopped() {
    let mut app = on("llama-3.2-1b", 8);
    hurry(&mut app, "7");
    assert!(text(&app).contains("looking for layouts"), "{}", text(&app));
    work(&mut app);
    assert!(text(&app).contains("10 of 60 layouts looked at; Esc stops"), "{}", text(&app));
    hurry(&mut app, "esc");
    assert!(text(&app).contains("stopped; 7 goes on"), "{}", text(&app));
    hurry(&mut app, "down");
    assert!(text(&app).contains("10 of 60 layouts looked at; 7 goes on"), "{}", text(&app));
    hurry(&mut app, "7");
    while app.planning.rows().is_empty() {
        work(&mut app);
    }
    assert!(text(&app).contains("of 60 that may fit; Esc stops"), "{}", text(&app));
    // What comes of it is of another run by then.
    let late = app.wanted().unwrap();
    hurry(&mut app, "L");
    assert!(!app.planning.rows().is_empty(), "layouts have micro batches of their own");
    hurry(&mut app, "tab down L");
    update(&mut app, Message::Done(late.run()));
    assert!(app.planning.rows().is_empty() && app.planning.search().is_none());
}

#[test]
fn where_there_is_nothing_to_plan_it_says_what_to_do() {
    for (keys, words) in [
        ("7", "gpus in the parameters"),
        ("t 7", "a plan is of training"),
        ("s 7", "the rule of thumb knows no layouts"),
    ] {
        let mut app = app();
        press(&mut app, keys);
        assert!(text(&app).contains(words), "{keys}: {}", text(&app));
        press(&mut app, "enter");
        assert!(app.notice.as_ref().is_some_and(|notice| notice.refusal), "{keys}");
        press(&mut app, "y c down end");
    }
    let mut app = on("llama-3.1-8b", 8);
    app.scenario.gpu = None;
    press(&mut app, "7");
    assert!(text(&app).contains("no card to plan for: g chooses one"), "{}", text(&app));
}

#[test]
fn where_nothing_fits_the_nearest_is_named() {
    let mut app = on("llama-3.1-70b", 2);
    app.set(Parameter::by_key("gpu").unwrap(), Value::Word(String::from("rtx-4090")), true).unwrap();
    press(&mut app, "7");
    let text = text(&app);
    assert!(text.contains("None of 60 layouts fits. The nearest is"), "{text}");
    press(&mut app, "enter");
    assert!(super::text(&app).contains("no layout fits"));
}

#[test]
fn the_view_of_layouts() {
    let mut app = on("llama-3.1-8b", 8);
    press(&mut app, "7 down");
    for (size, theme, look) in
        [((80, 24), COLOUR, ""), ((80, 24), MONO, "_mono"), ((120, 40), COLOUR, ""), ((120, 40), ASCII, "_ascii")]
    {
        let name = format!("plan_{}x{}{look}", size.0, size.1);
        insta::assert_snapshot!(name, screen(&app, theme, size).backend());
    }
    for width in (40..=200).step_by(7) {
        for height in [12, 13, 17, 20, 24, 31, 60] {
            screen(&app, COLOUR, (width, height));
        }
    }
}

/// The cursor on a parameter.
fn focus(app: &mut App, key: &str) {
    app.cursor = PARAMETERS.iter().position(|parameter| parameter.key == key).unwrap();
    assert_eq!(app.focused().unwrap().key, key);
}

#[test]
fn steps_go_through_legal_values_alone() {
    let mut app = on("llama-3.2-1b", 8);
    for key in ["gpus", "parallel.zero", "parallel.strategy"] {
        focus(&mut app, key);
        for keys in ["right", "right", "L", "left", "left", "H", "right"] {
            press(&mut app, keys);
            let model = app.model_of(&app.scenario).unwrap();
            assert_eq!(check(model, &app.scenario), Ok(()), "{key} {keys}");
            assert!(app.estimate.is_ok(), "{key} {keys}");
            if app.scenario.gpus == 1 {
                press(&mut app, "right");
            }
        }
    }
}

#[test]
fn groups_step_through_the_divisors_of_the_gpus() {
    let mut app = on("llama-3.2-1b", 8);
    app.scenario.parallel.strategy = Strategy::Fsdp2;
    let parameter = Parameter::by_key("parallel.shard_size").unwrap();
    if !(parameter.applies)(&app.scenario) {
        return;
    }
    focus(&mut app, parameter.key);
    press(&mut app, "right right right");
    assert_eq!(app.scenario.parallel.shard_size, Some(4));
    assert!(text(&app).contains("3 is no divisor of 8: skipped"), "{}", text(&app));
}

/// A pipeline by hand: longer sequences stand for fuller stages.
fn pipeline(app: &mut App, lengths: &[u64]) {
    let (model, gpu) = (app.model_of(&app.scenario).unwrap(), app.gpu_of(&app.scenario).unwrap());
    let on = |rank: Rank| {
        let mut scenario = Scenario { gpus: 1, ..app.scenario.clone() };
        scenario.train.sequence_length = lengths[usize::try_from(rank.pipeline).unwrap()];
        Ok::<_, EstimateError>(estimate(model, &scenario, Some(gpu))?.of_rank(rank))
    };
    let ledger = Ledger::fullest(lengths.len() as u64, on).unwrap();
    let fit = Fit::of(&played(model, &app.scenario, Some(gpu)).unwrap(), gpu).unwrap();
    let estimate = app.estimate.as_mut().unwrap();
    (estimate.ledger, estimate.fit) = (Arc::new(ledger), Some(fit));
}

#[test]
fn stages_of_a_pipeline_are_shown_and_the_fullest_is_named() {
    let mut app = on("llama-3.2-1b", 1);
    assert!(!text(&app).contains("Stage 0"));
    pipeline(&mut app, &[4096, 3072, 3072, 3072, 3072, 3072, 3072, 2048]);
    let small = text(&app);
    assert!(small.contains("At the peak of stage 0 of 8"), "{small}");
    assert!(small.contains("6 others") && small.contains("Stage 7") && small.contains("fullest"), "{small}");
    let large = screen(&app, COLOUR, (120, 40)).backend().to_string();
    assert!((0..8).all(|stage| large.contains(&format!("Stage {stage}"))), "{large}");
    insta::assert_snapshot!("stages_80x24", screen(&app, COLOUR, (80, 24)).backend());
    for width in (1..=90).step_by(7) {
        for height in [1, 12, 17, 20, 24, 40] {
            screen(&app, ASCII, (width, height));
        }
    }
}
