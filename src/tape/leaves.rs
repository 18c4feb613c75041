//! Leaves of the graph: parameters, and values that are made to require a gradient.

use super::record::{Leaf, NOTHING};
use super::{Dtype, Source, Tape, Tensor, position};

impl Tape {
    /// A parameter: it lives elsewhere, gradients arrive here.
    pub(crate) fn parameter(&mut self, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
        let leaf = self.leaf(name, false);
        let source = if self.frozen { Source::Frozen(leaf) } else { Source::Leaf(leaf) };
        Tensor { storage: NOTHING, shape, dtype, source }
    }

    /// A parameter that is trained beside frozen ones.
    pub(crate) fn adapter(&mut self, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
        let source = Source::Leaf(self.leaf(name, false));
        Tensor { storage: NOTHING, shape, dtype, source }
    }

    /// The same where no optimizer steps it and nobody clears its gradient, which is counted by itself.
    pub(crate) fn forgotten(&mut self, name: &'static str, shape: u16, dtype: Dtype) -> Tensor {
        let tensor = self.adapter(name, shape, dtype);
        if let Some(leaf) = self.leaves.last_mut() {
            leaf.stands = true;
        }
        tensor
    }

    /// A computed value becomes the beginning of the graph: it and its gradient stay until the graph is gone, after
    /// the optimizer's step.
    pub(crate) fn require_gradient(&mut self, tensor: Tensor) -> Tensor {
        // What is computed again begins a graph that nobody keeps.
        if !self.recomputing {
            self.refer(tensor.storage);
            self.outlasts(tensor.storage);
        }
        let name = self.storages.get(tensor.storage as usize).map_or("", |storage| storage.name);
        let source = Source::Leaf(self.leaf(name, true));
        Tensor { source, ..tensor }
    }

    /// The model is run once more from here on, with the parameters that it has.
    pub(crate) fn reread_parameters(&mut self) {
        self.rereads = Some(0);
    }

    /// A part of it is run once more, whose first parameter was the one of this number; whether nothing else is.
    pub(crate) fn reread_parameters_from(&mut self, first: usize) -> bool {
        self.rereads.replace(first).is_none()
    }

    /// The parameter that is read next, where they are read in order.
    pub(crate) fn next_parameter(&self) -> usize {
        self.rereads.unwrap_or(self.leaves.len())
    }

    /// Runs a module once more, whose first parameter was the one of this number.
    pub(crate) fn again_from<T>(&mut self, first: usize, run: impl FnOnce(&mut Self) -> T) -> T {
        let after = self.rereads.replace(first);
        let result = run(self);
        self.rereads = after;
        result
    }

    /// Parameters, and values that begin the graph, so far.
    pub(crate) fn leaf_count(&self) -> usize {
        self.leaves.len()
    }

    /// It has been.
    pub(crate) fn leave_rereading(&mut self) {
        self.rereads = None;
    }

    fn leaf(&mut self, name: &'static str, value: bool) -> u32 {
        if let (Some(next), false) = (self.rereads, value) {
            let is_parameter = |leaf: &usize| self.leaves.get(*leaf).is_some_and(|leaf| !leaf.value);
            if let Some(leaf) = (next..self.leaves.len()).find(is_parameter) {
                debug_assert_eq!(self.leaves[leaf].name, name, "parameters are read in another order");
                self.rereads = Some(leaf + 1);
                return position(leaf);
            }
        }
        self.leaves.push(Leaf {
            name,
            owner: self.segment,
            uses: 0,
            waiting: None,
            cached_copy: None,
            value,
            stands: false,
        });
        position(self.leaves.len() - 1)
    }
}
