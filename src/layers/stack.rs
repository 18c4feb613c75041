//! The layers of a model one after another, as training loops with a decoder of their own run them: of equal ones the
//! first and the last are recorded, forward and backward, checkpointed or not.

use std::ops::Range;

use super::model::Stretch;
use super::model::periods::{Planned, plan};
use crate::model::architecture::{Architecture, Layer};
use crate::tape::{Segment, Tape, Tensor};

/// Layers for which a tape has room.
pub(crate) const RECORDED: usize = 4;

/// The recorded layers.
pub(crate) struct Stack<'a> {
    stretches: Vec<Stretch>,
    layers: Vec<Recorded<'a>>,
    checkpointed: bool,
}

/// A recorded layer: what it is, what enters it, and its nodes.
struct Recorded<'a> {
    layer: &'a Layer,
    input: Tensor,
    nodes: Range<usize>,
}

impl<'a> Stack<'a> {
    /// Records the forward pass of every layer, each of which `block` runs from the stream that enters to the one that
    /// leaves; and the stream after the last.
    pub(crate) fn forward(
        tape: &mut Tape,
        architecture: &'a Architecture,
        checkpointed: bool,
        mut stream: Tensor,
        block: impl Fn(&mut Tape, &Layer, Tensor) -> Tensor,
    ) -> (Self, Tensor) {
        let mut stack = Self { stretches: Vec::new(), layers: Vec::new(), checkpointed };
        // A first layer whose input needs no gradient is like none of the others.
        let apart = u64::from(!stream.needs_gradient());
        for stretch in plan(&architecture.groups, &[apart]) {
            stream = stack.stretch(tape, &stretch, stream, &block);
        }
        (stack, stream)
    }

    fn stretch(
        &mut self,
        tape: &mut Tape,
        stretch: &Planned<'a>,
        mut stream: Tensor,
        block: impl Fn(&mut Tape, &Layer, Tensor) -> Tensor,
    ) -> Tensor {
        let start = self.layers.len();
        let mut passes = Vec::with_capacity(2);
        for _ in 0..(stretch.span[1] / stretch.period.len() as u64).min(2) {
            let begun = tape.position();
            for layer in &stretch.period {
                stream = self.layer(tape, layer, stream, &block);
            }
            passes.push(begun..tape.position());
        }
        let recorded = start..self.layers.len();
        self.stretches.push(Stretch::new(stretch.span, stretch.period.len(), recorded, &passes));
        stream
    }

    fn layer(
        &mut self,
        tape: &mut Tape,
        layer: &'a Layer,
        input: Tensor,
        block: impl Fn(&mut Tape, &Layer, Tensor) -> Tensor,
    ) -> Tensor {
        let start = tape.node_count();
        tape.enter(Segment::Layer(self.layers.len()));
        if self.checkpointed {
            tape.begin_checkpoint(&[input]);
        }
        let output = block(tape, layer, input);
        if self.checkpointed {
            tape.end_checkpoint();
        }
        tape.release(input);
        self.layers.push(Recorded { layer, input, nodes: start..tape.node_count() });
        output
    }

    /// Records the backward pass, last layer first; `block` computes again what a checkpoint did not keep.
    pub(crate) fn backward(
        mut self,
        tape: &mut Tape,
        block: impl Fn(&mut Tape, &Layer, Tensor) -> Tensor,
    ) -> Vec<Stretch> {
        for stretch in self.stretches.iter_mut().rev() {
            for index in stretch.recorded.clone().rev() {
                let Recorded { layer, input, ref nodes } = self.layers[index];
                let start = tape.position();
                if self.checkpointed {
                    tape.backward_through_checkpoint(nodes.clone(), &[input], |tape| {
                        tape.enter(Segment::Layer(index));
                        let output = block(tape, layer, input);
                        tape.release(output);
                    });
                } else {
                    tape.backward(nodes.clone());
                }
                stretch.back_through(index, start..tape.position());
            }
        }
        self.stretches
    }
}
