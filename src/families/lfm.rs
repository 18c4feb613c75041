//! LFM2.

use super::base::{EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, RouterCode};
use super::reads::{HEADS, HYBRID_ROUTED, Key, LAYER_KINDS, ROUTER_LOSS, Reads, Refusal, Rule, When};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, ExpertDefaults, Family, FeedForwards, HybridDefaults, MixerDefaults, Normalisation, Pattern, QkNorm,
};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: LFM2,
        code: Implementation { measured: true, ..LLAMA_CODE },
        reads: Reads {
            keys: &[HEADS, LAYER_KINDS, &[Key::Own("conv_L_cache"), Key::Own("conv_bias")]],
            refuses: &[ROUTER_LOSS],
            rule: Rule::Lfm2,
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "lfm2_moe",
            hybrid: Some(HybridDefaults {
                mixer: MixerDefaults::ShortConvolution,
                pattern: Pattern::Required,
                feed_forward: FeedForwards::EveryLayer,
                expert_layers: [1, 0],
            }),
            experts: Some(ExpertDefaults {
                count: 32,
                per_token: 4,
                intermediate_size: Some(1792),
                normalised: Normalisation::Optional(true),
                first_dense: 2,
                groups: Some([1, 1]),
                correction_bias: true,
                ..EXPERTS
            }),
            defaults: Defaults { hidden_size: 2048, intermediate_size: Some(7168), ..LFM2.defaults },
            ..LFM2
        },
        code: Implementation {
            router: RouterCode::SigmoidAsScored,
            correction_bias_in_fp32: true,
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                LAYER_KINDS,
                HYBRID_ROUTED,
                &[
                    Key::Own("conv_L_cache"),
                    Key::Own("conv_bias"),
                    Key::Own("moe_intermediate_size"),
                    Key::Named("first_k_dense_replace", &["num_dense_layers"]),
                ],
            ],
            refuses: &[
                ROUTER_LOSS,
                Refusal {
                    key: "use_expert_bias",
                    when: When::False,
                    problem: "a router without its bias is not covered",
                },
            ],
            rule: Rule::Lfm2Moe,
        },
        modules: ModuleNames::USUAL,
    },
];

const LFM2: Family = Family {
    id: "lfm2",
    qk_norm: QkNorm::PerHead,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::ShortConvolution,
        pattern: Pattern::Attention,
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    defaults: Defaults {
        vocab_size: 65_536,
        hidden_size: 2560,
        // 12,288, adjusted as `block_auto_adjust_ff_dim` asks.
        intermediate_size: Some(8192),
        num_key_value_heads: Some(8),
        max_position_embeddings: 128_000,
        tie_word_embeddings: true,
        ..LLAMA_LIKE
    },
    ..LLAMA
};
