//! Qwen 2 and 3.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Earlier, Implementation, LigerPatch, ModuleOrder, Modules, RouterCode};
use super::reads::{HEADS, Key, ROUTED, ROUTER_LOSS, Reads, Refusal, Rule, When};
use super::{AllLinear, Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, Normalisation, QkNorm, SharedDefault};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "qwen2",
            qkv_bias: true,
            defaults: Defaults {
                vocab_size: 151_936,
                intermediate_size: Some(22_016),
                num_key_value_heads: Some(32),
                max_position_embeddings: 32_768,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            begins_with_token: false,
            measured: true,
            liger: Some(LigerPatch::LLAMA),
            compiles: true,
            ..LLAMA_CODE
        },
        reads: Reads { keys: &[HEADS], rule: Rule::LaterLayersSlide, ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "qwen2_moe",
            qkv_bias: true,
            experts: Some(ExpertDefaults {
                count: 60,
                per_token: 4,
                intermediate_size: Some(1408),
                normalised: Normalisation::Optional(false),
                shared: SharedDefault::Gated(5632),
                first_dense: 0,
                groups: None,
                correction_bias: false,
                bias: false,
            }),
            defaults: Defaults {
                vocab_size: 151_936,
                hidden_size: 2048,
                intermediate_size: Some(5632),
                num_hidden_layers: 24,
                num_attention_heads: 16,
                num_key_value_heads: Some(16),
                max_position_embeddings: 32_768,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            router: RouterCode::SoftmaxThenCast,
            both_masks: true,
            mask_without_window: true,
            shared_expert_first: true,
            begins_with_token: false,
            measured: true,
            earlier: Earlier { attention_of_its_own: true, ..Earlier::SAME },
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                ROUTED,
                &[
                    Key::Named("attention_bias", &["qkv_bias"]),
                    Key::Own("moe_intermediate_size"),
                    Key::Own("shared_expert_intermediate_size"),
                    Key::Own("norm_topk_prob"),
                    Key::Own("decoder_sparse_step"),
                    Key::Own("mlp_only_layers"),
                ],
            ],
            refuses: &[
                ROUTER_LOSS,
                Refusal {
                    key: "use_sliding_window",
                    when: When::True,
                    problem: "Qwen2-MoE with a window is not covered",
                },
            ],
            ..Reads::PLAIN
        },
        modules: ModuleNames { all_linear: AllLinear::Layers, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "qwen3",
            qk_norm: QkNorm::PerHead,
            defaults: Defaults {
                vocab_size: 151_936,
                intermediate_size: Some(22_016),
                num_key_value_heads: Some(32),
                head_dim: Some(128),
                max_position_embeddings: 32_768,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            begins_with_token: false,
            measured: true,
            liger: Some(LigerPatch::QWEN3),
            compiles: true,
            ..LLAMA_CODE
        },
        reads: Reads { keys: &[HEADS, &[Key::Own("attention_bias")]], rule: Rule::LaterLayersSlide, ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "qwen3_moe",
            qk_norm: QkNorm::PerHead,
            experts: Some(ExpertDefaults {
                count: 128,
                per_token: 8,
                intermediate_size: Some(768),
                normalised: Normalisation::Optional(false),
                shared: SharedDefault::None,
                first_dense: 0,
                groups: None,
                correction_bias: false,
                bias: false,
            }),
            defaults: Defaults {
                vocab_size: 151_936,
                hidden_size: 2048,
                intermediate_size: Some(6144),
                num_hidden_layers: 24,
                num_key_value_heads: Some(4),
                max_position_embeddings: 32_768,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            router: RouterCode::SoftmaxThenCast,
            begins_with_token: false,
            modules: Modules { router_last: true, ..Modules::in_order(ModuleOrder::NormsLast) },
            measured: true,
            liger: Some(LigerPatch::QWEN3),
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                ROUTED,
                &[
                    Key::Own("attention_bias"),
                    Key::Own("moe_intermediate_size"),
                    Key::Own("shared_expert_intermediate_size"),
                    Key::Own("norm_topk_prob"),
                    Key::Own("decoder_sparse_step"),
                    Key::Own("mlp_only_layers"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::SlidesWhereAsked,
        },
        modules: ModuleNames { stacked_experts: true, all_linear: AllLinear::RoutersAndStacks, ..ModuleNames::USUAL },
    },
];
