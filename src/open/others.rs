//! What other estimators say of the cases that the program brings: figures that `tests/reference/others.py` made.

use std::collections::HashSet;

use serde::Deserialize;

use super::case::inflated;
use crate::located::{PresetError, suggestion};
use crate::validate::{Case, Other};

const DEFLATED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/others.deflated"));
const ORIGIN: &str = "embedded cases/others.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    estimators: Vec<Other>,
}

/// The estimators that are part of the program, over the cases that are.
pub fn embedded(cases: &[Case]) -> Result<Vec<Other>, PresetError> {
    let text = inflated(DEFLATED).map_err(|error| PresetError::file(ORIGIN, error))?;
    parse(&text, ORIGIN, cases)
}

/// The estimators in a text, which may name no other cases than these; `origin` is what messages call it.
pub fn parse(text: &str, origin: &str, cases: &[Case]) -> Result<Vec<Other>, PresetError> {
    let wrong = |message: String| PresetError::file(origin, message);
    let document: Document = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    let known: HashSet<&str> = ids.iter().copied().collect();
    for other in &document.estimators {
        let mut once = HashSet::new();
        for id in other.says.keys().chain(other.left_out.values().flatten()).map(String::as_str) {
            if !known.contains(id) {
                return Err(wrong(format!("{}: there is no case `{id}`; {}", other.name, suggestion(id, &ids))));
            }
            if !once.insert(id) {
                return Err(wrong(format!("{}: `{id}` twice", other.name)));
            }
        }
    }
    Ok(document.estimators)
}
