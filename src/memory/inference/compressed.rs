//! The cache of attention over compressed tokens, and what growing it takes.

use std::borrow::Cow;

use super::super::category::Category;
use super::super::entry::{Alive, Dim, Entry, Exactness, Lifetime, Place, Shape};
use super::super::instant::Instant;
use super::cache::{Cache, entry};
use crate::model::architecture::{Attention, Compressed};
use crate::units::{Bits, Bytes, Overflow};

/// Where that is read.
pub(super) const READ: &str = "DeepSeek-V4's cache layers of Transformers 5.23, read";

const TWO: Dim = Dim { symbol: "", size: 2 };

/// What is kept beside the window when each sequence has so many tokens: a compressed token for every so many, keys and
/// gates of those that are not compressed yet, and of the last ones that were, where the next overlap them.
pub(super) fn cached(attention: &Attention, batch: u64, tokens: u64) -> Vec<(&'static str, [Dim; 4])> {
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
fn widths(attention: &Attention, compressed: Compressed) -> Vec<([&'static str; 3], u64)> {
    let names = ["compressed keys", "keys and gates to compress", "keys and gates that overlap"];
    let mut widths = vec![(names, attention.head_dim)];
    if let Some(indexer) = compressed.indexer {
        let names =
            ["compressed keys of the indexer", "indexer's keys and gates to compress", "indexer's that overlap"];
        widths.push((names, indexer.head_dim));
    }
    widths
}

/// What lies behind the views of keys and gates after the prompt, and what one layer sees while decoding: its keys put
/// together, which a product over several sequences copies for every head.
pub(super) fn transients(cache: &Cache<'_>) -> Result<Vec<Entry>, Overflow> {
    let bits = Bits::whole(cache.compute.bits());
    let b = Dim { symbol: "b", size: cache.infer.concurrency };
    let transient = |found: Entry| Entry { category: Category::Workspace, lifetime: Lifetime::Transient, ..found };
    let (mut entries, mut longest) = (Vec::new(), None);
    for (place, layers, attention) in cache.layers() {
        let Some(compressed) = attention.variant.compressed else { continue };
        let window = attention.sliding_window.unwrap_or(0).min(cache.infer.context_length);
        let seen = window + compressed.rate.map_or(0, |rate| cache.infer.context_length / rate);
        longest = longest.max(Some((seen, attention.heads, attention.head_dim)));
        let Some(rate) = compressed.rate else { continue };
        let tokens = Dim { symbol: "s", size: cache.prompt - cache.prompt % rate };
        for (_, width) in widths(attention, compressed) {
            let width = Dim { symbol: "d", size: compressed.series() * width };
            let shape = Shape::new(&[TWO, b, tokens, width]);
            let name = Cow::Borrowed("keys and gates behind those to compress");
            let alive = Alive::NEVER.in_both(Instant::Prefill);
            entries.push(transient(entry(name, place, layers, (shape, bits), alive, READ)?));
        }
    }
    if let Some((seen, heads, head)) = longest {
        let dim = |symbol, size| Dim { symbol, size };
        let copies = if cache.infer.concurrency > 1 { heads + 1 } else { 1 };
        let shape = Shape::new(&[b, dim("", copies), dim("l", seen), dim("d", head)]);
        let name = Cow::Borrowed("keys of one layer, put together");
        let alive = Alive::NEVER.in_both(Instant::Decode);
        let keys = transient(entry(name, Place::Model, 1, (shape, bits), alive, READ)?);
        let exactness = Exactness::Estimated { low: Bytes::ZERO, high: keys.bytes };
        entries.push(Entry { exactness, ..keys });
    }
    Ok(entries)
}
