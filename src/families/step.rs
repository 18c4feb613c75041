//! Step 3.5.

use super::base::{DEEPSEEK_EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, Rotation, RouterCode};
use super::reads::{Key, ROUTER_LOSS, Reads, Rule, SPARSE};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, QkNorm, VariantDefaults};

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "step3p5",
        qk_norm: QkNorm::PerHead,
        experts: Some(ExpertDefaults { count: 288, intermediate_size: Some(1280), ..DEEPSEEK_EXPERTS }),
        variant: VariantDefaults { head_gate: true, ..VariantDefaults::NONE },
        defaults: Defaults {
            vocab_size: 128_815,
            intermediate_size: Some(11_264),
            num_hidden_layers: 45,
            num_attention_heads: 64,
            num_key_value_heads: Some(8),
            head_dim: Some(128),
            max_position_embeddings: 128_000,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation {
        rotation: Rotation::Concatenated,
        router: RouterCode::SigmoidByGroup,
        both_masks: true,
        tables_by_window: true,
        trains: false,
        begins_with_token: false,
        ..LLAMA_CODE
    },
    reads: Reads {
        keys: &[
            SPARSE,
            &[
                Key::Own("head_dim"),
                Key::Own("moe_intermediate_size"),
                Key::OrZero("sliding_window"),
                Key::Own("layer_types"),
            ],
        ],
        refuses: &[ROUTER_LOSS],
        rule: Rule::Step,
    },
    modules: ModuleNames::USUAL,
}];
