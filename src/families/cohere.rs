//! Command R.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, NormCode, Widening};
use super::reads::{HEADS, Key, Reads, Rule, WINDOWS};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Family, NormKind, Placement};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "cohere",
            norm: NormKind::LayerWithoutBias,
            placement: Placement::ParallelOneNorm,
            defaults: Defaults {
                vocab_size: 256_000,
                hidden_size: 8192,
                intermediate_size: Some(22_528),
                num_hidden_layers: 40,
                num_attention_heads: 64,
                max_position_embeddings: 8192,
                tie_word_embeddings: true,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { norms_after_projections: true, measured: true, ..COHERE_CODE },
        reads: Reads { keys: &[HEADS, &[Key::Own("attention_bias"), Key::Own("use_qk_norm")]], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "cohere2",
            norm: NormKind::LayerWithoutBias,
            placement: Placement::ParallelOneNorm,
            rotates_with_window_only: true,
            defaults: Defaults {
                vocab_size: 256_000,
                hidden_size: 8192,
                intermediate_size: Some(22_528),
                num_hidden_layers: 40,
                num_attention_heads: 64,
                max_position_embeddings: 8192,
                tie_word_embeddings: true,
                sliding_window: Some(4096),
                sliding_window_pattern: Some(4),
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { both_masks: true, measured: true, ..COHERE_CODE },
        reads: Reads {
            keys: &[HEADS, WINDOWS, &[Key::Own("attention_bias")]],
            rule: Rule::PatternUnlessNamed,
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
];

/// What both are written like.
const COHERE_CODE: Implementation = Implementation {
    norm: NormCode::LayerWrittenOut,
    widening: Widening::Inputs,
    scaled_logits: true,
    adds_attention_first: true,
    ..LLAMA_CODE
};
