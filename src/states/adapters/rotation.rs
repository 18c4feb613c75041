//! Rotations of what a linear layer reads, block by block (`OFT`).

use super::Adapters;
use crate::ledger::{Alive, Entry, EstimateError};
use crate::model::parameters::{BlockParameters, Role, Tensor};
use crate::model::part::{Part, Piece};
use crate::scenario::AdapterKind;
use crate::shape::{Dim, Shape};
use crate::states::weights;
use crate::units::Overflow;

/// Blocks of features, each of which has a rotation of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// How many there are.
    pub(crate) count: u64,
    /// Features in each.
    pub(crate) size: u64,
}

impl Blocks {
    /// Those of an input of so many features. What is asked for is the size of a block or the number of blocks, and where
    /// that does not divide the features PEFT takes the nearest that does.
    pub(crate) fn of(adapters: &Adapters, features: u64) -> Self {
        if adapters.block_size == 0 {
            let count = nearest_divisor(features, adapters.rank);
            return Self { count, size: features / count };
        }
        let size = nearest_divisor(features, adapters.block_size);
        Self { count: features / size, size }
    }

    /// Numbers of a skew-symmetric matrix above its diagonal: all that is trained of it.
    pub(crate) const fn above_the_diagonal(self) -> u64 {
        self.size.saturating_mul(self.size.saturating_sub(1)) / 2
    }

    /// The parameter that makes the rotations.
    pub(super) const fn parameter(self, part: Part) -> Tensor {
        let (rows, columns) = (self.count, self.above_the_diagonal());
        Tensor { part, piece: Piece::Rotation, rows, columns, pieces: 1, role: Role::Linear }
    }
}

/// The divisor of a number that is nearest to this one, of two that are as near the smaller.
fn nearest_divisor(of: u64, wanted: u64) -> u64 {
    let small = (1..=of.isqrt()).filter(|divisor| of.is_multiple_of(*divisor));
    let all = small.flat_map(|divisor| [divisor, of / divisor]);
    all.min_by_key(|divisor| (divisor.abs_diff(wanted), *divisor)).unwrap_or(1)
}

impl Adapters {
    /// How many indices come with the rotation beside a matrix, where it has one: the row and the column of each of its
    /// numbers, in 64 bits.
    pub(crate) fn indices_of(&self, matrix: &Tensor) -> Option<[u64; 2]> {
        let names = self.names(matrix.part).filter(|_| matrix.piece == Piece::Weight);
        names.filter(|_| self.kind == AdapterKind::Oft)?;
        Some([Blocks::of(self, matrix.columns).above_the_diagonal(); 2])
    }

    /// An error where a layer would be rotated in blocks of one feature, of which nothing is trained.
    pub(super) fn check_blocks(&self, blocks: &[BlockParameters]) -> Result<(), EstimateError> {
        let mut matrices = blocks.iter().flat_map(|block| &block.tensors);
        let Some(still) = matrices.find(|matrix| self.indices_of(matrix) == Some([0; 2])) else { return Ok(()) };
        let (part, features) = (still.part.words(), still.columns);
        Err(match self.block_size {
            0 => {
                let problem = format!("{} blocks, but {part} reads {features} features: a block needs two", self.rank);
                EstimateError::Invalid { key: "train.lora_rank", problem }
            }
            size => {
                let problem =
                    format!("{size}, but of the {features} features that {part} reads the nearest divisor is 1");
                EstimateError::Invalid { key: "train.oft_block_size", problem }
            }
        })
    }

    /// The indices of all rotations, which stand beside parameters.
    pub(crate) fn indices(&self, blocks: &[BlockParameters], alive: Alive) -> Result<Vec<Entry>, Overflow> {
        let mut entries = Vec::new();
        for block in blocks {
            for (matrix, [size, columns]) in block.tensors.iter().filter_map(|it| Some((it, self.indices_of(it)?))) {
                for (name, size) in [("oft rows", size), ("oft columns", columns)] {
                    let shape = Shape::new(&[Dim { symbol: "", size }]);
                    let place = weights::place_of(block);
                    let entry = weights::plain(name, place, shape, 64, alive, "OFTRotationModule of PEFT 0.21")?;
                    let count = block.copies.checked_mul(matrix.pieces).ok_or(Overflow)?;
                    entries.push(Entry { count, bytes: entry.bytes.checked_mul(count)?, ..entry });
                }
            }
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `adjust_oft_parameters` of PEFT 0.21.2 gives.
    #[test]
    fn what_does_not_divide_is_taken_as_the_nearest_that_does() {
        for (of, wanted, nearest) in [
            (4096, 32, 32),
            (11008, 32, 32),
            (1000, 32, 25),
            (96, 20, 16),
            (96, 29, 32),
            (90, 32, 30),
            (7, 4, 1),
            (64, 100, 64),
            (12, 5, 4),
        ] {
            assert_eq!(nearest_divisor(of, wanted), nearest, "{of} {wanted}");
        }
    }
}
