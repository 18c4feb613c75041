//! Qwen3-Next and Qwen3.5, of whose layers only some attend.

use super::base::{EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, NormCode, Rotation, RouterCode};
use super::reads::{HEADS, HYBRID_ROUTED, Key, LAYER_KINDS, ROUTER_LOSS, Reads};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, ExpertDefaults, Family, FeedForwards, HybridDefaults, MixerDefaults, NormKind, Normalisation, Pattern,
    QkNorm, SharedDefault,
};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: QWEN3_NEXT,
        code: Implementation { begins_with_token: false, ..QWEN3_NEXT_CODE },
        reads: Reads {
            keys: &[
                HEADS,
                LAYER_KINDS,
                HYBRID_ROUTED,
                &[
                    Key::Own("linear_num_key_heads"),
                    Key::Own("linear_key_head_dim"),
                    Key::Own("linear_num_value_heads"),
                    Key::Own("linear_value_head_dim"),
                    Key::Own("linear_conv_kernel_dim"),
                    Key::Own("moe_intermediate_size"),
                    Key::Own("shared_expert_intermediate_size"),
                    Key::Own("decoder_sparse_step"),
                    Key::Own("mlp_only_layers"),
                    Key::Own("attention_bias"),
                    Key::RotaryShare("partial_rotary_factor"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            ..Reads::PLAIN
        },
        modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
    },
    Member {
        family: QWEN3_5,
        code: Implementation {
            wide_states_served: true,
            tables_by_sequence: true,
            begins_with_token: false,
            ..QWEN3_NEXT_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                LAYER_KINDS,
                &[
                    Key::Own("linear_num_key_heads"),
                    Key::Own("linear_key_head_dim"),
                    Key::Own("linear_num_value_heads"),
                    Key::Own("linear_value_head_dim"),
                    Key::Own("linear_conv_kernel_dim"),
                    Key::Own("attention_bias"),
                    Key::RotaryShare("partial_rotary_factor"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "qwen3_5_moe",
            hybrid: QWEN3_5.hybrid,
            experts: Some(ExpertDefaults {
                count: 256,
                per_token: 8,
                intermediate_size: Some(512),
                shared: SharedDefault::Gated(512),
                ..EXPERTS
            }),
            defaults: Defaults { vocab_size: 248_320, num_hidden_layers: 40, ..QWEN3_NEXT.defaults },
            ..QWEN3_NEXT
        },
        code: Implementation {
            wide_states_served: true,
            tables_by_sequence: true,
            begins_with_token: false,
            ..QWEN3_NEXT_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                LAYER_KINDS,
                HYBRID_ROUTED,
                &[
                    Key::Own("linear_num_key_heads"),
                    Key::Own("linear_key_head_dim"),
                    Key::Own("linear_num_value_heads"),
                    Key::Own("linear_value_head_dim"),
                    Key::Own("linear_conv_kernel_dim"),
                    Key::Own("moe_intermediate_size"),
                    Key::Own("shared_expert_intermediate_size"),
                    Key::Own("attention_bias"),
                    Key::RotaryShare("partial_rotary_factor"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
];

const QWEN3_NEXT: Family = Family {
    id: "qwen3_next",
    norm: NormKind::GemmaRms,
    qk_norm: QkNorm::PerHead,
    attention_gate: true,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::DeltaNet { fused: true },
        pattern: Pattern::Interval(4),
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    experts: Some(ExpertDefaults {
        count: 512,
        per_token: 10,
        intermediate_size: Some(512),
        normalised: Normalisation::Optional(true),
        shared: SharedDefault::Gated(512),
        ..EXPERTS
    }),
    defaults: Defaults {
        vocab_size: 151_936,
        hidden_size: 2048,
        intermediate_size: Some(5632),
        num_hidden_layers: 48,
        num_attention_heads: 16,
        num_key_value_heads: Some(2),
        head_dim: Some(256),
        max_position_embeddings: 32_768,
        rotary_percent: 25,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

const QWEN3_5: Family = Family {
    id: "qwen3_5",
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::DeltaNet { fused: false },
        pattern: Pattern::Interval(4),
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    experts: None,
    defaults: Defaults {
        vocab_size: 248_320,
        hidden_size: 4096,
        intermediate_size: Some(12_288),
        num_hidden_layers: 32,
        num_key_value_heads: Some(4),
        ..QWEN3_NEXT.defaults
    },
    ..QWEN3_NEXT
};

/// Measured are the layers that attend or are a feed-forward network alone; what scans keep is an estimate.
const QWEN3_NEXT_CODE: Implementation = Implementation {
    norm: NormCode::OnePlusWeight,
    rotation: Rotation::Concatenated,
    turned_together: true,
    router: RouterCode::SoftmaxThenCast,
    shared_expert_first: true,
    ..LLAMA_CODE
};
