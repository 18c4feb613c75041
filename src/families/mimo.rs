//! `MiMo`.

use super::base::{DEEPSEEK_EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{Implementation, ModuleOrder, Modules, Rotation, RouterCode};
use super::reads::{HEADS, Key, ROUTER_LOSS, Reads, Rule, SPARSE};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, ExpertDefaults, Family, SharedDefault, VariantDefaults};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "mimo",
            qkv_bias: true,
            defaults: Defaults {
                vocab_size: 151_936,
                intermediate_size: Some(22_016),
                num_key_value_heads: Some(32),
                max_position_embeddings: 32_768,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: LLAMA_CODE,
        reads: Reads { keys: &[HEADS], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "mimo_v2_flash",
            experts: Some(ExpertDefaults { shared: SharedDefault::None, first_dense: 1, ..DEEPSEEK_EXPERTS }),
            variant: VariantDefaults {
                v_head_dim: Some(128),
                window_doubles_kv_heads: true,
                sinks_with_window: true,
                ..VariantDefaults::NONE
            },
            defaults: Defaults {
                vocab_size: 152_576,
                intermediate_size: Some(16_384),
                num_hidden_layers: 48,
                num_attention_heads: 64,
                num_key_value_heads: Some(4),
                head_dim: Some(192),
                max_position_embeddings: 131_072,
                sliding_window: Some(129),
                sliding_window_pattern: Some(6),
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
            modules: Modules { router_last: true, ..Modules::in_order(ModuleOrder::NormsLast) },
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[
                SPARSE,
                &[
                    Key::Own("head_dim"),
                    Key::Own("v_head_dim"),
                    Key::Own("moe_intermediate_size"),
                    Key::Own("norm_topk_prob"),
                    Key::Own("n_group"),
                    Key::Own("topk_group"),
                    Key::RotaryShare("partial_rotary_factor"),
                    Key::OrZero("sliding_window"),
                ],
            ],
            refuses: &[ROUTER_LOSS],
            rule: Rule::MimoV2,
        },
        modules: ModuleNames::USUAL,
    },
];
