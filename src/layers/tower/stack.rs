//! A tower's layers one after the other, with what all of them share.

use super::{Passed, Recorded, Seen};
use crate::layers::Run;
use crate::layers::attention::Shared;
use crate::layers::rotary::Tables;
use crate::model::tower::{Kind, Tower};
use crate::shape::Dim;
use crate::tape::{Dtype, Tape, Tensor};

impl<'a> Run<'a> {
    /// The tower's layers, and what those in the middle give that are read too.
    pub(super) fn tower_layers(
        &self,
        tape: &mut Tape,
        seen: &'a Seen,
        mut stream: Tensor,
        (passed, until_tower_returns): (&mut Passed<'a>, &mut Vec<Tensor>),
    ) -> (Tensor, Vec<Tensor>) {
        let shared = self.tower_tables(tape, until_tower_returns);
        let mask = self.block_mask(tape, &seen.tower);
        // A module of its own that calls the layers leaves what enters them in a variable of its caller's.
        let entered = seen.tower.kind.has_encoder().then(|| tape.share(stream));
        // What has no way back keeps nothing.
        let goes_back = stream.needs_gradient() || seen.trained;
        let checkpoints = self.checkpointed_layers > 0 && goes_back;
        let deep = seen.tower.deepstack();
        let layers = seen.stack.groups.iter().flat_map(|group| (0..group.layers).map(move |_| &group.layer));
        let count = seen.tower.num_hidden_layers();
        let mut read = Vec::new();
        for (number, layer) in (0..).zip(layers) {
            let start = tape.node_count();
            let held = checkpoints.then(|| {
                tape.begin_checkpoint(&[stream]);
                let held: Vec<Tensor> = shared.tensors().chain(mask).collect();
                for tensor in &held {
                    tape.share(*tensor);
                }
                std::iter::once(stream).chain(held).collect()
            });
            let output = self.tower_layer(tape, seen, layer, stream, (shared, mask));
            if held.is_some() {
                tape.end_checkpoint();
            }
            let recorded = Recorded { layer, input: stream, shared, mask, nodes: start..tape.node_count(), held };
            // It is computed all the same.
            if seen.tower.leaves_last_layer() && number + 1 == count {
                tape.release(output);
                passed.unread = Some(recorded);
                continue;
            }
            tape.release(stream);
            passed.layers.push(recorded);
            stream = output;
            if deep.contains(&number) {
                read.push(tape.share(stream));
            }
        }
        tape.release_each(mask);
        tape.release_each(entered);
        (stream, read)
    }

    /// Cosines and sines of a tower that rotates, in fp32 where its code leaves them so.
    fn tower_tables(&self, tape: &mut Tape, until_tower_returns: &mut Vec<Tensor>) -> Shared {
        let channels = self.architecture.rotary_dim();
        if channels == 0 {
            return Shared::NONE;
        }
        let rows = Dim { symbol: "d", size: channels };
        // Where all images are one sequence, each token of it has its own.
        let shape = if self.code.tables_by_sequence { self.stream(tape, rows) } else { tape.shape(&[self.s(), rows]) };
        let dtype = if self.code.widening.is_any() { Dtype::Fp32 } else { self.weights };
        let [cos, sin] = ["rotary cosines", "rotary sines"].map(|name| tape.constant(name, shape, dtype));
        until_tower_returns.extend([cos, sin]);
        Shared { tables: Some(Tables { cos, sin }), ..Shared::NONE }
    }

    /// Pixtral's mask between images, which is made for one too.
    fn block_mask(&self, tape: &mut Tape, tower: &Tower) -> Option<Tensor> {
        if tower.kind != Kind::Pixtral {
            return None;
        }
        let shape = tape.shape(&[self.s(), self.s()]);
        Some(tape.constant("attention.block mask", shape, self.compute()))
    }
}
