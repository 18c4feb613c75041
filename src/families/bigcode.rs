//! `StarCoder`.

use super::base::{BEFORE_LLAMA, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Earlier, FusedProjection, Implementation, NormCode, OutputSaved, SavedLayer};
use super::reads::{CROSS_ATTENTION, HEADS, Key, Reads};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Dropout, Family, MlpKind, NormKind, PositionKind, Projection};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "gpt_bigcode",
            norm: NormKind::Layer,
            projection: Projection::Fused,
            multi_query: Some(true),
            mlp: MlpKind::Plain,
            positions: PositionKind::Learned,
            qkv_bias: true,
            output_bias: true,
            mlp_bias: true,
            defaults: Defaults {
                vocab_size: 50_257,
                hidden_size: 768,
                intermediate_size: None,
                num_hidden_layers: 12,
                num_attention_heads: 12,
                max_position_embeddings: 1024,
                hidden_act: "gelu_pytorch_tanh",
                tie_word_embeddings: true,
                dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1, activation: 0.0 },
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            fused_projection: FusedProjection::SplitByHeads,
            layers_read_positions: false,
            returns_weights: false,
            embedding_dropout: true,
            drops_inside_attention: true,
            holds_attention_output: true,
            saved_layer: SavedLayer { attention_first: true, output: OutputSaved::Last, up_first: true },
            earlier: Earlier { never_checkpoints: true, eager_of_its_own: true, narrow_loss: true, ..Earlier::SAME },
            measured: true,
            ..BEFORE_LLAMA
        },
        reads: Reads {
            keys: &[&[
                Key::Own("multi_query"),
                Key::Named("hidden_dropout", &["resid_pdrop"]),
                Key::Named("embedding_dropout", &["embd_pdrop"]),
            ]],
            refuses: &[CROSS_ATTENTION],
            ..Reads::PLAIN
        },
        modules: ModuleNames {
            own: &[
                (Part::TokenEmbedding, &["wte"]),
                (Part::QueryKeyValue, &["c_attn"]),
                (Part::AttentionOutput, &["attn.c_proj", "c_proj"]),
                (Part::Up, &["c_fc"]),
                (Part::Down, &["mlp.c_proj", "c_proj"]),
            ],
            ..ModuleNames::USUAL
        },
    },
    Member {
        family: Family {
            id: "starcoder2",
            norm: NormKind::Layer,
            mlp: MlpKind::Plain,
            qkv_bias: true,
            output_bias: true,
            mlp_bias: true,
            defaults: Defaults {
                vocab_size: 49_152,
                hidden_size: 3072,
                intermediate_size: Some(12_288),
                num_hidden_layers: 30,
                num_attention_heads: 24,
                num_key_value_heads: Some(2),
                max_position_embeddings: 4096,
                hidden_act: "gelu_pytorch_tanh",
                tie_word_embeddings: true,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            norm: NormCode::Fused,
            embedding_dropout: true,
            hidden_dropout: true,
            drops_inside_attention: true,
            drops_with_input: true,
            saved_layer: SavedLayer { up_first: true, ..SavedLayer::BY_NAME },
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                &[
                    Key::Named("attention_bias", &["use_bias"]),
                    Key::Named("mlp_bias", &["use_bias"]),
                    Key::Named("hidden_dropout", &["residual_dropout"]),
                    Key::Own("embedding_dropout"),
                    Key::OrZero("sliding_window"),
                ],
            ],
            ..Reads::PLAIN
        },
        modules: ModuleNames { own: &[(Part::Up, &["c_fc"]), (Part::Down, &["c_proj"])], ..ModuleNames::USUAL },
    },
];
