//! `StableLM`.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::{HeldNorm, Implementation, NormCode, Rotation};
use super::reads::{HEADS, Key, Reads};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Family, NormKind, Placement};

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "stablelm",
        bias_of_output_apart: true,
        norm: NormKind::Layer,
        optional_placement: Some(Placement::ParallelOneNorm),
        defaults: Defaults {
            vocab_size: 50_304,
            hidden_size: 2560,
            intermediate_size: Some(6912),
            num_key_value_heads: Some(32),
            max_position_embeddings: 4096,
            rotary_percent: 25,
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
        holds_normed: HeldNorm::FirstUntilOutput,
        holds_attention_output: true,
        hidden_dropout: true,
        attention_output_dropout: false,
        heads_after_projections: true,
        measured: true,
        ..LLAMA_CODE
    },
    reads: Reads {
        keys: &[
            HEADS,
            &[
                Key::Named("use_qk_norm", &["qk_layernorm"]),
                Key::Own("use_parallel_residual"),
                Key::Named("attention_bias", &["use_qkv_bias"]),
                Key::RotaryShare("partial_rotary_factor"),
                Key::Own("hidden_dropout"),
            ],
        ],
        ..Reads::PLAIN
    },
    modules: ModuleNames::USUAL,
}];
