//! What is done beside the layers of any program: before and after each, forward and backward.

use crate::model::architecture::Layer;
use crate::tape::Tape;

/// The layer that a hook is called for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    /// The layer.
    pub(crate) layer: &'a Layer,
    /// Its number in the model, from 0.
    pub(crate) number: u64,
    /// Its number among the recorded ones, by [`crate::tape::Segment::Layer`].
    pub(crate) recorded: usize,
}

/// What a wrapper of modules does around each layer, as PyTorch's hooks of a module do: FSDP gathers a layer's weights
/// and lets go of them, DDP sums the gradients of a bucket, offloading copies.
///
/// A hook allocates and releases, but records nothing that has a gradient. What it makes belongs to the layer, in whose
/// events it lies, so that the layers between the recorded ones have it too. A checkpoint's second forward pass calls no
/// hook: it runs inside the layer's backward, where FSDP has the weights already.
pub(crate) trait Hooks {
    /// Before a layer's forward pass; its checkpoint, where it has one, begins after this.
    fn before_layer(&mut self, _tape: &mut Tape, _at: At<'_>) {}

    /// After it, while the caller still has the layer's input.
    fn after_layer(&mut self, _tape: &mut Tape, _at: At<'_>) {}

    /// Before a layer's backward pass, when the gradient of its output is there.
    fn before_backward(&mut self, _tape: &mut Tape, _at: At<'_>) {}

    /// After it, when the gradients of its parameters and of its input are there.
    fn after_backward(&mut self, _tape: &mut Tape, _at: At<'_>) {}

    /// Before or after another part of the model, or another moment of a pass.
    fn outside(&mut self, _tape: &mut Tape, _moment: Moment) {}
}

/// A moment of a pass in which no layer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The model is called.
    Called,
    /// The embedding has run.
    Embedded,
    /// The norm after the last layer is next.
    BeforeHead,
    /// Head and loss have run: the model returns.
    Returned,
    /// The loss is about to run the head by itself, chunk by chunk, each of which goes back before the next.
    BeforeChunks,
    /// A chunk has gone back, and others follow.
    AfterChunk,
    /// The last of them has.
    AfterChunks,
    /// The loss is about to go back.
    BeforeBackward,
    /// The loss has gone back; the head is next.
    BeforeHeadBackward,
    /// Head and norm have gone back.
    AfterHeadBackward,
    /// The embedding is next on the way back.
    BeforeEmbeddingBackward,
    /// Everything has gone back.
    Ended,
}

/// A model on one GPU that nothing wraps.
impl Hooks for () {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::implementation;
    use crate::frameworks::litgpt::layers::Gpt;
    use crate::frameworks::litgpt::release::{Release, built};
    use crate::frameworks::step::positions;
    use crate::layers::{Forward, Run};
    use crate::ledger::{Entry, Instant, Step};
    use crate::model::family::Family;
    use crate::model::{Architecture, parameters};
    use crate::preset::Library;
    use crate::shape::Dim;
    use crate::tape::timeline::Timeline;
    use crate::tape::{Dtype, Tensor, recorded};
    use crate::units::Bytes;

    /// A step of training in bf16 over few tokens, so that gradients weigh more than activations.
    fn run<'a>(architecture: &'a Architecture, family: &'static Family) -> Run<'a> {
        Run::plain((architecture, implementation(family)), (1, 64))
    }

    /// A run of the classes of Transformers and the same of LitGPT's, by two programs.
    fn by_each_program(
        id: &str,
        checkpointed_layers: u64,
        mut look: impl FnMut(&Architecture, &dyn Fn(&mut dyn Hooks) -> Forward),
    ) {
        let library = Library::embedded();
        let model = library.model(id).unwrap();
        let run = Run { checkpointed_layers, ..run(&model.architecture, model.family) };
        look(&model.architecture, &|hooks| run.record_with(hooks));
        let release = Release::of(&library.profiles().of("litgpt").unwrap());
        let architecture = built(&model.architecture, release).unwrap();
        let run = Run { architecture: &architecture, ..run };
        let model = Gpt { run, lora: None, tables: Dtype::Fp32, release, quantized: false, scaled_embedding: false };
        look(&architecture, &|hooks| model.record_with(hooks));
    }

    /// The numbers of layers as hooks meet them.
    #[derive(Default)]
    struct Order {
        forward: Vec<u64>,
        backward: Vec<u64>,
        inside: Option<u64>,
    }

    impl Hooks for Order {
        fn before_layer(&mut self, _: &mut Tape, at: At<'_>) {
            assert_eq!(self.inside.replace(at.number), None, "layers follow each other");
            assert_eq!(at.recorded, self.forward.len());
        }

        fn after_layer(&mut self, _: &mut Tape, at: At<'_>) {
            assert_eq!(self.inside.take(), Some(at.number));
            self.forward.push(at.number);
        }

        fn before_backward(&mut self, _: &mut Tape, at: At<'_>) {
            assert_eq!(self.inside.replace(at.number), None, "layers follow each other");
        }

        fn after_backward(&mut self, _: &mut Tape, at: At<'_>) {
            assert_eq!(self.inside.take(), Some(at.number));
            self.backward.push(at.number);
        }
    }

    #[test]
    fn hooks_meet_recorded_layers_in_order_and_back() {
        // Gemma 2 has a period of two layers, Llama one; checkpoints part the layers that have them from the others.
        for (id, checkpointed, numbers) in [
            ("llama-3.2-1b", 0, vec![0, 15]),
            ("llama-3.2-1b", 10, vec![0, 9, 10, 15]),
            ("gemma-2-2b", 0, vec![0, 1, 24, 25]),
        ] {
            by_each_program(id, checkpointed, |_, record| {
                let mut order = Order::default();
                record(&mut order);
                assert_eq!(order.forward, numbers, "{id}");
                order.backward.reverse();
                assert_eq!(order.backward, numbers, "{id}");
            });
        }
    }

    const GATHERED: &str = "gathered weights";

    /// What FSDP does without prefetching: a layer's weights are there from before it until after it, in both passes.
    struct Gathers {
        blocks: Vec<parameters::BlockParameters>,
        weights: Option<Tensor>,
    }

    impl Gathers {
        fn elements(&self, number: u64) -> u64 {
            let layer = |block: &&parameters::BlockParameters| {
                matches!(block.block, parameters::Block::Group(_)) && (block.span[0]..=block.span[1]).contains(&number)
            };
            self.blocks.iter().find(layer).unwrap().each().unwrap().get()
        }

        fn gather(&mut self, tape: &mut Tape, at: At<'_>) {
            let shape = tape.shape(&[Dim { symbol: "", size: self.elements(at.number) }]);
            self.weights = Some(tape.constant(GATHERED, shape, Dtype::Bf16));
        }
    }

    impl Hooks for Gathers {
        fn before_layer(&mut self, tape: &mut Tape, at: At<'_>) {
            self.gather(tape, at);
        }

        fn after_layer(&mut self, tape: &mut Tape, _: At<'_>) {
            tape.release_each(self.weights.take());
        }

        fn before_backward(&mut self, tape: &mut Tape, at: At<'_>) {
            self.gather(tape, at);
        }

        fn after_backward(&mut self, tape: &mut Tape, _: At<'_>) {
            tape.release_each(self.weights.take());
        }
    }

    #[test]
    fn what_a_hook_gathers_is_in_the_peak_of_each_layer() {
        for checkpointed in [0, 16] {
            by_each_program("llama-3.2-1b", checkpointed, |architecture, record| {
                let mut gathers = Gathers { blocks: parameters::blocks(architecture), weights: None };
                let weights = Bytes::new(2 * gathers.elements(0));
                let (plain, wrapped) = (record(&mut ()), record(&mut gathers));
                let [before, after] = [&plain, &wrapped].map(|recording| Timeline::read(recording).unwrap());
                for (plain, wrapped) in plain.stretches.iter().zip(&wrapped.stretches) {
                    let ranges = [
                        (&plain.first_forward, &wrapped.first_forward),
                        (&plain.last_forward, &wrapped.last_forward),
                        (&plain.last_backward, &wrapped.last_backward),
                        (&plain.first_backward, &wrapped.first_backward),
                    ];
                    for (plain, wrapped) in ranges {
                        let with = before.most(plain.clone()).checked_add(weights).unwrap();
                        assert_eq!(after.most(wrapped.clone()), with);
                    }
                }
                let [before, after] = [(&plain, &before), (&wrapped, &after)].map(|(recording, timeline)| {
                    let positions = positions(recording, timeline);
                    let at = |wanted| positions.iter().find(|(instant, _)| *instant == wanted).unwrap().1;
                    let backward = timeline.total(at(Instant::Backward));
                    let mut entries = Vec::new();
                    recorded::post(&mut entries, recording, timeline, &positions).unwrap();
                    (entries, backward)
                });
                assert_eq!(after.1, before.1.checked_add(weights).unwrap());
                let gathered = |entry: &&Entry| entry.name == GATHERED;
                let mut at_peak = after.0.iter().filter(gathered);
                assert!(at_peak.any(|it| it.bytes == weights && it.alive.contains(Step::Steady, Instant::Backward)));
                assert_eq!(before.0.iter().find(gathered), None);
            });
        }
    }
}
