//! dump
#![allow(missing_docs, clippy::all)]
use brimful::import::config;
use brimful::memory;
use brimful::scenario::parameter::Parameter;
use brimful::scenario::{Scenario, Value};
use serde_json::Value as Json;
#[test]
fn dump() {
    let text = std::fs::read_to_string(std::env::var("BRIMFUL_CASE").unwrap()).unwrap();
    let case: Json = serde_json::from_str(&text).unwrap();
    let model = config::parse(&case["config"].to_string(), "x", None).unwrap();
    let mut scenario = Scenario::default();
    for (key, value) in case["run"].as_object().unwrap() {
        let Ok(parameter) = Parameter::by_key(&format!("train.{key}")) else { continue };
        let value = match value {
            Json::String(word) => Value::Word(word.clone()),
            Json::Number(number) => Value::Count(number.as_u64().unwrap()),
            Json::Bool(on) => Value::Flag(*on),
            _ => continue,
        };
        parameter.set(&mut scenario, value).unwrap();
    }
    memory::estimate(&model, &scenario, None).unwrap();
}
