//! What all layers of disentangled attention know of distances.

use crate::tape::Tensor;

/// The distances that queries and keys of every layer meet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disentangled {
    /// The bucket of each two positions, `[s, s]`.
    pub(crate) positions: Tensor,
    /// The normed table, `[2·span, h]`.
    pub(crate) table: Tensor,
}

impl Disentangled {
    /// Each tensor, which a checkpointed layer holds until it is computed again.
    pub(crate) fn tensors(self) -> impl Iterator<Item = Tensor> {
        [self.positions, self.table].into_iter()
    }
}
