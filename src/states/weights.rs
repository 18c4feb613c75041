//! Entries that stand from step to step: weights, buffers, inputs.

mod shape;

use std::borrow::Cow;

use crate::families::Implementation;
use crate::families::code::{FusedProjection, PositionCode, ScoreCode, TableCode};
use crate::ledger::{Alive, Category, Division, Entry, Exactness, Lifetime, Origin, Place};
use crate::model::architecture::{Activation, Architecture, FeedForward, Image, LayerGroup, Sounds};
use crate::model::family::{PositionKind, PositionTable};
use crate::model::parameters::{Block, BlockParameters, Tensor};
use crate::model::part::Piece;
use crate::model::tower::Modality;
use crate::shape::{Dim, Shape};
use crate::states::shard::Shards;
use crate::tape::Dtype;
use crate::units::{Bits, Bytes, Overflow};

pub(crate) use shape::shape;

pub(crate) const PARAMETERS: &str = "shapes of the Hugging Face classes, Transformers 5.23";
const INPUTS: &str = "tensors that the training loop feeds, PyTorch 2.15";

/// What a stack's buffer of positions holds.
pub(crate) const SINES_OF_POSITIONS: &str = "sines of positions";

/// The place of a block of parameters.
pub(crate) const fn place_of(block: &BlockParameters) -> Place {
    let [first, last] = block.span;
    match block.block {
        Block::Embedding => Place::Embedding,
        Block::FinalNorm => Place::FinalNorm,
        Block::Head => Place::Head,
        Block::Tower | Block::TowerGroup(_) => Place::Tower,
        Block::Projector => Place::Projector,
        Block::Group(_) => Place::among(block.copies, first, last),
    }
}

/// The place of a group of layers.
pub(crate) fn place(architecture: &Architecture, group: usize) -> Place {
    let first: u64 = architecture.groups[..group].iter().map(|group| group.layers).sum();
    Place::Layers(first, first + architecture.groups[group].layers - 1)
}

/// Each group of equal layers, with where it stands.
pub(crate) fn places(architecture: &Architecture) -> impl Iterator<Item = (&LayerGroup, Place)> {
    let mut first = 0;
    architecture.groups.iter().map(move |group| {
        let begins = first;
        first += group.layers;
        (group, Place::Layers(begins, first - 1))
    })
}

/// Parameter tensors that stand together: the model's, or those that are trained.
#[derive(Clone, Copy)]
pub(crate) struct Set<'a> {
    /// The model's dimensions.
    pub(crate) architecture: &'a Architecture,
    /// The tensors.
    pub(crate) blocks: &'a [BlockParameters],
    /// The type of their elements.
    pub(crate) bits: Bits,
    /// The type of those that are copies of the model's own.
    pub(crate) copies: Bits,
    /// How GPUs divide them.
    pub(crate) shards: Shards,
}

impl Set<'_> {
    /// The type of a tensor's elements.
    pub(crate) fn bits_of(&self, tensor: &Tensor) -> Bits {
        if tensor.piece == Piece::Copy { self.copies } else { self.bits }
    }

    /// One entry for each tensor, as `of_one` makes it: count, bytes and place are filled in from its shape.
    pub(crate) fn entries(
        &self,
        mut of_one: impl FnMut(&BlockParameters, &Tensor) -> Option<Entry>,
    ) -> Result<Vec<Entry>, Overflow> {
        let mut entries = Vec::with_capacity(self.blocks.iter().map(|block| block.tensors.len()).sum());
        if self.shards == Shards::OnHost {
            return Ok(entries);
        }
        for block in self.blocks {
            let place = place_of(block);
            for tensor in &block.tensors {
                if let Some(entry) = of_one(block, tensor) {
                    let elements = self.shards.elements(tensor, &entry)?;
                    let divided = self.shards.division();
                    let bytes = entry.bits.bytes(elements)?.checked_mul(block.copies)?;
                    entries.push(Entry { place, count: block.copies, divided, bytes, ..entry });
                }
            }
        }
        Ok(entries)
    }

    /// The tensors themselves.
    pub(crate) fn parameters(&self, alive: Alive) -> Result<Vec<Entry>, Overflow> {
        self.entries(|_, tensor| {
            Some(Entry {
                category: Category::Parameters,
                name: Cow::Borrowed(tensor.name()),
                place: Place::Model,
                shape: shape(tensor),
                bits: self.bits_of(tensor),
                count: 1,
                divided: Division::NONE,
                bytes: Bytes::ZERO,
                lifetime: Lifetime::Persistent,
                alive,
                exactness: Exactness::Exact,
                source: PARAMETERS,
                origin: Origin::Shapes,
            })
        })
    }

    /// Gradients that stand from an earlier micro batch or step.
    pub(crate) fn standing_gradients(&self, alive: Alive) -> Result<Vec<Entry>, Overflow> {
        let mut entries = self.parameters(alive)?;
        for entry in &mut entries {
            entry.category = Category::Gradients;
            entry.name = Cow::Owned(format!("gradient of {}", entry.name));
            entry.source = "gradients accumulate in place, PyTorch 2.15";
        }
        Ok(entries)
    }
}

/// What a loop feeds that trains on words.
pub(crate) const FED: [&str; 2] = ["input ids", "labels"];

/// What the training loop made of each token, by these names.
pub(crate) fn batch([batch, sequence]: [u64; 2], names: &[&'static str], alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let shape = Shape::new(&[Dim { symbol: "b", size: batch }, Dim { symbol: "s", size: sequence }]);
    names.iter().map(|name| plain(name, Place::Model, shape, 64, alive, INPUTS)).collect()
}

/// A label of each sequence.
pub(crate) fn labels(batch: u64, alive: Alive) -> Result<Entry, Overflow> {
    plain("labels", Place::Model, Shape::new(&[Dim { symbol: "b", size: batch }]), 64, alive, INPUTS)
}

/// Pixels of all images, or the spectrograms of sounds, as a processor made them.
pub(crate) fn pixels(inputs: u64, modality: Modality, alive: Alive) -> Result<Entry, Overflow> {
    let name = if modality == Modality::Vision { "pixel values" } else { "input features" };
    plain(name, Place::Model, Shape::new(&[Dim { symbol: "", size: inputs }]), 32, alive, INPUTS)
}

/// The spectrogram of each sequence's sound, in the type of the weights that read it.
pub(crate) fn features(sounds: Sounds, batch: u64, dtype: Dtype, alive: Alive) -> Result<Entry, Overflow> {
    let dim = |symbol, size| Dim { symbol, size };
    let frames = sounds.positions.checked_mul(2).ok_or(Overflow)?;
    let shape = Shape::new(&[dim("b", batch), dim("", sounds.mel_bins), dim("2n", frames)]);
    plain("input features", Place::Model, shape, dtype.bits(), alive, INPUTS)
}

/// Pixels and labels, as the training loop made them.
pub(crate) fn images(image: &Image, batch: u64, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let dim = |symbol, size| Dim { symbol, size };
    let pixels =
        Shape::new(&[dim("b", batch), dim("", image.channels), dim("", image.pixels[0]), dim("", image.pixels[1])]);
    let labels = Shape::new(&[dim("b", batch)]);
    Ok(vec![
        plain("pixels", Place::Model, pixels, 32, alive, INPUTS)?,
        plain("labels", Place::Model, labels, 64, alive, INPUTS)?,
    ])
}

/// Buffers of the model: rotary frequencies, twice for each table unless those as made are the same tensor, and the embedding's scale where that is one.
pub(crate) fn buffers(
    architecture: &Architecture,
    (tables, shared): (u64, bool),
    embedding_scale: Option<Bits>,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::with_capacity(3);
    if architecture.positions == PositionKind::Rotary && tables > 0 {
        let names = ["rotary frequencies", "rotary frequencies as made"];
        for name in names.into_iter().take(if shared { 1 } else { 2 }) {
            for (channels, count) in rotated_channels(architecture, tables) {
                let shape = Shape::new(&[Dim { symbol: "d/2", size: channels.div_ceil(2) }]);
                let mut frequencies = plain(name, Place::Embedding, shape, 32, alive, PARAMETERS)?;
                (frequencies.count, frequencies.bytes) = (count, frequencies.bytes.checked_mul(count)?);
                entries.push(frequencies);
            }
        }
    }
    if let Some(bits) = embedding_scale {
        let mut scale = plain("embedding scale", Place::Embedding, Shape::new(&[]), 8, alive, PARAMETERS)?;
        // A table of vectors for each layer has one too.
        scale.count = if architecture.per_layer_inputs.is_some() { 2 } else { 1 };
        (scale.bits, scale.bytes) = (bits, bits.bytes(1)?.checked_mul(scale.count)?);
        entries.push(scale);
    }
    Ok(entries)
}

/// The channels that tables of rotations turn, and how many have so many: two kinds of layers may turn different ones.
fn rotated_channels(architecture: &Architecture, tables: u64) -> Vec<(u64, u64)> {
    let of_kind = |windowed: bool| {
        let layers = architecture.attentions().filter(|attention| attention.sliding_window.is_some() == windowed);
        layers.map(|attention| attention.rotary_dim).max()
    };
    match [of_kind(true), of_kind(false)] {
        [Some(with), Some(without)] if tables == 2 && with != without => vec![(with, 1), (without, 1)],
        _ => vec![(architecture.rotary_dim(), tables)],
    }
}

/// Buffers of older modelling code: BERT's numbers and types of positions, in each layer GPT-J's table of sines and cosines or the causal mask of GPT-Neo
/// and of earlier GPT-2, in the model GPT-BigCode's causal mask. `bits` are those of numbers that have the type of the model.
pub(crate) fn layer_buffers(
    architecture: &Architecture,
    code: &Implementation,
    bits: Bits,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::new();
    let numbered = matches!(code.positions, PositionCode::FromBuffer | PositionCode::FromTokens);
    if numbered && architecture.encoder.is_some() {
        let rows = architecture.max_position_embeddings + architecture.unused_positions;
        let shape = Shape::new(&[Dim { symbol: "", size: rows }]);
        let types = architecture.encoder.is_some_and(|encoder| encoder.token_types.is_some());
        for name in ["position ids"].into_iter().chain(types.then_some("token type ids")) {
            entries.push(plain(name, Place::Embedding, shape, 64, alive, PARAMETERS)?);
        }
    }
    for (index, group) in architecture.groups.iter().enumerate() {
        let compressed = group.layer.attention().and_then(|attention| attention.variant.compressed);
        let Some(compressed) = compressed.filter(|it| it.rate.is_some()) else { continue };
        let four =
            Shape::new(&[Dim { symbol: "", size: 4 }, Dim { symbol: "r/2", size: architecture.rotary_dim() / 2 }]);
        let place = place(architecture, index);
        let mut entry = plain("rotary frequencies of the compressor", place, four, 32, alive, PARAMETERS)?;
        entry.count = group.layers.checked_mul(compressed.series()).ok_or(Overflow)?;
        entry.bytes = entry.bytes.checked_mul(entry.count)?;
        entries.push(entry);
    }
    for (index, group) in architecture.groups.iter().enumerate() {
        let alternates = group.layer.variant.streams.is_some();
        let scales = [(code.scales_layers, "scale of the layer's output"), (alternates, "scale of the router's input")];
        for (_, name) in scales.into_iter().filter(|(has, _)| *has) {
            let one = Shape::new(&[Dim { symbol: "", size: 1 }]);
            let mut entry = plain(name, place(architecture, index), one, 8, alive, PARAMETERS)?;
            (entry.bits, entry.count) = (bits, group.layers);
            entry.bytes = bits.bytes(1)?.checked_mul(group.layers)?;
            entries.push(entry);
        }
    }
    if architecture.streams.is_some() && architecture.per_layer_inputs.is_some() {
        let mut entry = plain("scales of per-layer inputs", Place::Embedding, Shape::new(&[]), 8, alive, PARAMETERS)?;
        (entry.bits, entry.count) = (bits, 2);
        entry.bytes = bits.bytes(1)?.checked_mul(entry.count)?;
        entries.push(entry);
    }
    for (index, group) in architecture.groups.iter().enumerate().filter(|_| code.frequencies_in_layers) {
        let Some(attention) = group.layer.attention() else { continue };
        let shape = Shape::new(&[Dim { symbol: "d/2", size: attention.rotary_dim.div_ceil(2) }]);
        let place = place(architecture, index);
        let mut entry = plain("rotary frequencies", place, shape, 32, alive, PARAMETERS)?;
        (entry.count, entry.bytes) = (group.layers, entry.bytes.checked_mul(group.layers)?);
        entries.push(entry);
    }
    let positions = Dim { symbol: "", size: architecture.max_position_embeddings };
    for (index, group) in architecture.groups.iter().enumerate() {
        let Some(attention) = group.layer.attention().filter(|_| code.tables == TableCode::Gathered) else { continue };
        let shape = Shape::new(&[positions, Dim { symbol: "d", size: attention.rotary_dim }]);
        let place = place(architecture, index);
        let mut entry = plain("rotary table", place, shape, 32, alive, PARAMETERS)?;
        (entry.count, entry.bytes) = (group.layers, entry.bytes.checked_mul(group.layers)?);
        entries.push(entry);
    }
    let square = Shape::new(&[positions, positions]);
    if matches!(code.scores, ScoreCode::Chosen | ScoreCode::DividedThenChosen) {
        for (index, group) in architecture.groups.iter().enumerate() {
            let place = place(architecture, index);
            let mut entry = plain("causal mask", place, square, 8, alive, PARAMETERS)?;
            (entry.count, entry.bytes) = (group.layers, entry.bytes.checked_mul(group.layers)?);
            entries.push(entry);
            if code.scores == ScoreCode::DividedThenChosen {
                let mut entry = plain("lowest score", place, Shape::new(&[]), 8, alive, PARAMETERS)?;
                (entry.bits, entry.count, entry.bytes) =
                    (bits, group.layers, bits.bytes(1)?.checked_mul(group.layers)?);
                entries.push(entry);
            }
        }
    }
    let tables = architecture.seq2seq.iter().flat_map(|seq2seq| seq2seq.positions);
    for _ in tables.filter(|table| *table == PositionTable::Buffer) {
        let rows = Dim { symbol: "", size: architecture.max_position_embeddings + architecture.unused_positions };
        let shape = Shape::new(&[rows, Dim { symbol: "h", size: architecture.hidden_size }]);
        let mut entry = plain(SINES_OF_POSITIONS, Place::Embedding, shape, 8, alive, PARAMETERS)?;
        (entry.bits, entry.bytes) = (bits, bits.bytes(shape.elements()?)?);
        entries.push(entry);
    }
    if architecture.seq2seq.is_some_and(|seq2seq| seq2seq.logits_bias) {
        let row = Shape::new(&[Dim { symbol: "", size: 1 }, Dim { symbol: "V", size: architecture.vocab_size }]);
        let mut entry = plain("final logits bias", Place::Head, row, 8, alive, PARAMETERS)?;
        (entry.bits, entry.bytes) = (bits, bits.bytes(architecture.vocab_size)?);
        entries.push(entry);
    }
    if code.fused_projection == FusedProjection::SplitByHeads {
        entries.push(plain("causal mask", Place::Embedding, square, 8, alive, PARAMETERS)?);
    }
    Ok(entries)
}

/// The buffers that correct a router's choice, one for each layer that has one, or the tables that make it.
pub(crate) fn correction_biases(architecture: &Architecture, bits: Bits, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::new();
    for (index, group) in architecture.groups.iter().enumerate() {
        let FeedForward::Experts(experts) = &group.layer.feed_forward else { continue };
        if experts.looked_up {
            let rows = Dim { symbol: "V", size: architecture.vocab_size };
            let shape = Shape::new(&[rows, Dim { symbol: "e", size: experts.per_token }]);
            let place = place(architecture, index);
            let mut entry = plain("router.experts of each token", place, shape, 64, alive, PARAMETERS)?;
            (entry.count, entry.bytes) = (group.layers, entry.bytes.checked_mul(group.layers)?);
            entries.push(entry);
        }
        if !experts.correction_bias {
            continue;
        }
        let shape = Shape::new(&[Dim { symbol: "E", size: experts.count }]);
        let place = place(architecture, index);
        let mut entry = plain("router.correction bias", place, shape, 8, alive, PARAMETERS)?;
        (entry.bits, entry.count) = (bits, group.layers);
        entry.bytes = bits.bytes(experts.count)?.checked_mul(group.layers)?;
        entries.push(entry);
    }
    Ok(entries)
}

/// The two constants of each learned activation function.
pub(crate) fn activation_constants(
    architecture: &Architecture,
    bits: Bits,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::new();
    for (index, group) in architecture.groups.iter().enumerate() {
        let FeedForward::Dense(mlp) = &group.layer.feed_forward else { continue };
        if mlp.activation != Activation::Xielu {
            continue;
        }
        let shape = Shape::new(&[Dim { symbol: "", size: 2 }]);
        let place = place(architecture, index);
        let mut entry = plain("mlp.activation constants", place, shape, 8, alive, PARAMETERS)?;
        (entry.bits, entry.count) = (bits, group.layers);
        entry.bytes = bits.bytes(2)?.checked_mul(group.layers)?;
        entries.push(entry);
    }
    Ok(entries)
}

/// What a gradient scaler keeps for fp16: its scale, when it last grew, whether a gradient overflowed, and the scaled
/// loss.
pub(crate) fn gradient_scaler(alive: Alive) -> Result<Entry, Overflow> {
    let shape = Shape::new(&[Dim { symbol: "", size: 4 }]);
    let entry = plain("gradient scaler", Place::Loss, shape, 32, alive, "torch.amp.GradScaler of PyTorch 2.15, read")?;
    let exactness = Exactness::Estimated { low: Bytes::new(8), high: entry.bytes };
    Ok(Entry { exactness, ..entry })
}

/// A standing entry of the workspace.
pub(crate) fn plain(
    name: &'static str,
    place: Place,
    shape: Shape,
    bits: u32,
    alive: Alive,
    source: &'static str,
) -> Result<Entry, Overflow> {
    let bits = Bits::whole(bits);
    Ok(Entry {
        category: Category::Workspace,
        name: Cow::Borrowed(name),
        place,
        shape,
        bits,
        count: 1,
        divided: Division::NONE,
        bytes: bits.bytes(shape.elements()?)?,
        lifetime: Lifetime::Persistent,
        alive,
        exactness: Exactness::Exact,
        source,
        origin: Origin::Shapes,
    })
}
