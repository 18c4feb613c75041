//! LitGPT's one GPT class, which every family passes through: `litgpt/model.py` and `litgpt/lora.py`.
//!
//! It computes otherwise than the Hugging Face classes do: one matrix for queries, keys and values, keys and values
//! always copied for every head, rotations in fp32, adapters on the fused matrix by a convolution, norms that multiply
//! by their weight in fp32. Operations and lifetimes of variables follow that code; what it shares with others comes
//! from [`crate::layers::operations`].

mod attention;
mod block;
mod head;
mod linear;
mod loss;
mod norm;
mod projection;
mod step;

use super::Lora;
use super::release::Release;
use crate::layers::Run;
use crate::tape::Dtype;

/// What products read before, under releases that hold it until the next step's logits are there.
pub(crate) const PREVIOUS_INPUTS: &str = "inputs of quantized products of the step before";

/// The logits of the step before, by which [`crate::memory`] knows them again: a first step has none.
pub(crate) const PREVIOUS: &str = "logits of the step before";

/// What the rules need to know beside the run.
#[derive(Clone, Copy)]
pub(crate) struct Gpt<'a> {
    /// The run, without adapters.
    pub(crate) run: Run<'a>,
    /// The adapters, where those are what is trained.
    pub(crate) lora: Option<&'a Lora>,
    /// The type of the tables of cosines and sines.
    pub(crate) tables: Dtype,
    /// The release.
    pub(crate) release: Release,
    /// Whether the matrices of linear layers are quantized to 4 bits.
    pub(crate) quantized: bool,
    /// Whether the embedding is multiplied by a constant.
    pub(crate) scaled_embedding: bool,
}
