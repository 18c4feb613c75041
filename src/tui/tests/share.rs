//! Handing the run on: copies, files, and the palette by which they are found.

use super::{app, paste, press, text};
use crate::preset::Library;
use crate::preset::scenario::{parse, to_toml};
use crate::scenario::Scenario;
use crate::tui::Start;
use crate::tui::app::Overlay;
use crate::tui::message::{Effect, Message, Opened, SaveFailure};
use crate::tui::opening::started;
use crate::tui::update::update;

#[test]
fn a_copy_is_a_command_that_has_the_same_run() {
    let mut app = app();
    let effect = press(&mut app, "right right y");
    let Some(Effect::Copy(line)) = effect else { panic!("{effect:?}") };
    assert_eq!(line, "brimful llama-3.1-8b --gpu h100-sxm-80 --batch 3");
    assert!(text(&app).contains("sent to the clipboard"));
    let Some(Effect::Copy(file)) = press(&mut app, "Y") else { panic!("nothing is copied") };
    assert!(file.starts_with("model = "), "{file}");
}

#[test]
fn a_copy_names_the_presets_that_were_asked_for() {
    let scenario = Scenario { model: String::from("gpt2"), gpu: Some(String::from("l4")), ..Scenario::default() };
    let start = Start { scenario, presets: Some(String::from("pd")), ..Start::default() };
    let effect = press(&mut started(&Library::embedded(), start), "y");
    let Some(Effect::Copy(line)) = effect else { panic!("{effect:?}") };
    assert!(line.starts_with("brimful gpt2 --gpu l4 ") && line.ends_with(" --presets pd"), "{line}");
}

#[test]
fn saving_asks_before_it_replaces() {
    let mut app = app();
    press(&mut app, "w");
    assert!(text(&app).contains("llama-3.1-8b-run.toml"), "{}", text(&app));
    press(&mut app, "ctrl-u");
    assert_eq!(press(&mut app, "enter"), None);
    assert!(text(&app).contains("a path is missing"));
    paste(&mut app, "run.txt");
    assert_eq!(press(&mut app, "enter"), None);
    assert!(text(&app).contains("end in .toml"));
    press(&mut app, "ctrl-u \"run.toml\"");
    assert_eq!(press(&mut app, "enter"), Some(Effect::Save(String::from("run.toml"), false)));
    update(&mut app, Message::Saved(String::from("run.toml"), Err(SaveFailure::Exists)));
    assert!(text(&app).contains("once more replaces it"));
    assert_eq!(press(&mut app, "enter"), Some(Effect::Save(String::from("run.toml"), true)));
    update(&mut app, Message::Saved(String::from("run.toml"), Err(SaveFailure::Because(String::from("disk full")))));
    assert!(text(&app).contains("disk full") && matches!(app.overlay, Some(Overlay::Save { .. })));
    update(&mut app, Message::Saved(String::from("run.toml"), Ok(())));
    assert!(app.overlay.is_none() && text(&app).contains("saved as run.toml"));
    // The next time the same file is offered; another name is asked about anew.
    press(&mut app, "w");
    assert_eq!(press(&mut app, "enter"), Some(Effect::Save(String::from("run.toml"), false)));
    update(&mut app, Message::Saved(String::from("run.toml"), Err(SaveFailure::Exists)));
    press(&mut app, "backspace backspace backspace backspace backspace \"2.toml\"");
    assert_eq!(press(&mut app, "enter"), Some(Effect::Save(String::from("run2.toml"), false)));
}

#[test]
fn a_file_read_again_keeps_what_was_changed() {
    let mut app = app();
    press(&mut app, "R");
    assert!(text(&app).contains("no scenario file is open"));
    let file = |batch: u64, length: u64| {
        let train = format!("[train]\nmicro_batch_size = {batch}\nsequence_length = {length}\n");
        parse(&format!("model = \"llama-3.2-1b\"\n{train}"), "run.toml").unwrap()
    };
    let opened =
        |scenario: Scenario| Message::Opened(String::from("run.toml"), Ok(Opened::Scenario(Box::new(scenario), None)));
    press(&mut app, "m \"run.toml\" enter");
    update(&mut app, opened(file(2, 1024)));
    press(&mut app, "right");
    assert_eq!(press(&mut app, "R"), Some(Effect::Open(String::from("run.toml"))));
    update(&mut app, opened(file(8, 2048)));
    assert_eq!((app.scenario.train.micro_batch_size, app.scenario.train.sequence_length), (3, 2048));
    // Opened by name it is as it is written.
    press(&mut app, "m \"run.toml\" enter");
    update(&mut app, opened(file(8, 2048)));
    assert_eq!(app.scenario.train.micro_batch_size, 8);
    assert_eq!(parse(&to_toml(&app.scenario), "again").unwrap().train, app.scenario.train);
}

#[test]
fn the_palette_does_what_keys_do_and_goes_to_parameters() {
    let mut app = app();
    press(&mut app, ": \"view_cards\"");
    assert!(text(&app).contains("view_cards"), "{}", text(&app));
    press(&mut app, "enter");
    assert!(app.overlay.is_none() && text(&app).contains("Cards:"));
    press(&mut app, ": \"quit\"");
    assert_eq!(press(&mut app, "enter"), Some(Effect::Quit));
    press(&mut app, ": \"train.recompute\" enter");
    assert_eq!(app.focused().unwrap().key, "train.recompute");
    press(&mut app, "1 : \"infer.block_size\" enter");
    assert!(text(&app).contains("changes nothing in this run"));
    assert_eq!(app.focused().unwrap().key, "train.recompute", "the cursor stays");
    press(&mut app, ": \"lora_rank\" enter");
    assert!(text(&app).contains("method is lora now"), "{}", text(&app));
    for (query, best) in [("sequence", "train.sequence_length"), ("batch", "train.micro_batch_size"), ("pn", "pin")] {
        press(&mut app, &format!(": \"{query}\""));
        let Some(Overlay::Picker(picker)) = &app.overlay else { panic!("{query}") };
        assert_eq!(picker.chosen().unwrap().word, best, "{query}");
        press(&mut app, "esc");
    }
    press(&mut app, ": \"zzzz\" enter");
    assert!(text(&app).contains("nothing matches"));
    press(&mut app, "esc");
    assert!(app.overlay.is_none());
}
