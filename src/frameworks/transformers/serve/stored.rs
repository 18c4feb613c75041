//! The weights of a served model: in a plain type, or quantized.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::allocator::{Laid, laid};
use crate::ledger::{Alive, Category, Entry, EstimateError, Exactness, Origin, Overhead, Place};
use crate::model::architecture::{MOST_LAYERS, Method};
use crate::model::parameters::{BlockParameters, Role, Tensor, blocks};
use crate::model::part::Part;
use crate::model::{Architecture, Model};
use crate::scenario::profile::Serving;
use crate::shape::{Dim, Shape};
use crate::states::shard::Shards;
use crate::states::stored::Stored;
use crate::states::weights::{self, Set};
use crate::tape::Dtype;
use crate::units::{Bits, Bytes, Overflow};

const TABLES: &str = "rotary embedding of each layer, whose tables are buffers";
const BUFFER: &str = "AutoGPTQ's ExLlama kernel: a buffer of the largest quantized matrix, unpacked";
const COPY: &str = "fp8 checkpoints of models with a tied head: the loaded model has the matrix twice";
const BLOCKS: &str = "PyTorch's caching allocator: blocks of which less than 1 MiB would be left are not split";

/// The weights and what stands beside them as long as the model does.
pub(super) fn parameters(
    stored: &Stored,
    model: &Model,
    serving: Serving,
    alive: Alive,
) -> Result<Vec<Entry>, EstimateError> {
    let architecture = &model.architecture;
    let bits = Bits::whole(stored.plain.bits());
    let set = Set { architecture, blocks: &blocks(architecture), bits, copies: bits, shards: Shards::Whole };
    let mut entries = stored.entries(model, &set, alive)?;
    if architecture.mixed_streams.is_some() && !stored.in_files {
        widen(&mut entries, set.blocks)?;
    }
    let method = stored.method(architecture);
    if method == Some(Method::FineGrainedFp8) && serving.unties_fp8_head && architecture.tie_word_embeddings {
        entries.extend(second_head(&entries));
    }
    if serving.tables_in_layers {
        entries.extend(tables(architecture, stored.plain, alive)?);
    }
    if method == Some(Method::Gptq) && serving.exllama_buffer {
        entries.extend(unpacking_buffer(&entries)?);
    }
    // The block that is made ready is for parameters.
    let alone: Vec<&Entry> =
        entries.iter().filter(|entry| !serving.loads_in_one_block || entry.origin == Origin::Buffer).collect();
    if !alone.is_empty() {
        check_depth(&alone)?;
        let rest = remainders(&alone, alive)?;
        entries.push(rest);
    }
    Ok(entries)
}

/// DeepSeek-V4's class keeps norms, sinks, biases of positions and what mixes streams in fp32, whatever the rest is in.
fn widen(entries: &mut [Entry], blocks: &[BlockParameters]) -> Result<(), Overflow> {
    let kept = |tensor: &&Tensor| {
        let streams = [Part::AttentionStreams, Part::FeedForwardStreams, Part::FinalStreams];
        let scales = [Part::AttentionStreamScales, Part::FeedForwardStreamScales, Part::FinalStreamScales];
        let others = [Part::CompressorPositionBias, Part::IndexerPositionBias, Part::Sinks];
        tensor.role == Role::Norm || streams.iter().chain(&scales).chain(&others).any(|part| *part == tensor.part)
    };
    let kept: HashSet<&str> = blocks.iter().flat_map(|block| &block.tensors).filter(kept).map(Tensor::name).collect();
    let wide = Bits::whole(Dtype::Fp32.bits());
    for entry in entries.iter_mut().filter(|entry| entry.bits != wide && kept.contains(&*entry.name)) {
        entry.bits = wide;
        entry.bytes = wide.bytes(entry.shape.elements()?)?.checked_mul(entry.count)?;
    }
    Ok(())
}

fn second_head(entries: &[Entry]) -> Option<Entry> {
    let table = entries.iter().find(|entry| entry.place == Place::Embedding)?;
    let name = Cow::Borrowed("head.weight, a copy of the embedding");
    Some(Entry { name, place: Place::Head, source: COPY, ..table.clone() })
}

fn persistent(name: &'static str, place: Place, shape: Shape, dtype: Dtype, alive: Alive) -> Result<Entry, Overflow> {
    weights::plain(name, place, shape, dtype.bits(), alive, "")
}

/// Cosines and sines of every layer, for the longest sequence that the model was made for.
fn tables(architecture: &Architecture, dtype: Dtype, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::with_capacity(architecture.groups.len());
    let mut first = 0;
    for group in &architecture.groups {
        let place = Place::Layers(first, first + group.layers - 1);
        first += group.layers;
        let Some(attention) = group.layer.attention() else { continue };
        let rows = Dim { symbol: "", size: architecture.max_position_embeddings };
        let shape = Shape::new(&[rows, Dim { symbol: "d", size: attention.rotary_dim }]);
        let one = persistent("rotary cosines and sines", place, shape, dtype, alive)?;
        let count = group.layers.checked_mul(2).ok_or(Overflow)?;
        entries.push(Entry { count, bytes: one.bytes.checked_mul(count)?, source: TABLES, ..one });
    }
    Ok(entries)
}

fn unpacking_buffer(entries: &[Entry]) -> Result<Option<Entry>, Overflow> {
    let mut largest: Option<(u64, &Entry)> = None;
    for entry in entries.iter().filter(|entry| entry.bits == Bits::whole(4)) {
        let elements = entry.shape.elements()?;
        if largest.is_none_or(|(most, _)| elements > most) {
            largest = Some((elements, entry));
        }
    }
    let Some((_, entry)) = largest else { return Ok(None) };
    let name = "buffer for an unpacked matrix";
    let buffer = persistent(name, Place::Model, entry.shape, Dtype::Bf16, entry.alive)?;
    Ok(Some(Entry { source: BUFFER, ..buffer }))
}

/// Tensors are laid out one by one, which no model of absurd depth should make anyone wait for.
fn check_depth(entries: &[&Entry]) -> Result<(), EstimateError> {
    match by_place(entries).into_iter().map(|(layers, _)| layers).max() {
        Some(layers) if layers > MOST_LAYERS => {
            let problem =
                format!("{layers} equal layers; at most {MOST_LAYERS} are laid out in the allocator's blocks");
            Err(EstimateError::Invalid { key: "model", problem })
        }
        _ => Ok(()),
    }
}

/// What the allocator gives to weights beyond what they ask for, where each is moved by itself: 32-bit codes first, as
/// safetensors files have them, layer by layer.
fn remainders(entries: &[&Entry], alive: Alive) -> Result<Entry, Overflow> {
    let mut moved = Vec::new();
    let is_code = |entry: &Entry| entry.bits != Bits::whole(16);
    let places = by_place(entries);
    for codes in [true, false] {
        for (layers, here) in &places {
            let runs = here.iter().filter(|entry| is_code(entry) == codes);
            let of_layer: Vec<_> = runs.map(|it| (it.bytes.get() / it.count, it.count / layers)).collect();
            for _ in 0..*layers {
                moved.extend_from_slice(&of_layer);
            }
        }
    }
    let name = "rest of the weights' blocks (inside PyTorch's allocator)";
    let Laid { requested, allocated } = laid(moved).ok_or(Overflow)?;
    let bytes = Bytes::new(allocated - requested);
    let entry = persistent(name, Place::Runtime(Overhead::Blocks), Shape::new(&[]), Dtype::Bool, alive)?;
    let exactness = Exactness::Estimated { low: Bytes::ZERO, high: bytes };
    Ok(Entry { category: Category::Runtime, bytes, exactness, source: BLOCKS, ..entry })
}

/// The entries of each place, with how many layers it has.
fn by_place<'a>(entries: &[&'a Entry]) -> Vec<(u64, Vec<&'a Entry>)> {
    let mut places: Vec<(u64, Vec<&Entry>)> = Vec::with_capacity(8);
    for entry in entries {
        let is_here = |(_, here): &&mut (u64, Vec<&Entry>)| here[0].place == entry.place;
        // Those of a place mostly stand together.
        if let Some((_, here)) = places.iter_mut().rev().find(is_here) {
            here.push(entry);
        } else {
            let layers = if let Place::Layers(first, last) = entry.place { last + 1 - first } else { 1 };
            places.push((layers, vec![entry]));
        }
    }
    places
}
