//! Configurations as they are found, against parameters counted in the classes that they name.

use std::fs;
use std::path::Path;

use brimful::import::config;
use brimful::model::parameters;
use serde_json::Value;

/// Whether what stands beside a decoder, a tower of images or of sounds, is counted too.
const WITH_TOWERS: bool = false;

/// Cases that are counted; all others are refused.
const COUNTED: usize = 238;

fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/zoo.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_config_is_counted_exactly_or_refused() {
    let mut counted = Vec::new();
    for case in cases() {
        let id = case["id"].as_str().unwrap();
        let text = case["text"].as_str().map_or_else(|| case["config"].to_string(), str::to_owned);
        match config::import_text(&text, "config.json", None) {
            Ok(imported) => {
                let all = case["parameters"].as_u64().unwrap();
                let of_text = case["text_parameters"].as_u64().filter(|_| !WITH_TOWERS);
                let found = parameters::count(&imported.model.architecture).unwrap().get();
                assert_eq!(found, of_text.unwrap_or(all), "{id}");
                counted.push(id.to_owned());
            }
            Err(error) => {
                assert!(!error.place.key.is_empty(), "{id}: {error}");
                assert!(error.to_string().len() < 400, "{id}: {error}");
            }
        }
    }
    assert_eq!(counted.len(), COUNTED, "{counted:#?}");
}
