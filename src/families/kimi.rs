//! Kimi Linear and Kimi K3.

use super::base::{EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, ModuleOrder, Modules, Rotation, RouterCode};
use super::reads::{HYBRID_ROUTED, Key, ROUTER_LOSS, Reads, Rule};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, ExpertDefaults, Family, FeedForwards, HybridDefaults, LatentDefaults, MixerDefaults, Normalisation,
    Pattern, PositionKind, SharedDefault,
};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: KIMI_LINEAR,
        code: Implementation {
            wide_states_served: true,
            rotation: Rotation::None,
            router: RouterCode::SigmoidByGroup,
            modules: Modules { router_last: true, ..Modules::in_order(ModuleOrder::NormsLast) },
            ..LLAMA_CODE
        },
        reads: Reads { keys: &[HYBRID_ROUTED, KIMI], refuses: &[ROUTER_LOSS], rule: Rule::Kimi },
        modules: ModuleNames::MIXED,
    },
    // Kimi Linear's class with more to it; its code came with the checkpoint.
    Member {
        family: Family { id: "kimi_k3", ..KIMI_LINEAR },
        code: Implementation {
            wide_states_served: true,
            rotation: Rotation::None,
            router: RouterCode::SigmoidByGroup,
            correction_bias_in_fp32: true,
            trains: false,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                HYBRID_ROUTED,
                KIMI,
                &[
                    Key::Named("moe_latent_size", &["routed_expert_hidden_size"]),
                    Key::Own("latent_moe_use_norm"),
                    Key::Own("mla_use_output_gate"),
                    Key::Own("attn_res_block_size"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::KimiK3,
        },
        modules: ModuleNames::MIXED,
    },
];

const KIMI_LINEAR: Family = Family {
    id: "kimi_linear",
    positions: PositionKind::None,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::KimiDelta,
        pattern: Pattern::PeriodicAfterFirst(4),
        feed_forward: FeedForwards::EveryLayer,
        expert_layers: [1, 0],
    }),
    experts: Some(ExpertDefaults {
        count: 256,
        per_token: 8,
        intermediate_size: Some(1024),
        normalised: Normalisation::Optional(true),
        shared: SharedDefault::Several(1),
        first_dense: 1,
        groups: Some([1, 1]),
        correction_bias: true,
        ..EXPERTS
    }),
    latent: Some(LatentDefaults {
        query_rank: 0,
        kv_rank: 512,
        nope_head_dim: 128,
        rope_head_dim: 64,
        value_head_dim: 128,
    }),
    defaults: Defaults {
        vocab_size: 163_840,
        hidden_size: 2304,
        intermediate_size: Some(9216),
        num_hidden_layers: 27,
        max_position_embeddings: 1_048_576,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

/// What both read; their own code counts layers from 1 and has an object for linear attention.
const KIMI: &[Key] = &[
    Key::KeyValueHeads,
    Key::Named("layer_types", &["layer_types", "layers_block_type"]),
    Key::Own("linear_num_heads"),
    Key::Own("linear_head_dim"),
    Key::Own("linear_conv_kernel_dim"),
    Key::Own("attention_bias"),
    Key::Named("max_position_embeddings", &["max_position_embeddings", "model_max_length"]),
    Key::Own("moe_intermediate_size"),
    Key::Named("n_shared_experts", &["n_shared_experts", "num_shared_experts"]),
    Key::Named("norm_topk_prob", &["norm_topk_prob", "moe_renormalize"]),
    Key::Named("n_group", &["n_group", "num_expert_group"]),
    Key::Own("topk_group"),
    Key::Own("q_lora_rank"),
    Key::Own("kv_lora_rank"),
    Key::Own("qk_nope_head_dim"),
    Key::Own("qk_rope_head_dim"),
    Key::Own("v_head_dim"),
];
