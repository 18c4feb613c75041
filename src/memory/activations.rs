//! What a forward pass makes, keeps and lets go of: the rules, written as the implementation computes.
//!
//! Each rule records the operations of one piece of a model on the [`Tape`], with the variables
//! of the modelling code released where that code releases them. Sizes follow from shapes alone.

mod adapted_experts;
mod adapter;
mod attention;
mod compressed;
mod embedding;
mod encoder;
mod every_expert;
mod experts;
mod feed_forward;
mod fused_loss;
mod gate;
mod image;
mod indexed;
mod kept_blocks;
mod latent;
mod layer;
mod litgpt;
mod magnitude;
mod model;
mod norm;
mod operations;
mod quantized;
mod recurrent;
mod rotary;
mod seq2seq;
mod situ;
mod stack;
mod torchtune;

pub(super) use litgpt::{LitGpt, PREVIOUS, PREVIOUS_INPUTS};
pub(super) use model::{Forward, Stretch};
pub(super) use quantized::Kernel;
pub(super) use torchtune::{PREVIOUS as PREVIOUS_SCALARS, Torchtune};

use super::adapters::Adapters;
use super::entry::Dim;
use super::kernels::Kernels;
use super::tape::{Dtype, Tape, Tensor};
use crate::framework::Implementation;
use crate::model::Architecture;
use crate::scenario::Loss;

/// A pass of generation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Generation {
    /// Tokens of each sequence that earlier passes have read.
    pub(super) past: u64,
    /// Whether a cache grows on the tape; else it is counted by itself.
    pub(super) caches: bool,
    /// Whether tokens are drawn by their probabilities.
    pub(super) samples: bool,
    /// Whether logits of every position of the prompt are computed, with a copy in fp32.
    pub(super) logits_of_prompt: bool,
}

/// What every rule needs to know about the run.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent options of a run")]
pub(super) struct Run<'a> {
    /// The model.
    pub(super) architecture: &'a Architecture,
    /// The modelling code.
    pub(super) code: Implementation,
    /// Sequences, `b`.
    pub(super) batch: u64,
    /// Tokens in each, `s`.
    pub(super) sequence: u64,
    /// The type of the weights.
    pub(super) weights: Dtype,
    /// Whether autocast runs matrix products in 16 bits over fp32 weights.
    pub(super) autocast: bool,
    /// Whether the attention kernel is fused.
    pub(super) fused_attention: bool,
    /// Whether batches carry a padding mask.
    pub(super) padding: bool,
    /// Whether dropout acts after the embedding, before residuals and on attention weights.
    pub(super) dropout: [bool; 3],
    /// How many layers, from the first, are checkpointed.
    pub(super) checkpointed_layers: u64,
    /// Whether logits of all positions are computed, with a loss.
    pub(super) loss: bool,
    /// Whether the caller still holds the model's outputs in backward.
    pub(super) keep_outputs: bool,
    /// Whether gradients stand from an earlier micro batch or step.
    pub(super) keep_gradients: bool,
    /// Whether there is a backward pass.
    pub(super) graph: bool,
    /// The adapters on a frozen model, where those are what is trained.
    pub(super) adapters: Option<&'a Adapters>,
    /// How logits and loss are computed.
    pub(super) loss_kind: Loss,
    /// Chunks of a chunked loss.
    pub(super) loss_chunks: u64,
    /// How products read matrices that are quantized.
    pub(super) base: Option<Kernel>,
    /// Where the generation of tokens stands; nothing where none are generated.
    pub(super) generation: Option<Generation>,
    /// Whether every layer is recorded; else of equal ones the first and the last.
    pub(super) every_layer: bool,
    /// What kernels take for themselves; nothing where only tensors are looked at.
    pub(super) kernels: Option<Kernels>,
}

impl Run<'_> {
    /// How many of so many equal periods are recorded.
    fn recorded(&self, periods: u64) -> u64 {
        if self.every_layer { periods } else { periods.min(2) }
    }

    fn b(&self) -> Dim {
        Dim { symbol: "b", size: self.batch }
    }

    fn s(&self) -> Dim {
        Dim { symbol: "s", size: self.sequence }
    }

    fn h(&self) -> Dim {
        Dim { symbol: "h", size: self.architecture.hidden_size }
    }

    /// `[b, s, channels]`.
    fn stream(&self, tape: &mut Tape, channels: Dim) -> u16 {
        tape.shape(&[self.b(), self.s(), channels])
    }

    /// The type of matrix products.
    fn compute(&self) -> Dtype {
        if self.autocast { Dtype::Bf16 } else { self.weights }
    }

    /// Tokens of each sequence that earlier passes have read.
    fn past(&self) -> u64 {
        self.generation.map_or(0, |generation| generation.past)
    }

    /// Whether a cache grows on the tape.
    fn caches(&self) -> bool {
        self.generation.is_some_and(|generation| generation.caches)
    }

    /// Tokens of each sequence whose keys a layer with such a window reads: those of this pass, and those that its cache
    /// still has.
    fn keys(&self, window: Option<u64>) -> Dim {
        match self.past() {
            0 => self.s(),
            past => Dim { symbol: "t", size: in_window(window, past).saturating_add(self.sequence) },
        }
    }

    /// Whether a pass reads one token more with all that a cache has.
    fn is_a_step(&self) -> bool {
        self.past() > 0 && self.sequence == 1
    }

    /// Whether attention carries an additive mask of its own instead of the kernel's causal flag.
    fn masked(&self, window: Option<u64>) -> bool {
        let beyond = window.is_some_and(|window| self.keys(Some(window)).size >= window);
        let several_after_others = self.past() > 0 && self.sequence > 1;
        self.code.always_masked || self.padding || beyond || several_after_others
    }
}

/// Of so many tokens those that a cache keeps for a layer: with a sliding window one less than that is long.
pub(super) fn in_window(window: Option<u64>, tokens: u64) -> u64 {
    window.map_or(tokens, |window| tokens.min(window.saturating_sub(1).max(1)))
}

/// A matrix and, where it has one, its bias.
#[derive(Debug, Clone, Copy)]
struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    inputs: Dim,
    outputs: Dim,
}
