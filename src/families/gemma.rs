//! Gemma.

use super::base::{EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Earlier, Implementation, LigerPatch, ModuleOrder, Modules, NormCode, RouterCode};
use super::reads::{HEADS, Key, OTHER_STREAM, ROUTER_LOSS, Reads, Rule, SPARSE, UNSCALED_STREAM};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, ExpertDefaults, Family, NormKind, Placement, QkNorm, SharedDefault, VariantDefaults,
};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "gemma",
            norm: NormKind::GemmaRms,
            defaults: Defaults {
                vocab_size: 256_000,
                hidden_size: 3072,
                intermediate_size: Some(24_576),
                num_hidden_layers: 28,
                num_attention_heads: 16,
                num_key_value_heads: Some(16),
                head_dim: Some(256),
                max_position_embeddings: 8192,
                hidden_act: "gelu_pytorch_tanh",
                tie_word_embeddings: true,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            measured: true,
            liger: Some(LigerPatch::LLAMA),
            compiles: true,
            earlier: Earlier { scaled_by_number: true, ..Earlier::SAME },
            ..GEMMA_CODE
        },
        reads: Reads { keys: &[HEADS, &[Key::Own("attention_bias")]], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "gemma2",
            norm: NormKind::GemmaRms,
            placement: Placement::Sandwich,
            defaults: Defaults {
                sliding_window_pattern: Some(2),
                attention_softcap: true,
                logits_softcap: true,
                max_position_embeddings: 8192,
                ..GEMMA2_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            eager_only: true,
            both_masks: true,
            measured: true,
            earlier: Earlier { scaled_by_number: true, ..Earlier::SAME },
            liger: Some(LigerPatch::GEMMA2),
            ..GEMMA_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                &[
                    Key::Own("attention_bias"),
                    Key::OrZero("sliding_window"),
                    Key::Own("layer_types"),
                    Key::OrZero("attn_logit_softcapping"),
                    Key::OrZero("final_logit_softcapping"),
                ],
            ],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "vaultgemma",
            norm: NormKind::GemmaRms,
            defaults: Defaults {
                sliding_window_pattern: Some(2),
                attention_softcap: true,
                logits_softcap: true,
                max_position_embeddings: 8192,
                ..GEMMA2_LIKE
            },
            ..LLAMA
        },
        code: Implementation { eager_only: true, both_masks: true, ..GEMMA_CODE },
        reads: Reads {
            keys: &[
                HEADS,
                &[
                    Key::Own("attention_bias"),
                    Key::OrZero("sliding_window"),
                    Key::Own("layer_types"),
                    Key::OrZero("attn_logit_softcapping"),
                    Key::OrZero("final_logit_softcapping"),
                ],
            ],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "gemma3_text",
            norm: NormKind::GemmaRms,
            placement: Placement::Sandwich,
            qk_norm: QkNorm::PerHead,
            defaults: Defaults { vocab_size: 262_208, ..GEMMA2_LIKE },
            ..LLAMA
        },
        code: Implementation {
            both_masks: true,
            tables_by_window: true,
            measured: true,
            liger: Some(LigerPatch::GEMMA3),
            ..GEMMA_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                &[
                    Key::Own("attention_bias"),
                    Key::OrZero("sliding_window"),
                    Key::Own("sliding_window_pattern"),
                    Key::Own("layer_types"),
                    Key::OrZero("final_logit_softcapping"),
                ],
            ],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "gemma3n_text",
            placement: Placement::Sandwich,
            qk_norm: QkNorm::PerHead,
            variant: VariantDefaults {
                kv_shared_layers: 15,
                per_layer_input: Some([262_144, 256]),
                laurel_rank: Some(64),
                streams: Some(4),
                sparse_gates: 10,
                ..VariantDefaults::NONE
            },
            defaults: Defaults {
                vocab_size: 262_400,
                hidden_size: 2048,
                intermediate_size: Some(16_384),
                num_hidden_layers: 35,
                num_key_value_heads: Some(2),
                max_position_embeddings: 32_768,
                sliding_window_pattern: Some(5),
                logits_softcap: true,
                ..GEMMA4_LIKE
            },
            ..LLAMA
        },
        code: GEMMA3N_CODE,
        reads: Reads {
            keys: &[&[
                Key::KeyValueHeads,
                Key::Own("head_dim"),
                Key::Own("attention_bias"),
                Key::OrZero("sliding_window"),
                Key::Own("layer_types"),
                Key::OrZero("final_logit_softcapping"),
                Key::Own("num_kv_shared_layers"),
                Key::OrZero("hidden_size_per_layer_input"),
                Key::Own("vocab_size_per_layer_input"),
                Key::Own("laurel_rank"),
                Key::Own("altup_num_inputs"),
                Key::Own("activation_sparsity_pattern"),
            ]],
            refuses: &[ROUTER_LOSS, OTHER_STREAM, UNSCALED_STREAM],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "gemma4_text",
            placement: Placement::Sandwich,
            qk_norm: QkNorm::PerHead,
            experts: Some(ExpertDefaults { count: 0, shared: SharedDefault::Dense, ..EXPERTS }),
            variant: VariantDefaults {
                global_head_dim: Some(512),
                per_layer_input: Some([262_144, 256]),
                experts_beside: true,
                ..VariantDefaults::NONE
            },
            defaults: GEMMA4_LIKE,
            ..LLAMA
        },
        code: GEMMA4_CODE,
        reads: Reads {
            keys: &[
                SPARSE,
                &[
                    Key::Own("head_dim"),
                    Key::OrZero("sliding_window"),
                    Key::Own("layer_types"),
                    Key::OrZero("final_logit_softcapping"),
                    Key::Own("num_kv_shared_layers"),
                    Key::OrZero("hidden_size_per_layer_input"),
                    Key::Own("vocab_size_per_layer_input"),
                    Key::Own("attention_k_eq_v"),
                    Key::Own("use_double_wide_mlp"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::Gemma4,
        },
        modules: ModuleNames::USUAL,
    },
];

/// The first three are written alike.
const GEMMA_CODE: Implementation = Implementation {
    norm: NormCode::OnePlusWeight,
    scaled_embedding: true,
    embedding_scale_buffer: true,
    norms_after_projections: true,
    ..LLAMA_CODE
};

/// Gemma 3n's.
const GEMMA3N_CODE: Implementation = Implementation {
    measured: true,
    norm: NormCode::PowerThenWideWeight,
    scaled_embedding: true,
    embedding_scale_buffer: true,
    normed_values: true,
    values_behind_keys: true,
    bounds_layer_ids: true,
    holds_gate: true,
    both_masks: true,
    tables_by_window: true,
    modules: Modules { listed: GEMMA3N_LAYER, ..Modules::in_order(ModuleOrder::NormsLast) },
    ..LLAMA_CODE
};

/// A layer of Gemma 3n, as its class names what it has.
const GEMMA3N_LAYER: &[Part] = &[
    Part::Query,
    Part::QueryNorm,
    Part::Key,
    Part::Value,
    Part::KeyNorm,
    Part::AttentionOutput,
    Part::Gate,
    Part::Up,
    Part::Down,
    Part::AttentionNorm,
    Part::AttentionOutputNorm,
    Part::FeedForwardNorm,
    Part::FeedForwardOutputNorm,
    Part::StreamsOutputScale,
    Part::StreamsCorrection,
    Part::StreamsPrediction,
    Part::StreamsRouter,
    Part::StreamsRouterNorm,
    Part::LaurelDown,
    Part::LaurelUp,
    Part::LaurelNorm,
    Part::PerLayerInputGate,
    Part::PerLayerInputProjection,
    Part::PerLayerInputNorm,
];

/// Gemma 4's.
const GEMMA4_CODE: Implementation = Implementation {
    measured: true,
    norm: NormCode::PowerThenWideWeight,
    scaled_embedding: true,
    embedding_scale_buffer: true,
    normed_values: true,
    scales_layers: true,
    modules: Modules { mixture_last: true, listed: GEMMA4_ATTENTION, ..Modules::in_order(ModuleOrder::NormsLast) },
    both_masks: true,
    tables_by_window: true,
    router: RouterCode::SoftmaxInFp32Kept,
    ..LLAMA_CODE
};

/// Gemma 4's attention, as its class names what it has.
const GEMMA4_ATTENTION: &[Part] =
    &[Part::Query, Part::QueryNorm, Part::KeyNorm, Part::Key, Part::Value, Part::AttentionOutput];

/// Gemma 2 2B, from whose class that of Gemma 3 was made.
const GEMMA2_LIKE: Defaults = Defaults {
    vocab_size: 256_000,
    hidden_size: 2304,
    intermediate_size: Some(9216),
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: Some(4),
    head_dim: Some(256),
    max_position_embeddings: 131_072,
    hidden_act: "gelu_pytorch_tanh",
    tie_word_embeddings: true,
    sliding_window: Some(4096),
    sliding_window_pattern: Some(6),
    ..LLAMA_LIKE
};

/// What the classes of Gemma 3n and 4 share.
const GEMMA4_LIKE: Defaults = Defaults {
    vocab_size: 262_144,
    hidden_size: 2304,
    intermediate_size: Some(9216),
    num_hidden_layers: 30,
    num_attention_heads: 8,
    num_key_value_heads: Some(4),
    head_dim: Some(256),
    max_position_embeddings: 131_072,
    hidden_act: "gelu_pytorch_tanh",
    tie_word_embeddings: true,
    sliding_window: Some(512),
    sliding_window_pattern: Some(6),
    ..LLAMA_LIKE
};
