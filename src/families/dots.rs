//! dots.llm1.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE, MANY_EXPERTS};
use super::code::{Implementation, RouterCode};
use super::reads::{HEADS, Key, ROUTED, ROUTER_LOSS, Reads, Rule};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, QkNorm, SharedDefault};

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "dots1",
        qk_norm: QkNorm::PerHead,
        experts: Some(ExpertDefaults {
            count: 128,
            per_token: 6,
            intermediate_size: Some(1408),
            shared: SharedDefault::Several(2),
            groups: Some([1, 1]),
            correction_bias: true,
            ..MANY_EXPERTS
        }),
        defaults: Defaults {
            vocab_size: 152_064,
            hidden_size: 4608,
            intermediate_size: Some(10_944),
            num_hidden_layers: 62,
            num_key_value_heads: Some(32),
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation { router: RouterCode::SigmoidByGroup, begins_with_token: false, measured: true, ..LLAMA_CODE },
    reads: Reads {
        keys: &[
            HEADS,
            ROUTED,
            &[
                Key::Own("attention_bias"),
                Key::Own("moe_intermediate_size"),
                Key::Own("n_shared_experts"),
                Key::Own("first_k_dense_replace"),
                Key::Own("norm_topk_prob"),
                Key::Own("n_group"),
                Key::Own("topk_group"),
            ],
        ],
        refuses: &[ROUTER_LOSS],
        rule: Rule::Dots,
    },
    modules: ModuleNames { stacked_experts: true, ..ModuleNames::USUAL },
}];
