//! Hunyuan.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE, MANY_EXPERTS};
use super::code::{Implementation, RouterCode};
use super::reads::{HEADS, Key, MIXTURE, ROUTER_LOSS, Reads, Rule};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, Normalisation, QkNorm, SharedDefault};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "hunyuan_v1_dense",
            qk_norm: QkNorm::PerHead,
            defaults: Defaults { vocab_size: 290_943, ..LLAMA_LIKE },
            ..LLAMA
        },
        code: Implementation { norms_after_rotation: true, measured: true, ..LLAMA_CODE },
        reads: Reads { keys: &[HEADS, &[Key::Own("attention_bias")]], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "hunyuan_v1_moe",
            qk_norm: QkNorm::PerHead,
            experts: Some(ExpertDefaults {
                count: 1,
                per_token: 1,
                normalised: Normalisation::Always,
                shared: SharedDefault::Dense,
                ..MANY_EXPERTS
            }),
            defaults: Defaults { vocab_size: 290_943, ..LLAMA_LIKE },
            ..LLAMA
        },
        code: Implementation {
            norms_after_rotation: true,
            router: RouterCode::SoftmaxThenCast,
            shared_expert_first: true,
            ..LLAMA_CODE
        },
        reads: Reads { keys: &[MIXTURE, &[Key::Own("head_dim")]], refuses: &[ROUTER_LOSS], ..Reads::PLAIN },
        modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
    },
    Member {
        family: Family {
            id: "hy_v3",
            qk_norm: QkNorm::PerHead,
            experts: Some(ExpertDefaults {
                count: 192,
                intermediate_size: Some(1536),
                normalised: Normalisation::Always,
                shared: SharedDefault::Several(1),
                first_dense: 1,
                correction_bias: true,
                ..MANY_EXPERTS
            }),
            defaults: Defaults {
                vocab_size: 120_832,
                intermediate_size: Some(13_312),
                num_hidden_layers: 80,
                num_attention_heads: 64,
                num_key_value_heads: Some(8),
                head_dim: Some(128),
                max_position_embeddings: 131_072,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            router: RouterCode::SigmoidByGroup,
            trains: false,
            begins_with_token: false,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                MIXTURE,
                &[
                    Key::Own("head_dim"),
                    Key::Own("mlp_bias"),
                    Key::Own("moe_intermediate_size"),
                    Key::Named("n_shared_experts", &["num_shared_experts"]),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::DenseLayersNamed,
        },
        modules: ModuleNames::USUAL,
    },
];
