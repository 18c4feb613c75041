//! Ling.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE, MANY_EXPERTS};
use super::code::{Implementation, Rotation, RouterCode};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, Normalisation, Projection, QkNorm, SharedDefault};

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "bailing_moe",
        projection: Projection::Fused,
        qk_norm: QkNorm::PerHead,
        experts: Some(ExpertDefaults {
            count: 256,
            intermediate_size: Some(512),
            normalised: Normalisation::Always,
            shared: SharedDefault::Several(1),
            first_dense: 1,
            groups: Some([8, 4]),
            correction_bias: true,
            ..MANY_EXPERTS
        }),
        defaults: Defaults {
            vocab_size: 157_184,
            hidden_size: 2048,
            intermediate_size: Some(5120),
            num_hidden_layers: 20,
            num_attention_heads: 16,
            num_key_value_heads: Some(4),
            head_dim: Some(128),
            max_position_embeddings: 32_768,
            rotary_percent: 50,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation {
        rotation: Rotation::Concatenated,
        norms_after_projections: true,
        router: RouterCode::SigmoidByGroup,
        trains: false,
        ..LLAMA_CODE
    },
    modules: ModuleNames {
        own: &[("attention.query key value", &["query_key_value"]), ("attention.output", &["dense"])],
        ..ModuleNames::USUAL
    },
}];
