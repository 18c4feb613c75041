//! MPT and DBRX.

use super::base::{BEFORE_LLAMA, EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{FusedProjection, Implementation, NormCode, OutputSaved, SavedLayer, ScoreCode};
use super::reads::{Key, ROUTER_LOSS, Reads, Rule};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, MlpKind, NormKind, PositionKind, Projection};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "mpt",
            norm: NormKind::LayerWithoutBias,
            projection: Projection::Fused,
            mlp: MlpKind::Plain,
            positions: PositionKind::Alibi,
            defaults: Defaults {
                vocab_size: 50_368,
                hidden_size: 2048,
                intermediate_size: None,
                num_hidden_layers: 24,
                num_attention_heads: 16,
                hidden_act: "gelu",
                tie_word_embeddings: true,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            fused_projection: FusedProjection::SplitThenHeads,
            softmax_in_fp32: false,
            scores: ScoreCode::BiasedThenFilled,
            holds_attention_output: true,
            eager_only: true,
            begins_with_token: false,
            saved_layer: SavedLayer { attention_first: true, output: OutputSaved::Last, ..SavedLayer::BY_NAME },
            measured: true,
            ..BEFORE_LLAMA
        },
        reads: Reads { rule: Rule::Mpt, ..Reads::PLAIN },
        modules: ModuleNames {
            own: &[
                (Part::TokenEmbedding, &["wte"]),
                (Part::QueryKeyValue, &["Wqkv"]),
                (Part::AttentionOutput, &["out_proj"]),
            ],
            ..ModuleNames::USUAL
        },
    },
    Member {
        family: Family {
            id: "dbrx",
            norm: NormKind::LayerWithoutBias,
            projection: Projection::Fused,
            experts: Some(ExpertDefaults { count: 4, per_token: 1, ..EXPERTS }),
            defaults: Defaults {
                hidden_size: 2048,
                intermediate_size: Some(3584),
                num_hidden_layers: 24,
                num_attention_heads: 16,
                num_key_value_heads: Some(1),
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { norm: NormCode::Fused, trains: false, begins_with_token: false, ..LLAMA_CODE },
        reads: Reads {
            keys: &[&[
                Key::Named("hidden_size", &["d_model"]),
                Key::Named("num_attention_heads", &["n_heads"]),
                Key::Named("num_hidden_layers", &["n_layers"]),
                Key::Named("max_position_embeddings", &["max_seq_len"]),
            ]],
            refuses: &[ROUTER_LOSS],
            rule: Rule::Dbrx,
        },
        modules: ModuleNames::USUAL,
    },
];
