//! A cache that is rebuilt at every step: the whole old one stays until the new one is complete.
//!
//! Decoding is heaviest at its first step, when the caller still holds the logits of the prompt, or at its last, when
//! the cache is longest.

use std::borrow::Cow;

use super::cache::{Cache, MEASURED};
use crate::ledger::{Alive, Category, Entry, Instant, Lifetime, Place};
use crate::scenario::profile::Serving;
use crate::shape::{Dim, Shape};
use crate::states::cache::entry;
use crate::tape::Dtype;
use crate::units::{Bits, Bytes, Overflow};

/// The cache at the prompt's end and where decoding is heaviest, with what stands beside it then.
pub(crate) fn entries(cache: &Cache<'_>, serving: Serving) -> Result<Vec<Entry>, Overflow> {
    let mut entries = cache.entries(cache.prompt, Alive::at([Instant::Prefill]))?;
    let longest = cache.infer.context_length;
    let first = step(cache, serving, cache.prompt.saturating_add(1).min(longest), true)?;
    let last = step(cache, serving, longest, false)?;
    let total = |entries: &[Entry]| Bytes::checked_sum(entries.iter().map(|entry| entry.bytes));
    entries.append(&mut if total(&first)? > total(&last)? { first } else { last });
    Ok(entries)
}

/// The step after which the cache has so many tokens.
fn step(cache: &Cache<'_>, serving: Serving, tokens: u64, first: bool) -> Result<Vec<Entry>, Overflow> {
    let decode = Alive::at([Instant::Decode]);
    let mut entries = cache.entries(tokens, decode)?;
    for old in cache.entries(tokens.saturating_sub(1).max(1), decode)? {
        entries.push(Entry {
            category: Category::Workspace,
            name: format!("{} of the step before", old.name).into(),
            lifetime: Lifetime::Transient,
            ..old
        });
    }
    if serving.repeats_heads {
        entries.extend(repeated(cache, tokens, decode)?);
    }
    if first && serving.logits_of_prompt {
        let positions = Dim { symbol: "s", size: cache.prompt };
        let vocabulary = Dim { symbol: "V", size: cache.model.architecture.vocab_size };
        let shape = Shape::new(&[Dim { symbol: "b", size: cache.infer.concurrency }, positions, vocabulary]);
        let name = Cow::Borrowed("logits of the prompt in fp32");
        let held = entry(name, Place::Head, 1, (shape, Bits::whole(Dtype::Fp32.bits())), decode, MEASURED)?;
        entries.push(Entry { category: Category::Logits, lifetime: Lifetime::Transient, ..held });
    }
    Ok(entries)
}

/// Keys and values of one layer for every query head, where heads share them.
fn repeated(cache: &Cache<'_>, tokens: u64, alive: Alive) -> Result<Option<Entry>, Overflow> {
    let shares = |(_, _, attention): &(Place, u64, &_)| {
        let attention: &crate::model::architecture::Attention = attention;
        attention.heads != attention.kv_heads
    };
    let Some((_, _, attention)) = cache.layers().find(shares) else { return Ok(None) };
    let shape = Shape::new(&[
        Dim { symbol: "b", size: cache.infer.concurrency },
        Dim { symbol: "a", size: attention.heads },
        Dim { symbol: "s", size: tokens },
        Dim { symbol: "d", size: attention.head_dim },
    ]);
    let name = Cow::Borrowed("keys and values of one layer, for every head");
    let both = entry(name, Place::Model, 2, (shape, Bits::whole(cache.compute.bits())), alive, MEASURED)?;
    Ok(Some(Entry { category: Category::Workspace, lifetime: Lifetime::Transient, ..both }))
}
