//! The mixtures of `llama-quantize` of llama.cpp v0.5.0: their words, what most of their tensors have, and what stands in
//! where blocks do not fit.

use crate::units::ggml::Type;

/// A mixture, by the name that files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "llama.cpp's own spelling, in which K M is not KM")]
pub(crate) enum Mixture {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K_S,
    Q2_K,
    Q3_K_S,
    Q3_K_M,
    Q3_K_L,
    Q4_K_S,
    Q4_K_M,
    Q5_K_S,
    Q5_K_M,
    Q6_K,
    Iq1_S,
    Iq1_M,
    Iq2_XXS,
    Iq2_XS,
    Iq2_S,
    Iq2_M,
    Iq3_XXS,
    Iq3_XS,
    Iq3_S,
    Iq3_M,
    Iq4_NL,
    Iq4_XS,
    Tq1_0,
    Tq2_0,
    Mxfp4_MOE,
}

impl Mixture {
    /// Every word, the largest first.
    const WORDS: [(&'static str, Self); 30] = [
        ("q8_0", Self::Q8_0),
        ("q6_k", Self::Q6_K),
        ("q5_1", Self::Q5_1),
        ("q5_k_m", Self::Q5_K_M),
        ("q5_k_s", Self::Q5_K_S),
        ("q5_0", Self::Q5_0),
        ("q4_1", Self::Q4_1),
        ("q4_k_m", Self::Q4_K_M),
        ("q4_k_s", Self::Q4_K_S),
        ("q4_0", Self::Q4_0),
        ("iq4_nl", Self::Iq4_NL),
        ("iq4_xs", Self::Iq4_XS),
        ("mxfp4_moe", Self::Mxfp4_MOE),
        ("q3_k_l", Self::Q3_K_L),
        ("q3_k_m", Self::Q3_K_M),
        ("q3_k_s", Self::Q3_K_S),
        ("iq3_m", Self::Iq3_M),
        ("iq3_s", Self::Iq3_S),
        ("iq3_xs", Self::Iq3_XS),
        ("iq3_xxs", Self::Iq3_XXS),
        ("q2_k", Self::Q2_K),
        ("q2_k_s", Self::Q2_K_S),
        ("iq2_m", Self::Iq2_M),
        ("iq2_s", Self::Iq2_S),
        ("iq2_xs", Self::Iq2_XS),
        ("iq2_xxs", Self::Iq2_XXS),
        ("tq2_0", Self::Tq2_0),
        ("tq1_0", Self::Tq1_0),
        ("iq1_m", Self::Iq1_M),
        ("iq1_s", Self::Iq1_S),
    ];

    /// The mixture of a word.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(name, _)| *name == word).map(|(_, mixture)| mixture)
    }

    /// What most tensors have.
    pub(super) const fn base(self) -> Type {
        match self {
            Self::Q4_0 => Type::Q4_0,
            Self::Q4_1 => Type::Q4_1,
            Self::Q5_0 => Type::Q5_0,
            Self::Q5_1 => Type::Q5_1,
            Self::Q8_0 => Type::Q8_0,
            Self::Q2_K | Self::Q2_K_S => Type::Q2_K,
            Self::Q3_K_S | Self::Q3_K_M | Self::Q3_K_L => Type::Q3_K,
            Self::Q4_K_S | Self::Q4_K_M => Type::Q4_K,
            Self::Q5_K_S | Self::Q5_K_M => Type::Q5_K,
            Self::Q6_K => Type::Q6_K,
            Self::Iq1_S => Type::Iq1_S,
            Self::Iq1_M => Type::Iq1_M,
            Self::Iq2_XXS => Type::Iq2_XXS,
            Self::Iq2_XS | Self::Iq2_S => Type::Iq2_XS,
            Self::Iq2_M => Type::Iq2_S,
            Self::Iq3_XXS => Type::Iq3_XXS,
            Self::Iq3_XS | Self::Iq3_S | Self::Iq3_M => Type::Iq3_S,
            Self::Iq4_NL => Type::Iq4_NL,
            Self::Iq4_XS => Type::Iq4_XS,
            Self::Tq1_0 => Type::Tq1_0,
            Self::Tq2_0 => Type::Tq2_0,
            Self::Mxfp4_MOE => Type::Mxfp4,
        }
    }

    /// Whether it is one of those below three bits that are made by an importance matrix.
    pub(super) const fn is_smallest(self) -> bool {
        matches!(self, Self::Iq1_S | Self::Iq1_M) || self.is_two_bits()
    }

    const fn is_two_bits(self) -> bool {
        matches!(self, Self::Iq2_XXS | Self::Iq2_XS | Self::Iq2_S | Self::Iq2_M)
    }

    /// A table that serves as no head.
    pub(super) const fn table(self, row: u64) -> Type {
        let kind = match self {
            Self::Mxfp4_MOE => Type::Q8_0,
            Self::Iq1_S | Self::Iq1_M | Self::Iq2_XXS | Self::Iq2_XS => Type::Q2_K,
            Self::Iq2_S | Self::Iq2_M | Self::Iq3_XXS => Type::Iq3_S,
            Self::Tq1_0 | Self::Tq2_0 => Type::Q4_K,
            _ => self.base(),
        };
        fitting(kind, row)
    }
}

/// What stands in where the blocks of a type do not divide a row.
pub(super) const fn fitting(kind: Type, row: u64) -> Type {
    if kind.divides(row) {
        return kind;
    }
    let other = match kind {
        Type::Iq1_S
        | Type::Iq1_M
        | Type::Iq2_XXS
        | Type::Iq2_XS
        | Type::Iq2_S
        | Type::Iq3_XXS
        | Type::Iq3_S
        | Type::Iq4_XS => Type::Iq4_NL,
        Type::Q2_K | Type::Q3_K | Type::Tq1_0 | Type::Tq2_0 => Type::Q4_0,
        Type::Q4_K => Type::Q5_0,
        Type::Q5_K => Type::Q5_1,
        Type::Q6_K => Type::Q8_0,
        _ => Type::F16,
    };
    if other.divides(row) { other } else { Type::F16 }
}
