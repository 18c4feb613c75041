//! Words of other tools in the explorer: the palette, lists of choices, configurations that are pasted.

use super::{app, paste, press, text};
use crate::scenario::{Loss, Method, Optimizer, OptimizerImplementation, Recompute, Task};
use crate::tui::app::{App, Overlay};
use crate::tui::message::Effect;

fn best(app: &mut App, query: &str) -> String {
    press(app, ":");
    paste(app, query);
    let Some(Overlay::Picker(picker)) = &app.overlay else { panic!("{query}") };
    let best = picker.chosen().map(|item| item.word.clone()).unwrap_or_default();
    press(app, "esc");
    best
}

#[test]
fn the_palette_knows_what_people_search() {
    let mut app = app();
    for (query, word) in [
        ("checkpoint", "train.recompute"),
        ("gradient checkpointing", "train.recompute"),
        ("ctx", "train.sequence_length"),
        ("max_length", "train.sequence_length"),
        ("per_device_train_batch_size", "train.micro_batch_size"),
        ("lora", "train.method=lora"),
        ("bf16", "train.precision=bf16"),
    ] {
        assert_eq!(best(&mut app, query), word, "{query}");
    }
    for (query, key) in [("4bit", "train."), ("8bit", "train."), ("context", "train.sequence")] {
        let word = best(&mut app, query);
        assert!(word.starts_with(key), "{query}: {word}");
    }
    press(&mut app, ":");
    assert!(!text(&app).contains("train.method=lora"), "unasked there are no words of parameters");
}

#[test]
fn what_counts_with_another_choice_brings_it_along() {
    let mut app = app();
    press(&mut app, ": \"lora_rank\" enter");
    assert_eq!((app.scenario.train.method, app.focused().unwrap().key), (Method::Lora, "train.lora_rank"));
    assert!(text(&app).contains("method is lora now"), "{}", text(&app));
    press(&mut app, "u");
    assert_eq!(app.scenario.train.method, Method::Full);
    press(&mut app, ": \"train.method=qlora\" enter");
    assert_eq!(app.scenario.train.method, Method::Qlora);
}

#[test]
fn a_list_of_choices_is_narrowed_by_the_words_of_others() {
    let mut app = app();
    press(&mut app, ": \"train.optimizer\" enter enter \"adamw_torch_8bit\" enter");
    assert_eq!(app.scenario.train.optimizer, Optimizer::Adamw8bitTorchao, "{}", text(&app));
    press(&mut app, "/ \"checkpointing\" enter");
    assert_eq!(app.focused().unwrap().key, "train.recompute");
}

const SCRIPT: &str = "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-3.2-1B-Instruct')\n\
                      SFTTrainer(args=SFTConfig(per_device_train_batch_size=2, optim='adamw_torch', odd=f(x)),\n\
                      peft_config=LoraConfig(r=4))";

#[test]
fn a_pasted_configuration_is_the_run_and_one_change() {
    let mut app = app();
    let before = app.scenario.clone();
    paste(&mut app, SCRIPT);
    let train = &app.scenario.train;
    assert_eq!((app.scenario.model.as_str(), app.scenario.framework.word()), ("llama-3.2-1b", "trl"));
    assert_eq!((train.method, train.lora_rank, train.micro_batch_size), (Method::Lora, 4, 2));
    assert_eq!((train.optimizer_implementation, train.loss), (OptimizerImplementation::Foreach, Loss::Trl));
    assert_eq!((train.recompute, train.sequence_length), (Recompute::Full, 1024), "TRL's own");
    assert_eq!(app.scenario.gpu, before.gpu);
    for words in ["understood: train.method=lora", "odd=f(", "taken for the preset"] {
        assert!(text(&app).contains(words), "{words}: {}", text(&app));
    }
    press(&mut app, "esc u");
    assert_eq!(app.scenario, before);
    // What names no trainer changes what it says and nothing else.
    paste(&mut app, "BitsAndBytesConfig(load_in_4bit=True)");
    assert_eq!((app.scenario.train.method, app.scenario.train.sequence_length), (Method::Qlora, 4096));
    press(&mut app, "esc u");
    paste(&mut app, "hello");
    assert!(app.overlay.is_none() && text(&app).contains("nothing to paste into here"));
    paste(&mut app, "LoraConfig(r=");
    assert!(text(&app).contains("not understood: line 1"), "{}", text(&app));
    assert_eq!(app.scenario, before);
}

#[test]
fn a_run_goes_out_as_arguments_and_comes_back() {
    let mut app = app();
    press(&mut app, ": \"train.method=qlora\" enter");
    let Some(Effect::Copy(copied)) = press(&mut app, "a") else { panic!("nothing was copied") };
    assert!(copied.contains("TrainingArguments(\n") && copied.contains("load_in_4bit=True"), "{copied}");
    assert!(text(&app).contains("BitsAndBytesConfig"), "it is shown");
    assert_eq!(press(&mut app, "c"), Some(Effect::Copy(copied.clone())));
    press(&mut app, "down down esc");
    let before = app.scenario.clone();
    paste(&mut app, &copied);
    assert_eq!(app.scenario.train.method, Method::Qlora);
    assert_eq!(app.scenario.train.lora_targets, before.train.lora_targets);
    press(&mut app, "esc t");
    assert_eq!((app.scenario.task, press(&mut app, "a")), (Task::Infer, None));
    assert!(text(&app).contains("only training under transformers"));
}
