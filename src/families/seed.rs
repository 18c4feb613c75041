//! Seed-OSS.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::Implementation;
use super::reads::{HEADS, Key, Reads};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Dropout, Family};

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "seed_oss",
        qkv_bias: true,
        defaults: Defaults {
            vocab_size: 155_136,
            intermediate_size: Some(27_648),
            num_hidden_layers: 64,
            num_attention_heads: 80,
            num_key_value_heads: Some(8),
            head_dim: Some(128),
            max_position_embeddings: 524_288,
            dropout: Dropout { embedding: 0.1, hidden: 0.1, attention: 0.1, activation: 0.0 },
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation { hidden_dropout: true, measured: true, ..LLAMA_CODE },
    reads: Reads {
        keys: &[
            HEADS,
            &[
                Key::Own("attention_bias"),
                Key::Named("attention_output_bias", &["attention_out_bias"]),
                Key::Own("mlp_bias"),
                Key::Named("hidden_dropout", &["residual_dropout"]),
            ],
        ],
        ..Reads::PLAIN
    },
    modules: ModuleNames::USUAL,
}];
