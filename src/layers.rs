//! What a forward pass makes, keeps and lets go of: the rules, written as the implementation computes.
//!
//! Each rule records the operations of one piece of a model on the [`Tape`], with the variables
//! of the modelling code released where that code releases them. Sizes follow from shapes alone.

pub(crate) mod adapted_embedding;
pub(crate) mod adapted_experts;
mod adapter;
mod alternating;
pub(crate) mod attention;
pub(crate) mod chunked_loss;
pub(crate) mod compiled;
pub(crate) mod compressed;
pub(crate) mod cross;
pub(crate) mod divided;
pub(crate) mod embedding;
pub(crate) mod encoder;
pub(crate) mod every_expert;
pub(crate) mod experts;
pub(crate) mod feed_forward;
pub(crate) mod gate;
pub(crate) mod image;
pub(crate) mod indexed;
pub(crate) mod kept_blocks;
pub(crate) mod latent;
pub(crate) mod layer;
pub(crate) mod liger;
pub(crate) mod linear;
pub(crate) mod magnitude;
pub(crate) mod model;
pub(crate) mod norm;
pub(crate) mod operations;
pub(crate) mod quantized;
pub(crate) mod recorder;
pub(crate) mod recurrent;
pub(crate) mod rotary;
mod rotation;
pub(crate) mod seq2seq;
pub(crate) mod situ;
pub(crate) mod tiled_loss;
pub(crate) mod tower;
mod vectors;

use crate::families::Implementation;
use crate::families::code::LigerPatch;
use crate::gpu::kernels::Kernels;
use crate::model::Architecture;
use crate::scenario::{Compile, Loss, Objective, Reference};
use crate::shape::Dim;
use crate::states::adapters::Adapters;
use crate::states::quantized::Kernel;
use crate::tape::{Dtype, Tape};

use self::divided::Divided;
use self::tower::Seen;

pub(crate) use linear::Linear;
pub(crate) use model::Forward;

/// A pass of generation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Generation {
    /// Tokens of each sequence that earlier passes have read.
    pub(crate) past: u64,
    /// Whether a cache grows on the tape; else it is counted by itself.
    pub(crate) caches: bool,
    /// Whether tokens are drawn by their probabilities.
    pub(crate) samples: bool,
    /// Whether logits of every position of the prompt are computed, with a copy in fp32.
    pub(crate) logits_of_prompt: bool,
}

/// What every rule needs to know about the run.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent options of a run")]
pub(crate) struct Run<'a> {
    /// The model.
    pub(crate) architecture: &'a Architecture,
    /// The modelling code.
    pub(crate) code: Implementation,
    /// Sequences, `b`.
    pub(crate) batch: u64,
    /// Tokens in each, `s`, those of its images among them.
    pub(crate) sequence: u64,
    /// The images that they have, where they have any.
    pub(crate) seen: Option<&'a Seen>,
    /// The type of the weights.
    pub(crate) weights: Dtype,
    /// Whether autocast runs matrix products in 16 bits over fp32 weights.
    pub(crate) autocast: bool,
    /// Whether the attention kernel is fused.
    pub(crate) fused_attention: bool,
    /// Whether batches carry a padding mask.
    pub(crate) padding: bool,
    /// Whether they carry a mask though nothing is padded.
    pub(crate) unpadded_mask: bool,
    /// Whether dropout acts after the embedding, before residuals and on attention weights.
    pub(crate) dropout: [bool; 3],
    /// Whether it acts behind the activations of feed-forward networks too.
    pub(crate) activation_dropout: bool,
    /// Whether the residual stream lies channel by channel, as what a convolution gives.
    pub(crate) stream_by_channel: bool,
    /// Whether weights came from a checkpoint, which makes every one of them trainable.
    pub(crate) loaded: bool,
    /// Tokens of an encoder whose keys are read in place of the sequence's own.
    pub(crate) attended: Option<u64>,
    /// How many layers, from the first, are asked to be checkpoints.
    pub(crate) checkpointed_layers: u64,
    /// Of those the first and every n-th after it.
    pub(crate) checkpoint_every: u64,
    /// Whether what checkpoints keep lies in host memory.
    pub(crate) offloads_checkpoints: bool,
    /// Whether each parameter is stepped as its gradient comes.
    pub(crate) steps_in_backward: bool,
    /// Whether logits of all positions are computed, with a loss.
    pub(crate) loss: bool,
    /// Whether the caller still holds the model's outputs in backward.
    pub(crate) keep_outputs: bool,
    /// Whether gradients stand from an earlier micro batch or step.
    pub(crate) keep_gradients: bool,
    /// Whether there is a backward pass.
    pub(crate) graph: bool,
    /// The adapters on a frozen model, where those are what is trained.
    pub(crate) adapters: Option<&'a Adapters>,
    /// What Liger's kernels replace; nothing where they are not used.
    pub(crate) liger: Option<LigerPatch>,
    /// What a compiler makes one graph of.
    pub(crate) compile: Compile,
    /// How logits and loss are computed.
    pub(crate) loss_kind: Loss,
    /// Tokens of a micro batch whose labels count, where that is not all.
    pub(crate) scored: Option<u64>,
    /// Chunks of a chunked loss.
    pub(crate) loss_chunks: u64,
    /// What is learned.
    pub(crate) objective: Objective,
    /// What a policy is held against.
    pub(crate) reference: Reference,
    /// How products read matrices that are quantized.
    pub(crate) base: Option<Kernel>,
    /// Where the generation of tokens stands; nothing where none are generated.
    pub(crate) generation: Option<Generation>,
    /// Whether linear layers keep their input though their matrix is frozen: the function that ZeRO-3 puts in their place.
    pub(crate) keeps_inputs: bool,
    /// Whether every layer is recorded; else of equal ones the first and the last.
    pub(crate) every_layer: bool,
    /// How GPUs divide its matrices; nothing where each has them whole.
    pub(crate) divided: Option<Divided>,
    /// What kernels take for themselves; nothing where only tensors are looked at.
    pub(crate) kernels: Option<Kernels>,
}

impl<'a> Run<'a> {
    /// A plain step of training in bf16 over so many tokens of each sequence: an eager loss, and nothing padded, dropped,
    /// recomputed, adapted or divided.
    pub(crate) const fn plain(
        (architecture, code): (&'a Architecture, Implementation),
        (batch, sequence): (u64, u64),
    ) -> Self {
        Self {
            architecture,
            code,
            batch,
            sequence,
            seen: None,
            weights: Dtype::Bf16,
            autocast: false,
            fused_attention: true,
            padding: false,
            unpadded_mask: false,
            dropout: [false; 3],
            activation_dropout: false,
            stream_by_channel: false,
            loaded: true,
            attended: None,
            checkpointed_layers: 0,
            checkpoint_every: 1,
            offloads_checkpoints: false,
            steps_in_backward: false,
            loss: true,
            keep_outputs: false,
            keep_gradients: false,
            graph: true,
            adapters: None,
            liger: None,
            compile: Compile::None,
            scored: None,
            objective: Objective::Lm,
            reference: Reference::None,
            loss_kind: Loss::Eager,
            loss_chunks: 0,
            base: None,
            generation: None,
            keeps_inputs: false,
            every_layer: false,
            divided: None,
            kernels: None,
        }
    }
}

impl Run<'_> {
    /// How many layers, from the first, are checkpoints: none of a class whose layers are none.
    pub(crate) fn checkpoints(&self) -> u64 {
        if self.code.never_checkpoints { 0 } else { self.checkpointed_layers }
    }

    /// How many of so many equal periods are recorded.
    pub(crate) fn recorded(&self, periods: u64) -> u64 {
        let alike = !self.every_layer && (self.checkpoint_every == 1 || self.checkpoints() == 0);
        if alike { periods.min(2) } else { periods }
    }

    /// Whether the layer of this number is checkpointed.
    pub(crate) fn is_checkpoint(&self, number: u64) -> bool {
        number < self.checkpoints() && number.is_multiple_of(self.checkpoint_every)
    }

    pub(crate) fn b(&self) -> Dim {
        Dim { symbol: "b", size: self.batch }
    }

    pub(crate) fn s(&self) -> Dim {
        Dim { symbol: "s", size: self.sequence }
    }

    pub(crate) fn h(&self) -> Dim {
        Dim { symbol: "h", size: self.architecture.hidden_size }
    }

    pub(crate) fn v(&self) -> Dim {
        Dim { symbol: "V", size: self.architecture.vocab_size }
    }

    /// `[b, (s+1)]`: labels of a batch and one more, from which those of the next tokens are taken.
    pub(crate) fn padded_labels(&self, tape: &mut Tape) -> u16 {
        tape.shape(&[self.b(), Dim { symbol: "(s+1)", size: self.sequence.saturating_add(1) }])
    }

    /// `[b, s, channels]`.
    pub(crate) fn stream(&self, tape: &mut Tape, channels: Dim) -> u16 {
        tape.shape(&[self.b(), self.s(), channels])
    }

    /// The type of matrix products.
    pub(crate) fn compute(&self) -> Dtype {
        if self.autocast { Dtype::Bf16 } else { self.weights }
    }

    /// Tokens of each sequence that earlier passes have read.
    pub(crate) fn past(&self) -> u64 {
        self.generation.map_or(0, |generation| generation.past)
    }

    /// Whether the batch has a mask of its own.
    pub(crate) const fn has_mask(&self) -> bool {
        self.padding || self.unpadded_mask
    }

    /// Whether a cache grows on the tape.
    pub(crate) fn caches(&self) -> bool {
        self.generation.is_some_and(|generation| generation.caches)
    }

    /// Tokens of each sequence whose keys a layer with such a window reads: those of this pass, and those that its cache
    /// still has.
    pub(crate) fn keys(&self, window: Option<u64>) -> Dim {
        if let Some(size) = self.attended {
            return Dim { symbol: "n", size };
        }
        match self.past() {
            0 => self.s(),
            past => Dim { symbol: "t", size: in_window(window, past).saturating_add(self.sequence) },
        }
    }

    /// Whether a pass reads one token more with all that a cache has.
    pub(crate) fn is_a_step(&self) -> bool {
        self.past() > 0 && self.sequence == 1
    }

    /// Whether tokens of an image see each other both ways, which takes a mask.
    fn sees_images_both_ways(&self) -> bool {
        self.seen.is_some_and(|seen| seen.tower.is_seen_both_ways()) && self.past() == 0
    }

    /// Whether attention carries an additive mask of its own instead of the kernel's causal flag.
    pub(crate) fn masked(&self, window: Option<u64>) -> bool {
        if self.code.flash_package && self.fused_attention {
            return false;
        }
        let beyond = window.is_some_and(|window| self.keys(Some(window)).size >= window);
        let several_after_others = self.past() > 0 && self.sequence > 1;
        let dense = self.padding || self.sees_images_both_ways();
        self.code.always_masked || dense || beyond || several_after_others
    }
}

/// Of so many tokens those that a cache keeps for a layer: with a sliding window one less than that is long.
pub(crate) fn in_window(window: Option<u64>, tokens: u64) -> u64 {
    window.map_or(tokens, |window| tokens.min(window.saturating_sub(1).max(1)))
}
