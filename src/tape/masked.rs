//! Rows that a mask picks, and rows that are put where a mask says.

use super::{Dtype, Input, Kind, Node, Operation, Rule, StorageId, Tape, Tensor};

/// Bytes that a scan of a mask takes: measured, PyTorch 2.15.
const SCAN: u64 = 1023;

/// Bytes that a running sum takes: measured, PyTorch 2.15.
pub(super) const RUNNING_SUM: u64 = 1279;

impl Tape {
    /// The rows of a tensor that a mask picks: `x[mask]`, of this shape. Keeps the mask.
    pub(crate) fn rows_of_mask(&mut self, whole: Tensor, mask: Tensor, name: &'static str, shape: u16) -> Tensor {
        let source = self.record(Rule::RowsOfMask, &[whole], shape, whole.dtype, 1);
        let indices = self.indices_of_mask(shape);
        let storage = self.allocate(name, shape, whole.dtype, Kind::Value);
        self.unrefer(indices);
        if let super::Source::Node(node) = source {
            self.keep(node as usize, mask.storage);
        }
        Tensor { storage, shape, dtype: whole.dtype, source }
    }

    /// Values put one after another where a mask says, among zeros: `zeros.masked_scatter(mask, values)`. Keeps the mask.
    pub(crate) fn scatter_by_mask(&mut self, values: Tensor, mask: Tensor, name: &'static str) -> Tensor {
        let zeros = self.constant("zeros", mask.shape, values.dtype);
        let operation = Operation {
            rule: Rule::ScatterByMask,
            inputs: &[values],
            keeps: &[mask],
            extras: &[],
            keeps_output: false,
        };
        let put = self.apply(&operation, name, mask.shape, values.dtype);
        if self.kernels.is_some() {
            let before = self.allocate("values before each", mask.shape, Dtype::Int64, Kind::Scratch);
            self.scratch("running sum", &[RUNNING_SUM]);
            self.unrefer(before);
        }
        self.release(zeros);
        put
    }

    /// Where a mask is set: two numbers a row, held, after a count that the program waits for.
    fn indices_of_mask(&mut self, picked: u16) -> StorageId {
        let rows = self.dims(picked).dims().first().map_or(0, |dim| dim.size);
        if self.kernels.is_none() {
            return super::NOTHING;
        }
        let name = "where the mask is set";
        let count = self.held_scratch(name, 4);
        self.scratch(name, &[1]);
        let indices = self.held_scratch(name, rows.saturating_mul(16));
        self.scratch(name, &[SCAN]);
        self.unrefer(count);
        indices
    }

    /// Zeros, into which the picked rows are added at their places.
    pub(super) fn derive_rows_of_mask(&mut self, node: &Node, input: &Input) -> StorageId {
        let gradient = self.gradient(input, input.shape, input.dtype);
        let indices = self.indices_of_mask(node.output_shape);
        self.index_scratch(input.shape, node.output_shape);
        self.unrefer(indices);
        gradient
    }

    /// What of the gradient lies where the mask is set.
    pub(super) fn derive_scatter_by_mask(&mut self, input: &Input) -> StorageId {
        let indices = self.indices_of_mask(input.shape);
        let gradient = self.gradient(input, input.shape, input.dtype);
        self.unrefer(indices);
        gradient
    }
}
