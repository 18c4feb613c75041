//! The weights of a served model: in a plain type, or quantized.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::allocator::{Laid, laid};
use crate::ledger::{Alive, Category, Entry, EstimateError, Exactness, Origin, Overhead, Place};
use crate::model::architecture::{MOST_LAYERS, Method};
use crate::model::parameters::{BlockParameters, Role, Tensor, blocks};
use crate::model::part::Part;
use crate::model::stored::FileFormat;
use crate::model::{Architecture, Model};
use crate::scenario::profile::Serving;
use crate::shape::{Dim, Shape};

use crate::states::file;
use crate::states::quantized::{self, Format, Kernel};
use crate::states::shard::Shards;
use crate::states::weights::{self, Set};
use crate::tape::Dtype;
use crate::units::{Bits, Bytes, Overflow};

const TABLES: &str = "rotary embedding of each layer, whose tables are buffers";
const BUFFER: &str = "AutoGPTQ's ExLlama kernel: a buffer of the largest quantized matrix, unpacked";
const COPY: &str = "fp8 checkpoints of models with a tied head: the loaded model has the matrix twice";
const BLOCKS: &str = "PyTorch's caching allocator: blocks of which less than 1 MiB would be left are not split";

/// How a model's weights are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    /// The type of what is not quantized, and of arithmetic.
    pub(crate) plain: Dtype,
    format: Option<Format>,
    /// Whether they are as the files have them that the model was opened from.
    in_files: bool,
}

impl Stored {
    /// What a word of `infer.weights` means for a model.
    pub(crate) fn of(model: &Model, word: &str) -> Result<Self, EstimateError> {
        const KEY: &str = "infer.weights";
        if word == "native" && is_in_files(model) {
            let wide = model.architecture.checkpoint.as_ref().is_some_and(|own| own.word == "fp32");
            let plain = if wide { Dtype::Fp32 } else { Dtype::Bf16 };
            return Ok(Self { plain, format: None, in_files: true });
        }
        let (word, own) = if word == "native" { native(model)? } else { (word, None) };
        let plain = if word == "fp32" { Dtype::Fp32 } else { Dtype::Bf16 };
        if matches!(word, "fp32" | "bf16" | "fp16") {
            return Ok(Self { plain, format: None, in_files: false });
        }
        let Some(format) = own.or_else(|| Format::of_word(word)) else {
            let covered = String::from("formats whose layout is known for this model's family");
            return Err(EstimateError::NotCovered { key: KEY, value: word.to_owned(), covered });
        };
        format.check(model, KEY, word)?;
        Ok(Self { plain, format: Some(format), in_files: false })
    }

    /// Whether they are an AWQ checkpoint's.
    pub(crate) fn is_awq(&self, architecture: &Architecture) -> bool {
        self.method(architecture) == Some(Method::Awq)
    }

    fn method(&self, architecture: &Architecture) -> Option<Method> {
        self.format?.method(architecture)
    }

    /// How they are quantized, where they are.
    pub(crate) const fn format(&self) -> Option<Format> {
        self.format
    }

    /// Whether it is known in which order they come to the card.
    pub(crate) const fn is_played(&self) -> bool {
        !self.in_files && matches!(self.format, None | Some(Format::FourBits(_)))
    }

    /// How matrix products read the weights.
    pub(crate) fn kernel(&self, architecture: &Architecture) -> Option<Kernel> {
        self.format?.kernel(architecture)
    }

    /// The weights and what stands beside them as long as the model does.
    pub(crate) fn parameters(
        &self,
        model: &Model,
        serving: Serving,
        alive: Alive,
    ) -> Result<Vec<Entry>, EstimateError> {
        let architecture = &model.architecture;
        let bits = Bits::whole(self.plain.bits());
        let set = Set { architecture, blocks: &blocks(architecture), bits, copies: bits, shards: Shards::Whole };
        let in_files = model.stored.as_deref().filter(|_| self.in_files);
        let mut entries = match (in_files, self.format) {
            (Some(stored), _) => file::parameters(stored, alive)?,
            (None, Some(format)) => quantized::parameters(&set, format, alive)?,
            (None, None) => set.parameters(alive)?,
        };
        if architecture.mixed_streams.is_some() && in_files.is_none() {
            widen(&mut entries, set.blocks)?;
        }
        let method = self.method(architecture);
        if method == Some(Method::FineGrainedFp8) && serving.unties_fp8_head && architecture.tie_word_embeddings {
            entries.extend(second_head(&entries));
        }
        if serving.tables_in_layers {
            entries.extend(tables(architecture, self.plain, alive)?);
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
}

/// Whether what a model was opened from says what its weights take: a GGUF file does, and safetensors where nothing else is
/// known of how they are quantized. Of the others it is known what Transformers makes of them as they are loaded.
fn is_in_files(model: &Model) -> bool {
    let Some(stored) = model.stored.as_deref() else { return false };
    match stored.format {
        FileFormat::Gguf => true,
        FileFormat::Safetensors => model.architecture.checkpoint.is_none(),
    }
}

/// The word for the type that a model was published in, and the format where that is more than the word says.
fn native(model: &Model) -> Result<(&'static str, Option<Format>), EstimateError> {
    let found = model.architecture.checkpoint.as_ref();
    let found = found.map(|own| (own.word, own.scheme.map(|_| Format::Checkpoint)));
    found.ok_or_else(|| {
        let id = &model.id;
        let problem = match &model.card.quantization {
            Some(found) => format!("`native`, but {id} was published as {found}, whose layout is not covered"),
            None => format!("`native`, but {id} does not say in which type it was published (torch_dtype)"),
        };
        EstimateError::Invalid { key: "infer.weights", problem }
    })
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
    match places(entries).into_iter().map(|(_, layers)| layers).max() {
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
    for codes in [true, false] {
        for (place, layers) in places(entries) {
            let here = |entry: &&&Entry| entry.place == place && is_code(entry) == codes;
            for _ in 0..layers {
                let runs = entries.iter().filter(here);
                moved.extend(runs.map(|entry| (entry.bytes.get() / entry.count, entry.count / layers)));
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

/// Each place once, with how many layers it has.
fn places(entries: &[&Entry]) -> Vec<(Place, u64)> {
    let mut places: Vec<(Place, u64)> = Vec::with_capacity(8);
    for entry in entries {
        let layers = match entry.place {
            Place::Layers(first, last) => last + 1 - first,
            _ => 1,
        };
        if places.iter().all(|(known, _)| *known != entry.place) {
            places.push((entry.place, layers));
        }
    }
    places
}
