//! The parameters of a block in the order of its class.

use crate::layers::Run;
use crate::model::parameters::{BlockParameters, Tensor};
use crate::model::part::{Part, Piece};
use crate::sequence::as_named;

/// A block's tensors in the order of its class.
pub(super) fn in_order(block: &BlockParameters, run: &Run<'_>) -> BlockParameters {
    let mut tensors: Vec<Tensor> = as_named(block, run.code.modules).into_iter().cloned().collect();
    // What a module has itself comes before what its own modules have.
    if run.architecture.encoder.is_some_and(|encoder| encoder.second_bias) {
        tensors.sort_by_key(|tensor| !(tensor.part == Part::Head && tensor.piece == Piece::Bias));
    }
    BlockParameters { tensors, ..block.clone() }
}
