//! The backward pass, as PyTorch's engine runs it.
//!
//! Nodes run in the reverse order of their creation. A node's new gradients are born while the incoming gradient and
//! what it kept are alive; then those die; then the new gradients are added to what already waits at their targets,
//! in a new storage.

mod derive;
mod over;

use std::collections::HashSet;

use super::record::INPUTS;
use super::{Dtype, Input, Kind, NOTHING, Node, Rule, Segment, Source, StorageId, Tape, Tensor};

/// Where a product with a bias has that among its inputs.
const BIAS: usize = 2;

/// New gradients of one node: for each input, the storage and its type.
type Gradients = [Option<(StorageId, Dtype)>; INPUTS];

impl Tape {
    /// Puts the gradient of a value in place, as the root of backward.
    pub(crate) fn seed(&mut self, output: Tensor, name: &'static str) -> StorageId {
        let storage = self.allocate(name, output.shape, output.dtype, Kind::Gradient);
        self.refer(storage);
        self.route(output.source, storage, output.dtype);
        storage
    }

    /// Puts the gradient of a mean in place, and one number as the gradient of each of its terms, which only expand it.
    pub(crate) fn seed_mean(&mut self, terms: &[Tensor], name: &'static str) -> StorageId {
        let scalar = self.shape(&[]);
        let [root, each] = [name; 2].map(|name| self.allocate(name, scalar, Dtype::Fp32, Kind::Gradient));
        for term in terms {
            self.refer(each);
            self.route(term.source, each, term.dtype);
        }
        self.unrefer(each);
        root
    }

    /// Lets go of what was made on the way back and stands for no tensor: the root's gradient, or one that a graph returned.
    pub(crate) fn let_go(&mut self, storage: StorageId) {
        self.unrefer(storage);
    }

    /// The same of several.
    pub(crate) fn let_go_each(&mut self, storages: impl IntoIterator<Item = StorageId>) {
        storages.into_iter().for_each(|storage| self.let_go(storage));
    }

    /// The gradient that has come to what an operation gave, if the operation is not to go back itself.
    pub(crate) fn take_gradient_of(&mut self, tensor: Tensor) -> Option<StorageId> {
        let Source::Node(node) = tensor.source else { return None };
        self.nodes[node as usize].gradient.take().map(|(storage, _)| storage)
    }

    /// Refers to all that nodes from this one on keep that these tensors came out of, as whoever holds on to them does.
    pub(crate) fn hold_graph_of(&mut self, tensors: &[Tensor], since: usize) -> Vec<StorageId> {
        let node = |source: Source| match source {
            Source::Node(index) | Source::Part(index, _) if index as usize >= since => Some(index as usize),
            _ => None,
        };
        let mut open: Vec<usize> = tensors.iter().filter_map(|tensor| node(tensor.source)).collect();
        let mut seen = HashSet::new();
        let mut held = Vec::new();
        while let Some(index) = open.pop() {
            if !seen.insert(index) {
                continue;
            }
            let Node { kept: (first, count), inputs: (input, inputs), .. } = self.nodes[index];
            held.extend_from_slice(&self.kept[first as usize..first as usize + usize::from(count)]);
            let read = &self.inputs[input as usize..input as usize + usize::from(inputs)];
            open.extend(read.iter().filter_map(|input| node(input.source)));
        }
        for storage in &held {
            self.refer(*storage);
        }
        held
    }

    /// Runs the nodes of a range, last first.
    pub(crate) fn backward(&mut self, nodes: std::ops::Range<usize>) {
        for index in nodes.rev() {
            self.run(index, None, &[]);
            self.hand_on_gradients();
        }
    }

    /// Runs the nodes of a checkpoint, last first. When the first of them needs what it would have kept, `again`
    /// computes the checkpoint's contents once more; when the last of them has run that needs any of it, what the
    /// checkpoint was given goes.
    pub(crate) fn backward_through_checkpoint(
        &mut self,
        nodes: std::ops::Range<usize>,
        given: &[Tensor],
        again: impl FnOnce(&mut Self),
    ) {
        let packs = self.nodes[nodes.clone()].iter().map(|node| u32::from(node.packs)).sum();
        let last = nodes.clone().find(|index| self.nodes[*index].packs > 0);
        let mut again = Some(again);
        // Autocast's copies of parameters may have been there already; they keep nothing, and have no twins.
        let mut twins = Vec::new();
        let mut before = nodes.clone().filter(|index| !self.copies_parameter(*index)).count();
        for index in nodes.clone().rev() {
            if self.nodes[index].packs > 0
                && let Some(again) = again.take()
            {
                let replay = self.nodes.len();
                self.begin_recomputation(packs);
                again(self);
                self.end_recomputation();
                twins = (replay..self.nodes.len()).filter(|index| !self.copies_parameter(*index)).collect();
            }
            let twin = if self.copies_parameter(index) {
                None
            } else {
                before -= 1;
                twins.get(before).copied()
            };
            self.run(index, twin, if Some(index) == last { given } else { &[] });
            self.hand_on_gradients();
        }
        // Nothing of it was needed.
        if last.is_none() {
            self.release_each(given.iter().copied());
        }
    }

    /// Whether a node makes a parameter's copy in another type, of which backward keeps nothing.
    fn copies_parameter(&self, index: usize) -> bool {
        let node = &self.nodes[index];
        let reads = self.input(node, 0).map(|input| input.source);
        node.rule == Rule::Each && node.packs == 0 && node.inputs.1 == 1 && matches!(reads, Some(Source::Leaf(_)))
    }

    fn run(&mut self, index: usize, twin: Option<usize>, given: &[Tensor]) {
        match self.nodes[index].rule {
            Rule::Split => return self.put_together(index),
            Rule::Cut => return self.put_pieces_together(index),
            Rule::Together { copies } => return self.back_through_both(index, twin, copies),
            Rule::Compiled(graph) => return self.back_through_graph(index, twin, given, graph),
            _ => {}
        }
        let Some((incoming, dtype)) = self.nodes[index].gradient.take() else {
            self.release_kept(twin.unwrap_or(index));
            return self.release_each(given.iter().copied());
        };
        // What a checkpoint computed again is what it keeps.
        let kept = self.nodes[twin.unwrap_or(index)].kept;
        let node = Node { kept, ..self.nodes[index] };
        self.segment = node.segment;
        let mut gradients = self.derive(&node, incoming, dtype);
        // What a checkpoint computed again dies as soon as it has been read.
        if let Some(twin) = twin {
            self.release_kept(twin);
        }
        self.release_each(given.iter().copied());
        self.conform(&node, &mut gradients);
        self.unrefer(incoming);
        if twin.is_none() {
            self.release_kept(index);
        }
        // A bias is what a product with one names first.
        if node.rule == Rule::Affine
            && let (Some(input), Some((storage, dtype))) = (self.input(&node, BIAS), gradients[BIAS].take())
        {
            self.route(input.source, storage, dtype);
        }
        for (slot, gradient) in gradients.into_iter().enumerate() {
            if let (Some(input), Some((storage, dtype))) = (self.input(&node, slot), gradient) {
                self.route(input.source, storage, dtype);
            }
        }
    }

    /// Puts the gradients of the parts of a split into one.
    fn put_together(&mut self, index: usize) {
        let parts = std::mem::take(&mut self.nodes[index].parts);
        let input = self.input(&self.nodes[index], 0);
        let (Some(input), true) = (input, parts.iter().any(Option::is_some)) else { return };
        self.segment = self.nodes[index].segment;
        let whole = self.gradient(&input, input.shape, input.dtype);
        for part in parts.into_iter().flatten() {
            self.unrefer(part);
        }
        self.route(input.source, whole, input.dtype);
    }

    /// Puts the gradients of the pieces of a cut into one.
    fn put_pieces_together(&mut self, index: usize) {
        let (pieces, others) = self.pieces.iter().partition(|(node, _)| *node as usize == index);
        self.pieces = others;
        let (Some(input), false) = (self.input(&self.nodes[index], 0), Vec::is_empty(&pieces)) else { return };
        self.segment = self.nodes[index].segment;
        let whole = self.gradient(&input, input.shape, input.dtype);
        for (_, piece) in pieces {
            self.unrefer(piece);
        }
        self.route(input.source, whole, input.dtype);
    }

    fn release_kept(&mut self, node: usize) {
        let (first, count) = std::mem::take(&mut self.nodes[node].kept);
        for index in first..first + u32::from(count) {
            self.unrefer(self.kept[index as usize]);
        }
    }

    pub(super) fn gradient(&mut self, input: &Input, shape: u16, dtype: Dtype) -> StorageId {
        let whole =
            shape == input.shape || self.elements[usize::from(shape)] == self.elements[usize::from(input.shape)];
        let kind = match input.source {
            Source::Leaf(leaf) if whole && dtype == input.dtype && !self.leaves[leaf as usize].value => {
                Kind::ParameterGradient
            }
            _ => Kind::Gradient,
        };
        self.allocate(input.name, shape, dtype, kind)
    }

    /// Sums and casts gradients to the shapes and types of their inputs.
    fn conform(&mut self, node: &Node, gradients: &mut Gradients) {
        for (slot, gradient) in gradients.iter_mut().enumerate() {
            let (Some(input), Some((storage, dtype))) = (self.input(node, slot), gradient.as_mut()) else { continue };
            let sums =
                matches!(node.rule, Rule::Multiply | Rule::Divide | Rule::Subtract | Rule::Add | Rule::AddToPart(_))
                    || node.rule == Rule::Affine && slot == BIAS;
            let broadcast =
                sums && self.elements[usize::from(node.output_shape)] != self.elements[usize::from(input.shape)];
            if broadcast {
                let summed = self.gradient(&input, input.shape, *dtype);
                self.reduction_scratch(node.output_shape, input.shape);
                self.unrefer(*storage);
                // A sum over rows keeps their dimension at first: what a bias or the weight of a norm takes is a view of it.
                let of_vector = node.rule == Rule::Multiply && self.dims(input.shape).dims().len() == 1;
                if node.rule == Rule::Affine || of_vector && matches!(input.source, Source::Leaf(_)) {
                    self.views(summed);
                }
                *storage = summed;
            }
            if *dtype != input.dtype {
                let cast = self.gradient(&input, input.shape, input.dtype);
                self.unrefer(*storage);
                (*storage, *dtype) = (cast, input.dtype);
            }
        }
    }

    pub(super) fn route(&mut self, target: Source, gradient: StorageId, dtype: Dtype) {
        match target {
            Source::Constant | Source::Frozen(_) => self.unrefer(gradient),
            Source::Node(node) if self.nodes[node as usize].rule == Rule::Cut => self.pieces.push((node, gradient)),
            Source::Node(node) => {
                let node = node as usize;
                self.await_other_pass(node, gradient);
                self.nodes[node].gradient = Some(match self.nodes[node].gradient {
                    None => (gradient, dtype),
                    Some((waiting, _)) => {
                        let Node { output_shape: shape, of_subclass, .. } = self.nodes[node];
                        if of_subclass {
                            self.refer(waiting);
                        }
                        let sum = self.sum_in(shape, [waiting, gradient], Kind::Gradient);
                        if of_subclass {
                            self.unrefer(waiting);
                        }
                        (sum, dtype)
                    }
                });
            }
            Source::Part(node, slot) => {
                let (node, slot) = (node as usize, usize::from(slot));
                self.nodes[node].parts[slot] = Some(match self.nodes[node].parts[slot] {
                    None => gradient,
                    Some(waiting) => self.sum(waiting, gradient, Kind::Gradient),
                });
            }
            Source::Leaf(leaf) => self.accumulate(leaf as usize, gradient),
        }
    }

    /// The gradient of a parameter's copy that another pass has read too waits for that pass's.
    fn await_other_pass(&mut self, node: usize, gradient: StorageId) {
        let own = self.nodes[node].segment;
        let elsewhere = matches!((own, self.segment), (Segment::Layer(one), Segment::Layer(other)) if one != other);
        if elsewhere
            && self.copies_parameter(node)
            && let Some(storage) = self.storages.get_mut(gradient as usize)
        {
            storage.kind = Kind::ParameterGradient;
        }
    }

    fn accumulate(&mut self, leaf: usize, gradient: StorageId) {
        let arrived = match self.leaves[leaf].waiting.take() {
            None => gradient,
            Some(waiting) if self.leaves[leaf].value => self.sum(waiting, gradient, Kind::Gradient),
            Some(waiting) => self.sum(waiting, gradient, Kind::ParameterGradient),
        };
        self.leaves[leaf].uses -= 1;
        if self.leaves[leaf].uses > 0 {
            self.leaves[leaf].waiting = Some(arrived);
        } else if self.leaves[leaf].value {
            // The gradient of a value belongs to no parameter and stays with the value.
            self.outlasts(arrived);
        } else if self.keep_gradients || self.leaves[leaf].stands {
            self.unrefer(arrived);
        } else if let Some(storage) = self.storages.get_mut(arrived as usize) {
            storage.kind = Kind::ParameterGradient;
            // What a layer's second pass makes first stands from then on.
            if !matches!((storage.made_in, self.leaves[leaf].owner), (Segment::Layer(_), Segment::Layer(_))) {
                storage.owner = self.leaves[leaf].owner;
            }
            storage.name = self.leaves[leaf].name;
            if self.collects {
                self.gradients.push(arrived);
            }
            if self.steps_in_backward {
                self.stepped.push(arrived);
                self.unrefer(arrived);
            }
        }
    }

    fn sum(&mut self, one: StorageId, other: StorageId, kind: Kind) -> StorageId {
        let Some(storage) = self.storages.get(one as usize) else { return one };
        self.sum_in(storage.shape, [one, other], kind)
    }

    /// The sum of two gradients of a value of this shape: the first may lie in the gradient of more than that.
    fn sum_in(&mut self, shape: u16, [one, other]: [StorageId; 2], kind: Kind) -> StorageId {
        if one == NOTHING || other == NOTHING {
            return one;
        }
        let Some(storage) = self.storages.get(one as usize) else { return one };
        if self.sums_in_place && storage.references == 1 && !storage.viewed {
            self.unrefer(other);
            return one;
        }
        let alike = self.elements[usize::from(shape)] == self.elements[usize::from(storage.shape)];
        let (name, dtype) = (storage.name, storage.dtype);
        let shape = if alike { storage.shape } else { shape };
        let summed = self.allocate(name, shape, dtype, kind);
        self.unrefer(one);
        self.unrefer(other);
        summed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::Event;

    #[test]
    fn a_checkpoint_of_nothing_lets_go_of_what_it_was_given() {
        let mut tape = Tape::new(1, true, false);
        let shape = tape.shape(&[]);
        let input = tape.constant("input", shape, Dtype::Bf16);
        tape.begin_checkpoint(&[input]);
        tape.end_checkpoint();
        tape.release(input);
        let nothing = tape.node_count()..tape.node_count();
        tape.backward_through_checkpoint(nothing, &[input], |_| unreachable!("nothing is needed"));
        assert_eq!(tape.events, [Event::Allocate(input.storage), Event::Release(input.storage)]);
    }
}
