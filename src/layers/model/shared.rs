//! What all layers read beside their stream: masks, rotary tables, biases of positions, further streams.

use super::{ONE, Recording};
use crate::families::code::{Rotation, ScoreCode, TableCode};
use crate::layers::attention::{Disentangled, Encoded, Shared};
use crate::model::architecture::Layer;
use crate::model::family::PositionKind;
use crate::shape::Dim;
use crate::tape::{Dtype, Tensor};

/// What the layers share, by whether they have a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedByWindow {
    with: Shared,
    without: Shared,
}

/// What scores of attention are masked and biased by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Masks {
    bias: Option<Tensor>,
    /// For layers with a window, and for those without.
    by_window: [Option<Tensor>; 2],
}

impl SharedByWindow {
    /// Whether a layer has nothing to attend to, and does not run.
    pub(crate) const fn skips(&self, layer: &Layer) -> bool {
        layer.attends_to_tower() && self.without.encoded.is_none()
    }

    pub(crate) const fn of(&self, layer: &Layer) -> Shared {
        match layer.attention() {
            Some(attention) if attention.sliding_window.is_some() => self.with,
            _ => self.without,
        }
    }
}

impl Recording<'_> {
    /// Vectors for each token and layer, and places for streams that are kept.
    pub(crate) fn beside_the_stream(&mut self, held: &mut Vec<Tensor>, stream: Tensor) -> Option<Tensor> {
        let (run, tape) = (self.run, &mut self.tape);
        held.extend(run.kept_blocks(tape));
        let vectors = run.architecture.per_layer_inputs.map(|inputs| run.vectors_of_layers(tape, stream, inputs));
        held.extend(vectors);
        vectors
    }

    /// The bias of positions, and masks for layers with and without a window.
    pub(crate) fn masks(&mut self, held: &mut Vec<Tensor>) -> Masks {
        let run = self.run;
        let kinds = run.architecture.windows();
        let windows = run.architecture.attentions().filter_map(|attention| attention.sliding_window);
        // A window of no length, where layers without one still get a mask for it.
        let window = windows.max().or(run.code.mask_without_window.then_some(0));
        let window = window.or(run.architecture.encoder.and_then(|encoder| encoder.window));
        let bias = self.position_bias(held);
        let [with, without] = kinds;
        let made = if run.code.both_masks { [true; 2] } else { [with, without || run.code.always_full_mask] };
        // The one for all layers without a window comes first.
        let mut masks = [None; 2];
        for (kind, window) in [(1, None), (0, window)] {
            masks[kind] = made[kind].then(|| self.mask(window)).flatten();
        }
        Masks { bias, by_window: masks }
    }

    /// The same with rotary tables for both kinds of layers, and the images that some attend to.
    pub(crate) fn shared(
        &mut self,
        held: &mut Vec<Tensor>,
        Masks { bias, by_window: masks }: Masks,
        (encoded, vectors): (Option<Encoded>, Option<Tensor>),
    ) -> SharedByWindow {
        let run = self.run;
        let rotates = run.code.rotation != Rotation::None && run.code.tables != TableCode::Gathered;
        let rotary = rotates && run.architecture.positions == PositionKind::Rotary;
        let mut tables = [true, false].map(|windowed| {
            let of_kind = run.architecture.attentions().filter(|it| it.sliding_window.is_some() == windowed);
            let channels = of_kind.map(|attention| attention.rotary_dim).max();
            channels.filter(|_| rotary && run.code.tables_by_window).map(|size| run.rotary_tables(&mut self.tape, size))
        });
        if rotary && !run.code.tables_by_window {
            tables = [Some(run.rotary_tables(&mut self.tape, run.architecture.rotary_dim())); 2];
            held.extend(tables[0].map(|tables| [tables.cos, tables.sin]).into_iter().flatten());
        } else {
            held.extend(tables.into_iter().flatten().flat_map(|tables| [tables.cos, tables.sin]));
        }
        held.extend(masks.into_iter().flatten());
        let bias = bias.or_else(|| run.bias_of_layers(&mut self.tape));
        held.extend(bias.filter(|_| run.distances().is_some()));
        let distances = run.disentangled(&mut self.tape);
        held.extend(distances.into_iter().flat_map(Disentangled::tensors));
        let [with, without] = [0, 1].map(|kind| Shared {
            tables: tables[kind],
            mask: masks[kind],
            bias,
            distances,
            encoded,
            vectors,
            earlier: None,
        });
        SharedByWindow { with, without }
    }

    /// What scores are biased by for their distance, one row of keys for each head of each sequence.
    fn position_bias(&mut self, held: &mut Vec<Tensor>) -> Option<Tensor> {
        let run = self.run;
        if run.architecture.positions != PositionKind::Alibi {
            return None;
        }
        let attention = run.architecture.attentions().next()?;
        let heads = Dim { symbol: "a", size: attention.heads };
        if run.code.scores == ScoreCode::BiasedThenFilled {
            let longest = Dim { symbol: "", size: run.architecture.max_position_embeddings };
            let shape = self.tape.shape(&[heads, longest]);
            let bias = self.tape.constant("bias of positions", shape, Dtype::Fp32);
            held.push(bias);
            return Some(bias);
        }
        if !run.has_mask() {
            let slopes = self.tape.shape(&[heads]);
            held.push(self.tape.constant("slopes of positions", slopes, Dtype::Fp32));
        }
        let shape = self.tape.shape(&[run.b(), heads, run.s()]);
        let bias = self.tape.constant("bias of positions", shape, run.weights);
        held.push(bias);
        Some(bias)
    }

    /// The mask that the model makes once: additive for eager attention, boolean for fused kernels that need one.
    pub(crate) fn mask(&mut self, window: Option<u64>) -> Option<Tensor> {
        let run = self.run;
        if run.span().is_some() {
            return Some(run.mask_of_pairs(&mut self.tape));
        }
        let dtype = match (run.fused_attention, run.masked(window)) {
            (_, false) if run.code.bidirectional => return None,
            (false, _) if run.code.scores == ScoreCode::BiasedThenFilled => Dtype::Bool,
            (false, _) => run.weights,
            (true, true) => Dtype::Bool,
            (true, false) => return None,
        };
        // Where the batch has no mask of its own one for fused kernels is the same for all sequences.
        let batch = if (run.fused_attention || run.code.one_mask) && !run.has_mask() { ONE } else { run.b() };
        let keys = run.keys(window);
        let shape = self.tape.shape(&[batch, run.s(), keys]);
        if run.code.bidirectional || run.has_mask() || run.code.scores == ScoreCode::BiasedThenFilled {
            return Some(self.tape.constant("attention mask", shape, dtype));
        }
        let sees = self.what_is_seen(window, keys);
        if dtype == Dtype::Bool {
            return Some(sees);
        }
        let scalar = self.tape.shape(&[]);
        let ends = [0, 1].map(|_| self.tape.constant("highest and lowest bias", scalar, dtype));
        let mask = self.tape.constant("attention mask", shape, dtype);
        self.tape.release_each([ends[1], ends[0], sees]);
        Some(mask)
    }

    /// `[s, t]`: which keys each query sees, from the numbers of both.
    fn what_is_seen(&mut self, window: Option<u64>, keys: Dim) -> Tensor {
        let (run, tape) = (self.run, &mut self.tape);
        let [sequences, one, rows, columns] = [run.b(), ONE, run.s(), keys].map(|dim| tape.shape(&[dim]));
        let mut numbers = vec![
            tape.constant("numbers of sequences", sequences, Dtype::Int64),
            tape.constant("number of a head", one, Dtype::Int64),
        ];
        for shape in [rows, columns] {
            let counted = tape.constant("numbers of tokens", shape, Dtype::Int64);
            numbers.push(tape.constant("numbers of tokens", shape, Dtype::Int64));
            tape.release(counted);
        }
        let square = tape.shape(&[run.s(), keys]);
        let sees = if window.is_some() {
            let yes = tape.constant("yes", one, Dtype::Bool);
            let first = tape.constant("first token in the window", rows, Dtype::Int64);
            let in_window = tape.constant("tokens in the window", square, Dtype::Bool);
            tape.release(first);
            let so_far = tape.constant("tokens in the window", square, Dtype::Bool);
            tape.release_each([in_window, yes]);
            let causal = tape.constant("tokens before", square, Dtype::Bool);
            let both = tape.constant("attention mask", square, Dtype::Bool);
            tape.release_each([causal, so_far]);
            both
        } else {
            tape.constant("attention mask", square, Dtype::Bool)
        };
        tape.release_each(numbers);
        sees
    }
}
