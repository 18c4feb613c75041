//! Models by name and by their published keys.

use brimful::import::config;
use brimful::model::{Model, parameters};
use brimful::preset::Library;
use serde_json::Value;

/// One of the catalogue.
pub(crate) fn preset(id: &str) -> Model {
    Library::embedded().model(id).unwrap().clone()
}

/// The model of a `config.json`.
pub(crate) fn imported(config: &Value) -> Model {
    config::parse(&config.to_string(), "config.json", None).unwrap_or_else(|error| panic!("{error}\n{config}"))
}

/// What is wrong with a `config.json`.
pub(crate) fn says(config: &Value) -> String {
    config::parse(&config.to_string(), "config.json", None).unwrap_err().to_string()
}

/// Parameters, counted by shape.
pub(crate) fn count(model: &Model) -> u64 {
    parameters::count(&model.architecture).unwrap().get()
}
