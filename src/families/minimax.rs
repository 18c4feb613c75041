//! `MiniMax`.

use super::base::{DEEPSEEK_EXPERTS, EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE, MANY_EXPERTS};
use super::code::{Implementation, Rotation, RouterCode};
use super::reads::{HEADS, HYBRID_ROUTED, Key, LAYER_KINDS, ROUTED, ROUTER_LOSS, ROUTER_NOISE, Reads, Rule, SPARSE};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, ExpertDefaults, Family, FeedForwards, HybridDefaults, IndexerDefaults, MixerDefaults, MlpKind,
    Normalisation, Pattern, Placement, QkNorm, VariantDefaults,
};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "minimax",
            placement: Placement::NormedStream,
            hybrid: Some(HybridDefaults {
                mixer: MixerDefaults::Lightning,
                pattern: Pattern::Periodic { period: 2, offset: 0 },
                feed_forward: FeedForwards::EveryLayer,
                expert_layers: [1, 0],
            }),
            experts: Some(EXPERTS),
            defaults: Defaults {
                intermediate_size: Some(14_336),
                num_key_value_heads: Some(8),
                max_position_embeddings: 131_072,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { measured: true, ..LLAMA_CODE },
        reads: Reads {
            keys: &[HEADS, LAYER_KINDS, HYBRID_ROUTED, &[Key::Own("block_size")]],
            refuses: &[ROUTER_LOSS, ROUTER_NOISE],
            ..Reads::PLAIN
        },
        modules: ModuleNames::MIXED,
    },
    Member {
        family: Family {
            id: "minimax_m2",
            qk_norm: QkNorm::FullWidth,
            experts: Some(ExpertDefaults {
                count: 256,
                normalised: Normalisation::Always,
                correction_bias: true,
                ..MANY_EXPERTS
            }),
            defaults: Defaults {
                vocab_size: 200_064,
                hidden_size: 3072,
                intermediate_size: Some(1536),
                num_hidden_layers: 62,
                num_attention_heads: 48,
                num_key_value_heads: Some(8),
                head_dim: Some(128),
                max_position_embeddings: 196_608,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Concatenated,
            turned_together: true,
            router: RouterCode::Sigmoid,
            heads_after_projections: true,
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[HEADS, ROUTED, &[Key::RotaryShare("partial_rotary_factor")]],
            refuses: &[ROUTER_LOSS, ROUTER_NOISE],
            rule: Rule::RotaryChannels,
        },
        modules: ModuleNames::MIXED,
    },
    Member {
        family: Family {
            id: "minimax_m3_vl_text",
            qk_norm: QkNorm::PerHead,
            mlp: MlpKind::GatedFused,
            experts: Some(ExpertDefaults {
                count: 128,
                per_token: 4,
                intermediate_size: Some(3072),
                first_dense: 0,
                ..DEEPSEEK_EXPERTS
            }),
            variant: VariantDefaults {
                indexer: Some(IndexerDefaults { heads: 4, head_dim: 128, with_experts_only: true }),
                ..VariantDefaults::NONE
            },
            defaults: Defaults {
                vocab_size: 200_064,
                hidden_size: 6144,
                intermediate_size: Some(12_288),
                num_hidden_layers: 60,
                num_attention_heads: 64,
                num_key_value_heads: Some(4),
                head_dim: Some(128),
                max_position_embeddings: 524_288,
                rotary_percent: 50,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Concatenated,
            router: RouterCode::SigmoidByGroup,
            trains: false,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                SPARSE,
                &[
                    Key::Own("head_dim"), // Its experts have the class's `intermediate_size`, its dense layers a width of their own.
                    Key::Named("moe_intermediate_size", &["intermediate_size"]),
                    Key::Named("intermediate_size", &["dense_intermediate_size"]),
                    Key::Own("index_n_heads"),
                    Key::Own("index_head_dim"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::MiniMaxM3,
        },
        modules: ModuleNames::MIXED,
    },
];
