//! A model preset as text: what [`super::model`] reads.

use serde::Serialize;

use crate::model::{ArchitectureKeys, Card, Model, parameters};
use crate::units::Overflow;

/// Why a model cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A count beyond 64 bits.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// A value that TOML has no form for.
    #[error(transparent)]
    Toml(#[from] toml::ser::Error),
}

#[derive(Serialize)]
struct Preset<'a> {
    id: String,
    name: &'a str,
    family: &'a str,
    #[serde(flatten)]
    card: &'a Card,
    parameters: u64,
    confirmed: bool,
    architecture: &'a ArchitectureKeys,
}

/// The TOML of a preset that describes `model`, whose `[architecture]` is `keys`.
///
/// Its parameters are counted and not published, so it says `confirmed = false` unless the model's count is.
pub fn preset(model: &Model, keys: &ArchitectureKeys) -> Result<String, WriteError> {
    Ok(toml::to_string(&Preset {
        id: identifier(&model.id),
        name: &model.name,
        family: model.family.id,
        card: &model.card,
        parameters: parameters::count(&model.architecture)?.get(),
        confirmed: model.confirmed,
        architecture: keys,
    })?)
}

/// A name as an id: lower case, with `-` for what an id cannot hold.
fn identifier(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let id: String = name.chars().map(|c| if plain(c) { c.to_ascii_lowercase() } else { '-' }).collect();
    let id = id.trim_matches('-');
    if id.is_empty() { String::from("model") } else { id.to_owned() }
}
