//! Journeys of runs that serve.

use super::{app, press, text};
use crate::preset::Library;
use crate::scenario::parameter::Parameter;
use crate::scenario::{Task, Value};
use crate::tui::app::App;

/// The explorer on a model that an engine serves, with the cursor on a parameter.
fn served(engine: &str, model: &str, key: &str) -> App {
    let mut app = app();
    app.scenario.task = Task::Infer;
    app.scenario.framework = Library::embedded().framework(engine).unwrap();
    app.scenario.follow_framework(|key| key == "infer.weights");
    app.set(Parameter::by_key("model").unwrap(), Value::Word(model.to_owned()), true).unwrap();
    app.notice = None;
    app.settle();
    let (_, name) = key.split_once('.').unwrap();
    press(&mut app, &format!("/ \"{name}\" enter"));
    app
}

#[test]
fn layers_leave_the_card_one_by_one_from_the_last_that_there_is() {
    let mut app = served("llama.cpp", "llama-3.2-1b", "infer.gpu_layers");
    assert_eq!(app.scenario.infer.gpu_layers, 999);
    for left in [16, 15, 14] {
        press(&mut app, "left");
        assert_eq!(app.scenario.infer.gpu_layers, left);
    }
    for back in [15, 16, 17, 17] {
        press(&mut app, "right");
        assert_eq!(app.scenario.infer.gpu_layers, back);
    }
    assert!(app.notice.as_ref().unwrap().text.contains("17 are all the gpu layers there are"));
}

#[test]
fn a_pool_is_said_beside_the_verdict() {
    let mut app = served("vllm", "llama-3.2-1b", "infer.concurrency");
    let shown = text(&app);
    assert!(shown.contains(" requests, ") && shown.contains("holds "), "{shown}");
    press(&mut app, "right");
    assert_eq!(app.scenario.infer.concurrency, 2);
}

/// What a change saves is the difference of two needs, not of a need and a total.
#[test]
fn fixes_of_an_engine_save_what_they_say() {
    let mut app = served("vllm", "llama-3.2-1b", "infer.concurrency");
    let needs = app.estimate.as_ref().unwrap().fit.as_ref().unwrap().needs;
    press(&mut app, "f");
    let shown = text(&app);
    let row = shown.lines().find(|line| line.contains("max sequences")).unwrap();
    let number = |word: &str| word.parse::<f64>().ok();
    let [after, saved] =
        row.split_whitespace().filter_map(number).filter(|it| it.fract() != 0.0).collect::<Vec<_>>()[..]
    else {
        panic!("{row}")
    };
    let before: f64 = crate::units::Unit::Gib.number(needs).parse().unwrap();
    assert!(saved < 0.0 && (after - saved - before).abs() < 0.02, "{row}, of {before}");
}
