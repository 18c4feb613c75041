//! Cells of keys and values, of every sequence or of all together, and states of recurrent layers.

use super::Run;
use crate::frameworks::engine::attended::{Attended, Kept, attended, remembered};
use crate::frameworks::engine::{Served, entry, serving};
use crate::ledger::{Category, Entry, EstimateError, Origin, Place};
use crate::model::architecture::Attention;
use crate::model::stored::LatentForm;
use crate::shape::Dim;
use crate::units::ggml::Type;
use crate::units::{Bits, Overflow};

const CELLS: &str = "llama.cpp v0.5.0, src/llama-kv-cache.cpp and llama-kv-cache-iswa.cpp, run";
const STATES: &str = "llama.cpp v0.5.0, src/llama-memory-recurrent.cpp, run: fp32 whatever the cache types";

/// Cells come in so many.
const PADDING: u64 = 256;

/// The types that it caches in (`--cache-type-k`, `--cache-type-v`).
pub(super) const TYPES: [(&str, Bits); 9] = [
    ("fp16", Type::F16.bits()),
    ("bf16", Type::Bf16.bits()),
    ("fp32", Type::F32.bits()),
    ("q8_0", Type::Q8_0.bits()),
    ("q5_1", Type::Q5_1.bits()),
    ("q5_0", Type::Q5_0.bits()),
    ("q4_1", Type::Q4_1.bits()),
    ("q4_0", Type::Q4_0.bits()),
    ("iq4_nl", Type::Iq4_NL.bits()),
];

/// The bits of a type; 16 for a word that was checked before.
pub(super) fn bits(word: &str) -> Bits {
    TYPES.iter().find(|(known, _)| *known == word).map_or(Type::F16.bits(), |(_, bits)| *bits)
}

/// Whether a type comes in blocks.
pub(super) fn is_quantized(bits: Bits) -> bool {
    ![Type::F16, Type::F32].map(Type::bits).contains(&bits)
}

/// An error where a quantized cache cannot be: blocks that do not divide a head, and values without flash attention.
pub(super) fn check(served: &Served<'_>, types: [Bits; 2], flash: bool) -> Result<(), EstimateError> {
    if is_quantized(types[1]) && !flash {
        let problem = String::from("eager, but a quantized cache of values needs flash attention");
        return Err(EstimateError::Invalid { key: "infer.attention", problem });
    }
    if !types.into_iter().any(is_quantized) {
        return Ok(());
    }
    let of = |layer: &crate::model::architecture::Layer| attended(served.model, layer.attention()?, 1);
    for attended in served.layers().filter_map(|(.., layer)| of(layer)) {
        for width in [attended.key, attended.value] {
            if !width.is_multiple_of(Type::Q8_0.block_elements()) {
                let problem = format!("its blocks of 32 do not divide a head of {width} channels");
                return Err(EstimateError::Invalid { key: "infer.kv_cache", problem });
            }
        }
    }
    Ok(())
}

/// Cells of a stream and how many streams there are, of layers that keep so many tokens.
pub(super) fn cells(run: &Run<'_>, kept: Kept) -> Result<[u64; 2], Overflow> {
    let infer = run.served.infer;
    let padded = |tokens: u64| tokens.checked_next_multiple_of(PADDING).ok_or(Overflow);
    let all = infer.context_length.checked_mul(run.sequences).ok_or(Overflow)?;
    let [tokens, streams] = if infer.kv_unified { [all, 1] } else { [infer.context_length, run.sequences] };
    let cells = padded(tokens)?;
    let window = match kept {
        Kept::Window(window) | Kept::Chunk(window) if !infer.swa_full => window,
        _ => return Ok([cells, streams]),
    };
    let windows = window.checked_mul(if infer.kv_unified { run.sequences } else { 1 }).ok_or(Overflow)?;
    Ok([cells.min(padded(windows.checked_add(run.batch).ok_or(Overflow)?)?), streams])
}

/// What is cached on the card, and on the host.
pub(super) fn caches(run: &Run<'_>) -> Result<[Vec<Entry>; 2], Overflow> {
    let [mut card, mut host] = [Vec::new(), Vec::new()];
    let served = &run.served;
    for (place, _, layer) in served.layers() {
        for (place, layers, on_card) in sides(run, place) {
            let to = if on_card { &mut card } else { &mut host };
            if let Some(attended) = layer.attention().and_then(|it| kept(run, it)) {
                to.append(&mut of_attention(run, &attended, (place, layers))?);
            }
            if let Some(state) = remembered(layer, served.architecture().hidden_size, 1) {
                let dim = |symbol, size| Dim { symbol, size };
                let elements = state.convolution().checked_add(state.state).ok_or(Overflow)?;
                let dims = [dim("n", run.sequences), dim("", elements)];
                let (bits, name) = (Bits::whole(32), "recurrent states");
                let of = entry(Category::KvCache, name, (place, layers), (&dims, bits), serving(), STATES)?;
                to.push(Entry { origin: Origin::State, ..of });
            }
        }
    }
    Ok([card, host])
}

/// The parts of a run of layers on the host and on the card.
fn sides(run: &Run<'_>, place: Place) -> Vec<(Place, u64, bool)> {
    let Place::Layers(first, last) = place else { return Vec::new() };
    let cut = run.first_on_card().clamp(first, last + 1);
    let part =
        |first: u64, end: u64, on_card| (end > first).then(|| (Place::Layers(first, end - 1), end - first, on_card));
    part(first, cut, false).into_iter().chain(part(cut, last + 1, true)).collect()
}

/// What a layer keeps: of latent attention whose file has its matrix up in one piece keys and values of every head.
fn kept(run: &Run<'_>, attention: &Attention) -> Option<Attended> {
    let attended = attended(run.served.model, attention, 1)?;
    let whole = run.served.model.stored.as_ref().and_then(|stored| stored.latent) == Some(LatentForm::Whole);
    let Some(latent) = attention.latent.filter(|_| whole) else { return Some(attended) };
    let key = latent.nope_head_dim + latent.rope_head_dim;
    Some(Attended { heads: attention.heads, key, value: latent.value_head_dim, latent: false, ..attended })
}

fn of_attention(run: &Run<'_>, attended: &Attended, at: (Place, u64)) -> Result<Vec<Entry>, Overflow> {
    let [cells, streams] = cells(run, attended.kept)?;
    let words = match attended.kept {
        Kept::Full => String::new(),
        Kept::Window(window) => format!(" in a window of {window}"),
        Kept::Chunk(chunk) => format!(" in chunks of {chunk}"),
    };
    let names = if attended.latent { ["compressed keys and values", ""] } else { ["keys", "values"] };
    let mut entries = Vec::with_capacity(2);
    for ((name, width), bits) in names.into_iter().zip([attended.key, attended.value]).zip(run.types) {
        if width > 0 {
            let dim = |symbol, size| Dim { symbol, size };
            let dims = [dim("n", streams), dim("cells", cells), dim("k", attended.heads), dim("d", width)];
            entries.push(entry(Category::KvCache, format!("{name}{words}"), at, (&dims, bits), serving(), CELLS)?);
        }
    }
    Ok(entries)
}
