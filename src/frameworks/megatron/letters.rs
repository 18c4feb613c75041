//! Kinds of layers by the letters that Megatron has for them in hybrid stacks.

use crate::model::Architecture;
use crate::model::architecture::{FeedForward, Layer};
use crate::scenario::Megatron;

/// The letters of a predicting layer.
fn pattern(megatron: &Megatron) -> &str {
    megatron.mtp_hybrid_override_pattern.trim()
}

/// The groups whose layers a predicting layer is made of: the last, or those of its letters.
pub(super) fn predicted(architecture: &Architecture, megatron: &Megatron) -> Vec<usize> {
    let groups = &architecture.groups;
    let found = |letter| groups.iter().rposition(|group| letter_of(&group.layer) == Some(letter));
    match pattern(megatron) {
        "" => vec![groups.len() - 1],
        letters => letters.chars().filter_map(found).collect(),
    }
}

/// Whether the model has a layer for every letter of a predicting one.
pub(super) fn has_all(architecture: &Architecture, megatron: &Megatron) -> bool {
    let known = |letter| architecture.groups.iter().any(|group| letter_of(&group.layer) == Some(letter));
    pattern(megatron).chars().all(known)
}

/// The letter of a layer of a hybrid stack.
fn letter_of(layer: &Layer) -> Option<char> {
    match (layer.attention(), layer.recurrent(), &layer.feed_forward) {
        (None, Some(_), FeedForward::None) => Some('M'),
        (Some(_), None, FeedForward::None) => Some('*'),
        (None, None, FeedForward::Dense(_)) => Some('-'),
        (None, None, FeedForward::Experts(_)) => Some('E'),
        _ => None,
    }
}
