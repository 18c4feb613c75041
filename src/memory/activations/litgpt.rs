//! LitGPT's one GPT class, which every family passes through: `litgpt/model.py` and `litgpt/lora.py`.
//!
//! It computes otherwise than the Hugging Face classes do: one matrix for queries, keys and values, keys and values
//! always copied for every head, rotations in fp32, adapters on the fused matrix by a convolution, norms that multiply
//! by their weight in fp32. Operations and lifetimes of variables follow that code; what it shares with others comes
//! from [`super::operations`].

mod attention;
mod block;
mod head;
mod linear;
mod loss;
mod norm;
mod projection;
mod step;

use super::super::litgpt::Lora;
use super::super::tape::Dtype;
use super::Run;
use crate::framework::litgpt::Release;

/// What products read before, under releases that hold it until the next step's logits are there.
pub(in crate::memory) const PREVIOUS_INPUTS: &str = "inputs of quantized products of the step before";

/// The logits of the step before, by which [`crate::memory`] knows them again: a first step has none.
pub(in crate::memory) const PREVIOUS: &str = "logits of the step before";

/// What the rules need to know beside the run.
#[derive(Clone, Copy)]
pub(in crate::memory) struct LitGpt<'a> {
    /// The run, without adapters.
    pub(in crate::memory) run: Run<'a>,
    /// The adapters, where those are what is trained.
    pub(in crate::memory) lora: Option<&'a Lora>,
    /// The type of the tables of cosines and sines.
    pub(in crate::memory) tables: Dtype,
    /// The release.
    pub(in crate::memory) release: Release,
    /// Whether the matrices of linear layers are quantized to 4 bits.
    pub(in crate::memory) quantized: bool,
    /// Whether the embedding is multiplied by a constant.
    pub(in crate::memory) scaled_embedding: bool,
}
