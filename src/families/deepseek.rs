//! `DeepSeek`.

use super::base::{DEEPSEEK_EXPERTS, DEEPSEEK_LATENT, LLAMA, LLAMA_CODE, LLAMA_LIKE, MANY_EXPERTS};
use super::code::{Implementation, ModuleOrder, Modules, NormCode, Rotation, RouterCode};
use super::reads::{Key, LATENT, MIXTURE, ROTATED_HALVES, ROUTED, ROUTER_LOSS, Reads, Rule, SPARSE};
use super::{Member, ModuleNames};
use crate::model::family::{
    CompressedDefaults, Defaults, ExpertDefaults, Family, IndexerDefaults, LatentDefaults, Normalisation,
    SharedDefault, VariantDefaults,
};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "deepseek",
            // The published code's class has no experts where a config names none.
            experts: Some(ExpertDefaults {
                count: 0,
                per_token: 6,
                intermediate_size: Some(1407),
                shared: SharedDefault::Several(0),
                ..MANY_EXPERTS
            }),
            defaults: Defaults {
                vocab_size: 102_400,
                num_hidden_layers: 30,
                num_key_value_heads: Some(32),
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { router: RouterCode::SoftmaxThenCast, trains: false, ..LLAMA_CODE },
        reads: Reads {
            keys: &[
                MIXTURE,
                &[
                    Key::Own("moe_intermediate_size"),
                    Key::Own("n_shared_experts"),
                    Key::Own("first_k_dense_replace"),
                    Key::Own("norm_topk_prob"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::EveryLayerRouted,
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "deepseek_v2",
            experts: Some(ExpertDefaults {
                per_token: 6,
                intermediate_size: Some(1407),
                // Its router never divides by the sum.
                normalised: Normalisation::Never,
                shared: SharedDefault::Several(2),
                groups: Some([1, 1]),
                ..MANY_EXPERTS
            }),
            latent: Some(LatentDefaults {
                query_rank: 1536,
                kv_rank: 512,
                nope_head_dim: 128,
                rope_head_dim: 64,
                value_head_dim: 128,
            }),
            defaults: Defaults { vocab_size: 102_400, ..LLAMA_LIKE },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Complex,
            router: RouterCode::SoftmaxByGroup,
            modules: Modules { router_last: true, ..Modules::in_order(ModuleOrder::NormsLast) },
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[ROUTED, LATENT, &[Key::KeyValueHeads, Key::Own("mlp_bias")]],
            refuses: &[ROUTER_LOSS, ROTATED_HALVES],
            rule: Rule::GroupsByMethod,
        },
        modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "deepseek_v3",
            experts: Some(ExpertDefaults {
                count: 256,
                per_token: 8,
                intermediate_size: Some(2048),
                normalised: Normalisation::Optional(true),
                shared: SharedDefault::Several(1),
                first_dense: 3,
                groups: Some([8, 4]),
                correction_bias: true,
                bias: false,
            }),
            latent: Some(LatentDefaults {
                query_rank: 1536,
                kv_rank: 512,
                nope_head_dim: 128,
                rope_head_dim: 64,
                value_head_dim: 128,
            }),
            defaults: Defaults {
                vocab_size: 129_280,
                hidden_size: 7168,
                intermediate_size: Some(18_432),
                num_hidden_layers: 61,
                num_attention_heads: 128,
                max_position_embeddings: 4096,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Concatenated,
            router: RouterCode::SigmoidByGroup,
            modules: Modules { router_last: true, ..Modules::in_order(ModuleOrder::NormsLast) },
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[ROUTED, LATENT, &[Key::KeyValueHeads]],
            refuses: &[ROUTER_LOSS, ROTATED_HALVES],
            ..Reads::PLAIN
        },
        modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "deepseek_v32",
            experts: Some(ExpertDefaults { groups: Some([8, 4]), ..DEEPSEEK_EXPERTS }),
            latent: Some(DEEPSEEK_LATENT),
            variant: VariantDefaults {
                indexer: Some(IndexerDefaults { heads: 64, head_dim: 128, with_experts_only: false }),
                ..VariantDefaults::NONE
            },
            defaults: Defaults {
                vocab_size: 129_280,
                hidden_size: 7168,
                intermediate_size: Some(18_432),
                num_hidden_layers: 61,
                num_attention_heads: 128,
                max_position_embeddings: 163_840,
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
            rule: Rule::DenseByLayer,
        },
        modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "deepseek_v4",
            sinks: true,
            experts: Some(ExpertDefaults {
                count: 256,
                per_token: 6,
                intermediate_size: Some(2048),
                // Its router always divides by the sum.
                normalised: Normalisation::Always,
                shared: SharedDefault::Several(1),
                first_dense: 0,
                groups: None,
                correction_bias: true,
                bias: false,
            }),
            compressed: Some(CompressedDefaults {
                query_rank: 1024,
                output_groups: 8,
                output_rank: 1024,
                indexer: [64, 128],
                streams: 4,
                hash_layers: 3,
            }),
            defaults: Defaults {
                vocab_size: 129_280,
                // Every layer has experts.
                intermediate_size: Some(2048),
                num_hidden_layers: 43,
                num_attention_heads: 64,
                num_key_value_heads: Some(1),
                head_dim: Some(512),
                max_position_embeddings: 1_048_576,
                sliding_window: Some(128),
                rotary_dim: Some(64),
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            norm: NormCode::WideWeightThenCast,
            router: RouterCode::Sigmoid,
            eager_only: true,
            correction_bias_in_fp32: true,
            trains: false,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[&[
                Key::KeyValueHeads,
                Key::Own("head_dim"),
                Key::Named("rotary_dim", &["qk_rope_head_dim"]),
                Key::RotaryShare("partial_rotary_factor"),
                Key::OrZero("sliding_window"),
                Key::Own("q_lora_rank"),
                Key::Named("num_experts", &["n_routed_experts", "num_local_experts", "num_experts"]),
                Key::Own("num_experts_per_tok"),
                Key::Own("moe_intermediate_size"),
                Key::Own("n_shared_experts"),
                Key::Own("index_n_heads"),
                Key::Own("index_head_dim"),
                Key::Own("o_groups"),
                Key::Own("o_lora_rank"),
                Key::Own("hc_mult"),
            ]],
            refuses: &[ROUTER_LOSS],
            rule: Rule::Compressed,
        },
        modules: ModuleNames::USUAL,
    },
];
