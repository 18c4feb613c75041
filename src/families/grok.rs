//! Grok.

use super::base::{EXPERTS, LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::Implementation;
use super::reads::{Key, ROUTER_LOSS, Reads};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Family, Placement};

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "grok-1",
        placement: Placement::Sandwich,
        experts: Some(EXPERTS),
        defaults: Defaults {
            vocab_size: 131_072,
            hidden_size: 6144,
            intermediate_size: Some(32_768),
            num_hidden_layers: 64,
            num_attention_heads: 48,
            num_key_value_heads: Some(8),
            max_position_embeddings: 8192,
            hidden_act: "gelu",
            tie_word_embeddings: true,
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation { scaled_embedding: true, scaled_logits: true, trains: false, ..LLAMA_CODE },
    reads: Reads {
        keys: &[&[
            Key::KeyValueHeads,
            Key::Own("head_dim"),
            Key::Named("num_experts", &["n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts"]),
            Key::Named("num_experts_per_tok", &["num_experts_per_tok", "top_k_experts", "moe_top_k"]),
        ]],
        refuses: &[ROUTER_LOSS],
        ..Reads::PLAIN
    },
    modules: ModuleNames::USUAL,
}];
