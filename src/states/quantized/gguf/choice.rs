//! Which type a matrix of a layer has in a mixture.

use super::mixture::{Mixture, fitting};
use crate::families::stored::LlamaCpp;
use crate::units::ggml::Type;

/// What a tensor is, as far as mixtures tell tensors apart, which they do by names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// `attn_v`, `attn_qkv` and `attn_kv_b`.
    Value,
    /// `attn_k`.
    Key,
    /// `attn_q`.
    Query,
    /// `attn_output`.
    Output,
    /// `ffn_gate`, experts' among them.
    Gate,
    /// `ffn_up`, experts' among them.
    Up,
    /// `ffn_down`, experts' among them.
    Down,
    /// Any other.
    Other,
}

/// What mixtures read of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// Its layers.
    pub(super) layers: u64,
    /// Tensors of the class of values.
    pub(super) values: u64,
    /// Query heads for each head of keys and values; 0 where the first layer has none.
    pub(super) group: u64,
    /// Experts of a layer; 0 in dense models.
    pub(super) experts: u64,
    /// What the file's architecture is.
    pub(super) file: LlamaCpp,
}

/// The first and the last eighth, and every third between.
const fn has_more(index: u64, count: u64) -> bool {
    let eighth = count / 8;
    index < eighth || index >= 7 * count / 8 || (index - eighth) % 3 == 2
}

impl Facts {
    /// What llama.cpp calls a 70B.
    const fn is_large(&self) -> bool {
        self.layers == 80 && matches!(self.file, LlamaCpp::Seventy { shared } if !shared || self.group > 1)
    }

    const fn is_falcon(&self) -> bool {
        matches!(self.file, LlamaCpp::Falcon)
    }

    const fn shares_much(&self) -> bool {
        self.group >= 4
    }

    /// Mixtral's number, which llama.cpp takes for Mixtral.
    const fn has_eight_experts(&self) -> bool {
        self.experts == 8
    }
}

impl Mixture {
    /// The head, or the tables that serve as one, of so many inputs.
    pub(super) const fn head(self, row: u64, facts: &Facts) -> Type {
        let base = self.base();
        let kind = match self {
            Self::Mxfp4_MOE | Self::Q8_0 => Type::Q8_0,
            _ if facts.is_falcon() || !base.divides(row) => Type::Q8_0,
            Self::Iq3_XXS => Type::Q5_K,
            _ if self.is_smallest() => Type::Q5_K,
            _ => Type::Q6_K,
        };
        fitting(kind, row)
    }

    /// A matrix of a layer. `index` counts tensors of the class of values, and networks otherwise; `stacked` says that
    /// it has three dimensions, as experts have.
    pub(super) fn matrix(self, class: Class, index: u64, (row, stacked): (u64, bool), facts: &Facts) -> Type {
        let kind = match class {
            _ if self == Self::Mxfp4_MOE && stacked => Type::Mxfp4,
            _ if self == Self::Mxfp4_MOE => Type::Q8_0,
            _ if self.is_smallest() => self.smallest(class, index, facts),
            Class::Value | Class::Key if facts.has_eight_experts() => Type::Q8_0,
            Class::Value => match self.value(index, facts) {
                Type::Q3_K | Type::Q4_K if facts.is_large() => Type::Q5_K,
                chosen => chosen,
            },
            Class::Key | Class::Query => match self {
                Self::Iq3_XS => Type::Iq3_XXS,
                Self::Iq3_XXS => Type::Iq2_S,
                _ => self.base(),
            },
            Class::Down => self.down(index, facts),
            Class::Output => self.output(facts),
            Class::Gate | Class::Up if self == Self::Iq3_XS && is_inner(index, facts.layers) => Type::Iq3_XXS,
            Class::Gate | Class::Up | Class::Other => self.base(),
        };
        fitting(kind, row)
    }

    /// Those below three bits.
    fn smallest(self, class: Class, index: u64, facts: &Facts) -> Type {
        let wider = matches!(self, Self::Iq2_S | Self::Iq2_M);
        let next = if wider { Type::Iq3_S } else { Type::Q2_K };
        match class {
            Class::Value if facts.shares_much() || facts.experts >= 4 => Type::Q4_K,
            Class::Value => next,
            Class::Key if facts.has_eight_experts() => Type::Q4_K,
            Class::Down if index < facts.layers / 8 => next,
            Class::Output if facts.has_eight_experts() => Type::Q5_K,
            Class::Output if matches!(self, Self::Iq1_S | Self::Iq1_M) => Type::Iq2_XXS,
            Class::Output if wider => Type::Iq3_S,
            _ => self.base(),
        }
    }

    const fn value(self, index: u64, facts: &Facts) -> Type {
        match self {
            Self::Q2_K | Self::Q2_K_S | Self::Iq3_XXS | Self::Iq3_XS | Self::Iq3_S if facts.shares_much() => Type::Q4_K,
            Self::Q2_K => Type::Q3_K,
            Self::Iq3_M => Type::Q4_K,
            Self::Q3_K_M if index >= 2 => Type::Q4_K,
            Self::Q3_K_M | Self::Q3_K_L => Type::Q5_K,
            Self::Iq4_NL | Self::Iq4_XS if facts.shares_much() => Type::Q5_K,
            Self::Q4_K_M | Self::Q5_K_M if has_more(index, facts.values) => Type::Q6_K,
            Self::Q4_K_S if index < 4 => Type::Q5_K,
            _ => self.base(),
        }
    }

    const fn down(self, index: u64, facts: &Facts) -> Type {
        let layers = facts.layers;
        let is_first = index < layers / 8;
        let more = has_more(index, layers);
        match self {
            Self::Q2_K => Type::Q3_K,
            Self::Q2_K_S if is_first => Type::Q4_K,
            Self::Q3_K_M if index < layers / 16 => Type::Q5_K,
            Self::Q3_K_M if facts.is_falcon() && !more => Type::Q3_K,
            Self::Q3_K_M => Type::Q4_K,
            Self::Iq3_M if is_first || (facts.has_eight_experts() && more) => Type::Q4_K,
            Self::Q3_K_L if facts.is_falcon() => Type::Q4_K,
            Self::Q3_K_L => Type::Q5_K,
            Self::Q4_K_M if facts.is_falcon() && index < layers / 16 => Type::Q6_K,
            Self::Q4_K_M if facts.is_falcon() && more => Type::Q5_K,
            Self::Q4_K_M if facts.is_falcon() => Type::Q4_K,
            Self::Q4_K_M | Self::Q5_K_M if more => Type::Q6_K,
            Self::Iq4_NL | Self::Iq4_XS if is_first => Type::Q5_K,
            Self::Q4_K_S if is_first && !facts.is_falcon() => Type::Q5_K,
            _ => self.base(),
        }
    }

    /// Whether outputs of attention have more bits beside eight experts.
    const fn widens_mixtral(self) -> bool {
        matches!(self, Self::Q2_K | Self::Q3_K_S | Self::Q3_K_M | Self::Q4_K_S | Self::Q4_K_M)
            || matches!(self, Self::Iq3_XXS | Self::Iq3_XS | Self::Iq3_S | Self::Iq3_M | Self::Iq4_NL | Self::Iq4_XS)
    }

    const fn output(self, facts: &Facts) -> Type {
        match self {
            Self::Q3_K_L if facts.is_falcon() => Type::Q4_K,
            _ if facts.is_falcon() => self.base(),
            _ if facts.has_eight_experts() && self.widens_mixtral() => Type::Q5_K,
            _ if facts.has_eight_experts() => self.base(),
            Self::Q2_K => Type::Q3_K,
            Self::Iq3_XXS => Type::Iq3_S,
            Self::Q3_K_M | Self::Iq3_M => Type::Q4_K,
            Self::Q3_K_L => Type::Q5_K,
            _ => self.base(),
        }
    }
}

/// Neither in the first nor in the last eighth.
const fn is_inner(index: u64, layers: u64) -> bool {
    index >= layers / 8 && index < 7 * layers / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENSE: Facts =
        Facts { layers: 32, values: 32, group: 4, experts: 0, file: LlamaCpp::Seventy { shared: true } };

    fn count(mixture: Mixture, class: Class, kind: Type, facts: &Facts) -> usize {
        (0..facts.layers).filter(|index| mixture.matrix(class, *index, (4096, false), facts) == kind).count()
    }

    #[test]
    fn layers_of_a_mixture_differ() {
        // The first and last eighth, and every third layer between.
        assert_eq!(count(Mixture::Q4_K_M, Class::Down, Type::Q6_K, &DENSE), 4 + 4 + 8);
        assert_eq!(count(Mixture::Q4_K_M, Class::Other, Type::Q4_K, &DENSE), 32);
        assert_eq!(count(Mixture::Q4_K_S, Class::Value, Type::Q5_K, &DENSE), 4);
        assert_eq!(count(Mixture::Q3_K_M, Class::Down, Type::Q5_K, &DENSE), 2);
        assert_eq!(count(Mixture::Q2_K, Class::Value, Type::Q4_K, &DENSE), 32);
        assert_eq!(count(Mixture::Iq3_XS, Class::Gate, Type::Iq3_XXS, &DENSE), 24);
        assert_eq!(count(Mixture::Iq2_M, Class::Down, Type::Iq3_S, &DENSE), 4);
        let large = Facts { layers: 80, values: 80, group: 8, ..DENSE };
        assert_eq!(count(Mixture::Q4_K_S, Class::Value, Type::Q5_K, &large), 80);
        let other = Facts { file: LlamaCpp::Other, ..large };
        assert_eq!(count(Mixture::Q4_K_S, Class::Value, Type::Q5_K, &other), 4);
    }

    /// Llama with eight experts has keys and values in 8 bits, with nine it has not; Falcon's networks have other bits.
    #[test]
    fn exactly_eight_experts_are_mixtral() {
        let [eight, nine] = [8, 9].map(|experts| Facts { experts, ..DENSE });
        for (class, kind) in [(Class::Key, Type::Q8_0), (Class::Value, Type::Q8_0), (Class::Output, Type::Q5_K)] {
            assert_eq!(count(Mixture::Q4_K_M, class, kind, &eight), 32);
            assert_eq!(count(Mixture::Q4_K_M, class, kind, &nine), 0);
        }
        let falcon = Facts { file: LlamaCpp::Falcon, ..DENSE };
        assert_eq!(count(Mixture::Q4_K_M, Class::Down, Type::Q6_K, &falcon), 2);
        assert_eq!(count(Mixture::Q4_K_M, Class::Down, Type::Q5_K, &falcon), 14);
        assert_eq!(Mixture::Q4_K_M.head(4096, &falcon), Type::Q8_0);
    }

    #[test]
    fn rows_that_blocks_do_not_divide_fall_back() {
        for (kind, other) in [
            (Type::Q4_K, Type::Q5_0),
            (Type::Q6_K, Type::Q8_0),
            (Type::Q3_K, Type::Q4_0),
            (Type::Iq4_XS, Type::Iq4_NL),
            (Type::Iq2_S, Type::Iq4_NL),
        ] {
            assert_eq!(fitting(kind, 896), other);
        }
        assert_eq!(fitting(Type::Q4_K, 1000), Type::F16);
        assert_eq!(Mixture::Q4_K_M.head(896, &DENSE), Type::Q8_0);
        assert_eq!(Mixture::Q8_0.head(4096, &DENSE), Type::Q8_0);
        assert_eq!(Mixture::Iq2_XS.head(4096, &DENSE), Type::Q5_K);
    }
}
