//! What each kind of operation makes on the way back.

use super::{BIAS, Gradients};
use crate::tape::record::INPUTS;
use crate::tape::{Dtype, FusedKernel, Input, Kind, NOTHING, Node, Rule, StorageId, Tape};

impl Tape {
    /// What a node reads in this place.
    pub(crate) fn input(&self, node: &Node, slot: usize) -> Option<Input> {
        let (first, count) = node.inputs;
        (slot < usize::from(count)).then(|| self.inputs[first as usize + slot])
    }

    pub(crate) fn derive(&mut self, node: &Node, incoming: StorageId, dtype: Dtype) -> Gradients {
        match node.rule {
            Rule::Divide => return self.derive_quotient(node),
            Rule::Write => return self.derive_write(node),
            Rule::AddToPart(part) => return self.derive_addition_to_part(node, part),
            Rule::RowNorm { in_place, copies } => {
                return self.derive_row_norm(node, incoming, in_place, copies);
            }
            Rule::OverKept => return self.derive_over_kept(node),
            Rule::ExpertTiles(before) => return self.derive_expert_tiles(node, before, dtype),
            Rule::Ready => return self.derive_ready(node),
            Rule::Tiles(compute) => return self.derive_tiles(node, compute),
            _ => {}
        }
        let mut gradients = [None; INPUTS];
        let again = match node.rule {
            Rule::Flex(rows) => {
                let sums = self.allocate("sums of rows", rows, Dtype::Fp32, Kind::Scratch);
                self.let_go_of_last_kept(node);
                Some(sums)
            }
            Rule::Again(shape) => {
                let states = self.allocate("states computed again", shape, Dtype::Fp32, Kind::Scratch);
                if let Some(storage) = self.storages.get_mut(states as usize) {
                    storage.estimated = true;
                }
                Some(states)
            }
            _ => None,
        };
        let copied = match node.rule {
            Rule::Fused(FusedKernel::FlashByHead) => Some("gradient in rows"),
            Rule::EachFromRows => Some("input in rows"),
            _ => None,
        };
        let copied = copied
            .filter(|_| self.kernels.is_some())
            .map(|name| self.allocate(name, node.output_shape, node.output_dtype, Kind::Scratch));
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

    /// What a node kept last goes before its gradients are made.
    fn let_go_of_last_kept(&mut self, node: &Node) {
        let (first, count) = node.kept;
        let Some(last) = (first + u32::from(count)).checked_sub(1).filter(|_| count > 0) else { return };
        let kept = std::mem::replace(&mut self.kept[last as usize], NOTHING);
        self.unrefer(kept);
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
            Rule::AddRows if slot == 0 => {
                self.refer(incoming);
                (incoming, dtype)
            }
            Rule::Multiply => (self.gradient(&input, node.output_shape, node.output_dtype), node.output_dtype),
            Rule::Affine if slot != BIAS => (self.derive_alike(node, &input, dtype), input.dtype),
            Rule::Affine | Rule::Pass | Rule::View | Rule::Add | Rule::Subtract => {
                self.refer(incoming);
                if node.rule == Rule::View {
                    self.views(incoming);
                }
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
                if node.rule == Rule::Affine {
                    self.views(product);
                }
                product
            }
            Rule::ScaledProduct | Rule::Fold => {
                let product = self.allocate("product before scaling", input.shape, input.dtype, Kind::Scratch);
                self.product_workspace();
                let scaled = own(self);
                self.unrefer(product);
                scaled
            }
            Rule::Grouped => {
                let gradient = own(self);
                if let Some(matrices) = self.input(node, 0) {
                    self.grouped_product_scratch(matrices.shape, matrices.dtype);
                }
                gradient
            }
            Rule::Softmax => {
                let gradient = own(self);
                let bytes = self.storages.get(gradient as usize).map_or(0, |storage| storage.bytes);
                self.scratch("softmax times gradient", &[bytes]);
                gradient
            }
            Rule::Lookup | Rule::LookupInOrder => {
                let copied = (node.rule == Rule::LookupInOrder).then(|| self.in_order(node));
                let lookup = self.lookup_scratch(input, node.output_shape);
                let gradient = own(self);
                self.lookup_sums(lookup);
                self.unrefer(copied.unwrap_or(NOTHING));
                gradient
            }
            // Zeros are written into where they stand; a tracker sees a copy of them.
            Rule::Index if self.kernels.is_some() => {
                let gradient = own(self);
                self.index_scratch(input.shape, node.output_shape);
                gradient
            }
            Rule::RowsOfMask => self.derive_rows_of_mask(node, input),
            Rule::ScatterByMask => self.derive_scatter_by_mask(input),
            Rule::Scatter if self.kernels.is_some() => own(self),
            Rule::Index | Rule::Scatter => self.derive_beside(input, ["zeros"]),
            Rule::AllGather => {
                let by_gpu = self.allocate("gradient as it is scattered", node.output_shape, dtype, Kind::Scratch);
                let gradient = own(self);
                self.unrefer(by_gpu);
                gradient
            }
            Rule::LogSoftmaxOfPart => self.derive_beside(input, ["probabilities times the sum"]),
            Rule::ReduceScatter => self.derive_beside(input, ["gradient as it was gathered"]),
            Rule::Power | Rule::Rsqrt => self.derive_beside(input, ["power", "scaled power"]),
            Rule::Root => self.derive_beside(input, ["twice the root"]),
            Rule::Deviation => self.derive_beside(input, ["centred rows"]),
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
            | Rule::EachFromRows
            | Rule::Dropout
            | Rule::Fused(_)
            | Rule::Again(_)
            | Rule::Flex(_)
            | Rule::Divide
            | Rule::Tiles(_)
            | Rule::Write
            | Rule::AddToPart(_)
            | Rule::AddRows
            | Rule::Split
            | Rule::Cut
            | Rule::Together { .. }
            | Rule::RowNorm { .. }
            | Rule::OverKept
            | Rule::ExpertTiles(_)
            | Rule::Ready
            | Rule::Pass
            | Rule::View
            | Rule::Add
            | Rule::Subtract
            | Rule::Compiled(_)
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

    /// A mask of what lies within each bound, the second put into the first, and the gradient where that is set.
    fn derive_clamp(&mut self, input: &Input, bounds: usize) -> StorageId {
        let scalar = self.shape(&[]);
        let zero = self.allocate("zero", scalar, input.dtype, Kind::Scratch);
        let masks = (0..bounds).map(|_| self.allocate("mask of a bound", input.shape, Dtype::Bool, Kind::Scratch));
        let masks: Vec<_> = masks.collect();
        let gradient = self.gradient(input, input.shape, input.dtype);
        for scratch in masks.into_iter().chain([zero]) {
            self.unrefer(scratch);
        }
        gradient
    }

    /// A copy of the whole gradient, and one of its part for what was added there.
    fn derive_addition_to_part(&mut self, node: &Node, part: u16) -> Gradients {
        let mut gradients = [None; INPUTS];
        let (Some(whole), Some(added)) = (self.input(node, 0), self.input(node, 1)) else { return gradients };
        let dtype = node.output_dtype;
        let copy = self.gradient(&whole, node.output_shape, dtype);
        let of_part = self.gradient(&added, part, dtype);
        gradients[0] = Some((copy, dtype));
        gradients[1] = Some((of_part, dtype));
        gradients
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
}
