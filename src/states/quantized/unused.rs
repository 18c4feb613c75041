//! Tensors that files have and the class has not.

use std::borrow::Cow;

use crate::model::architecture::{Architecture, KeyValues};
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::model::part::{Part, Piece};

/// The blocks with keys and values of layers that take an earlier layer's: the checkpoint has them, and a file what the
/// checkpoint has.
pub(super) fn added<'a>(architecture: &Architecture, blocks: &'a [BlockParameters]) -> Cow<'a, [BlockParameters]> {
    let added = |block: &BlockParameters| {
        let Block::Group(group) = block.block else { return block.clone() };
        let attention = architecture.groups.get(group).and_then(|group| group.layer.attention());
        let Some(it) = attention.filter(|it| it.variant.key_values == KeyValues::Earlier) else { return block.clone() };
        let matrix = |part, rows| tensor(part, [rows, architecture.hidden_size], Role::Linear);
        let mut tensors = block.tensors.clone();
        tensors.push(matrix(Part::Key, it.kv_size()));
        tensors.push(matrix(Part::Value, it.kv_heads * it.value_head_dim()));
        if tensors.iter().any(|tensor| tensor.part == Part::QueryNorm) {
            tensors.push(tensor(Part::KeyNorm, [it.head_dim, 1], Role::Norm));
        }
        BlockParameters { tensors, ..block.clone() }
    };
    blocks.iter().map(added).collect()
}

fn tensor(part: Part, [rows, columns]: [u64; 2], role: Role) -> Tensor {
    Tensor { part, piece: Piece::Weight, rows, columns, pieces: 1, role }
}
