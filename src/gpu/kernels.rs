//! What the kernels of a card take for themselves, as far as cards differ in it.

use super::{Generation, Gpu};

pub(crate) const KIB: u64 = 1 << 10;

/// The kernels of PyTorch 2.15 on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernels {
    /// Bytes of cuBLAS's workspace, which each product takes and gives back: 32 MiB on Hopper and later.
    pub(crate) product: u64,
    /// Bytes of cuBLASLt's, which a product with a bias takes.
    pub(crate) product_with_bias: u64,
    /// Whether products of all experts are one kernel.
    pub(crate) groups_products: bool,
    /// Multiprocessors, over which a reduction is spread: an H100's or an A100's.
    pub(crate) multiprocessors: u32,
}

impl Kernels {
    /// Those that run on this card; on an H100 where none is named.
    pub(crate) fn of(gpu: Option<&Gpu>) -> Self {
        let large = is_large(gpu);
        Self {
            product: if large { 32 * KIB * KIB } else { 8320 * KIB },
            product_with_bias: KIB * KIB,
            groups_products: large,
            multiprocessors: if large { 132 } else { 108 },
        }
    }
}

/// Hopper and later take 4096·8 KiB of cuBLAS workspace.
fn is_large(gpu: Option<&Gpu>) -> bool {
    let generation = gpu.and_then(Gpu::generation);
    generation.is_none_or(|it| matches!(it, Generation::Hopper | Generation::Blackwell))
}
