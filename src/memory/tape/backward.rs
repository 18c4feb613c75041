//! The backward pass, as PyTorch's engine runs it.
//!
//! Nodes run in the reverse order of their creation. A node's new gradients are born while the incoming gradient and
//! what it kept are alive; then those die; then the new gradients are added to what already waits at their targets,
//! in a new storage.

use super::record::INPUTS;
use super::{Dtype, FusedKernel, Input, Kind, NOTHING, Node, Rule, Source, StorageId, Tape};
use crate::memory::tape::Tensor;

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

    /// Lets go of the root's gradient.
    pub(crate) fn release_seed(&mut self, storage: StorageId) {
        self.unrefer(storage);
    }

    /// Runs the nodes of a range, last first.
    pub(crate) fn backward(&mut self, nodes: std::ops::Range<usize>) {
        for index in nodes.rev() {
            self.run(index, None);
        }
    }

    /// Runs the nodes of a checkpoint, last first. When the first of them needs what it would have kept, `again`
    /// computes the checkpoint's contents once more.
    pub(crate) fn backward_through_checkpoint(&mut self, nodes: std::ops::Range<usize>, again: impl FnOnce(&mut Self)) {
        let packs = self.nodes[nodes.clone()].iter().map(|node| u32::from(node.packs)).sum();
        let mut again = Some(again);
        let mut replay = 0;
        for index in nodes.clone().rev() {
            if self.nodes[index].packs > 0
                && let Some(again) = again.take()
            {
                replay = self.nodes.len();
                self.begin_recomputation(packs);
                again(self);
                self.end_recomputation();
            }
            let twin = (replay > 0).then(|| replay + (index - nodes.start)).filter(|twin| *twin < self.nodes.len());
            self.run(index, twin);
        }
    }

    fn run(&mut self, index: usize, twin: Option<usize>) {
        match self.nodes[index].rule {
            Rule::Split => return self.put_together(index),
            Rule::Cut => return self.put_pieces_together(index),
            _ => {}
        }
        let Some((incoming, dtype)) = self.nodes[index].gradient.take() else {
            return self.release_kept(twin.unwrap_or(index));
        };
        let node = self.nodes[index];
        self.segment = node.segment;
        let mut gradients = self.derive(&node, incoming, dtype);
        // What a checkpoint computed again dies as soon as it has been read.
        if let Some(twin) = twin {
            self.release_kept(twin);
        }
        self.conform(&node, &mut gradients);
        self.unrefer(incoming);
        if twin.is_none() {
            self.release_kept(index);
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

    /// What a node reads in this place.
    fn input(&self, node: &Node, slot: usize) -> Option<Input> {
        let (first, count) = node.inputs;
        (slot < usize::from(count)).then(|| self.inputs[first as usize + slot])
    }

    fn derive(&mut self, node: &Node, incoming: StorageId, dtype: Dtype) -> Gradients {
        match node.rule {
            Rule::Divide => return self.derive_quotient(node),
            Rule::Write => return self.derive_write(node),
            _ => {}
        }
        let mut gradients = [None; INPUTS];
        let again = match node.rule {
            Rule::Again(shape) => Some(self.allocate("states computed again", shape, Dtype::Fp32, Kind::Scratch)),
            _ => None,
        };
        if let Some(storage) = again.and_then(|again| self.storages.get_mut(again as usize)) {
            storage.estimated = true;
        }
        let copied = match node.rule {
            Rule::Fused(FusedKernel::FlashByHead) if self.kernels.is_some() => {
                Some(self.allocate("gradient in rows", node.output_shape, node.output_dtype, Kind::Scratch))
            }
            _ => None,
        };
        // Gradients are made in the order of their names: `mat1`, `mat2`, `self`; `other`, `self`.
        let reversed = match node.rule {
            Rule::Affine => self.input(node, BIAS).is_some(),
            Rule::Multiply => true,
            _ => false,
        };
        for slot in 0..INPUTS {
            let slot = if reversed && slot < BIAS { BIAS - 1 - slot } else { slot };
            let Some(input) = self.input(node, slot) else { break };
            if !matches!(node.rule, Rule::Fused(_)) && !input.source.needs_gradient() {
                continue;
            }
            gradients[slot] = Some(self.derive_input(node, (slot, input), incoming, dtype));
        }
        if let Some(again) = again {
            self.unrefer(again);
        }
        if let (Rule::Fused(kernel), Some(query), Some(key)) = (node.rule, self.input(node, 0), self.input(node, 1)) {
            self.fused_backward_scratch(kernel, query.shape, key.shape, node.output_dtype);
        }
        if let Some(copied) = copied {
            self.unrefer(copied);
        }
        gradients
    }

    /// The gradient of one input, and its type: what comes in where that passes through, something of the output's shape, or
    /// something of the input's own.
    fn derive_input(
        &mut self,
        node: &Node,
        (slot, input): (usize, Input),
        incoming: StorageId,
        dtype: Dtype,
    ) -> (StorageId, Dtype) {
        match node.rule {
            Rule::Subtract if slot == 1 => {
                (self.gradient(&input, node.output_shape, node.output_dtype), node.output_dtype)
            }
            Rule::Multiply => (self.gradient(&input, node.output_shape, node.output_dtype), node.output_dtype),
            Rule::Affine if slot != BIAS => (self.derive_alike(node, &input, dtype), input.dtype),
            Rule::Affine | Rule::Pass | Rule::Add | Rule::Subtract => {
                self.refer(incoming);
                (incoming, dtype)
            }
            _ => (self.derive_alike(node, &input, dtype), input.dtype),
        }
    }

    /// A gradient of the shape and the type that the input has, with what is made and let go on the way.
    fn derive_alike(&mut self, node: &Node, input: &Input, dtype: Dtype) -> StorageId {
        let own = |tape: &mut Self| tape.gradient(input, input.shape, input.dtype);
        match node.rule {
            Rule::Affine | Rule::Product => {
                let product = own(self);
                self.product_workspace();
                if let Some(storage) = self.storages.get_mut(product as usize).filter(|_| node.rule == Rule::Affine) {
                    storage.viewed = true;
                }
                product
            }
            Rule::Softmax => {
                let gradient = own(self);
                let bytes = self.storages.get(gradient as usize).map_or(0, |storage| storage.bytes);
                self.scratch("softmax times gradient", &[bytes]);
                gradient
            }
            Rule::Lookup => {
                let lookup = self.lookup_scratch(input, node.output_shape);
                let gradient = own(self);
                self.lookup_sums(lookup);
                gradient
            }
            // Zeros are written into where they stand; a tracker sees a copy of them.
            Rule::Index if self.kernels.is_some() => {
                let gradient = own(self);
                self.index_scratch(node.output_shape);
                gradient
            }
            Rule::Index => self.derive_beside(input, ["zeros"]),
            Rule::Fold => self.derive_beside(input, ["product before scaling"]),
            Rule::Power | Rule::Rsqrt => self.derive_beside(input, ["power", "scaled power"]),
            Rule::ClampAbove => self.derive_clamp(input, 1),
            Rule::Clamp => self.derive_clamp(input, 2),
            Rule::Unpack | Rule::UnpackNested | Rule::UnpackTwice => self.derive_unpacked(node, input, dtype),
            Rule::GeluFunction => {
                let factors = self.gelu_factors(input);
                let gradient = own(self);
                for factor in factors {
                    self.unrefer(factor);
                }
                gradient
            }
            Rule::Each
            | Rule::Dropout
            | Rule::Fused(_)
            | Rule::Again(_)
            | Rule::Divide
            | Rule::Write
            | Rule::Split
            | Rule::Cut
            | Rule::Pass
            | Rule::Add
            | Rule::Subtract
            | Rule::Multiply => own(self),
        }
    }

    /// A gradient beside temporaries of its shape, the last of which goes first.
    fn derive_beside<const N: usize>(&mut self, input: &Input, names: [&'static str; N]) -> StorageId {
        let made = names.map(|name| self.allocate(name, input.shape, input.dtype, Kind::Scratch));
        let gradient = self.gradient(input, input.shape, input.dtype);
        for temporary in made.into_iter().rev() {
            self.unrefer(temporary);
        }
        gradient
    }

    /// The gradient of what was multiplied by a matrix that is unpacked for it.
    fn derive_unpacked(&mut self, node: &Node, input: &Input, dtype: Dtype) -> StorageId {
        let matrix = self.input(node, 0).map_or(input.shape, |matrix| matrix.shape);
        let scales = self.unpacked_scales(node.rule, matrix);
        let half = (node.rule == Rule::UnpackTwice)
            .then(|| self.allocate("dequantized weight in fp16", matrix, Dtype::Bf16, Kind::Scratch));
        let unpacked = self.allocate("dequantized weight", matrix, dtype, Kind::Scratch);
        if let Some(half) = half {
            self.unrefer(half);
        }
        self.unrefer(scales);
        let gradient = self.gradient(input, input.shape, input.dtype);
        self.product_workspace();
        self.unrefer(unpacked);
        gradient
    }

    /// BLOOM's `bloom_gelu_back`, line by line: the tangent, and the factor of the gradient.
    fn gelu_factors(&mut self, input: &Input) -> [StorageId; 2] {
        let make = |tape: &mut Self, name, spent: &[StorageId]| {
            let made = tape.allocate(name, input.shape, input.dtype, Kind::Scratch);
            for spent in spent {
                tape.unrefer(*spent);
            }
            made
        };
        let scaled = make(self, "scaled input", &[]);
        let factor = make(self, "scaled input", &[]);
        let square = make(self, "scaled square", &[factor]);
        let sum = make(self, "one plus square", &[square]);
        let inner = make(self, "inner", &[scaled, sum]);
        let tanh = make(self, "tanh", &[inner]);
        let half = make(self, "half input", &[]);
        let square = make(self, "square of the tangent", &[]);
        let rest = make(self, "one minus square", &[square]);
        let factor = make(self, "scaled input", &[]);
        let square = make(self, "scaled square", &[factor]);
        let sum = make(self, "constant plus square", &[square]);
        let product = make(self, "slope", &[rest, sum]);
        let first = make(self, "half input times slope", &[half, product]);
        let shifted = make(self, "one plus tanh", &[]);
        let second = make(self, "half of one plus tanh", &[shifted]);
        let factor = make(self, "factor of the gradient", &[first, second]);
        [factor, tanh]
    }

    /// The divisor's gradient first, `-g·((x / y) / y)` factor by factor, then the dividend's.
    fn derive_quotient(&mut self, node: &Node) -> Gradients {
        let mut gradients = [None; INPUTS];
        let (Some(dividend), Some(divisor)) = (self.input(node, 0), self.input(node, 1)) else { return gradients };
        let (shape, dtype) = (node.output_shape, node.output_dtype);
        let factors = ["quotient", "quotient by the divisor", "negated gradient"]
            .map(|name| self.allocate(name, shape, dtype, Kind::Scratch));
        let product = self.gradient(&divisor, shape, dtype);
        for factor in factors {
            self.unrefer(factor);
        }
        gradients[0] = Some((self.gradient(&dividend, shape, dtype), dtype));
        gradients[1] = Some((product, dtype));
        gradients
    }

    /// A mask of what lies within each bound, both put together, and the gradient where it is set.
    fn derive_clamp(&mut self, input: &Input, bounds: usize) -> StorageId {
        let scalar = self.shape(&[]);
        let zero = self.allocate("zero", scalar, input.dtype, Kind::Scratch);
        let masks = (0..bounds).map(|_| self.allocate("mask of a bound", input.shape, Dtype::Bool, Kind::Scratch));
        let mut masks: Vec<_> = masks.collect();
        if bounds > 1 {
            let both = self.allocate("mask of both bounds", input.shape, Dtype::Bool, Kind::Scratch);
            for mask in std::mem::replace(&mut masks, vec![both]) {
                self.unrefer(mask);
            }
        }
        let gradient = self.gradient(input, input.shape, input.dtype);
        for scratch in masks.into_iter().chain([zero]) {
            self.unrefer(scratch);
        }
        gradient
    }

    /// A copy of the whole gradient, and in it zeros in place of the part, which is copied out.
    fn derive_write(&mut self, node: &Node) -> Gradients {
        let mut gradients = [None; INPUTS];
        let (Some(part), rest) = (self.input(node, 0), self.input(node, 1)) else { return gradients };
        let whole = self.allocate("gradient of the whole", node.output_shape, node.output_dtype, Kind::Gradient);
        let mut copy = self.gradient(&part, part.shape, node.output_dtype);
        let zeros = rest.map(|_| self.allocate("zeros", part.shape, node.output_dtype, Kind::Scratch));
        if part.dtype != node.output_dtype {
            let cast = self.gradient(&part, part.shape, part.dtype);
            self.unrefer(copy);
            copy = cast;
        }
        gradients[0] = Some((copy, part.dtype));
        match (rest, zeros) {
            (Some(_), Some(zeros)) => {
                self.unrefer(zeros);
                gradients[1] = Some((whole, node.output_dtype));
            }
            _ => self.unrefer(whole),
        }
        gradients
    }

    fn gradient(&mut self, input: &Input, shape: u16, dtype: Dtype) -> StorageId {
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
            let sums = matches!(node.rule, Rule::Multiply | Rule::Divide | Rule::Subtract | Rule::Add)
                || node.rule == Rule::Affine && slot == BIAS;
            let broadcast =
                sums && self.elements[usize::from(node.output_shape)] != self.elements[usize::from(input.shape)];
            if broadcast {
                let summed = self.gradient(&input, input.shape, *dtype);
                self.reduction_scratch(node.output_shape, input.shape);
                self.unrefer(*storage);
                *storage = summed;
            }
            if *dtype != input.dtype {
                let cast = self.gradient(&input, input.shape, input.dtype);
                self.unrefer(*storage);
                (*storage, *dtype) = (cast, input.dtype);
            }
        }
    }

    fn route(&mut self, target: Source, gradient: StorageId, dtype: Dtype) {
        match target {
            Source::Constant | Source::Frozen(_) => self.unrefer(gradient),
            Source::Node(node) if self.nodes[node as usize].rule == Rule::Cut => self.pieces.push((node, gradient)),
            Source::Node(node) => {
                let node = node as usize;
                self.nodes[node].gradient = Some(match self.nodes[node].gradient {
                    None => (gradient, dtype),
                    Some((waiting, _)) => (self.sum(waiting, gradient, Kind::Gradient), dtype),
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
        } else if self.keep_gradients || self.leaves[leaf].stands {
            self.unrefer(arrived);
        } else if let Some(storage) = self.storages.get_mut(arrived as usize) {
            storage.kind = Kind::ParameterGradient;
            storage.owner = self.leaves[leaf].owner;
            storage.name = self.leaves[leaf].name;
        }
    }

    fn sum(&mut self, one: StorageId, other: StorageId, kind: Kind) -> StorageId {
        if one == NOTHING || other == NOTHING {
            return one;
        }
        let Some(storage) = self.storages.get(one as usize) else { return one };
        if self.sums_in_place && storage.references == 1 && !storage.viewed {
            self.unrefer(other);
            return one;
        }
        let (name, shape, dtype) = (storage.name, storage.shape, storage.dtype);
        let summed = self.allocate(name, shape, dtype, kind);
        self.unrefer(one);
        self.unrefer(other);
        summed
    }
}
