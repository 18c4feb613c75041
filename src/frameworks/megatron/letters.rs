//! Which layers a predicting layer is made of, by the letters of hybrid stacks.

use crate::ledger::EstimateError;
use crate::model::{Architecture, Model};
use crate::scenario::Megatron;

/// The letters of a predicting layer.
fn pattern(megatron: &Megatron) -> &str {
    megatron.mtp_hybrid_override_pattern.trim()
}

/// The groups whose layers a predicting layer is made of: the last, or those of its letters.
pub(super) fn predicted(architecture: &Architecture, megatron: &Megatron) -> Vec<usize> {
    let groups = &architecture.groups;
    let found = |letter| groups.iter().rposition(|group| group.layer.letter() == Some(letter));
    match pattern(megatron) {
        "" => vec![groups.len() - 1],
        letters => letters.chars().filter_map(found).collect(),
    }
}

/// An error where a layer predicts and has a letter that no layer of the model has.
pub(super) fn check(model: &Model, megatron: &Megatron) -> Result<(), EstimateError> {
    let mut own: Vec<char> = model.architecture.groups.iter().filter_map(|group| group.layer.letter()).collect();
    own.sort_unstable();
    own.dedup();
    let unknown = pattern(megatron).chars().any(|letter| !own.contains(&letter));
    if megatron.mtp_num_layers == 0 || !unknown {
        return Ok(());
    }
    let letters: Vec<String> = own.into_iter().map(String::from).collect();
    let covered = if letters.is_empty() {
        format!("empty, for {}, whose layers have no letters", model.id)
    } else {
        format!("{}, the letters of {}'s own layers", letters.join(" "), model.id)
    };
    let (key, value) = ("megatron.mtp_hybrid_override_pattern", pattern(megatron).to_owned());
    Err(EstimateError::NotCovered { key, value, covered })
}
