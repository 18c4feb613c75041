//! Granite.

use super::base::{EXPERTS, GRANITE_MAMBA, LLAMA, LLAMA_CODE};
use super::code::{Implementation, RouterCode};
use super::reads::{HEADS, HYBRID_ROUTED, Key, LAYER_KINDS, ROUTER_LOSS, Reads, Rule, SCANS};
use super::{Member, ModuleNames};
use crate::model::family::{
    ExpertDefaults, Family, FeedForwards, HybridDefaults, MixerDefaults, MlpKind, Pattern, PositionKind, SharedDefault,
};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family { id: "granite", ..LLAMA },
        code: Implementation {
            scaled_embedding: true,
            scaled_residuals: true,
            scaled_logits: true,
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads { keys: &[HEADS, &[Key::Own("attention_bias"), Key::Own("mlp_bias")]], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "granitemoehybrid",
            mlp: MlpKind::GatedFused,
            positions: PositionKind::None,
            hybrid: Some(HybridDefaults {
                mixer: MixerDefaults::Mamba2(GRANITE_MAMBA),
                pattern: Pattern::Recurrent,
                feed_forward: FeedForwards::EveryLayer,
                expert_layers: [1, 0],
            }),
            experts: Some(ExpertDefaults { shared: SharedDefault::Beside(1024), ..EXPERTS }),
            ..LLAMA
        },
        code: Implementation {
            scaled_embedding: true,
            scaled_residuals: true,
            scaled_logits: true,
            router: RouterCode::TopThenSoftmax,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[HEADS, LAYER_KINDS, SCANS, HYBRID_ROUTED, &[Key::Own("attention_bias")]],
            refuses: &[ROUTER_LOSS],
            rule: Rule::Granite,
        },
        modules: ModuleNames::USUAL,
    },
];
