//! torchtune's decoder, which every family passes through: `torchtune/modules` and the steps of its single-device recipes.
//!
//! It computes otherwise than the Hugging Face classes do: neighbouring channels are rotated as pairs in fp32, keys and
//! values are copied for every head, norms narrow after they have multiplied by their weight, logits come in chunks.
//! Operations and lifetimes of variables follow that code; linear layers, adapters and the feed-forward network are those
//! of [`crate::layers`].

mod attention;
mod batch;
mod capped;
mod head;
mod layer;
mod loss;
mod norm;
mod rotary;
mod step;

use super::release::{Parts, Release};
use crate::layers::Run;

/// What a step finds of the one before, by which [`crate::memory`] knows it again: a first step has none.
pub(crate) const PREVIOUS: &str = "scalars of the step before";

/// What the rules need to know beside the run.
#[derive(Clone, Copy)]
pub(crate) struct TransformerDecoder<'a> {
    /// The run; its padding says that batches are packed, with positions and a block mask.
    pub(crate) run: Run<'a>,
    /// What the family's builder chose.
    pub(crate) parts: Parts,
    /// The release.
    pub(crate) release: Release,
    /// Whether the optimizer's step makes nothing beside its states, so that what scales gradients is all there is.
    pub(crate) steps_in_place: bool,
}
