//! What one GPU has of a tensor that several divide.

use crate::ledger::{Axis, Division, Entry};
use crate::model::parameters::{BlockParameters, Role, Tensor};
use crate::units::{Bytes, Overflow};

/// How tensors are divided among the GPUs of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shards {
    /// Every GPU has all of them.
    Whole,
    /// Each by equal parts of its first dimension: `fully_shard`.
    Rows(u64),
    /// They wait in host memory.
    OnHost,
    /// All in a row, cut into equal parts: flat parameters, and DeepSpeed's partitions.
    Flat(u64),
}

impl Shards {
    /// Over how many GPUs.
    pub(crate) const fn ways(self) -> u64 {
        match self {
            Self::Whole | Self::OnHost => 1,
            Self::Rows(ways) | Self::Flat(ways) => ways,
        }
    }

    /// Elements that one GPU has of a tensor, or of a state of it that has as many; what has another shape is whole.
    pub(crate) fn elements(self, tensor: &Tensor, entry: &Entry) -> Result<u64, Overflow> {
        let whole = entry.shape.elements()?;
        if whole != tensor.parameters()?.get() {
            return Ok(whole);
        }
        match self {
            Self::Whole | Self::OnHost => Ok(whole),
            Self::Rows(ways) => shard(tensor, ways),
            Self::Flat(ways) => Ok(whole.div_ceil(ways.max(1))),
        }
    }

    /// What one GPU has of a tensor, as a tensor.
    pub(crate) fn local(self, tensor: &Tensor) -> Result<Tensor, Overflow> {
        match self {
            Self::Whole | Self::OnHost => Ok(tensor.clone()),
            Self::Rows(ways) => {
                let elements = shard(tensor, ways)?;
                let columns = if elements.is_multiple_of(tensor.columns.max(1)) { tensor.columns.max(1) } else { 1 };
                Ok(Tensor { rows: elements / columns, columns, ..tensor.clone() })
            }
            Self::Flat(ways) => {
                Ok(Tensor { rows: tensor.parameters()?.get().div_ceil(ways.max(1)), columns: 1, ..tensor.clone() })
            }
        }
    }

    /// What one GPU has of a block's tensors.
    pub(crate) fn local_block(self, block: &BlockParameters) -> Result<BlockParameters, Overflow> {
        let tensors = block.tensors.iter().map(|tensor| self.local(tensor)).collect::<Result<_, _>>()?;
        Ok(BlockParameters { tensors, ..block.clone() })
    }

    /// An entry of a parameter as one GPU has it of a flat one; whole where each GPU has all.
    pub(crate) fn of_entry(self, entry: Entry) -> Result<Entry, Overflow> {
        let (Self::Flat(ways) | Self::Rows(ways)) = self else { return Ok(entry) };
        let each = Bytes::new((entry.bytes.get() / entry.count.max(1)).div_ceil(ways.max(1)));
        Ok(Entry { divided: self.division(), bytes: each.checked_mul(entry.count)?, ..entry })
    }

    /// Over which GPUs an entry of a tensor is divided.
    pub(crate) fn division(self) -> Division {
        Division::NONE.over(Axis::Data, self.ways())
    }
}

/// Elements of one GPU's shard of a tensor of so many GPUs: equal parts of its first dimension, the last of which are
/// padded. `Shard(0)` of PyTorch's `fully_shard`.
pub(crate) fn shard(tensor: &Tensor, ways: u64) -> Result<u64, Overflow> {
    let pieces = tensor.pieces.max(1);
    let each = tensor.parameters()?.get() / pieces;
    let rows = match tensor.role {
        Role::Experts { count, .. } | Role::ExpertBiases { count, .. } if pieces == 1 => count,
        _ => tensor.rows / pieces,
    };
    let rows = rows.max(1);
    rows.div_ceil(ways.max(1)).checked_mul(each / rows).and_then(|shard| shard.checked_mul(pieces)).ok_or(Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::part::Part;
    use crate::model::part::Piece;

    fn tensor(rows: u64, columns: u64, role: Role) -> Tensor {
        Tensor { part: Part::Query, piece: Piece::Weight, rows, columns, pieces: 1, role }
    }

    #[test]
    fn shards_are_whole_rows_of_the_first_dimension() {
        assert_eq!(shard(&tensor(8, 6, Role::Linear), 4), Ok(12));
        assert_eq!(shard(&tensor(10, 6, Role::Linear), 4), Ok(18), "three rows, of which the last GPU has one");
        // Experts are their first dimension: eight of them over sixteen GPUs are padded to twice as many.
        let experts = Role::Experts { count: 8, per_token: 2 };
        assert_eq!(shard(&tensor(8 * 16, 4, experts), 16), Ok(64));
    }
}
