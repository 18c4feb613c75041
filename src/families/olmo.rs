//! OLMo.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE, MANY_EXPERTS};
use super::code::{Implementation, LigerPatch, NormCode, RouterCode, Widening};
use super::reads::{CLIPPED, HEADS, Key, ROUTED, ROUTER_LOSS, Reads, WINDOWS};
use super::{AllLinear, Member, ModuleNames};
use crate::model::family::{Defaults, Family, NormKind, Placement, QkNorm};

pub(super) const MEMBERS: &[Member] = &[
    Member {
        family: Family {
            id: "olmo",
            norm: NormKind::LayerWithoutWeight,
            defaults: Defaults { vocab_size: 50_304, ..LLAMA_LIKE },
            ..LLAMA
        },
        code: Implementation {
            norm: NormCode::FusedWithoutWeight,
            widening: Widening::Tables,
            heads_after_projections: true,
            begins_with_token: false,
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads { keys: &[HEADS, &[Key::Own("attention_bias")]], refuses: &[CLIPPED], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "olmo2",
            placement: Placement::Post,
            qk_norm: QkNorm::FullWidth,
            defaults: Defaults { vocab_size: 50_304, ..LLAMA_LIKE },
            ..LLAMA
        },
        code: Implementation {
            norm: NormCode::WeightThenCast,
            widening: Widening::Tables,
            heads_after_projections: true,
            begins_with_token: false,
            measured: true,
            liger: Some(LigerPatch::OLMO2),
            ..LLAMA_CODE
        },
        reads: Reads { keys: &[HEADS, &[Key::Own("attention_bias")]], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "olmo3",
            placement: Placement::Post,
            qk_norm: QkNorm::FullWidth,
            defaults: Defaults {
                vocab_size: 50_304,
                sliding_window: Some(4096),
                sliding_window_pattern: Some(4),
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            norm: NormCode::WeightThenCast,
            widening: Widening::Tables,
            both_masks: true,
            tables_by_window: true,
            heads_after_projections: true,
            begins_with_token: false,
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads { keys: &[HEADS, WINDOWS, &[Key::Own("attention_bias")]], ..Reads::PLAIN },
        modules: ModuleNames::USUAL,
    },
    Member {
        family: Family {
            id: "olmoe",
            qk_norm: QkNorm::FullWidth,
            experts: Some(MANY_EXPERTS),
            defaults: Defaults {
                vocab_size: 50_304,
                hidden_size: 2048,
                intermediate_size: Some(2048),
                num_hidden_layers: 16,
                num_attention_heads: 16,
                max_position_embeddings: 4096,
                ..LLAMA_LIKE
            },
            ..LLAMA
        },
        code: Implementation {
            router: RouterCode::SoftmaxThenCast,
            heads_after_projections: true,
            begins_with_token: false,
            measured: true,
            ..LLAMA_CODE
        },
        reads: Reads {
            keys: &[HEADS, ROUTED, &[Key::Own("attention_bias"), Key::Own("norm_topk_prob")]],
            refuses: &[ROUTER_LOSS, CLIPPED],
            ..Reads::PLAIN
        },
        modules: ModuleNames { stacked_experts: true, all_linear: AllLinear::RoutersAndStacks, ..ModuleNames::USUAL },
    },
];
