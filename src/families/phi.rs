//! Phi.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE, MANY_EXPERTS};
use super::code::{
    Implementation, LigerPatch, ModuleOrder, Modules, NormCode, OutputSaved, Rotation, RouterCode, SavedLayer,
};
use super::reads::{HEADS, Key, MIXTURE, ROUTER_LOSS, Reads, Refusal, When};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, MlpKind, NormKind, Normalisation, Placement, Projection};
use crate::model::part::Part;

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "phi",
            norm: NormKind::Layer,
            placement: Placement::ParallelOneNorm,
            mlp: MlpKind::Plain,
            qkv_bias: true,
            output_bias: true,
            mlp_bias: true,
            head_bias: true,
            defaults: Defaults {
                vocab_size: 51_200,
                hidden_size: 2048,
                intermediate_size: Some(8192),
                num_hidden_layers: 24,
                hidden_act: "gelu_new",
                rotary_percent: 50,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            norm: NormCode::Fused,
            rotation: Rotation::Concatenated,
            turned_together: true,
            holds_turned_parts: true,
            norms_after_projections: true,
            embedding_dropout: true,
            hidden_dropout: true,
            saved_layer: SavedLayer { output: OutputSaved::First, up_first: true, ..SavedLayer::BY_NAME },
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                &[
                    Key::RotaryShare("partial_rotary_factor"),
                    Key::Named("hidden_dropout", &["resid_pdrop"]),
                    Key::Named("embedding_dropout", &["embd_pdrop"]),
                ],
            ],
            refuses: &[Refusal {
                key: "qk_layernorm",
                when: When::True,
                problem: "norms on queries and keys of Phi are not covered",
            }],
            ..Reads::PLAIN
        },
        modules: ModuleNames {
            own: &[(Part::AttentionOutput, &["dense"]), (Part::Up, &["fc1"]), (Part::Down, &["fc2"])],
            ..ModuleNames::USUAL
        },
    },
    Member {
        family: Family {
            id: "phi3",
            projection: Projection::Fused,
            mlp: MlpKind::GatedFused,
            defaults: Defaults {
                vocab_size: 32_064,
                hidden_size: 3072,
                intermediate_size: Some(8192),
                max_position_embeddings: 4096,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            rotation: Rotation::Concatenated,
            hidden_dropout: true,
            modules: Modules { output_first: true, ..Modules::in_order(ModuleOrder::NormsLast) },
            measured: true,
            liger: Some(LigerPatch::LLAMA),
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                HEADS,
                &[
                    Key::RotaryShare("partial_rotary_factor"),
                    Key::Named("hidden_dropout", &["resid_pdrop"]),
                    Key::Own("sliding_window"),
                ],
            ],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "phimoe",
            norm: NormKind::Layer,
            experts: Some(ExpertDefaults { count: 16, per_token: 2, normalised: Normalisation::Never, ..MANY_EXPERTS }),
            defaults: Defaults {
                vocab_size: 32_064,
                intermediate_size: Some(6400),
                num_key_value_heads: Some(8),
                max_position_embeddings: 131_072,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            norm: NormCode::Fused,
            router: RouterCode::SoftmaxThenCast,
            trains: false,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[MIXTURE, &[Key::Own("lm_head_bias"), Key::OrZero("sliding_window")]],
            refuses: &[ROUTER_LOSS],
            ..Reads::PLAIN
        },
        modules: ModuleNames::USUAL,
    },
];
