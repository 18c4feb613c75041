//! gpt-oss.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{GateCode, Implementation, NormCode, Rotation, RouterCode};
use super::reads::{HEADS, Key, ROUTED, ROUTER_LOSS, Reads};
use super::{AllLinear, Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, Normalisation, SharedDefault};

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "gpt_oss",
        qkv_bias: true,
        output_bias: true,
        sinks: true,
        experts: Some(ExpertDefaults {
            count: 128,
            per_token: 4,
            intermediate_size: None,
            normalised: Normalisation::Always,
            shared: SharedDefault::None,
            first_dense: 0,
            groups: None,
            correction_bias: false,
            bias: true,
        }),
        defaults: Defaults {
            vocab_size: 201_088,
            hidden_size: 2880,
            intermediate_size: Some(2880),
            num_hidden_layers: 36,
            num_attention_heads: 64,
            num_key_value_heads: Some(8),
            head_dim: Some(64),
            max_position_embeddings: 131_072,
            sliding_window: Some(128),
            sliding_window_pattern: Some(2),
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation {
        norm: NormCode::WeightThenCast,
        rotation: Rotation::Halves,
        eager_only: true,
        both_masks: true,
        router: RouterCode::SoftmaxOfChosen,
        expert_gate: GateCode::Clamped,
        begins_with_token: false,
        measured: true,
        ..LLAMA_CODE
    },
    reads: Reads {
        keys: &[HEADS, ROUTED, &[Key::Own("attention_bias"), Key::OrZero("sliding_window"), Key::Own("layer_types")]],
        refuses: &[ROUTER_LOSS],
        ..Reads::PLAIN
    },
    modules: ModuleNames { all_linear: AllLinear::Layers, ..ModuleNames::USUAL },
}];
