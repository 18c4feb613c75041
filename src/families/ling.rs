//! Ling.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE, MANY_EXPERTS};
use super::code::{Implementation, Rotation, RouterCode};
use super::reads::{Key, MIXTURE, ROUTER_LOSS, Reads, Refusal, When};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, Normalisation, Projection, QkNorm, SharedDefault};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "bailing_moe",
        projection: Projection::Fused,
        qk_norm: QkNorm::PerHead,
        experts: Some(ExpertDefaults {
            count: 256,
            intermediate_size: Some(512),
            normalised: Normalisation::Always,
            shared: SharedDefault::Several(1),
            first_dense: 1,
            groups: Some([8, 4]),
            correction_bias: true,
            ..MANY_EXPERTS
        }),
        defaults: Defaults {
            vocab_size: 157_184,
            hidden_size: 2048,
            intermediate_size: Some(5120),
            num_hidden_layers: 20,
            num_attention_heads: 16,
            num_key_value_heads: Some(4),
            head_dim: Some(128),
            max_position_embeddings: 32_768,
            rotary_percent: 50,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation {
        rotation: Rotation::Concatenated,
        norms_after_projections: true,
        router: RouterCode::SigmoidByGroup,
        trains: false,
        ..LLAMA_CODE
    },
    reads: Reads {
        keys: &[
            MIXTURE,
            &[
                Key::Own("head_dim"),
                Key::Named("attention_bias", &["use_qkv_bias"]),
                Key::Named("attention_output_bias", &["use_bias"]),
                Key::RotaryShare("partial_rotary_factor"),
                Key::Own("moe_intermediate_size"),
                Key::Named("n_shared_experts", &["num_shared_experts"]),
                Key::Own("first_k_dense_replace"),
                Key::Own("n_group"),
                Key::Own("topk_group"),
            ],
        ],
        refuses: &[
            ROUTER_LOSS, // The first Ling, of the same `model_type`, has neither norms of queries and keys nor a correction.
            Refusal { key: "use_qk_norm", when: When::False, problem: "only Ling 2.0, which has it, is covered" },
            Refusal {
                key: "moe_router_enable_expert_bias",
                when: When::False,
                problem: "only Ling 2.0, which has it, is covered",
            },
            Refusal { key: "norm_head", when: When::True, problem: "a head that is normed is not covered" },
        ],
        ..Reads::PLAIN
    },
    modules: ModuleNames {
        own: &[(Part::QueryKeyValue, &["query_key_value"]), (Part::AttentionOutput, &["dense"])],
        ..ModuleNames::USUAL
    },
}];
