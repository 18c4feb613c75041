//! BLOOM.

use super::base::{BEFORE_LLAMA, LLAMA, LLAMA_LIKE};
use super::code::{FusedProjection, HeldNorm, Implementation, ScoreCode};
use super::reads::{Key, Reads, Rule};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Family, MlpKind, NormKind, PositionKind, Projection};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "bloom",
        norm: NormKind::Layer,
        projection: Projection::Fused,
        mlp: MlpKind::Plain,
        positions: PositionKind::Alibi,
        embedding_norm: true,
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        defaults: Defaults {
            vocab_size: 250_880,
            hidden_size: 64,
            intermediate_size: None,
            num_hidden_layers: 2,
            num_attention_heads: 8,
            hidden_act: "bloom_gelu",
            tie_word_embeddings: true,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation {
        fused_projection: FusedProjection::Selected,
        holds_normed: HeldNorm::UntilNextNorm,
        scores: ScoreCode::Biased,
        flattened_heads: true,
        eager_only: true,
        measured: true,
        ..BEFORE_LLAMA
    },
    reads: Reads {
        keys: &[&[
            // The class has the old name win over the new one.
            Key::Named("hidden_size", &["n_embed", "hidden_size"]),
            Key::Own("apply_residual_connection_post_layernorm"),
            Key::Own("hidden_dropout"),
        ]],
        rule: Rule::Bloom,
        ..Reads::PLAIN
    },
    modules: ModuleNames {
        own: &[
            (Part::TokenEmbedding, &["word_embeddings"]),
            (Part::QueryKeyValue, &["query_key_value"]),
            (Part::AttentionOutput, &["dense"]),
            (Part::Up, &["dense_h_to_4h"]),
            (Part::Down, &["dense_4h_to_h"]),
        ],
        ..ModuleNames::USUAL
    },
}];
