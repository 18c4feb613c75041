//! GPT-2 and the first open models after it.

use super::base::{BEFORE_LLAMA, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{
    Earlier, FusedProjection, HeldNorm, Implementation, ModuleOrder, Modules, NormCode, OutputSaved, Rotation,
    SavedLayer, SavedOrder, ScoreCode, TableCode,
};
use super::reads::{CROSS_ATTENTION, Key, Reads, Rule};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Dropout, Family, MlpKind, NormKind, Placement, PositionKind, Projection};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "gpt2",
            norm: NormKind::Layer,
            projection: Projection::Fused,
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
                hidden_act: "gelu_new",
                tie_word_embeddings: true,
                dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1, activation: 0.0 },
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            norm: NormCode::Fused,
            fused_projection: FusedProjection::SplitThenHeads,
            rotation: Rotation::None,
            softmax_in_fp32: false,
            embedding_dropout: true,
            hidden_dropout: true,
            drops_inside_attention: true,
            checkpoint_keeps_mask: true,
            holds_attention_output: true,
            holds_normed: HeldNorm::UntilAdded,
            conv1d: true,
            earlier: Earlier { mask_in_layers: true, ..Earlier::SAME },
            saved: SavedOrder::LayersBeforeTables,
            saved_layer: SavedLayer { attention_first: true, output: OutputSaved::Last, up_first: true },
            modules: Modules::in_order(ModuleOrder::AsComputed),
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[&[
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
            id: "gpt_neo",
            norm: NormKind::Layer,
            mlp: MlpKind::Plain,
            positions: PositionKind::Learned,
            output_bias: true,
            mlp_bias: true,
            defaults: Defaults {
                vocab_size: 50_257,
                hidden_size: 2048,
                intermediate_size: None,
                num_hidden_layers: 24,
                num_attention_heads: 16,
                hidden_act: "gelu_new",
                tie_word_embeddings: true,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            softmax_in_fp32: false,
            scores_in_fp32: true,
            scores: ScoreCode::Chosen,
            layers_read_positions: false,
            embedding_dropout: true,
            drops_inside_attention: true,
            holds_attention_output: true,
            eager_only: true,
            saved_layer: SavedLayer { attention_first: true, up_first: true, ..SavedLayer::BY_NAME },
            measured: true,
            ..BEFORE_LLAMA
        },
        reads: Reads {
            keys: &[&[
                Key::Own("attention_dropout"),
                Key::Named("hidden_dropout", &["resid_dropout"]),
                Key::Named("embedding_dropout", &["embed_dropout"]),
            ]],
            rule: Rule::GptNeo,
            ..Reads::PLAIN
        },
        modules: ModuleNames {
            own: &[
                (Part::TokenEmbedding, &["wte"]),
                (Part::AttentionOutput, &["out_proj"]),
                (Part::Up, &["c_fc"]),
                (Part::Down, &["c_proj"]),
            ],
            ..ModuleNames::USUAL
        },
    },
    Member {
        family: Family {
            id: "gptj",
            norm: NormKind::Layer,
            placement: Placement::ParallelOneNorm,
            mlp: MlpKind::Plain,
            mlp_bias: true,
            head_bias: true,
            defaults: Defaults {
                vocab_size: 50_400,
                intermediate_size: None,
                num_hidden_layers: 28,
                num_attention_heads: 16,
                hidden_act: "gelu_new",
                rotary_dim: Some(64),
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Concatenated,
            tables: TableCode::Gathered,
            softmax_in_fp32: false,
            scores_in_fp32: true,
            embedding_dropout: true,
            drops_inside_attention: true,
            eager_only: true,
            saved_layer: SavedLayer { attention_first: true, up_first: true, ..SavedLayer::BY_NAME },
            measured: true,
            ..BEFORE_LLAMA
        },
        reads: Reads {
            keys: &[&[
                Key::Own("rotary_dim"),
                Key::Named("hidden_dropout", &["resid_pdrop"]),
                Key::Named("embedding_dropout", &["embd_pdrop"]),
            ]],
            ..Reads::PLAIN
        },
        modules: ModuleNames {
            own: &[
                (Part::TokenEmbedding, &["wte"]),
                (Part::AttentionOutput, &["out_proj"]),
                (Part::Up, &["fc_in"]),
                (Part::Down, &["fc_out"]),
            ],
            ..ModuleNames::USUAL
        },
    },
    Member {
        family: Family {
            id: "gpt_neox",
            norm: NormKind::Layer,
            placement: Placement::Parallel,
            projection: Projection::Fused,
            mlp: MlpKind::Plain,
            qkv_bias: true,
            output_bias: true,
            mlp_bias: true,
            defaults: Defaults {
                vocab_size: 50_432,
                hidden_size: 6144,
                intermediate_size: Some(24_576),
                num_hidden_layers: 44,
                num_attention_heads: 64,
                hidden_act: "gelu",
                rotary_percent: 25,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            saved: SavedOrder::HeadLast,
            norm: NormCode::Fused,
            fused_projection: FusedProjection::HeadsThenSplit,
            rotation: Rotation::Concatenated,
            turned_together: true,
            embedding_dropout: true,
            hidden_dropout: true,
            saved_layer: SavedLayer { attention_first: true, ..SavedLayer::BY_NAME },
            modules: Modules::in_order(ModuleOrder::NormsFirst),
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[&[
                Key::Own("attention_bias"),
                Key::RotaryShare("rotary_pct"),
                Key::Own("use_parallel_residual"),
                Key::Own("hidden_dropout"), // The same probability after the embedding.
                Key::Named("embedding_dropout", &["hidden_dropout"]),
            ]],
            ..Reads::PLAIN
        },
        modules: ModuleNames {
            own: &[
                (Part::TokenEmbedding, &["embed_in"]),
                (Part::QueryKeyValue, &["query_key_value"]),
                (Part::AttentionOutput, &["dense"]),
                (Part::Up, &["dense_h_to_4h"]),
                (Part::Down, &["dense_4h_to_h"]),
            ],
            ..ModuleNames::USUAL
        },
    },
];
