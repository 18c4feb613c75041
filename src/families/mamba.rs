//! Mamba, and Bamba with attention beside it.

use super::base::{GRANITE_MAMBA, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, Rotation, SavedOrder};
use super::reads::{HEADS, Key, LAYER_KINDS, ROUTER_LOSS, Reads, SCANS};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, Family, FeedForwards, HybridDefaults, Mamba2Defaults, MixerDefaults, Pattern, PositionKind,
};
use crate::model::recurrent::StateNorms;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: MAMBA,
        code: MAMBA_CODE,
        reads: Reads {
            keys: &[
                HEADS,
                LAYER_KINDS,
                STATE_SPACE,
                &[
                    Key::OrAuto("mamba_n_heads", &["mamba_n_heads"]),
                    Key::OrAuto("mamba_d_head", &["mamba_d_head"]),
                    Key::OrAuto("mamba_n_groups", &["mamba_n_groups"]),
                    Key::OrAuto("mamba_chunk_size", &["mamba_chunk_size"]),
                    Key::OrAuto("mamba_dt_rank", &["time_step_rank"]),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
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
        reads: Reads {
            keys: &[
                HEADS,
                LAYER_KINDS,
                STATE_SPACE,
                &[
                    Key::OrAuto("mamba_n_heads", &["mamba_n_heads"]),
                    Key::OrAuto("mamba_d_head", &["mamba_d_head"]),
                    Key::OrAuto("mamba_n_groups", &["mamba_n_groups"]),
                    Key::OrAuto("mamba_chunk_size", &["mamba_chunk_size"]),
                    Key::OrAuto("mamba_dt_rank", &["time_step_rank"]),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            ..Reads::PLAIN
        },
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
        reads: Reads {
            keys: &[
                LAYER_KINDS,
                STATE_SPACE,
                &[
                    // Its own class calls the channels of a state's head so.
                    Key::OrAuto("mamba_d_head", &["head_dim"]),
                    Key::KeyValueHeads,
                    Key::OrAuto("mamba_n_heads", &["num_heads"]),
                    Key::OrAuto("mamba_n_groups", &["n_groups"]),
                    Key::OrAuto("mamba_chunk_size", &["chunk_size"]),
                    Key::OrAuto("mamba_dt_rank", &["mamba_dt_rank"]),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            ..Reads::PLAIN
        },
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
        reads: Reads {
            keys: &[HEADS, LAYER_KINDS, SCANS, &[Key::Own("attention_bias"), Key::Own("mlp_bias")]],
            refuses: &[ROUTER_LOSS],
            ..Reads::PLAIN
        },
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

/// The names of Mamba before there was anything beside it.
const STATE_SPACE: &[Key] = &[
    Key::OrAuto("mamba_d_state", &["state_size"]),
    Key::OrAuto("mamba_d_conv", &["conv_kernel"]),
    Key::OrAuto("mamba_expand", &["expand"]),
    Key::Named("mamba_conv_bias", &["use_conv_bias"]),
    Key::Named("mamba_proj_bias", &["use_bias"]),
];
