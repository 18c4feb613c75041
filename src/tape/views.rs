//! Tensors that share a storage, and what of them has a gradient of its own.

use super::{Dtype, Kind, NOTHING, Rule, Source, Tape, Tensor};

impl Tape {
    /// A view: the same storage under another shape; its gradient is a view too.
    pub(crate) fn view(&mut self, tensor: Tensor, shape: u16) -> Tensor {
        self.refer(tensor.storage);
        Tensor { shape, ..tensor }
    }

    /// A view whose gradient has to be copied or padded into a new storage: slices, and transposes that a matrix
    /// product reads flat.
    pub(crate) fn view_with_new_gradient(&mut self, tensor: Tensor, shape: u16) -> Tensor {
        self.refer(tensor.storage);
        let source = self.record(Rule::Each, &[tensor], shape, tensor.dtype, 0);
        Tensor { shape, source, ..tensor }
    }

    /// The same tensor behind a node of its own, whose gradient goes on as it is.
    pub(crate) fn alias(&mut self, tensor: Tensor) -> Tensor {
        self.refer(tensor.storage);
        self.read_often(tensor)
    }

    /// The residual stream under another shape: a view whose gradient is one that autograd knows to be a view.
    pub(crate) fn reshape(&mut self, tensor: Tensor, shape: u16) -> Tensor {
        self.refer(tensor.storage);
        let source = self.record(Rule::View, &[tensor], shape, tensor.dtype, 0);
        Tensor { shape, source, ..tensor }
    }

    /// Several views of one tensor whose gradients are put together into one: a split.
    pub(crate) fn split<const N: usize>(&mut self, tensor: Tensor, shapes: [u16; N]) -> [Tensor; N] {
        let source = self.record(Rule::Split, &[tensor], tensor.shape, tensor.dtype, 0);
        let mut slot = 0;
        let many = shapes.map(|shape| {
            let source = source.part(slot);
            slot += 1;
            Tensor { shape, source, ..tensor }
        });
        for _ in 0..N {
            self.refer(tensor.storage);
        }
        many
    }

    /// As many views of one tensor as there are shapes, whose gradients are put together into one.
    pub(crate) fn cut(&mut self, tensor: Tensor, shapes: &[u16]) -> Vec<Tensor> {
        let source = self.record(Rule::Cut, &[tensor], tensor.shape, tensor.dtype, 0);
        for _ in shapes {
            self.refer(tensor.storage);
        }
        shapes.iter().map(|shape| Tensor { shape: *shape, source, ..tensor }).collect()
    }

    /// The same tensor, whose gradients are summed before they go on: what a piece of a [`Self::cut`] needs that is read
    /// more than once.
    pub(crate) fn read_often(&mut self, tensor: Tensor) -> Tensor {
        let source = self.record(Rule::Pass, &[tensor], tensor.shape, tensor.dtype, 0);
        Tensor { source, ..tensor }
    }

    /// The largest of each row and where they are, which backward keeps: `torch.topk`.
    pub(crate) fn topk(&mut self, input: Tensor, shape: u16, names: [&'static str; 2]) -> [Tensor; 2] {
        let source = self.record(Rule::Scatter, &[input], shape, input.dtype, 1);
        let storage = self.allocate(names[0], shape, input.dtype, Kind::Value);
        let values = Tensor { storage, shape, dtype: input.dtype, source };
        let indices = self.constant(names[1], shape, Dtype::Int64);
        if let Source::Node(node) = source {
            self.keep(node as usize, indices.storage);
        }
        [values, indices]
    }

    /// Two tensors that one kernel overwrites, for whose backward it keeps these; `copies`: whether their gradients come in
    /// another layout.
    pub(crate) fn overwritten(&mut self, tensors: [Tensor; 2], keeps: &[Tensor], copies: bool) -> [Tensor; 2] {
        let [first, _] = tensors;
        let source = self.record(Rule::Together { copies }, &tensors, first.shape, first.dtype, keeps.len());
        if let Source::Node(node) = source {
            for kept in keeps {
                self.keep(node as usize, kept.storage);
            }
        }
        let mut slot = 0;
        tensors.map(|tensor| {
            self.refer(tensor.storage);
            let source = source.part(slot);
            slot += 1;
            Tensor { source, ..tensor }
        })
    }

    /// A value is multiplied in place by a buffer, which backward keeps.
    pub(crate) fn scaled_by_buffer(&mut self, whole: Tensor) -> Tensor {
        let source = self.record(Rule::Each, &[whole], whole.shape, whole.dtype, 1);
        if let Source::Node(node) = source {
            self.keep(node as usize, NOTHING);
        }
        Tensor { source, ..whole }
    }

    /// A part of a tensor is overwritten in place.
    pub(crate) fn write_into(&mut self, whole: Tensor, part: Tensor) -> Tensor {
        let source = self.record(Rule::Write, &[part, whole], whole.shape, whole.dtype, 0);
        Tensor { source, ..whole }
    }

    /// A value is added in place to a part of a tensor, or to all of it in another order.
    pub(crate) fn add_to_part(&mut self, whole: Tensor, added: Tensor, part: u16) -> Tensor {
        let source = self.record(Rule::AddToPart(part), &[whole, added], whole.shape, whole.dtype, 0);
        Tensor { source, ..whole }
    }

    /// Rows are added in place to those that `indices` name, both of which backward keeps: `index_add_`.
    pub(crate) fn add_rows(&mut self, whole: Tensor, rows: Tensor, indices: Tensor) -> Tensor {
        let source = self.record(Rule::AddRows, &[whole, rows], whole.shape, whole.dtype, 2);
        if let Source::Node(node) = source {
            self.keep(node as usize, indices.storage);
            self.keep(node as usize, rows.storage);
        }
        Tensor { source, ..whole }
    }

    /// A value is added in place times a number, by which its gradient is multiplied too.
    pub(crate) fn add_scaled_into(&mut self, whole: Tensor, part: Tensor) -> Tensor {
        let source = self.record(Rule::Subtract, &[whole, part], whole.shape, whole.dtype, 0);
        Tensor { source, ..whole }
    }

    /// A value is added in place; the gradient goes on to both.
    pub(crate) fn add_into(&mut self, whole: Tensor, part: Tensor) -> Tensor {
        let source = self.record(Rule::Pass, &[whole, part], whole.shape, whole.dtype, 0);
        Tensor { source, ..whole }
    }
}
