//! GLM.

use super::base::{DEEPSEEK_EXPERTS, DEEPSEEK_LATENT, LLAMA, LLAMA_CODE, LLAMA_LIKE, MANY_EXPERTS};
use super::code::{Implementation, ModuleOrder, Modules, Rotation, RouterCode, TableCode};
use super::reads::{HEADS, Key, LATENT, ROTATED_HALVES, ROUTED, ROUTER_LOSS, Reads, Rule, SPARSE};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, ExpertDefaults, Family, IndexerDefaults, LatentDefaults, MlpKind, Normalisation, Placement, QkNorm,
    SharedDefault, VariantDefaults,
};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "glm",
            mlp: MlpKind::GatedFused,
            qkv_bias: true,
            defaults: Defaults {
                vocab_size: 151_552,
                intermediate_size: Some(13_696),
                num_hidden_layers: 40,
                num_key_value_heads: Some(2),
                head_dim: Some(128),
                max_position_embeddings: 131_072,
                rotary_percent: 50,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Concatenated,
            tables: TableCode::Interleaved,
            turned_together: true,
            begins_with_token: false,
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[HEADS, &[Key::Own("attention_bias"), Key::RotaryShare("partial_rotary_factor")]],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "glm4",
            placement: Placement::Sandwich,
            mlp: MlpKind::GatedFused,
            qkv_bias: true,
            defaults: Defaults {
                vocab_size: 151_552,
                intermediate_size: Some(13_696),
                num_hidden_layers: 40,
                num_key_value_heads: Some(2),
                head_dim: Some(128),
                max_position_embeddings: 131_072,
                rotary_percent: 50,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Concatenated,
            tables: TableCode::Interleaved,
            turned_together: true,
            begins_with_token: false,
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[HEADS, &[Key::Own("attention_bias"), Key::RotaryShare("partial_rotary_factor")]],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "glm4_moe",
            optional_qk_norm: QkNorm::PerHead,
            bias_of_output_apart: true,
            experts: Some(ExpertDefaults {
                count: 128,
                intermediate_size: Some(1408),
                normalised: Normalisation::Optional(true),
                shared: SharedDefault::Several(1),
                first_dense: 1,
                groups: Some([1, 1]),
                correction_bias: true,
                ..MANY_EXPERTS
            }),
            defaults: Defaults {
                vocab_size: 151_552,
                intermediate_size: Some(10_944),
                num_hidden_layers: 46,
                num_attention_heads: 96,
                num_key_value_heads: Some(8),
                max_position_embeddings: 131_072,
                rotary_percent: 50,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { norms_after_projections: true, ..MOE_CODE },
        reads: Reads {
            keys: &[HEADS, ROUTED, GROUPED, &[Key::Own("use_qk_norm")]],
            refuses: &[ROUTER_LOSS],
            ..Reads::PLAIN
        },
        modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "glm4v_text",
            placement: Placement::Sandwich,
            mlp: MlpKind::GatedFused,
            qkv_bias: true,
            defaults: Defaults {
                vocab_size: 151_552,
                intermediate_size: Some(13_696),
                num_hidden_layers: 40,
                num_key_value_heads: Some(2),
                max_position_embeddings: 32_768,
                rotary_percent: 50,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Concatenated,
            tables_by_sequence: true,
            turned_together: true,
            begins_with_token: false,
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads { keys: &[HEADS, &[Key::RotaryShare("partial_rotary_factor")]], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "glm4v_moe_text",
            qkv_bias: true,
            bias_of_output_apart: true,
            experts: Some(ExpertDefaults {
                count: 128,
                intermediate_size: Some(1408),
                normalised: Normalisation::Optional(true),
                shared: SharedDefault::Several(1),
                first_dense: 1,
                groups: Some([1, 1]),
                correction_bias: true,
                ..MANY_EXPERTS
            }),
            defaults: Defaults {
                vocab_size: 151_424,
                intermediate_size: Some(10_944),
                num_hidden_layers: 46,
                num_attention_heads: 96,
                num_key_value_heads: Some(8),
                max_position_embeddings: 65_536,
                rotary_percent: 50,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { tables_by_sequence: true, ..MOE_CODE },
        reads: Reads { keys: &[HEADS, ROUTED, GROUPED], refuses: &[ROUTER_LOSS], ..Reads::PLAIN },
        modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "glm4_moe_lite",
            experts: Some(ExpertDefaults {
                count: 64,
                per_token: 4,
                intermediate_size: Some(1536),
                first_dense: 1,
                ..DEEPSEEK_EXPERTS
            }),
            latent: Some(LatentDefaults {
                query_rank: 768,
                nope_head_dim: 192,
                value_head_dim: 256,
                ..DEEPSEEK_LATENT
            }),
            defaults: Defaults {
                vocab_size: 154_880,
                hidden_size: 2048,
                intermediate_size: Some(10_240),
                num_hidden_layers: 47,
                num_attention_heads: 20,
                max_position_embeddings: 202_752,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Concatenated,
            router: RouterCode::SigmoidByGroup,
            correction_bias_in_fp32: true,
            modules: Modules { router_last: true, ..Modules::in_order(ModuleOrder::NormsLast) },
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[SPARSE, LATENT, &[Key::Own("index_n_heads"), Key::Own("index_head_dim")]],
            refuses: &[ROUTER_LOSS, ROTATED_HALVES],
            rule: Rule::DenseByLayer,
        },
        modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "glm_moe_dsa",
            experts: Some(DEEPSEEK_EXPERTS),
            latent: Some(LatentDefaults {
                query_rank: 2048,
                nope_head_dim: 192,
                value_head_dim: 256,
                ..DEEPSEEK_LATENT
            }),
            variant: VariantDefaults {
                indexer: Some(IndexerDefaults { heads: 32, head_dim: 128, with_experts_only: false }),
                ..VariantDefaults::NONE
            },
            defaults: Defaults {
                vocab_size: 154_880,
                hidden_size: 6144,
                intermediate_size: Some(12_288),
                num_hidden_layers: 78,
                num_attention_heads: 64,
                max_position_embeddings: 202_752,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            correction_bias_in_fp32: true,
            rotation: Rotation::Concatenated,
            router: RouterCode::SigmoidByGroup,
            trains: false,
            modules: Modules { router_last: true, ..Modules::in_order(ModuleOrder::NormsLast) },
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[SPARSE, LATENT, &[Key::Own("index_n_heads"), Key::Own("index_head_dim")]],
            refuses: &[ROUTER_LOSS, ROTATED_HALVES],
            rule: Rule::SharedIndexers,
        },
        modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
    },
];

/// GLM-4.5's, which GLM-4.5V's decoder has too.
const MOE_CODE: Implementation = Implementation {
    rotation: Rotation::Concatenated,
    turned_together: true,
    router: RouterCode::SigmoidByGroup,
    correction_bias_in_fp32: true,
    begins_with_token: false,
    modules: Modules { router_last: true, ..Modules::in_order(ModuleOrder::NormsLast) },
    measured: true,
    ..LLAMA_CODE
};

/// What both say of their experts.
const GROUPED: &[Key] = &[
    Key::Own("attention_bias"),
    Key::RotaryShare("partial_rotary_factor"),
    Key::Own("moe_intermediate_size"),
    Key::Own("n_shared_experts"),
    Key::Own("first_k_dense_replace"),
    Key::Own("norm_topk_prob"),
    Key::Own("n_group"),
    Key::Own("topk_group"),
];
