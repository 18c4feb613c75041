//! Serving with Transformers on one GPU: weights, the cache, and what one forward pass needs beside them.

use std::borrow::Cow;

use super::EstimateError;
use super::activations::Run;
use super::category::Category;
use super::entry::{Alive, Dim, Entry, Exactness, Lifetime, Place, Shape};
use super::instant::Instant;
use super::ledger::Ledger;
use super::tape::Dtype;
use super::timeline::Timeline;
use super::{recorded, weights};
use crate::framework::implementation;
use crate::gpu::Gpu;
use crate::model::Model;
use crate::model::architecture::Attention;
use crate::model::parameters::blocks;
use crate::scenario::{Infer, Loss, Scenario};
use crate::units::{Bits, Bytes, Overflow};

const CACHE: &str = "DynamicCache of Transformers 5.23, measured";

/// The ledger of serving on one GPU.
pub(super) fn ledger(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
    let infer = &scenario.infer;
    let prompt = (infer.prefill_tokens / infer.concurrency).clamp(1, infer.context_length);
    super::check_length(model, "infer.context_length", infer.context_length)?;
    let always = Instant::SERVING.iter().fold(Alive::NEVER, |alive, instant| alive.in_both(*instant));
    let serving = Alive::NEVER.in_both(Instant::Prefill).in_both(Instant::Decode);
    let dtype = dtype(&infer.weights);
    let (architecture, bits) = (&model.architecture, Bits::whole(dtype.bits()));
    let mut entries = weights::Set { architecture, blocks: &blocks(architecture), bits }.parameters(always)?;
    entries.append(&mut weights::buffers(architecture, run(model, infer, 1).rotary_table_kinds(), None, always)?);
    entries.append(&mut weights::layer_buffers(architecture, &implementation(model.family), always)?);
    entries.append(&mut weights::correction_biases(architecture, bits, always)?);
    entries.append(&mut cache(model, infer, serving)?);
    let mut instants = vec![(Instant::Load, String::from("weights"))];
    for (instant, sequence) in [(Instant::Prefill, prompt), (Instant::Decode, 1)] {
        let recording = run(model, infer, sequence).record();
        let timeline = Timeline::read(&recording)?;
        let event = timeline.heaviest(0..recording.backward_start);
        entries.append(&mut recorded::entries(&recording, &timeline, &[(instant, event)])?);
        instants.push((instant, recording.whereabouts(event)));
    }
    match expansion(model, infer)? {
        Some(expanded) => entries.push(expanded),
        None => entries.extend(concatenation(model, infer)?),
    }
    super::close(entries, gpu, &instants)
}

fn dtype(word: &str) -> Dtype {
    if word == "fp32" { Dtype::Fp32 } else { Dtype::Bf16 }
}

fn run<'a>(model: &'a Model, infer: &Infer, sequence: u64) -> Run<'a> {
    Run {
        architecture: &model.architecture,
        code: implementation(model.family),
        batch: infer.concurrency,
        sequence,
        weights: dtype(&infer.weights),
        autocast: false,
        fused_attention: !implementation(model.family).eager_only,
        padding: false,
        dropout: [false; 3],
        checkpointed_layers: 0,
        loss: false,
        keep_outputs: false,
        keep_gradients: false,
        graph: false,
        adapters: None,
        base: None,
        loss_kind: Loss::Eager,
        loss_chunks: 1,
    }
}

/// Keys and values of every token, layer by layer; a sliding window keeps one token less than its length.
fn cache(model: &Model, infer: &Infer, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let bits = Bits::whole(dtype(&infer.kv_cache).bits());
    let mut entries = Vec::new();
    let mut first = 0;
    for group in &model.architecture.groups {
        let last = first + group.layers - 1;
        let place = Place::Layers(std::mem::replace(&mut first, last + 1), last);
        let Some(attention) = group.layer.attention() else { continue };
        let tokens = attention
            .sliding_window
            .map_or(infer.context_length, |window| infer.context_length.min(window.saturating_sub(1).max(1)));
        for (name, heads, width) in cached(attention) {
            let shape = Shape::new(&[
                Dim { symbol: "b", size: infer.concurrency },
                heads,
                Dim { symbol: "s", size: tokens },
                width,
            ]);
            entries.push(Entry {
                category: Category::KvCache,
                name: Cow::Borrowed(name),
                place,
                shape,
                bits,
                count: group.layers,
                divided_by: 1,
                bytes: bits.bytes(shape.elements()?)?.checked_mul(group.layers)?,
                lifetime: Lifetime::Persistent,
                alive,
                exactness: Exactness::Exact,
                source: CACHE,
            });
        }
    }
    Ok(entries)
}

/// What a layer caches of each token: heads and their width. Latent attention caches what it expands from.
fn cached(attention: &Attention) -> [(&'static str, Dim, Dim); 2] {
    match attention.latent {
        None => ["keys", "values"].map(|name| {
            (name, Dim { symbol: "k", size: attention.cached_heads() }, Dim { symbol: "d", size: attention.head_dim })
        }),
        Some(latent) => [
            ("compressed keys and values", "r_kv", latent.kv_rank),
            ("rotated part of keys", "r", latent.rope_head_dim),
        ]
        .map(|(name, symbol, size)| (name, Dim { symbol: "", size: 1 }, Dim { symbol, size })),
    }
}

/// Latent attention expands one layer's cache at a time to keys and values of every head.
fn expansion(model: &Model, infer: &Infer) -> Result<Option<Entry>, Overflow> {
    let Some((attention, latent)) = model.architecture.attentions().find_map(|it| Some((it, it.latent?))) else {
        return Ok(None);
    };
    let width = 2 * latent.nope_head_dim + latent.value_head_dim + latent.rope_head_dim;
    let shape = Shape::new(&[
        Dim { symbol: "b", size: infer.concurrency },
        Dim { symbol: "a", size: attention.heads },
        Dim { symbol: "s", size: infer.context_length },
        Dim { symbol: "(2n+v+r)", size: width },
    ]);
    let bits = Bits::whole(dtype(&infer.weights).bits());
    let bytes = bits.bytes(shape.elements()?)?;
    Ok(Some(Entry {
        category: Category::Workspace,
        name: Cow::Borrowed("keys and values of one layer, expanded"),
        place: Place::Model,
        shape,
        bits,
        count: 1,
        divided_by: 1,
        bytes,
        lifetime: Lifetime::Transient,
        alive: Alive::NEVER.in_both(Instant::Decode),
        // Read from the code, never measured.
        exactness: Exactness::Estimated { low: Bytes::ZERO, high: bytes },
        source: "latent attention of Transformers 5.23, read",
    }))
}

/// A new token is concatenated to one layer's keys and values at a time, while the old ones are still there.
fn concatenation(model: &Model, infer: &Infer) -> Result<Option<Entry>, Overflow> {
    let alive = Alive::NEVER.in_both(Instant::Decode);
    let layers = cache(model, infer, alive)?;
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
