//! Llama, and families whose layers are Llama's.

use super::base::{EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, LigerPatch, ModuleOrder, Modules, NormCode, Rotation, RouterCode};
use super::reads::{HEADS, Key, ROUTER_LOSS, Reads, Rule, SPARSE};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, ExpertDefaults, Family, MlpKind, Projection, QkNorm, SharedDefault, VariantDefaults,
};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: LLAMA,
        code: Implementation { measured: true, liger: Some(LigerPatch::LLAMA), compiles: true, ..LLAMA_CODE },
        reads: Reads { keys: &[HEADS, &[Key::Own("attention_bias"), Key::Own("mlp_bias")]], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "llama4_text",
            qk_norm: QkNorm::WithoutWeight,
            experts: Some(ExpertDefaults { count: 16, per_token: 1, shared: SharedDefault::Several(1), ..EXPERTS }),
            variant: VariantDefaults { dense_intermediate_size: Some(16_384), ..VariantDefaults::NONE },
            defaults: Defaults {
                vocab_size: 202_048,
                hidden_size: 5120,
                intermediate_size: Some(8192),
                num_hidden_layers: 48,
                num_attention_heads: 40,
                num_key_value_heads: Some(8),
                head_dim: Some(128),
                max_position_embeddings: 131_072,
                // What it sees are chunks, of which a cache keeps as much as of a window.
                sliding_window: Some(8192),
                sliding_window_pattern: Some(4),
                no_rope_layer_interval: Some(4),
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            norm: NormCode::CastThenWeightAtOnce,
            chunked_windows: true,
            rotation: Rotation::Complex,
            norms_after_rotation: true,
            unrotated_queries_scaled: true,
            router: RouterCode::EveryExpert,
            both_masks: true,
            softmax_in_fp32: false,
            modules: Modules { router_last: true, ..Modules::in_order(ModuleOrder::NormsLast) },
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                SPARSE,
                &[
                    Key::Own("head_dim"),
                    Key::Own("use_qk_norm"),
                    Key::Own("no_rope_layer_interval"),
                    Key::Named("decoder_sparse_step", &["interleave_moe_layer_step"]),
                    Key::Own("intermediate_size_mlp"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::Llama4,
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "mllama_text_model",
            unused_tokens: 8,
            variant: VariantDefaults {
                cross_attention_layers: &[3, 8, 13, 18, 23, 28, 33, 38],
                ..VariantDefaults::NONE
            },
            defaults: Defaults {
                vocab_size: 128_256,
                intermediate_size: Some(14_336),
                num_hidden_layers: 40,
                num_key_value_heads: Some(8),
                max_position_embeddings: 131_072,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { measured: true, ..LLAMA_CODE },
        reads: Reads {
            keys: &[&[
                Key::Own("num_key_value_heads"),
                Key::Named("attention_dropout", &["dropout"]),
                Key::Own("cross_attention_layers"),
            ]],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "arcee",
            mlp: MlpKind::Plain,
            defaults: Defaults {
                hidden_size: 2560,
                intermediate_size: Some(18_432),
                max_position_embeddings: 4096,
                hidden_act: "relu2",
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { measured: true, ..LLAMA_CODE },
        reads: Reads { keys: &[HEADS, &[Key::Own("attention_bias"), Key::Own("mlp_bias")]], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "smollm3",
            defaults: Defaults {
                vocab_size: 128_256,
                hidden_size: 2048,
                num_hidden_layers: 36,
                num_attention_heads: 16,
                num_key_value_heads: Some(4),
                max_position_embeddings: 32_768,
                tie_word_embeddings: true,
                no_rope_layer_interval: Some(4),
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { measured: true, liger: Some(LigerPatch::LLAMA), ..LLAMA_CODE },
        reads: Reads {
            keys: &[
                HEADS,
                &[
                    Key::Own("attention_bias"),
                    Key::Own("mlp_bias"),
                    Key::Own("no_rope_layers"),
                    Key::Own("no_rope_layer_interval"),
                ],
            ],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "internlm2",
            projection: Projection::Fused,
            qkv_bias: true,
            output_bias: true,
            defaults: Defaults { vocab_size: 103_168, ..LLAMA_LIKE },
            ..LLAMA
        },
        code: LLAMA_CODE,
        reads: Reads { keys: &[HEADS, &[Key::Named("attention_bias", &["bias"])]], ..Reads::PLAIN },
        modules: ModuleNames {
            own: &[
                (Part::QueryKeyValue, &["wqkv"]),
                (Part::AttentionOutput, &["wo"]),
                (Part::Gate, &["w1"]),
                (Part::Down, &["w2"]),
                (Part::Up, &["w3"]),
            ],
            ..ModuleNames::USUAL
        },
    },
];
