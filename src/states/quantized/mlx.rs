//! mlx-lm's weights: every linear layer, table and stack of experts whose width is a whole number of groups.
//!
//! Source: mlx-lm 0.32.2's `quantize_model` and mlx 0.32.4's modes, run on models of true shapes.

use super::{Stored, dims, entry, tensor_count, unused};
use crate::families::stored::Mlx;
use crate::ledger::{Alive, Entry};
use crate::model::parameters::{BlockParameters, Role, Tensor};
use crate::model::part::{Part, Piece};
use crate::states::weights::{self, Set};
use crate::units::{Bits, Overflow};

const SOURCE: &str = "mlx-lm 0.32.2: quantize_model, packed codes with a scale for each group";

/// How codes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Whole numbers of so many bits; each group of 64 has a scale and a bias in 16 bits.
    Affine(u32),
    /// Floats of 4 bits, and for every 32 an exponent in 8 bits.
    Mxfp4,
    /// Floats of 8 bits, and for every 32 an exponent in 8 bits.
    Mxfp8,
    /// Floats of 4 bits, and for every 16 a scale in 8 bits.
    Nvfp4,
}

impl Mode {
    /// Every word.
    const WORDS: [(&'static str, Self); 7] = [
        ("mlx-8bit", Self::Affine(8)),
        ("mlx-mxfp8", Self::Mxfp8),
        ("mlx-6bit", Self::Affine(6)),
        ("mlx-4bit", Self::Affine(4)),
        ("mlx-nvfp4", Self::Nvfp4),
        ("mlx-mxfp4", Self::Mxfp4),
        ("mlx-3bit", Self::Affine(3)),
    ];

    /// The mode of a word of `infer.weights`.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(name, _)| *name == word).map(|(_, mode)| mode)
    }

    const fn bits(self) -> u32 {
        match self {
            Self::Affine(bits) => bits,
            Self::Mxfp4 | Self::Nvfp4 => 4,
            Self::Mxfp8 => 8,
        }
    }

    /// Weights that share a scale.
    const fn group(self) -> u64 {
        match self {
            Self::Affine(_) => 64,
            Self::Mxfp4 | Self::Mxfp8 => 32,
            Self::Nvfp4 => 16,
        }
    }
}

/// The model's parameters as mlx-lm stores them.
pub(super) fn parameters(set: &Set<'_>, (mode, class): (Mode, Mlx), alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::with_capacity(2 * tensor_count(set));
    let unused = class == Mlx::WithUnused;
    let blocks = if unused { unused::added(set.architecture, set.blocks) } else { set.blocks.into() };
    for block in blocks.iter() {
        let place = weights::place_of(block);
        for tensor in &block.tensors {
            let parts = match mode_of(block, tensor, mode, class) {
                Some(mode) => codes(tensor, mode),
                None => vec![Stored::plain(tensor, set.bits)],
            };
            for part in parts {
                entries.push(entry(tensor, &part, place, block.copies, alive, SOURCE)?);
            }
        }
    }
    Ok(entries)
}

/// How a tensor is quantized, where it is.
fn mode_of(block: &BlockParameters, tensor: &Tensor, mode: Mode, class: Mlx) -> Option<Mode> {
    let width = match tensor.role {
        Role::Experts { count, .. } if is_by_input(block, tensor) => tensor.rows / count,
        Role::Experts { .. } | Role::Linear | Role::Table => tensor.columns,
        _ => return None,
    };
    // Towers are another program's, which leaves them as they are.
    if block.block.is_seen() || !width.is_multiple_of(mode.group()) {
        return None;
    }
    match (class, tensor.part) {
        (Mlx::RouterArrays, Part::Router) => None,
        (Mlx::WideRouters | Mlx::WideRoutersAndGate, Part::Router)
        | (Mlx::WideRoutersAndGate, Part::SharedExpertGate)
        | (Mlx::WideOutputs, Part::AttentionOutput | Part::Down | Part::Head) => Some(Mode::Affine(8)),
        _ => Some(mode),
    }
}

/// Whether experts are stacked by input, as those with biases are; mlx-lm has them by output.
fn is_by_input(block: &BlockParameters, tensor: &Tensor) -> bool {
    block.tensors.iter().any(|other| other.part == tensor.part && other.piece == Piece::Bias)
}

fn codes(tensor: &Tensor, mode: Mode) -> Vec<Stored> {
    let groups = tensor.rows.saturating_mul(tensor.columns) / mode.group();
    let part = |name, bits| Stored { name: Some(name), shape: dims(&[groups, 1]), bits: Bits::whole(bits), count: 1 };
    let codes = Stored::plain(tensor, Bits::whole(mode.bits()));
    match mode {
        Mode::Affine(_) => vec![codes, part("scales", 16), part("biases", 16)],
        _ => vec![codes, part("scales", 8)],
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bytes, linear};
    use super::*;

    /// Bits of a weight: those of its code and of what its group shares.
    #[test]
    fn a_weight_has_the_bits_of_its_mode() {
        for (word, sixteenths) in
            [("mlx-3bit", 56), ("mlx-4bit", 72), ("mlx-6bit", 104), ("mlx-8bit", 136), ("mlx-mxfp4", 68)]
                .into_iter()
                .chain([("mlx-mxfp8", 132), ("mlx-nvfp4", 72)])
        {
            let matrix = linear(768, 1024);
            assert_eq!(bytes(&codes(&matrix, Mode::of_word(word).unwrap())), 768 * 1024 * sixteenths / 128, "{word}");
        }
    }
}
