//! Keys and values of every token, layer by layer, and what growing them takes.

use std::borrow::Cow;

use crate::layers::in_window;
use crate::ledger::{Alive, Category, Entry, EstimateError, Exactness, Instant, Lifetime, Place};
use crate::model::Model;
use crate::model::architecture::{Attention, KeyValues};
use crate::scenario::Infer;
use crate::shape::{Dim, Shape};
use crate::states::cache::{READ, Source, cached, compressed, entry};
use crate::states::weights::places;
use crate::tape::Dtype;
use crate::units::{Bits, Bytes, Overflow};

/// What a cache in the type of the arithmetic was measured in.
pub(crate) const MEASURED: Source = Source::measured("DynamicCache of Transformers 5.23, measured");
const FP8: Source = Source::read("8-bit floats without scales of their own, as vLLM keeps them");
const INT8: Source =
    Source::read("Qwen-7B's cache quantization: codes, and a scale and a zero for each head and token");
const BLOCKS: Source = Source::read("block formats of ggml");
const SAMPLER: Source = Source::read("generation loop of Transformers 5.23, sampling, read");
const AWQ_TABLES: Source =
    Source::read("figures of the Qwen3 page: 512 B a token and layer more than is otherwise explained, inferred");
/// Tokens for which the tables of AWQ layers are made at least.
const SHORTEST_TABLES: u64 = 2048;

/// The types that a cache is described in.
const TYPES: [&str; 7] = ["fp32", "bf16", "fp16", "fp8", "int8", "q8_0", "q4_0"];

/// An error for a type that engines alone cache in.
pub(super) fn check_type(word: &str) -> Result<(), EstimateError> {
    if TYPES.contains(&word) {
        return Ok(());
    }
    let (value, covered) = (word.to_owned(), format!("{}, under transformers", TYPES.join(", ")));
    Err(EstimateError::NotCovered { key: "infer.kv_cache", value, covered })
}

/// The cache of a run.
pub(crate) struct Cache<'a> {
    pub(crate) model: &'a Model,
    pub(crate) infer: &'a Infer,
    /// Tokens of each sequence in one forward pass.
    pub(crate) prompt: u64,
    /// Tokens of its images, which some layers cache in their place.
    pub(crate) images: u64,
    /// The type of arithmetic.
    pub(crate) compute: Dtype,
}

impl Cache<'_> {
    /// Bits of an element, and where that is read.
    fn format(&self) -> (Bits, Source) {
        match self.infer.kv_cache.as_str() {
            "fp32" => (Bits::whole(32), MEASURED),
            "fp8" => (Bits::whole(8), FP8),
            "int8" => (Bits::whole(8), INT8),
            "q8_0" => (Bits::block(34, 32), BLOCKS),
            "q4_0" => (Bits::block(18, 32), BLOCKS),
            _ => (Bits::whole(16), MEASURED),
        }
    }

    fn b(&self) -> Dim {
        Dim { symbol: "b", size: self.infer.concurrency }
    }

    /// The cache when each sequence has so many tokens; a sliding window keeps one token less than its length.
    pub(crate) fn entries(&self, context: u64, alive: Alive) -> Result<Vec<Entry>, Overflow> {
        let (bits, source) = self.format();
        let mut entries = Vec::new();
        for (place, layers, attention) in self.layers() {
            // What a tower gave is cached once, whatever the sequence; where there are no images, nothing is.
            let tokens = match of_tower(attention) {
                true if self.images == 0 => continue,
                true => Dim { symbol: "n", size: self.images },
                false => Dim { symbol: "s", size: kept(attention, context) },
            };
            for (name, heads, width) in cached(attention) {
                let shape = Shape::new(&[self.b(), heads, tokens, width]);
                entries.push(entry(Cow::Borrowed(name), place, layers, (shape, bits), alive, source)?);
                if self.infer.kv_cache == "int8" {
                    let pair = Dim { symbol: "", size: 2 };
                    let shape = Shape::new(&[self.b(), heads, tokens, pair]);
                    let name = format!("{name}.scale and zero").into();
                    entries.push(entry(name, place, layers, (shape, Bits::whole(16)), alive, source)?);
                }
            }
            for (name, dims) in compressed(attention, self.infer.concurrency, context) {
                let shape = Shape::new(&dims);
                entries.push(entry(Cow::Borrowed(name), place, layers, (shape, bits), alive, READ)?);
            }
        }
        Ok(entries)
    }

    /// Each group of layers that has attention: where, how many, and what kind.
    pub(crate) fn layers(&self) -> impl Iterator<Item = (Place, u64, &Attention)> {
        let places = places(&self.model.architecture);
        places.filter_map(|(group, place)| Some((place, group.layers, group.layer.attention()?)))
    }

    /// What lies in storage behind a window that shows less after a pass over so many tokens after so many others: the
    /// whole prompt until the next step, and from then on the token that has just left.
    pub(crate) fn behind_windows(&self, instant: Instant, pass: [u64; 2]) -> Result<Vec<Entry>, Overflow> {
        let [before, read] = pass;
        let (bits, source) = self.format();
        let mut entries = Vec::new();
        let windowed = |attention: &Attention| attention.latent.is_none() && !of_tower(attention);
        for (place, layers, attention) in self.layers().filter(|(_, _, attention)| windowed(attention)) {
            let tokens = kept(attention, before) + read - kept(attention, before + read);
            if tokens == 0 {
                continue;
            }
            let dim = Dim { symbol: "s", size: tokens };
            for (name, heads, width) in cached(attention) {
                let shape = Shape::new(&[self.b(), heads, dim, width]);
                let name = format!("{name} that have left the window").into();
                let hidden = entry(name, place, layers, (shape, bits), Alive::at([instant]), source)?;
                entries.push(Entry { category: Category::Workspace, lifetime: Lifetime::Transient, ..hidden });
            }
        }
        Ok(entries)
    }

    /// Latent attention expands one layer's cache at a time to keys and values of every head.
    pub(crate) fn expansion(&self) -> Result<Option<Entry>, Overflow> {
        let mut attentions = self.model.architecture.attentions();
        let Some((attention, latent)) = attentions.find_map(|it| Some((it, it.latent?))) else { return Ok(None) };
        let width = 2 * latent.nope_head_dim + latent.value_head_dim + latent.rope_head_dim;
        let shape = Shape::new(&[
            self.b(),
            Dim { symbol: "a", size: attention.heads },
            Dim { symbol: "s", size: self.infer.context_length },
            Dim { symbol: "(2n+v+r)", size: width },
        ]);
        let bits = Bits::whole(self.compute.bits());
        let name = Cow::Borrowed("keys and values of one layer, expanded");
        let alive = Alive::at([Instant::Decode]);
        let source = Source::read("latent attention of Transformers 5.23, read");
        let expanded = entry(name, Place::Model, 1, (shape, bits), alive, source)?;
        Ok(Some(Entry {
            category: Category::Workspace,
            lifetime: Lifetime::Transient,
            // Read from the code, never measured.
            exactness: Exactness::Estimated { low: Bytes::ZERO, high: expanded.bytes },
            ..expanded
        }))
    }

    /// A new token is concatenated to one layer's keys and values at a time, while the old ones are still there.
    pub(crate) fn concatenation(&self) -> Result<Option<Entry>, Overflow> {
        let layers = self.entries(self.infer.context_length, Alive::at([Instant::Decode]))?;
        let Some(largest) = layers.iter().max_by_key(|entry| entry.bytes.get() / entry.count) else { return Ok(None) };
        Ok(Some(Entry {
            category: Category::Workspace,
            name: Cow::Borrowed("keys and values of one layer, concatenated"),
            count: 2,
            bytes: Bytes::new(largest.bytes.get() / largest.count).checked_mul(2)?,
            lifetime: Lifetime::Transient,
            ..largest.clone()
        }))
    }
}

impl Cache<'_> {
    /// What the sampling loop's variables hold from token to token: the last logits in fp32, the processed scores and
    /// the probabilities.
    pub(crate) fn sampler(&self, alive: Alive) -> Result<Vec<Entry>, Overflow> {
        let vocabulary = Dim { symbol: "V", size: self.model.architecture.vocab_size };
        let shape = Shape::new(&[self.b(), vocabulary]);
        let names = ["logits of the last token in fp32", "scores of the last token", "probabilities of the last token"];
        let vector = |name| entry(Cow::Borrowed(name), Place::Head, 1, (shape, Bits::whole(32)), alive, SAMPLER);
        let all = names.into_iter().map(vector);
        all.map(|found| found.map(|found| Entry { category: Category::Logits, ..found })).collect()
    }

    /// What AWQ models take for each token of the prompt in each layer beyond everything that is known.
    pub(crate) fn awq_tables(&self, alive: Alive) -> Result<Vec<Entry>, Overflow> {
        let tokens = Dim { symbol: "s", size: self.prompt.max(SHORTEST_TABLES) };
        let tables = self.layers().map(|(place, layers, attention)| {
            let width = Dim { symbol: "2d", size: 2 * attention.head_dim };
            let shape = Shape::new(&[self.b(), tokens, width]);
            let name = Cow::Borrowed("tables of an AWQ layer");
            let found = entry(name, place, layers, (shape, Bits::whole(16)), alive, AWQ_TABLES)?;
            let exactness = Exactness::Estimated { low: Bytes::ZERO, high: found.bytes };
            Ok(Entry { category: Category::Workspace, exactness, ..found })
        });
        tables.collect()
    }
}

/// Whether a layer caches what a tower gave.
fn of_tower(attention: &Attention) -> bool {
    attention.variant.key_values == KeyValues::OfTower
}

/// Tokens of a sequence that a layer keeps.
fn kept(attention: &Attention, tokens: u64) -> u64 {
    in_window(attention.sliding_window, tokens)
}
