//! What keys do to the state.

use super::{app, listed, llama, paste, press, text};
use crate::memory::Step;
use crate::model::{Architecture, ArchitectureKeys, Card, Model};
use crate::scenario::{Estimator, Loss, Recompute, Scenario, Task};
use crate::tui::app::{App, Overlay};
use crate::tui::message::{Effect, Message, Opened};
use crate::tui::update::update;

#[test]
fn a_key_changes_the_value_and_the_bars_at_once() {
    let mut app = app();
    let before = app.estimate.as_ref().unwrap().ledger.total();
    press(&mut app, "right");
    assert_eq!(app.scenario.train.micro_batch_size, 2);
    let after = app.estimate.as_ref().unwrap().ledger.total();
    assert!(after > before);
    assert!(text(&app).contains(&app.unit.number(after)));
}

#[test]
fn an_end_is_explained_and_nothing_changes() {
    let mut app = app();
    press(&mut app, "left");
    assert_eq!(app.scenario.train.micro_batch_size, 1);
    assert!(text(&app).contains("1 is the smallest micro batch there is"));
}

#[test]
fn the_cursor_goes_round_and_stays_on_its_parameter() {
    let mut app = app();
    assert_eq!(app.focused().unwrap().key, "train.micro_batch_size");
    press(&mut app, "home up");
    let last = app.focused().unwrap().key;
    assert_ne!(last, "model");
    press(&mut app, "down");
    assert_eq!(app.focused().unwrap().key, "model");
    press(&mut app, "end");
    assert_eq!(app.focused().unwrap().key, last);
    press(&mut app, "/ \"seq\" enter");
    assert_eq!(app.focused().unwrap().key, "train.sequence_length");
    press(&mut app, "esc");
    assert_eq!(
        app.rows().len(),
        crate::scenario::parameter::PARAMETERS.iter().filter(|parameter| app.matters(parameter)).count()
    );
}

#[test]
fn an_exact_value_is_typed_and_a_wrong_one_is_kept_to_be_mended() {
    let mut app = app();
    press(&mut app, "down enter ctrl-u \"8q\" enter");
    assert!(text(&app).contains("`8q` is not a whole number"));
    assert_eq!(app.scenario.train.sequence_length, 4096);
    press(&mut app, "backspace \"Ki\" enter");
    assert_eq!(app.scenario.train.sequence_length, 8192);
    press(&mut app, "enter ctrl-u \"1e99\" esc");
    assert_eq!(app.scenario.train.sequence_length, 8192);
    assert!(app.overlay.is_none());
}

#[test]
fn a_value_without_a_ledger_is_refused() {
    let mut app = app();
    press(&mut app, "enter ctrl-u \"1e9\" enter down enter ctrl-u \"4294967296\" enter");
    let Some(Overlay::Value { error: Some(reason), .. }) = &app.overlay else { panic!("{:?}", app.overlay) };
    assert!(reason.contains("64 bits"), "{reason}");
    assert_eq!(app.scenario.train.sequence_length, 4096);
    assert!(app.estimate.is_ok());
}

#[test]
fn every_change_can_be_undone_and_made_again() {
    let mut app = app();
    let start = app.scenario.clone();
    press(&mut app, "right down L t g home enter g \"4090\" enter m \"70b\" enter s");
    let end = app.scenario.clone();
    assert_eq!(end.model, "llama-3.1-70b");
    assert_eq!(end.gpu.as_deref(), Some("rtx-4090"));
    assert_eq!((end.task, end.estimator), (Task::Infer, Estimator::Sketch));
    let mut steps = 0;
    while app.refusal(crate::tui::action::Action::Undo).is_none() {
        press(&mut app, "u");
        steps += 1;
    }
    assert_eq!(app.scenario, start);
    for _ in 0..steps {
        press(&mut app, "ctrl-r");
    }
    assert_eq!(app.scenario, end);
    press(&mut app, "ctrl-r");
    assert!(text(&app).contains("nothing to redo"));
}

#[test]
fn choices_open_a_list() {
    let mut app = app();
    press(&mut app, "down down down down");
    assert_eq!(app.focused().unwrap().key, "train.precision");
    press(&mut app, "enter down enter");
    assert_eq!(app.scenario.train.precision.word(), "fp16");
    press(&mut app, "enter k k esc");
    assert_eq!(app.scenario.train.precision.word(), "fp16");
}

#[test]
fn a_file_of_weights_is_a_path_without_a_folder() {
    for file in ["my.gguf", "model.safetensors"] {
        let effect = press(&mut app(), &format!("m \"{file}\" enter"));
        assert_eq!(effect, Some(Effect::Open(file.to_owned())));
    }
}

#[test]
fn a_path_asks_for_a_file_and_its_error_stays_in_the_picker() {
    let mut app = app();
    let effect = press(&mut app, "m \"./my/config.json\" enter");
    assert_eq!(effect, Some(Effect::Open(String::from("./my/config.json"))));
    update(&mut app, Message::Opened(String::from("./my/config.json"), Err(String::from("no such file"))));
    assert!(text(&app).contains("no such file"));
    let model = llama("mine", 2048, 4, 1);
    update(&mut app, Message::Opened(String::from("./my/config.json"), Ok(Opened::Model(Box::new(model)))));
    assert_eq!(app.scenario.model, "./my/config.json");
    assert!(app.overlay.is_none() && app.estimate.is_ok());
    assert!(app.models[0].own);
    press(&mut app, "u");
    assert_eq!(app.scenario.model, "llama-3.1-8b");
}

#[test]
fn a_scenario_file_is_one_change() {
    let mut app = app();
    let before = app.scenario.clone();
    let file = crate::preset::scenario::parse("model = \"llama-3.2-1b\"\n[train]\nmicro_batch_size = 7\n", "run.toml")
        .unwrap();
    assert_eq!(press(&mut app, "m \"run.toml\" enter"), Some(Effect::Open(String::from("run.toml"))));
    update(&mut app, Message::Opened(String::from("run.toml"), Ok(Opened::Scenario(Box::new(file), None))));
    assert!(app.overlay.is_none() && app.estimate.is_ok());
    assert_eq!(app.scenario.train.micro_batch_size, 7);
    assert_eq!(app.scenario.model, "llama-3.2-1b");
    assert_eq!(app.scenario.gpu, before.gpu, "it names no card, so that stays");
    press(&mut app, "u");
    assert_eq!(app.scenario, before);
    let named = Scenario { model: String::from("mine"), ..Scenario::default() };
    let model = Some((String::from("./mine.toml"), Box::new(llama("mine", 2048, 4, 1))));
    update(&mut app, Message::Opened(String::from("run.toml"), Ok(Opened::Scenario(Box::new(named), model))));
    assert_eq!(app.scenario.model, "./mine.toml");
    assert!(app.models[0].own && app.estimate.is_ok());
}

#[test]
fn a_paste_reaches_text_fields_only() {
    let mut app = app();
    let before = app.scenario.clone();
    paste(&mut app, "qqtts");
    assert_eq!(app.scenario, before);
    assert!(text(&app).contains("nothing to paste into here"));
    press(&mut app, "enter ctrl-u");
    paste(&mut app, "16\nq");
    press(&mut app, "enter");
    assert_eq!(app.scenario.train.micro_batch_size, 16);
}

#[test]
fn q_quits_the_view_and_types_a_letter_in_a_field() {
    let mut app = app();
    assert_eq!(press(&mut app, "m q"), None);
    assert_eq!(press(&mut app, "ctrl-c"), Some(Effect::Quit));
    assert_eq!(press(&mut app, "esc esc"), None);
    assert_eq!(press(&mut app, "q"), Some(Effect::Quit));
}

#[test]
fn unbound_keys_say_so() {
    let mut app = app();
    press(&mut app, "#");
    assert!(text(&app).contains("# does nothing here"));
    press(&mut app, "down");
    assert!(!text(&app).contains("does nothing here"));
}

#[test]
fn a_problem_at_the_start_is_shown_calmly_and_can_be_left() {
    let mut app = app();
    let mut scenario = app.scenario.clone();
    scenario.model = String::from("llama-9");
    app = super::App::new((app.models, app.gpus, app.profiles), scenario, app.unit);
    assert!(text(&app).contains("there is no such model"));
    assert_eq!(app.focused().unwrap().key, "model");
    press(&mut app, "enter \"8b\" enter");
    assert!(app.estimate.is_ok());
    assert_eq!(app.scenario.model, "llama-3.1-8b");
}

#[test]
fn the_first_line_says_what_a_model_was_taken_for() {
    let app = app();
    assert!(!text(&app).contains("taken for"));
    let card = Card { assumed: Some(String::from("not known")), ..Card::default() };
    let mut models = app.models;
    models.push(listed(["lhama"; 2], Model { card, ..llama("lhama", 2048, 2, 1) }));
    let scenario = Scenario { model: String::from("lhama"), ..app.scenario };
    let app = App::new((models, app.gpus, app.profiles), scenario, app.unit);
    assert!(text(&app).contains(", taken for llama"), "{}", text(&app));
}

fn with_gpt2() -> App {
    let mut app = app();
    let family = crate::families::family("gpt2").unwrap();
    let architecture = Architecture::resolve(family, &ArchitectureKeys::default()).unwrap();
    let gpt2 = Model { id: String::from("gpt2"), family, architecture, ..llama("gpt2", 2048, 2, 1) };
    app.models.push(listed(["gpt2"; 2], gpt2));
    app
}

#[test]
fn the_cursor_goes_to_what_is_at_fault() {
    let app = with_gpt2();
    let scenario = Scenario { model: String::from("gpt2"), ..app.scenario };
    let mut app = App::new((app.models, app.gpus, app.profiles), scenario, app.unit);
    assert!(app.estimate.is_err());
    assert!(text(&app).contains("1024"));
    assert_eq!(app.focused().unwrap().key, "train.sequence_length");
    press(&mut app, "H H");
    assert_eq!(app.scenario.train.sequence_length, 1024);
    assert!(app.estimate.is_ok());
    press(&mut app, "H right right right right");
    assert!(app.estimate.is_ok(), "what has a ledger is not given up for what has none");
    while app.refusal(crate::tui::action::Action::Undo).is_none() {
        press(&mut app, "u");
    }
    assert_eq!(app.scenario.train.sequence_length, 4096);
}

#[test]
fn the_first_step_is_one_key_away() {
    let mut app = app();
    press(&mut app, "i");
    assert_eq!(app.step, Step::First);
    assert!(text(&app).contains("first step"));
    press(&mut app, "i");
    assert_eq!(app.step, Step::Steady);
}

#[test]
fn a_model_with_learned_positions_brings_its_length() {
    let mut app = with_gpt2();
    press(&mut app, "m \"gpt2\" enter");
    assert_eq!((app.scenario.train.sequence_length, app.scenario.infer.context_length), (1024, 1024));
    assert!(app.estimate.is_ok(), "{:?}", app.estimate);
    assert!(text(&app).contains("sequences are 1024 tokens now"));
    press(&mut app, "u");
    assert_eq!((app.scenario.train.sequence_length, app.scenario.model.as_str()), (4096, "llama-3.1-8b"));
}

#[test]
fn a_whole_id_is_chosen_before_longer_ones() {
    let mut app = with_gpt2();
    let named = |word: &str, name: &str| listed([word, name], Model { name: name.to_owned(), ..llama(word, 64, 2, 1) });
    app.models.insert(0, named("l8", "a long name for a small model"));
    app.models.insert(0, named("l8-b", "B"));
    press(&mut app, "m \"l8\" enter");
    assert_eq!(app.scenario.model, "l8");
}

/// What is said of keys is said of this user's keys, and of none where there is none.
#[test]
fn hints_name_the_keys_there_are() {
    let mut app = app();
    let rows: Vec<(&str, Vec<String>)> = [("quit", "Q"), ("pin", "P"), ("order", "O"), ("view_compare", "f3")]
        .map(|(id, key)| (id, vec![key.to_owned()]))
        .into_iter()
        .chain([("unpin", Vec::new())])
        .collect();
    let keymap = crate::tui::standard_keys().with(rows.iter().map(|(id, keys)| (*id, keys.as_slice()))).unwrap();
    app.keymap = std::sync::Arc::new(keymap);
    press(&mut app, "esc");
    assert!(text(&app).contains("nothing to back out of; Q quits"), "{}", text(&app));
    press(&mut app, "P");
    assert!(text(&app).contains("pinned as A; F3 compares"), "{}", text(&app));
    press(&mut app, "f3");
    assert!(text(&app).contains("Enter takes ") && !text(&app).contains("unpins"), "{}", text(&app));
    assert!(text(&app).contains("1-2 F3 4-8 views"), "{}", text(&app));
    press(&mut app, "4");
    assert!(text(&app).contains("O: scale"), "{}", text(&app));
}

/// A framework brings its defaults along, says so, and takes them away again; what somebody changed stays.
#[test]
fn a_framework_brings_its_own_defaults() {
    let mut app = app();
    let before = app.scenario.clone();
    let choose = |app: &mut App, word: &str| {
        press(app, "/ \"framework\" enter");
        assert_eq!(app.focused().unwrap().key, "framework");
        for _ in 0..app.profiles.ids().count() {
            if app.scenario.framework.word() != word {
                press(app, "right");
            }
        }
        assert_eq!(app.scenario.framework.word(), word);
    };
    choose(&mut app, "trl");
    let train = &app.scenario.train;
    assert_eq!((train.loss, train.recompute, train.sequence_length), (Loss::Trl, Recompute::Full, 1024));
    assert!(text(&app).contains("trl has sequence 1024"), "{}", text(&app));
    press(&mut app, "esc / \"seq\" enter enter ctrl-u \"2048\" enter esc");
    choose(&mut app, "transformers");
    let train = &app.scenario.train;
    assert_eq!((train.loss, train.recompute, train.sequence_length), (Loss::Eager, Recompute::None, 2048));
    for _ in 0..100 {
        press(&mut app, "u");
    }
    assert_eq!(app.scenario, before);
}
