//! The shapes of parameter tensors, with the symbols by which formulas name their dimensions.

use crate::model::parameters::{Role, Tensor};
use crate::model::part::{Part, Piece, Site};
use crate::shape::{Dim, Shape};

/// The dimensions of a tensor, with the symbols of its part.
pub(crate) fn shape(tensor: &Tensor) -> Shape {
    let dim = |symbol, size| Dim { symbol, size };
    let [rows, columns] = symbols(tensor);
    if let Role::Experts { count, .. } = tensor.role {
        return Shape::new(&[dim("E", count), dim(rows, tensor.rows / count), dim(columns, tensor.columns)]);
    }
    if tensor.role == Role::Convolution {
        return Shape::new(&[dim("", tensor.rows), dim("", 1), dim("", tensor.columns)]);
    }
    if tensor.columns == 1 {
        Shape::new(&[dim(rows, tensor.rows)])
    } else {
        Shape::new(&[dim(rows, tensor.rows), dim(columns, tensor.columns)])
    }
}

/// What formulas call the rows and columns of a tensor: those of its part's matrix, but for an adapter's rank and for the
/// biases of experts, a row for each.
fn symbols(tensor: &Tensor) -> [&'static str; 2] {
    let [rows, columns] = tensor.part.symbols();
    // Experts have a rank each, and a fused projection one for each of its parts.
    let several = tensor.part.site() == Site::Experts || tensor.part == Part::QueryKeyValue;
    let rank = if several { "" } else { "r" };
    match (tensor.piece, tensor.role) {
        (Piece::LoraA, _) => [rank, columns],
        (Piece::LoraB, _) => [rows, rank],
        (Piece::VeraD, _) => ["r", ""],
        (Piece::Vector | Piece::Rotation, _) => ["", ""],
        (Piece::Bias, Role::ExpertBiases { .. }) => ["E", rows],
        _ => [rows, columns],
    }
}
