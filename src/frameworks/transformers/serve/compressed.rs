//! What growing the cache of attention over compressed tokens takes.

use std::borrow::Cow;

use super::cache::Cache;
use crate::ledger::{Alive, Category, Entry, Exactness, Instant, Lifetime, Place};
use crate::shape::{Dim, Shape};
use crate::states::cache::{READ, TWO, entry, widths};
use crate::units::{Bits, Bytes, Overflow};

/// What lies behind the views of keys and gates after the prompt, and what one layer sees while decoding: its keys put
/// together, which a product over several sequences copies for every head.
pub(crate) fn transients(cache: &Cache<'_>) -> Result<Vec<Entry>, Overflow> {
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
            let alive = Alive::at([Instant::Prefill]);
            entries.push(transient(entry(name, place, layers, (shape, bits), alive, READ)?));
        }
    }
    if let Some((seen, heads, head)) = longest {
        let dim = |symbol, size| Dim { symbol, size };
        let copies = if cache.infer.concurrency > 1 { heads + 1 } else { 1 };
        let shape = Shape::new(&[b, dim("", copies), dim("l", seen), dim("d", head)]);
        let name = Cow::Borrowed("keys of one layer, put together");
        let alive = Alive::at([Instant::Decode]);
        let keys = transient(entry(name, Place::Model, 1, (shape, bits), alive, READ)?);
        let exactness = Exactness::Estimated { low: Bytes::ZERO, high: keys.bytes };
        entries.push(Entry { exactness, ..keys });
    }
    Ok(entries)
}
