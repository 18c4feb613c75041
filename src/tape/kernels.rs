//! What kernels take for themselves while they run: workspaces of cuBLAS, partial sums of reductions.
//!
//! A tracker that looks on from outside sees none of it, and no new storage is made for what it does see; the allocator
//! sees all of it.

mod attention;
mod reduction;
mod rows;

pub(crate) use reduction::sum_of_rows;

use super::{Dtype, Kind, Recalled, Rule, StorageId, Tape};
use crate::gpu::kernels::Kernels;
use crate::ledger::runtime::WORKSPACE;
use crate::shape::Dim;

/// Sizes multiplied. What is beyond 64 bits ends there: the tensors that it belongs to have ended the estimate by then.
fn product(sizes: &[u64]) -> u64 {
    sizes.iter().fold(1, |product, size| product.saturating_mul(*size))
}

/// The next multiple.
const fn rounded(size: u64, multiple: u64) -> u64 {
    size.div_ceil(multiple).saturating_mul(multiple)
}

impl Tape {
    /// From here on kernels take what they need, and gradients are summed where nobody else holds them.
    pub(crate) fn run_kernels(&mut self, kernels: Kernels) {
        self.kernels = Some(kernels);
        self.sum_in_place();
    }

    /// A product of matrices has its result and takes a workspace.
    pub(crate) fn product_workspace(&mut self) {
        self.workspace(|kernels| kernels.product);
    }

    /// The same of one that adds a bias as it goes.
    pub(crate) fn product_with_bias_workspace(&mut self) {
        self.workspace(|kernels| kernels.product_with_bias);
    }

    /// A product for every expert has its result: in bf16 one kernel on Hopper and later, which is told where each expert's
    /// factors lie; else one product after the other.
    pub(crate) fn grouped_product_scratch(&mut self, matrices: u16, dtype: Dtype) {
        /// `_grouped_mm` of PyTorch 2.15, measured: bytes for each expert, and for all.
        const ADDRESSES: u64 = 60;
        const TILES: u64 = 67_584;
        let groups = self.dims(matrices).dims().first().map_or(1, |dim| dim.size);
        match self.kernels {
            Some(kernels) if kernels.groups_products && dtype == Dtype::Bf16 => {
                self.scratch("operands of grouped products", &[product(&[ADDRESSES, groups]), TILES]);
            }
            _ => self.product_workspace(),
        }
    }

    fn workspace(&mut self, bytes: impl Fn(&Kernels) -> u64) {
        // What is not run again takes none.
        if let (Some(kernels), false) = (&self.kernels, self.recalled == Recalled::Given) {
            let bytes = bytes(kernels);
            self.take(Kind::Workspace, WORKSPACE, &[bytes]);
        }
    }

    /// A kernel has its result and takes so many bytes at once until it is done; some of them may be none.
    pub(crate) fn scratch(&mut self, name: &'static str, bytes: &[u64]) {
        if self.kernels.is_some() {
            self.take(Kind::Scratch, name, bytes);
        }
    }

    fn take(&mut self, kind: Kind, name: &'static str, bytes: &[u64]) {
        let mut taken = [super::NOTHING; 8];
        for (slot, bytes) in taken.iter_mut().zip(bytes.iter().filter(|bytes| **bytes > 0)) {
            let shape = self.shape(&[Dim { symbol: "", size: *bytes }]);
            *slot = self.allocate(name, shape, Dtype::Bool, kind);
        }
        for storage in taken {
            self.unrefer(storage);
        }
    }

    /// Scales of a matrix in 4 bits, which are quantized themselves, in fp32.
    pub(crate) fn unpacked_scales(&mut self, rule: Rule, matrix: u16) -> StorageId {
        const BLOCK: u64 = 64;
        if self.kernels.is_none() || rule != Rule::UnpackNested {
            return super::NOTHING;
        }
        self.held_scratch("dequantized scales", product(&[4, self.elements[usize::from(matrix)].div_ceil(BLOCK)]))
    }

    pub(super) fn held_scratch(&mut self, name: &'static str, bytes: u64) -> StorageId {
        if bytes == 0 {
            return super::NOTHING;
        }
        let shape = self.shape(&[Dim { symbol: "", size: bytes }]);
        self.allocate(name, shape, Dtype::Bool, Kind::Scratch)
    }
}
