//! EXAONE.

use super::base::{LLAMA, LLAMA_CODE, LLAMA_LIKE};
use super::code::Implementation;
use super::reads::{HEADS, Reads, Rule, WINDOWS};
use super::{Member, ModuleNames};
use crate::model::family::{Defaults, Family, Placement, QkNorm};

pub(super) const MEMBERS: &[Member] = &[Member {
    family: Family {
        id: "exaone4",
        placement: Placement::Post,
        qk_norm: QkNorm::PerHead,
        rotates_with_window_only: true,
        defaults: Defaults {
            vocab_size: 102_400,
            intermediate_size: Some(16_384),
            num_key_value_heads: Some(32),
            sliding_window: Some(4096),
            sliding_window_pattern: Some(4),
            ..LLAMA_LIKE
        },
        ..LLAMA
    },
    code: Implementation { norms_after_projections: true, always_full_mask: true, measured: true, ..LLAMA_CODE },
    reads: Reads { keys: &[HEADS, WINDOWS], rule: Rule::PatternUnlessNamed, ..Reads::PLAIN },
    modules: ModuleNames::USUAL,
}];
