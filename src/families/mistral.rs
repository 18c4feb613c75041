//! Mistral and Mixtral.

use super::base::{DEEPSEEK_EXPERTS, DEEPSEEK_LATENT, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Earlier, Implementation, LigerPatch, Rotation, RouterCode};
use super::reads::{
    HEADS, Key, LATENT, ROTATED_HALVES, ROUTED, ROUTER_LOSS, ROUTER_NOISE, Reads, Rule, SPARSE, WINDOWS,
};
use super::{AllLinear, Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, LatentDefaults, Normalisation, SharedDefault};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "mistral",
            defaults: Defaults {
                intermediate_size: Some(14_336),
                num_key_value_heads: Some(8),
                max_position_embeddings: 131_072,
                sliding_window: Some(4096),
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { measured: true, liger: Some(LigerPatch::LLAMA), compiles: true, ..LLAMA_CODE },
        reads: Reads { keys: &[HEADS, &[Key::OrZero("sliding_window")]], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "mixtral",
            experts: Some(ExpertDefaults {
                count: 8,
                per_token: 2,
                intermediate_size: None,
                normalised: Normalisation::Always,
                shared: SharedDefault::None,
                first_dense: 0,
                groups: None,
                correction_bias: false,
                bias: false,
            }),
            defaults: Defaults {
                intermediate_size: Some(14_336),
                num_key_value_heads: Some(8),
                max_position_embeddings: 131_072,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            measured: true,
            liger: Some(LigerPatch::LLAMA),
            earlier: Earlier { down_before_up: true, ..Earlier::SAME },
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[HEADS, ROUTED, &[Key::Own("sliding_window")]],
            refuses: &[ROUTER_LOSS, ROUTER_NOISE],
            ..Reads::PLAIN
        },
        modules: ModuleNames {
            // In releases whose experts are modules.
            own: &[(Part::ExpertGate, &["w1"]), (Part::ExpertDown, &["w2"]), (Part::ExpertUp, &["w3"])],
            all_linear: AllLinear::RoutersAndStacks,
            ..ModuleNames::USUAL
        },
    },
    Member {
        family: Family {
            id: "ministral3",
            defaults: Defaults {
                vocab_size: 131_072,
                intermediate_size: Some(14_336),
                num_hidden_layers: 34,
                num_key_value_heads: Some(8),
                head_dim: Some(128),
                max_position_embeddings: 262_144,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { queries_scaled_by_position: true, measured: true, ..LLAMA_CODE },
        reads: Reads { keys: &[HEADS, WINDOWS], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "mistral4",
            experts: Some(ExpertDefaults {
                count: 128,
                per_token: 4,
                first_dense: 0,
                groups: None,
                correction_bias: false,
                ..DEEPSEEK_EXPERTS
            }),
            latent: Some(LatentDefaults { query_rank: 1024, kv_rank: 256, nope_head_dim: 64, ..DEEPSEEK_LATENT }),
            defaults: Defaults {
                vocab_size: 131_072,
                intermediate_size: Some(12_288),
                num_hidden_layers: 36,
                max_position_embeddings: 1_048_576,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Concatenated,
            router: RouterCode::SoftmaxThenCast,
            queries_scaled_by_position: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[SPARSE, LATENT, &[Key::Own("index_n_heads"), Key::Own("index_head_dim")]],
            refuses: &[ROUTER_LOSS, ROTATED_HALVES],
            rule: Rule::DenseByLayer,
        },
        modules: ModuleNames::USUAL,
    },
];
