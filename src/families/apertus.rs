//! Apertus.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::Implementation;
use super::reads::{HEADS, Key, Reads};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Family, MlpKind, QkNorm};

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "apertus",
        mlp: MlpKind::Plain,
        qk_norm: QkNorm::PerHead,
        defaults: Defaults {
            vocab_size: 131_072,
            intermediate_size: Some(14_336),
            max_position_embeddings: 65_536,
            hidden_act: "xielu",
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation { norms_after_projections: true, measured: true, ..LLAMA_CODE },
    reads: Reads { keys: &[HEADS, &[Key::Own("attention_bias")]], ..Reads::PLAIN },
    modules: ModuleNames::USUAL,
}];
