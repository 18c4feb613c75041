//! A tensor that an optimizer steps.

use crate::model::parameters::{BlockParameters, Tensor};
use crate::units::Overflow;

/// A tensor that is stepped.
pub(super) struct Stepped<'a> {
    pub(super) block: &'a BlockParameters,
    pub(super) tensor: &'a Tensor,
    /// Bytes of its states, in the order in which the first step makes them.
    pub(super) states: Vec<u64>,
    /// Its elements.
    pub(super) elements: u64,
    /// Bytes of one.
    pub(super) width: u64,
}

/// Sizes multiplied.
pub(super) fn times(sizes: &[u64]) -> Result<u64, Overflow> {
    sizes.iter().try_fold(1_u64, |product, size| product.checked_mul(*size)).ok_or(Overflow)
}
