//! What a catalogue says of a model, known before its file is read.

use crate::model::{Model, parameters};
use crate::units::Parameters;

/// The facts of a model that need no architecture to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The id under which it is chosen.
    pub id: &'a str,
    /// The name that people use.
    pub name: &'a str,
    /// The Hugging Face `model_type`.
    pub family: &'a str,
    /// How many parameters its architecture gives.
    pub parameters: Option<u64>,
    /// Whether a published count proves the architecture's fields.
    pub confirmed: bool,
    /// The class of its vision or audio tower, where it has one.
    pub composite: Option<&'a str>,
    /// Who published it.
    pub organization: Option<&'a str>,
    /// `2024-07`.
    pub released: Option<&'a str>,
    /// The licence's short name.
    pub license: Option<&'a str>,
    /// Where the dimensions were read.
    pub source: Option<&'a str>,
}

impl<'a> Facts<'a> {
    /// The facts of a model that was read.
    pub fn of(model: &'a Model) -> Self {
        let card = &model.card;
        Self {
            id: &model.id,
            name: &model.name,
            family: model.family.id,
            parameters: parameters::count(&model.architecture).ok().map(Parameters::get),
            confirmed: model.confirmed,
            composite: model.architecture.tower.as_ref().map(|tower| tower.composite.model_type),
            organization: card.organization.as_deref(),
            released: card.released.as_deref(),
            license: card.license.as_deref(),
            source: card.source.as_deref(),
        }
    }
}
