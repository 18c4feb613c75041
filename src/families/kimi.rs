//! Kimi Linear and Kimi K3.

use super::base::{EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, ModuleOrder, Modules, Rotation, RouterCode};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, ExpertDefaults, Family, FeedForwards, HybridDefaults, LatentDefaults, MixerDefaults, Normalisation,
    Pattern, PositionKind, SharedDefault,
};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: KIMI_LINEAR,
        code: Implementation {
            rotation: Rotation::None,
            router: RouterCode::SigmoidByGroup,
            modules: Modules { router_last: true, ..Modules::in_order(ModuleOrder::NormsLast) },
            ..LLAMA_CODE
        },
        modules: ModuleNames::USUAL,
    },
    // Kimi Linear's class with more to it; its code came with the checkpoint.
    Member {
        family: Family { id: "kimi_k3", ..KIMI_LINEAR },
        code: Implementation {
            rotation: Rotation::None,
            router: RouterCode::SigmoidByGroup,
            correction_bias_in_fp32: true,
            trains: false,
            ..LLAMA_CODE
        },
        modules: ModuleNames::USUAL,
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
