//! LitGPT: each phase of measured steps to the byte, and what is refused.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "these runs need no files")]
#[path = "support/brimful.rs"]
mod brimful;

use std::path::Path;

use ::brimful::import::config;
use ::brimful::memory::{self, Category, Instant, Ledger, Step};
use ::brimful::preset::Library;
use ::brimful::scenario::parameter::Parameter;
use ::brimful::scenario::{Scenario, Value};
use brimful::Place;
use serde_json::Value as Json;

fn cases() -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/litgpt.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn scenario(run: &Json, release: &str) -> Scenario {
    let mut scenario = Scenario { profiles: Library::embedded().profiles(), ..Scenario::default() };
    let framework = Parameter::by_key("framework").unwrap();
    framework.set(&mut scenario, Value::Word(release.to_owned())).unwrap();
    for (key, value) in run.as_object().unwrap() {
        let value = match value {
            Json::String(word) => Value::Word(word.clone()),
            Json::Number(number) => {
                number.as_u64().map_or_else(|| Value::Fraction(number.as_f64().unwrap()), Value::Count)
            }
            Json::Bool(on) => Value::Flag(*on),
            Json::Array(words) => Value::Words(words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()),
            Json::Null | Json::Object(_) => continue,
        };
        Parameter::by_key(&format!("train.{key}")).unwrap().set(&mut scenario, value).unwrap();
    }
    scenario
}

/// The most that tensors take at any of these instants of the steady step.
fn most(ledger: &Ledger, instants: &[Instant]) -> u64 {
    let moments = ledger.moments().iter().filter(|it| it.step == Step::Steady && instants.contains(&it.instant));
    moments.map(|it| it.total.get() - it.by_category.get(Category::Runtime).get()).max().unwrap()
}

#[test]
fn every_phase_of_a_steady_step_has_the_bytes_that_were_measured() {
    let cases = cases();
    assert!(cases.len() >= 70);
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let model = config::parse(&case["config"].to_string(), id, None).unwrap();
        let release = case["framework"].as_str().unwrap_or("litgpt");
        let ledger = memory::estimate(&model, &scenario(&case["run"], release), None).unwrap();
        let phases = [
            ("forward", &[Instant::Forward, Instant::ForwardEnd][..]),
            ("backward", &[Instant::LossBackward, Instant::Backward, Instant::BackwardEnd]),
            ("optimizer", &[Instant::OptimizerStep]),
        ];
        for (phase, instants) in phases {
            let measured = &case["measured"]["peaks"][format!("steady_{phase}")];
            // Where no operation made the peak, the measurement leaves one temporary out.
            if !measured["at"].is_null() {
                assert_eq!(Some(most(&ledger, instants)), measured["total"].as_u64(), "{id}: {phase}");
            }
        }
    }
}

#[test]
fn what_its_scripts_do_not_do_is_refused_with_a_word() {
    let place = Place::new();
    let refuse = |arguments: &[&str], word: &str| {
        let all = [&["check", "--framework", "litgpt", "--gpu", "h100-sxm-80"], arguments].concat();
        let said = place.run(&all);
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.out);
        assert!(said.err.contains(word), "{arguments:?}: {}", said.err);
    };
    let llama = "llama-3.2-1b";
    refuse(&[llama, "--precision", "fp32"], "covered: bf16");
    refuse(&[llama, "--optimizer", "adamw-8bit"], "covered: adamw");
    refuse(&[llama, "--recompute", "full"], "covered: none");
    refuse(&[llama, "--task", "infer"], "for serving");
    refuse(&[llama, "--set", "train.method=qlora", "--set", "train.base_weights=int8"], "covered: nf4, fp4");
    refuse(&[llama, "--set", "train.method=lora", "--set", "train.lora_targets=q,up"], "name gate, up, down");
    refuse(&[llama, "--set", "train.method=lora", "--set", "train.lora_targets=q_proj"], "litgpt has no `q_proj`");
    refuse(&[llama, "--set", "train.method=lora", "--set", "train.dora=true"], "train.dora");
    refuse(&["mixtral-8x7b-v0.1"], "LitGPT for llama");
    refuse(&["gpt2"], "LitGPT for llama");
    refuse(&[llama, "--seq", "4000000"], "at most 2097152");
}

#[test]
fn a_tied_head_is_a_matrix_of_its_own() {
    let place = Place::new();
    let parameters = |framework| {
        let arguments = ["estimate", "llama-3.2-1b", "--framework", framework, "--seq", "512"];
        place.json(&arguments)["memory"]["parameters"].as_u64().unwrap()
    };
    assert_eq!(parameters("litgpt") - parameters("transformers"), 2 * 128_256 * 2048);
}

#[test]
fn releases_differ_in_what_quantized_products_leave_behind() {
    let place = Place::new();
    let total = |framework, method| {
        let method = format!("train.method={method}");
        let arguments = ["estimate", "llama-2-7b-hf", "--framework", framework, "--seq", "4096", "--set", &method];
        place.json(&arguments)["memory"]["allocated"].as_u64().unwrap()
    };
    assert!(total("litgpt-0.4", "qlora") > total("litgpt", "qlora"));
    assert!(total("litgpt-0.4", "full") < total("litgpt", "full"));
}
