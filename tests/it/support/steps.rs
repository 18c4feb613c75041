//! Measured steps of small models, phase by phase, against the ledger.

use std::path::Path;

use brimful::import::config;
use brimful::memory::{self, Category, Instant, Ledger, Step};
use brimful::preset::Library;
use brimful::scenario::parameter::Parameter;
use brimful::scenario::{Scenario, Value};
use serde_json::Value as Json;

use super::binary::Place;

fn cases(file: &str) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn scenario(run: &Json, release: &str) -> Scenario {
    let mut scenario = Scenario::default();
    let framework = Parameter::by_key("framework").unwrap();
    framework.set(&mut scenario, Value::Word(release.to_owned())).unwrap();
    Library::embedded().profiles().settle(&mut scenario).unwrap();
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

/// Every phase of the steady step of each case has the bytes that were measured; a case that names no framework ran under
/// this one.
pub(crate) fn check(file: &str, framework: &str, at_least: usize) {
    let cases = cases(file);
    assert!(cases.len() >= at_least);
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let model = config::parse(&case["config"].to_string(), id, None).unwrap();
        let release = case["framework"].as_str().unwrap_or(framework);
        let ledger = memory::tracked(&model, &scenario(&case["run"], release)).unwrap();
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

/// What a framework does not do is bad input, and the error says so.
pub(crate) fn refuse(place: &Place, framework: &str, arguments: &[&str], word: &str) {
    let said = place.run(&[&["check", "--framework", framework, "--gpu", "h100-sxm-80"], arguments].concat());
    assert_eq!(said.code, 2, "{arguments:?}: {}", said.out);
    assert!(said.err.contains(word), "{arguments:?}: {}", said.err);
}
