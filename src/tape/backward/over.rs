//! Gradients that kernels write over other tensors.

use super::Gradients;
use crate::gpu::kernels::Kernels;
use crate::shape::Dim;
use crate::tape::record::INPUTS;
use crate::tape::{Dtype, Kind, Node, StorageId, Tape};

impl Tape {
    /// The gradients of two values that were written over, in their own storage or in copies.
    pub(super) fn back_through_both(&mut self, index: usize, twin: Option<usize>, copies: bool) {
        let node = self.nodes[index];
        let parts = std::mem::take(&mut self.nodes[index].parts);
        self.segment = node.segment;
        let mut gradients = parts;
        for (slot, gradient) in gradients.iter_mut().enumerate() {
            if let (true, Some(storage), Some(input)) = (copies, gradient.as_mut(), self.input(&node, slot)) {
                *storage = self.gradient(&input, input.shape, input.dtype);
            }
        }
        self.release_kept(twin.unwrap_or(index));
        if copies {
            for part in parts.into_iter().flatten() {
                self.unrefer(part);
            }
        }
        for (slot, gradient) in gradients.into_iter().enumerate() {
            if let (Some(gradient), Some(input)) = (gradient, self.input(&node, slot)) {
                self.route(input.source, gradient, input.dtype);
            }
        }
    }

    /// A norm's, of a copy where the gradient comes in another layout: a row of the weight's gradient for each multiprocessor, and their sum in fp32, cast.
    pub(super) fn derive_row_norm(
        &mut self,
        node: &Node,
        incoming: StorageId,
        in_place: bool,
        copies: bool,
    ) -> Gradients {
        let mut gradients = [None; INPUTS];
        let (Some(input), Some(weight)) = (self.input(node, 0), self.input(node, 1)) else { return gradients };
        let trains = weight.source.needs_gradient();
        let arrived = if copies {
            self.gradient(&input, node.output_shape, node.output_dtype)
        } else {
            self.refer(incoming);
            incoming
        };
        let rows = trains.then(|| {
            let kernels = self.kernels.unwrap_or_else(|| Kernels::of(None));
            let mut dims = vec![Dim { symbol: "multiprocessors", size: u64::from(kernels.multiprocessors) }];
            dims.extend_from_slice(self.dims(weight.shape).dims());
            let shape = self.shape(&dims);
            self.allocate("rows of the weight's gradient", shape, Dtype::Fp32, Kind::Scratch)
        });
        let gradient = if in_place {
            self.refer(arrived);
            arrived
        } else {
            self.gradient(&input, input.shape, input.dtype)
        };
        self.views(gradient);
        gradients[0] = Some((gradient, input.dtype));
        if let Some(rows) = rows {
            let mut summed = self.gradient(&weight, weight.shape, Dtype::Fp32);
            if weight.dtype != Dtype::Fp32 {
                let cast = self.gradient(&weight, weight.shape, weight.dtype);
                self.unrefer(summed);
                summed = cast;
            }
            self.unrefer(rows);
            gradients[1] = Some((summed, weight.dtype));
        }
        self.unrefer(arrived);
        gradients
    }

    /// The tensors that a node kept, one for each input.
    pub(super) fn derive_over_kept(&mut self, node: &Node) -> Gradients {
        let mut gradients = [None; INPUTS];
        for (slot, kept) in (node.kept.0..).take(usize::from(node.kept.1)).enumerate() {
            if let Some(input) = self.input(node, slot).filter(|input| input.source.needs_gradient()) {
                let storage = self.kept[kept as usize];
                self.refer(storage);
                self.views(storage);
                gradients[slot] = Some((storage, input.dtype));
            }
        }
        gradients
    }

    /// The same, after a look at whether the loss is what backward began with.
    pub(super) fn derive_ready(&mut self, node: &Node) -> Gradients {
        let scalar = self.shape(&[]);
        let one = self.allocate("one", scalar, Dtype::Fp32, Kind::Scratch);
        let equal = self.allocate("equal to one", scalar, Dtype::Bool, Kind::Scratch);
        let all = self.allocate("equal to one", scalar, Dtype::Bool, Kind::Scratch);
        for storage in [all, equal, one] {
            self.unrefer(storage);
        }
        let mut gradients = [None; INPUTS];
        for (slot, kept) in (node.kept.0..).take(usize::from(node.kept.1)).enumerate() {
            let storage = self.kept[kept as usize];
            self.refer(storage);
            gradients[slot] = self.input(node, slot).map(|input| (storage, input.dtype));
            // What the head reads is taken flat.
            if slot == 0 {
                self.views(storage);
            }
        }
        gradients
    }

    /// Liger's experts: the gradient of the first product, weighed activations, and of every row a gradient, beside the
    /// gradients of what was read.
    pub(super) fn derive_expert_tiles(&mut self, node: &Node, before: u16, dtype: Dtype) -> Gradients {
        let mut gradients = [None; INPUTS];
        let inputs = [0, 1, 2].map(|slot| self.input(node, slot));
        let [Some(input), Some(up), Some(down)] = inputs else { return gradients };
        let dims = self.dims(before).dims();
        let (rows, half) = (dims[0], Dim { symbol: "m", size: dims[1].size / 2 });
        let width = self.dims(input.shape).dims().last().copied().unwrap_or(half);
        let [half, states] = [half, width].map(|width| self.shape(&[rows, width]));
        let each = self.shape(&[rows]);
        let scratch = |tape: &mut Self, name, shape| tape.allocate(name, shape, dtype, Kind::Scratch);
        let product = scratch(self, "gradient of gate and up", before);
        let weighed = scratch(self, "weighed product", half);
        let chosen = self.allocate("gradient of routing weights", each, dtype, Kind::Gradient);
        let down_gradient = self.gradient(&down, down.shape, down.dtype);
        let expanded = scratch(self, "gradient of every row", states);
        let input_gradient = self.gradient(&input, input.shape, dtype);
        let up_gradient = self.gradient(&up, up.shape, up.dtype);
        for storage in [expanded, weighed, product] {
            self.unrefer(storage);
        }
        self.views(chosen);
        gradients[0] = Some((input_gradient, dtype));
        gradients[1] = Some((up_gradient, up.dtype));
        gradients[2] = Some((down_gradient, down.dtype));
        gradients[3] = Some((chosen, dtype));
        gradients
    }

    /// What flows on is a view of this.
    pub(super) fn views(&mut self, storage: StorageId) {
        if let Some(storage) = self.storages.get_mut(storage as usize) {
            storage.viewed = true;
        }
    }
}
