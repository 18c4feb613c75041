//! OPT.

use super::base::{BEFORE_LLAMA, LLAMA, LLAMA_LIKE};
use super::code::{Implementation, ModuleOrder, Modules, PositionCode, SavedLayer, SavedOrder};
use super::reads::{Key, Reads};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Dropout, Family, MlpKind, NormKind, PositionKind};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "opt",
        norm: NormKind::Layer,
        mlp: MlpKind::Plain,
        positions: PositionKind::Learned,
        unused_positions: 2,
        qkv_bias: true,
        output_bias: true,
        mlp_bias: true,
        defaults: Defaults {
            vocab_size: 50_272,
            hidden_size: 768,
            intermediate_size: Some(3072),
            num_hidden_layers: 12,
            num_attention_heads: 12,
            hidden_act: "relu",
            tie_word_embeddings: true,
            dropout: Dropout { embedding: 0.0, hidden: 0.1, attention: 0.0, activation: 0.0 },
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation {
        returns_weights: false,
        positions: PositionCode::FromMask,
        scaled_queries: true,
        feed_forward_in_layer: true,
        saved: SavedOrder::HeadFirst,
        heads_after_projections: true,
        saved_layer: SavedLayer { up_first: true, ..SavedLayer::BY_NAME },
        modules: Modules::in_order(ModuleOrder::NormAfterEach),
        measured: true,
        ..BEFORE_LLAMA
    },
    reads: Reads {
        keys: &[&[
            Key::Named("attention_bias", &["enable_bias"]),
            Key::Named("mlp_bias", &["enable_bias"]),
            Key::Named("hidden_dropout", &["dropout"]),
            Key::Own("word_embed_proj_dim"),
            Key::Own("do_layer_norm_before"),
            Key::Own("_remove_final_layer_norm"),
            Key::Own("layer_norm_elementwise_affine"),
        ]],
        ..Reads::PLAIN
    },
    modules: ModuleNames {
        own: &[
            (Part::EmbeddingProjection, &["project_in"]),
            (Part::HeadProjection, &["project_out"]),
            (Part::AttentionOutput, &["out_proj"]),
            (Part::Up, &["fc1"]),
            (Part::Down, &["fc2"]),
        ],
        ..ModuleNames::USUAL
    },
}];
