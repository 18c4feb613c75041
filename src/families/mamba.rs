//! Mamba, and Bamba with attention beside it.

use super::base::{GRANITE_MAMBA, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, Rotation, SavedOrder};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, Family, FeedForwards, HybridDefaults, Mamba2Defaults, MixerDefaults, Pattern, PositionKind,
};
use crate::model::recurrent::StateNorms;

pub(super) const MEMBERS: &[Member] = &[
    Member { family: MAMBA, code: MAMBA_CODE, modules: ModuleNames::USUAL },
    Member {
        family: Family {
            id: "falcon_mamba",
            hybrid: Some(HybridDefaults {
                mixer: MixerDefaults::Mamba(StateNorms::Weightless),
                pattern: Pattern::Recurrent,
                feed_forward: FeedForwards::None,
                expert_layers: [1, 0],
            }),
            ..MAMBA
        },
        code: MAMBA_CODE,
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "mamba2",
            hybrid: Some(HybridDefaults {
                mixer: MixerDefaults::Mamba2(Mamba2Defaults {
                    head_dim: Some(64),
                    state: 128,
                    groups: 8,
                    ..GRANITE_MAMBA
                }),
                pattern: Pattern::Recurrent,
                feed_forward: FeedForwards::None,
                expert_layers: [1, 0],
            }),
            defaults: Defaults {
                vocab_size: 32_768,
                hidden_size: 4096,
                num_hidden_layers: 64,
                tie_word_embeddings: false,
                ..MAMBA.defaults
            },
            ..MAMBA
        },
        code: MAMBA_CODE,
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "bamba",
            hybrid: Some(HybridDefaults {
                mixer: MixerDefaults::Mamba2(GRANITE_MAMBA),
                pattern: Pattern::Recurrent,
                feed_forward: FeedForwards::EveryLayer,
                expert_layers: [1, 0],
            }),
            defaults: Defaults {
                vocab_size: 128_000,
                intermediate_size: Some(14_336),
                num_key_value_heads: Some(8),
                max_position_embeddings: 262_144,
                rotary_percent: 50,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation { rotation: Rotation::Concatenated, turned_together: true, ..LLAMA_CODE },
        modules: ModuleNames::USUAL,
    },
];

const MAMBA: Family = Family {
    id: "mamba",
    positions: PositionKind::None,
    hybrid: Some(HybridDefaults {
        mixer: MixerDefaults::Mamba(StateNorms::None),
        pattern: Pattern::Recurrent,
        feed_forward: FeedForwards::None,
        expert_layers: [1, 0],
    }),
    defaults: Defaults {
        vocab_size: 50_280,
        hidden_size: 768,
        head_dim: Some(64),
        tie_word_embeddings: true,
        ..LLAMA_LIKE
    },
    ..LLAMA
};

/// What a scan keeps is an estimate.
const MAMBA_CODE: Implementation =
    Implementation { rotation: Rotation::None, stream_in_fp32: true, saved: SavedOrder::HeadLast, ..LLAMA_CODE };
