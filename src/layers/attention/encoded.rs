//! What some layers attend to in place of the sequence.

use crate::layers::operations::ONE;
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

/// The images that layers attend to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoded {
    /// What the projector gave, `[b, n, h]`; nothing where a cache has what is made of it.
    pub(crate) states: Option<Tensor>,
    /// `[b, s, n]`, added to scores.
    pub(crate) mask: Tensor,
    /// `[b, s]`: 0 where a token of the sequence sees no image.
    pub(crate) rows: Tensor,
}

impl Encoded {
    /// Tokens of all images, `n`.
    pub(crate) fn tokens(self, tape: &Tape) -> Dim {
        tape.dims(self.mask.shape).dims().last().copied().unwrap_or(ONE)
    }

    /// Each tensor, which a checkpointed layer holds until it is computed again.
    pub(crate) fn tensors(self) -> impl Iterator<Item = Tensor> {
        self.states.into_iter().chain([self.mask, self.rows])
    }
}
