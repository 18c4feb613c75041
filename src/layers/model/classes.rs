//! Layers as the classes of Transformers run them: what each is given, and what `GradientCheckpointingLayer` holds.

use super::shared::SharedByWindow;
use crate::layers::Run;
use crate::layers::attention::Shared;
use crate::layers::layer::Outputs;
use crate::layers::recorder::LayerLoop;
use crate::layers::seq2seq::Stack;
use crate::model::architecture::{KeyValues, Layer};
use crate::tape::{StorageId, Tape, Tensor};

/// The layers of a class, and its loop's variables.
pub(crate) struct Classes<'a> {
    run: Run<'a>,
    /// What the layers share.
    pub(crate) beside: Beside,
    /// The attention weights that the last layer returned.
    pub(crate) returned: Option<Tensor>,
    /// Those of the layer before it, until the loop's variable takes the last.
    outdated: Option<Tensor>,
    /// What each layer read, where the model collects that until it returns.
    pub(crate) streams: Vec<Tensor>,
    /// Keys and values of the last layers with a window and without that had their own, where later ones read them.
    pub(crate) earlier: [Option<[Tensor; 2]>; 2],
    /// Whether those were computed again, and what they came out of then: with that they take the place of the first in what
    /// all checkpoints hold.
    again: [Option<([Tensor; 2], Vec<StorageId>)>; 2],
}

/// What the layers of a model share, or those of one of two stacks, which the first of them make.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::large_enum_variant, reason = "a pass has one")]
pub(crate) enum Beside {
    /// A model of one stack: masks and tables, with a window and without.
    Windows(SharedByWindow),
    /// An encoder or a decoder.
    Stack(Stack),
}

/// What one layer is given of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Given {
    Shared(Shared),
    Stack(Stack),
}

impl<'a> Classes<'a> {
    /// Layers that share this.
    #[expect(clippy::large_types_passed_by_value, reason = "a pass has one")]
    pub(crate) fn new(run: &Run<'a>, beside: Beside) -> Self {
        Self {
            run: *run,
            beside,
            returned: None,
            outdated: None,
            streams: Vec::new(),
            earlier: [None; 2],
            again: [None, None],
        }
    }

    /// Keys and values that later layers read, which nobody reads any more.
    pub(crate) fn shared_keys(&mut self) -> Vec<Tensor> {
        self.earlier.iter_mut().filter_map(Option::take).flatten().collect()
    }

    /// A layer once more. What it hands on takes the place of what checkpoints hold, with all that it came out of.
    fn layer_again(&mut self, tape: &mut Tape, layer: &Layer, input: Tensor, shared: Shared) -> Outputs {
        let (kind, since) = (kind_of(layer), tape.node_count());
        tape.before_handing_on(self.earlier[kind].take());
        let outputs = self.run.layer(tape, layer, input, shared);
        let now = tape.take_handed_on();
        if layer.attention().is_some_and(|attention| attention.variant.hands_on) {
            self.again[kind] = now.map(|own| (own, tape.hold_graph_of(&own, since)));
        } else {
            self.earlier[kind] = now;
        }
        outputs
    }

    /// The mask where a checkpoint keeps it like its layer's input: GPT-2 passes it by position.
    fn kept_mask(&self, shared: Shared) -> Option<Tensor> {
        shared.mask.filter(|_| self.run.code.checkpoint_keeps_mask)
    }
}

impl LayerLoop for Classes<'_> {
    type Given = Given;

    fn given(&self, layer: &Layer) -> Given {
        match self.beside {
            Beside::Windows(shared) => {
                let earlier = self.earlier[kind_of(layer)].filter(|_| reads_earlier(layer));
                Given::Shared(Shared { earlier, ..shared.of(layer) })
            }
            Beside::Stack(stack) => Given::Stack(stack),
        }
    }

    fn skips(&self, layer: &Layer) -> bool {
        matches!(self.beside, Beside::Windows(shared) if shared.skips(layer))
    }

    fn layer(&mut self, tape: &mut Tape, layer: &Layer, input: Tensor, given: Given) -> Tensor {
        let shared = match given {
            Given::Shared(shared) => shared,
            Given::Stack(mut stack) => {
                let output = self.run.stack_layer(tape, layer, input, &mut stack);
                self.beside = Beside::Stack(stack);
                return output;
            }
        };
        let kind = kind_of(layer);
        tape.before_handing_on(self.earlier[kind].take());
        let (output, weights) = self.run.layer(tape, layer, input, shared);
        self.earlier[kind] = tape.take_handed_on();
        if self.run.code.returns_weights {
            self.outdated = std::mem::replace(&mut self.returned, weights);
        } else {
            tape.release_each(weights);
        }
        output
    }

    fn assign(&mut self, tape: &mut Tape, input: Tensor) {
        // The variable for a layer's outputs had the ones of the layer before.
        tape.release_each(self.outdated.take());
        if self.run.code.returns_streams {
            tape.collect(input);
            self.streams.push(input);
        } else {
            tape.release(input);
        }
    }

    fn begin_checkpoint(&self, tape: &mut Tape, input: Tensor, given: Given) -> Vec<Tensor> {
        match given {
            Given::Shared(shared) => {
                for tensor in shared.tensors() {
                    tape.share(tensor);
                }
                let mask = self.kept_mask(shared);
                if self.run.offloads_checkpoints {
                    tape.begin_checkpoint(&[]);
                    return shared.tensors().collect();
                }
                let kept = [input, mask.unwrap_or(input)];
                tape.begin_checkpoint(if mask.is_some() { &kept } else { &kept[..1] });
                // The mask is among what is shared, and kept once more.
                std::iter::once(input).chain(shared.tensors()).chain(mask).collect()
            }
            Given::Stack(stack) => {
                // All is passed by position, and the checkpoint keeps what is passed so.
                let kept: Vec<Tensor> = std::iter::once(input).chain(stack.tensors()).collect();
                tape.begin_checkpoint(&kept);
                kept
            }
        }
    }

    fn gone_back(&mut self, tape: &mut Tape) {
        for (own, graph) in self.again.iter_mut().filter_map(Option::take) {
            tape.release_each(own);
            for storage in graph {
                tape.let_go(storage);
            }
        }
        tape.release_each(self.shared_keys());
    }

    fn again(&mut self, tape: &mut Tape, layer: &Layer, input: Tensor, given: Given) {
        match given {
            Given::Shared(shared) => {
                let (output, weights) = self.layer_again(tape, layer, input, shared);
                tape.release(output);
                tape.release_each(weights);
            }
            Given::Stack(stack) => self.run.stack_layer_again(tape, layer, input, stack),
        }
        tape.leave_autocast();
    }
}

/// Whether a layer attends to keys and values of an earlier one.
fn reads_earlier(layer: &Layer) -> bool {
    layer.attention().is_some_and(|attention| attention.variant.key_values == KeyValues::Earlier)
}

/// 0 for a layer with a window, 1 for one without.
fn kind_of(layer: &Layer) -> usize {
    usize::from(layer.attention().is_none_or(|attention| attention.sliding_window.is_none()))
}
