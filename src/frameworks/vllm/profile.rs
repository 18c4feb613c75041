//! What the profile run peaks at beside weights: a batch of tokens through the layers, then the sampler over all sequences.

use super::Batch;
use crate::frameworks::engine::{Served, entry, roughly};
use crate::ledger::{Alive, Category, Entry, Instant, Place};
use crate::shape::Dim;
use crate::units::{Bits, Overflow};

const LAYERS: &str =
    "profile run of vLLM: three rows of the feed-forward network and four of the stream, fitted to logs";
const SAMPLER: &str = "sampler of vLLM 0.33.0, read: logits in the model's type and in fp32, probabilities, noise";

pub(super) fn entries(served: &Served<'_>, batch: Batch) -> Result<Vec<Entry>, Overflow> {
    let dim = |symbol, size| Dim { symbol, size };
    let (place, bits) = ((Place::Model, 1), Bits::whole(16));
    let (prefill, decode) = (Alive::at([Instant::Prefill]), Alive::at([Instant::Decode]));
    let rows = |name, width: u64, times: u64| {
        let dims = [dim("", times), dim("T", batch.tokens), dim("f", width)];
        roughly(entry(Category::Workspace, name, place, (&dims, bits), prefill, LAYERS)?, [60, 140])
    };
    let mut entries = vec![
        rows("feed-forward network of a batch", served.widest(), 3)?,
        rows("residual stream of a batch", served.architecture().hidden_size, 4)?,
    ];
    let logits = |name, bits| {
        let dims = [dim("n", batch.sequences), dim("V", served.architecture().vocab_size)];
        let of = entry(Category::Logits, name, (Place::Head, 1), (&dims, Bits::whole(bits)), decode, SAMPLER)?;
        roughly(of, [70, 110])
    };
    entries.push(logits("logits of every sequence", 16)?);
    for name in ["logits in fp32", "probabilities", "noise of the sampler"] {
        entries.push(logits(name, 32)?);
    }
    Ok(entries)
}
