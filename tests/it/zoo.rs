//! Configurations as they are found, against parameters counted in the classes that they name.

use std::fs;
use std::path::Path;

use brimful::import::config;
use brimful::model::parameters;
use serde_json::Value;

/// Cases that are counted whole, and those of which a part is left out, which is said; all others are refused.
const COUNTED: usize = 236;
const PARTS: usize = 13;

fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/zoo.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_config_is_counted_exactly_or_refused() {
    let (mut counted, mut parts) = (Vec::new(), 0);
    for case in cases() {
        let id = case["id"].as_str().unwrap();
        let text = case["text"].as_str().map_or_else(|| case["config"].to_string(), str::to_owned);
        match config::import_text(&text, "config.json", None) {
            Ok(imported) => {
                let all = case["parameters"].as_u64().unwrap();
                let found = parameters::count(&imported.model.architecture).unwrap().get();
                let omitted = &imported.model.card.omitted;
                if omitted.is_empty() {
                    assert_eq!(found, all, "{id}");
                    counted.push(id.to_owned());
                } else {
                    // What is left out is said, and nothing else is missing.
                    let text = case["text_parameters"].as_u64().unwrap_or(all);
                    assert_eq!(found, text, "{id}: {omitted:?}");
                    parts += 1;
                }
            }
            Err(error) => {
                assert!(!error.place.key.is_empty(), "{id}: {error}");
                assert!(error.to_string().len() < 400, "{id}: {error}");
            }
        }
    }
    assert_eq!((counted.len(), parts), (COUNTED, PARTS), "{counted:#?}");
}
