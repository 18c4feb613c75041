//! Nemotron.

use super::base::{EXPERTS, GRANITE_MAMBA, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, NormCode, Rotation, RouterCode};
use super::reads::{HEADS, HYBRID_ROUTED, Key, LAYER_KINDS, ROUTER_LOSS, Reads, Rule};
use super::{Member, ModuleNames};
use crate::model::family::{
    Defaults, ExpertDefaults, Family, FeedForwards, HybridDefaults, Mamba2Defaults, MixerDefaults, MlpKind, NormKind,
    Normalisation, Pattern, PositionKind, SharedDefault,
};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "nemotron",
            norm: NormKind::Layer,
            mlp: MlpKind::Plain,
            defaults: Defaults {
                vocab_size: 256_000,
                hidden_size: 6144,
                intermediate_size: Some(24_576),
                num_attention_heads: 48,
                max_position_embeddings: 4096,
                hidden_act: "relu2",
                rotary_percent: 50,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            norm: NormCode::FusedOnePlusWeight,
            rotation: Rotation::Concatenated,
            turned_together: true,
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                &[Key::Own("attention_bias"), Key::Own("mlp_bias"), Key::RotaryShare("partial_rotary_factor")],
            ],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    // Llamas from which a search took attention and width layer by layer; the code came with their checkpoints, whose
    // config class is a Llama's.
    Member {
        family: Family { id: "nemotron-nas", defaults: Defaults { intermediate_size: None, ..LLAMA_LIKE }, ..LLAMA },
        code: LLAMA_CODE,
        reads: Reads {
            keys: &[&[
                Key::Own("head_dim"),
                Key::Own("attention_bias"),
                Key::Named("attention_output_bias", &["o_proj_bias"]),
                Key::Own("mlp_bias"),
            ]],
            rule: Rule::Blocks,
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "nemotron_h",
            mlp: MlpKind::Plain,
            positions: PositionKind::None,
            hybrid: Some(HybridDefaults {
                mixer: MixerDefaults::Mamba2(Mamba2Defaults {
                    head_dim: Some(64),
                    state: 128,
                    groups: 8,
                    chunk: 128,
                    ..GRANITE_MAMBA
                }),
                pattern: Pattern::Letters("ME*-"),
                feed_forward: FeedForwards::Apart,
                expert_layers: [1, 0],
            }),
            experts: Some(ExpertDefaults {
                intermediate_size: Some(7688),
                normalised: Normalisation::Optional(true),
                shared: SharedDefault::Beside(7688),
                groups: Some([1, 1]),
                correction_bias: true,
                ..EXPERTS
            }),
            defaults: Defaults {
                vocab_size: 131_072,
                intermediate_size: Some(21_504),
                num_hidden_layers: 4,
                num_key_value_heads: Some(8),
                head_dim: Some(128),
                max_position_embeddings: 4096,
                hidden_act: "relu2",
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            wide_states_served: true,
            norm: NormCode::WideWeightThenCast,
            rotation: Rotation::None,
            router: RouterCode::SigmoidByGroup,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                LAYER_KINDS,
                HYBRID_ROUTED,
                &[
                    Key::OrAuto("mamba_n_heads", &["mamba_num_heads"]),
                    Key::OrAuto("mamba_d_head", &["mamba_head_dim"]),
                    Key::OrAuto("mamba_d_state", &["ssm_state_size"]),
                    Key::OrAuto("mamba_n_groups", &["mamba_n_groups", "n_groups"]),
                    Key::OrAuto("mamba_d_conv", &["mamba_d_conv", "conv_kernel"]),
                    Key::OrAuto("mamba_chunk_size", &["mamba_chunk_size", "chunk_size"]),
                    Key::OrAuto("mamba_dt_rank", &["mamba_dt_rank"]),
                    Key::Named("mamba_conv_bias", &["mamba_conv_bias", "use_conv_bias"]),
                    Key::Named("mamba_proj_bias", &["use_bias"]),
                    Key::Named("hidden_act", &["mlp_hidden_act"]),
                    Key::Own("mlp_bias"),
                    Key::Own("moe_latent_size"),
                    Key::Own("moe_intermediate_size"),
                    Key::Named("shared_expert_intermediate_size", &["moe_shared_expert_intermediate_size"]),
                    Key::Own("n_group"),
                    Key::Own("topk_group"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::NemotronH,
        },
        modules: ModuleNames::USUAL,
    },
];
