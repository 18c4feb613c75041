//! Jamba.

use super::base::{EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, Rotation, RouterCode};
use super::reads::{HEADS, HYBRID_ROUTED, LAYER_KINDS, ROUTER_LOSS, Reads, Rule, SCANS};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, ExpertDefaults, Family, FeedForwards, HybridDefaults, MixerDefaults, Normalisation, Pattern, PositionKind,
};
use crate::model::recurrent::StateNorms;

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "jamba",
        positions: PositionKind::None,
        hybrid: Some(HybridDefaults {
            mixer: MixerDefaults::Mamba(StateNorms::Weighted),
            pattern: Pattern::Periodic { period: 8, offset: 4 },
            feed_forward: FeedForwards::EveryLayer,
            expert_layers: [2, 1],
        }),
        experts: Some(ExpertDefaults { count: 16, normalised: Normalisation::Never, ..EXPERTS }),
        defaults: Defaults {
            vocab_size: 65_536,
            intermediate_size: Some(14_336),
            num_key_value_heads: Some(8),
            max_position_embeddings: 262_144,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation { rotation: Rotation::None, router: RouterCode::SoftmaxThenCast, ..LLAMA_CODE },
    reads: Reads { keys: &[HEADS, LAYER_KINDS, SCANS, HYBRID_ROUTED], refuses: &[ROUTER_LOSS], rule: Rule::Jamba },
    modules: ModuleNames::USUAL,
}];
