//! The compute buffer: what ggml's graph of a batch needs at most at once.
//!
//! Closed forms read off 70 buffers that llama.cpp v0.5.0 printed with its CPU backend, and off logs of GPUs: of a
//! graph's tensors the output's, or those of the widest layer, whichever is more.

use super::caches::{cells, is_quantized};
use super::{Run, vocabulary};
use crate::frameworks::engine::attended::{Kept, attended};
use crate::frameworks::engine::{entry, roughly, serving};
use crate::ledger::{Category, Entry, Place};
use crate::model::architecture::{Attention, FeedForward};
use crate::model::recurrent::Recurrent;
use crate::shape::Dim;
use crate::units::{Bits, Bytes, Overflow};

const ON_HOST: &str = "compute buffers that llama.cpp v0.5.0 prints, CPU: the output, or the widest layer";
const ON_CARD: &str = "compute buffers in logs of llama.cpp on GPUs: the output, or the widest layer";

/// The compute buffer, as of the backend that the layers are on.
pub(super) fn buffer(run: &Run<'_>) -> Result<Entry, Overflow> {
    let graph = Graph::of(run)?;
    let on_card = run.layers_on_card > 0;
    let bytes = graph.bytes(run)?;
    let dims = [Dim { symbol: "T", size: run.batch }, Dim { symbol: "", size: bytes.get() / run.batch }];
    let source = if on_card { ON_CARD } else { ON_HOST };
    let buffer =
        entry(Category::Workspace, "compute buffer", (Place::Model, 1), (&dims, Bits::whole(8)), serving(), source)?;
    let buffer = Entry { bytes, ..buffer };
    // Of these kinds of layers one model each was measured.
    if graph.latent.is_some() || graph.recurrent { roughly(buffer, [90, 120]) } else { Ok(buffer) }
}

/// The sizes that decide it, in elements of a token.
#[expect(clippy::struct_excessive_bools, reason = "independent mechanisms")]
struct Graph {
    hidden: u64,
    vocabulary: u64,
    /// The widest feed-forward network, and whether it is one of experts.
    widest: u64,
    experts: bool,
    /// Query heads, and widths of all queries and all keys.
    heads: u64,
    queries: u64,
    keys: u64,
    /// Cells of a stream of full attention.
    cells: u64,
    /// Whether layers with a window keep all tokens, or share their cells among several sequences.
    long_windows: bool,
    /// Whether layers have windows.
    windowed: bool,
    /// Whether heads have sinks.
    sinks: bool,
    /// Channels of a token in latent attention: those of all queries as they meet the cache, and of the cache; what rotates.
    latent: Option<[u64; 3]>,
    /// Elements of a token in a Mamba-2 layer, where no other is wider.
    scanned: u64,
    /// Whether layers have recurrent states.
    recurrent: bool,
}

impl Graph {
    fn of(run: &Run<'_>) -> Result<Self, Overflow> {
        let (served, architecture) = (&run.served, run.served.architecture());
        let layers = || architecture.groups.iter().map(|group| &group.layer);
        let dense = layers().filter_map(|layer| match &layer.feed_forward {
            FeedForward::Dense(mlp) => Some(mlp.intermediate_size),
            _ => None,
        });
        let experts = layers().any(|layer| matches!(layer.feed_forward, FeedForward::Experts(_)));
        let kept = layers().filter_map(|layer| Some(attended(served.model, layer.attention()?, 1)?.kept));
        let windowed = kept.clone().any(|kept| kept != Kept::Full);
        let shared = served.infer.kv_unified && run.sequences > 1;
        let widest = |of: fn(&Attention) -> u64| architecture.attentions().map(of).max();
        let latent = architecture.attentions().find_map(|attention| {
            let latent = attention.latent?;
            let cached = latent.kv_rank + latent.rope_head_dim;
            Some([attention.heads.saturating_mul(cached), cached, latent.rope_head_dim])
        });
        let scanned = layers().filter_map(|layer| match layer.recurrent()? {
            Recurrent::Mamba2(mamba) => Some(mamba.projected() + 2 * (mamba.convolved() + mamba.width())),
            _ => None,
        });
        Ok(Self {
            hidden: architecture.hidden_size,
            vocabulary: vocabulary(architecture).size,
            widest: dense.max().unwrap_or(0).max(if experts { served.widest() } else { 0 }),
            experts,
            heads: widest(|attention| attention.heads).unwrap_or(0),
            queries: widest(Attention::query_size).unwrap_or(0),
            keys: widest(Attention::kv_size).unwrap_or(0),
            cells: cells(run, Kept::Full)?[0],
            long_windows: windowed && (served.infer.swa_full || shared),
            windowed,
            sinks: architecture.attentions().any(|attention| attention.sinks),
            latent,
            scanned: scanned.max().unwrap_or(0),
            recurrent: layers().any(|layer| layer.recurrent().is_some()),
        })
    }

    fn bytes(&self, run: &Run<'_>) -> Result<Bytes, Overflow> {
        let on_card = run.layers_on_card > 0;
        let wide =
            |elements: u64| elements.checked_mul(4).and_then(|bytes| bytes.checked_mul(run.batch)).ok_or(Overflow);
        let sum = |terms: &[(u64, u64)]| {
            let term = |sum: u64, (times, size): &(u64, u64)| sum.checked_add(times.checked_mul(*size)?);
            terms.iter().try_fold(0, term).ok_or(Overflow)
        };
        let quantized = run.types.into_iter().all(is_quantized);
        let quantized_dense = quantized && !self.experts && !self.windowed;
        let more = quantized_dense || self.long_windows || self.sinks || self.recurrent;
        let rows = match (on_card, more) {
            (true, _) if self.experts || !run.flash => 2,
            (true, _) => 1,
            (false, true) => 3,
            (false, false) => 2,
        };
        let beside = match self.latent {
            Some([queries, _, rotated]) => sum(&[(1, self.hidden), (2, queries), (2, rotated)])?,
            None => sum(&[(rows, self.hidden)])?,
        };
        let output = if run.has_output() || !on_card { wide(sum(&[(1, self.vocabulary), (1, beside)])?)? } else { 0 };
        let output = output.max(if self.scanned > 0 { wide(sum(&[(1, self.scanned), (1, self.hidden)])?)? } else { 0 });
        let narrow = 2 * self.widest < 3 * self.hidden || quantized;
        let layer = wide(sum(&[(3, self.widest), (if narrow { 3 } else { 4 }, self.hidden)])?)?;
        let mask = run.batch.checked_mul(self.cells).and_then(|cells| cells.checked_mul(2)).ok_or(Overflow)?;
        let layer = layer.checked_add(mask).ok_or(Overflow)?;
        if run.flash {
            return Ok(Bytes::new(output.max(layer)));
        }
        let [hidden, queries, keys] = match self.latent {
            Some([queries, cached, _]) => [5, queries, cached],
            None => [3, self.queries, self.keys],
        };
        let scores = sum(&[(self.heads, self.cells), (1, self.cells), (hidden, self.hidden), (2, queries), (2, keys)])?;
        Ok(Bytes::new(output.max(wide(scores)?)))
    }
}
