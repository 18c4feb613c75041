//! What a layer caches: of each token, and beside that of many together.

use std::borrow::Cow;

use crate::ledger::{Alive, Category, Division, Entry, Exactness, Held, Lifetime, Origin, Place};
use crate::model::architecture::{Attention, Compressed, KeyValues};
use crate::shape::{Dim, Shape};
use crate::units::{Bits, Overflow};

/// Where it is known from what a cache takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    words: &'static str,
    origin: Origin,
}

impl Source {
    /// Read off code or formats.
    pub(crate) const fn read(words: &'static str) -> Self {
        Self { words, origin: Origin::Shapes }
    }

    /// Measured in one version.
    pub(crate) const fn measured(words: &'static str) -> Self {
        Self { words, origin: Origin::Measured(Held::No) }
    }
}

/// Where the cache of attention over compressed tokens is read.
pub(crate) const READ: Source = Source::read("DeepSeek-V4's cache layers of Transformers 5.23, read");

pub(crate) const TWO: Dim = Dim { symbol: "", size: 2 };

/// What a layer caches of each token: heads and their width. Latent attention caches what it expands from; a layer that
/// reads the keys and values of an earlier one caches nothing.
pub(crate) fn cached(attention: &Attention) -> Vec<(&'static str, Dim, Dim)> {
    if attention.variant.key_values == KeyValues::Earlier {
        return Vec::new();
    }
    let one = Dim { symbol: "", size: 1 };
    if attention.variant.compressed.is_some() {
        return vec![("keys that are values", one, Dim { symbol: "d", size: attention.head_dim })];
    }
    let kv_heads = Dim { symbol: "k", size: attention.cached_heads() };
    let mut cached = match attention.latent {
        None => vec![
            ("keys", kv_heads, Dim { symbol: "d", size: attention.head_dim }),
            ("values", kv_heads, Dim { symbol: "d", size: attention.value_head_dim() }),
        ],
        Some(latent) => vec![
            ("compressed keys and values", one, Dim { symbol: "r_kv", size: latent.kv_rank }),
            ("rotated part of keys", one, Dim { symbol: "r", size: latent.rope_head_dim }),
        ],
    };
    if let Some(indexer) = attention.variant.indexer {
        cached.push(("keys of the indexer", one, Dim { symbol: "d_i", size: indexer.head_dim }));
    }
    cached
}

/// What is kept beside the window when each sequence has so many tokens: a compressed token for every so many, keys and
/// gates of those that are not compressed yet, and of the last ones that were, where the next overlap them.
pub(crate) fn compressed(attention: &Attention, batch: u64, tokens: u64) -> Vec<(&'static str, [Dim; 4])> {
    let Some((compressed, rate)) = attention.variant.compressed.and_then(|it| Some((it, it.rate?))) else {
        return Vec::new();
    };
    let b = Dim { symbol: "b", size: batch };
    let one = Dim { symbol: "", size: 1 };
    let (full, rest) = (Dim { symbol: "s/m", size: tokens / rate }, Dim { symbol: "", size: tokens % rate });
    let last = Dim { symbol: "m", size: if tokens < rate { 0 } else { rate } };
    let mut kept = Vec::new();
    for (names, width) in widths(attention, compressed) {
        let [compressed_name, waiting, overlapping] = names;
        let single = Dim { symbol: "d", size: width };
        let series = Dim { symbol: "d", size: compressed.series() * width };
        kept.push((compressed_name, [one, b, full, single]));
        kept.push((waiting, [TWO, b, rest, series]));
        if compressed.series() > 1 {
            kept.push((overlapping, [TWO, b, last, single]));
        }
    }
    kept.retain(|(_, dims)| dims.iter().all(|dim| dim.size > 0));
    kept
}

/// The names of what the compressor and the indexer keep, and the width of their keys.
pub(crate) fn widths(attention: &Attention, compressed: Compressed) -> Vec<([&'static str; 3], u64)> {
    let names = ["compressed keys", "keys and gates to compress", "keys and gates that overlap"];
    let mut widths = vec![(names, attention.head_dim)];
    if let Some(indexer) = compressed.indexer {
        let names =
            ["compressed keys of the indexer", "indexer's keys and gates to compress", "indexer's that overlap"];
        widths.push((names, indexer.head_dim));
    }
    widths
}

/// An entry of a cache that stands in so many layers.
pub(crate) fn entry(
    name: Cow<'static, str>,
    place: Place,
    layers: u64,
    (shape, bits): (Shape, Bits),
    alive: Alive,
    source: Source,
) -> Result<Entry, Overflow> {
    Ok(Entry {
        category: Category::KvCache,
        name,
        place,
        shape,
        bits,
        count: layers,
        divided: Division::NONE,
        bytes: bits.bytes(shape.elements()?)?.checked_mul(layers)?,
        lifetime: Lifetime::Persistent,
        alive,
        exactness: Exactness::Exact,
        source: source.words,
        origin: source.origin,
    })
}
