//! mlx-lm: weights in Metal's unified memory, and caches that grow in steps.

use super::engine::attended::{Attended, Kept, attended, remembered};
use super::engine::{Served, entry, roughly, serving};
use super::{Framework, Job};
use crate::ledger::{Alive, Budget, Category, Entry, EstimateError, Instant, Ledger, Origin, Place};
use crate::shape::Dim;
use crate::states::quantized::Format;
use crate::units::{Bits, Overflow};

const CACHES: &str = "mlx-lm 0.32.2, models/cache.py, run";
const STATES: &str = "mlx-lm 0.32.2, models/cache.py: states in fp32, convolutions in 16 bits";
const CHUNK_OF_PROMPT: &str =
    "mlx-lm 0.32.2, generate.py: a chunk of the prompt through the widest layer, not measured";

/// The types that it caches in.
const TYPES: [&str; 2] = ["bf16", "fp16"];
/// The formats that it reads.
const READS: (fn(Format) -> bool, &str) = (Format::is_of_mlx, "fp32, bf16, fp16 and the modes of mlx-lm");
/// Tokens by which a cache grows.
const STEP: u64 = 256;
/// Tokens of the prompt in one pass (`prefill_step_size`).
const CHUNK: u64 = 2048;

/// mlx-lm.
pub(crate) struct Mlx;

impl Framework for Mlx {
    fn id(&self) -> &'static str {
        "mlx"
    }

    fn is_engine(&self) -> bool {
        true
    }

    fn check(&self, job: &Job<'_>) -> Result<(), EstimateError> {
        Served::of(job, &TYPES, READS).map(drop)
    }

    fn infer(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        let served = Served::of(job, &TYPES, READS)?;
        let mut entries = served.weights()?;
        for (place, layers, layer) in served.layers() {
            if let Some(attended) = layer.attention().and_then(|it| attended(served.model, it, 1)) {
                entries.append(&mut of_attention(&served, &attended, (place, layers))?);
            }
            if let Some(state) = remembered(layer, served.architecture().hidden_size, 1) {
                for (name, elements, bits) in
                    [("convolution states", state.convolution(), 16), ("recurrent states", state.state, 32)]
                {
                    let dims =
                        [Dim { symbol: "b", size: served.infer.concurrency }, Dim { symbol: "", size: elements }];
                    let bits = Bits::whole(bits);
                    let of = entry(Category::KvCache, name, (place, layers), (&dims, bits), serving(), STATES)?;
                    entries.push(Entry { origin: Origin::State, ..of });
                }
            }
        }
        entries.append(&mut pass(&served)?);
        served.close(entries, Vec::new(), Budget::Needs)
    }
}

/// Tokens of the prompt that go through at once.
fn chunk(served: &Served<'_>) -> u64 {
    served.infer.prefill_tokens.unwrap_or(CHUNK).clamp(1, served.infer.context_length)
}

/// Tokens that a cache has room for once so many have been read in chunks and the last ones by themselves: the first
/// chunk is padded, and each later one that finds no room is added, padded, to what is there.
fn room(context: u64, chunk: u64) -> u64 {
    let padded = |tokens: u64| tokens.next_multiple_of(STEP);
    let prompt = context.saturating_sub(1).max(1);
    let (whole, rest) = (prompt / chunk, prompt % chunk);
    let mut room = if whole == 0 { padded(rest) } else { padded(chunk) };
    if whole > 1 {
        // Each chunk that does not fit cuts the room to what is there first.
        room = room.max((whole - 1) * chunk + padded(chunk));
    }
    if whole > 0 && rest > 0 && whole * chunk + rest > room {
        room = whole * chunk + padded(rest);
    }
    let last = room.max(prompt);
    if context > last { prompt + STEP } else { last }
}

/// Keys and values in the room that each kind of layer has: during the prompt, and from the first answer on.
fn of_attention(served: &Served<'_>, attended: &Attended, at: (Place, u64)) -> Result<Vec<Entry>, Overflow> {
    let (context, chunk) = (served.infer.context_length, chunk(served));
    let (prefill, decode) = (Alive::at([Instant::Prefill]), Alive::at([Instant::Decode]));
    let all = room(context, chunk);
    let stands = match attended.kept {
        Kept::Full => vec![(all, serving(), String::new())],
        Kept::Window(window) | Kept::Chunk(window) => {
            let words = format!(" in a window of {window}");
            let during = all.min((window - 1).saturating_add(chunk));
            vec![(during, prefill, words.clone()), (all.min(window), decode, words)]
        }
    };
    let names = if attended.latent { ["compressed keys and values", ""] } else { ["keys", "values"] };
    let mut entries = Vec::with_capacity(4);
    for (tokens, alive, words) in stands {
        for (name, width) in names.into_iter().zip([attended.key, attended.value]).filter(|(_, width)| *width > 0) {
            let dim = |symbol, size| Dim { symbol, size };
            let dims =
                [dim("b", served.infer.concurrency), dim("k", attended.heads), dim("s", tokens), dim("d", width)];
            let bits = Bits::whole(16);
            entries.push(entry(Category::KvCache, format!("{name}{words}"), at, (&dims, bits), alive, CACHES)?);
        }
    }
    Ok(entries)
}

/// What a chunk of the prompt makes on its way, and what a token's logits take.
fn pass(served: &Served<'_>) -> Result<Vec<Entry>, Overflow> {
    let (place, dim) = ((Place::Model, 1), |symbol, size| Dim { symbol, size });
    let rows = |name, width, times| {
        let dims = [dim("b", served.infer.concurrency), dim("", times), dim("T", chunk(served)), dim("f", width)];
        let (category, alive) = (Category::Workspace, Alive::at([Instant::Prefill]));
        let of = entry(category, name, place, (&dims, Bits::whole(16)), alive, CHUNK_OF_PROMPT)?;
        roughly(of, [30, 200])
    };
    let logits = [dim("b", served.infer.concurrency), dim("V", served.architecture().vocab_size)];
    let alive = Alive::at([Instant::Decode]);
    Ok(vec![
        rows("feed-forward network of a chunk", served.widest(), 3)?,
        rows("residual stream of a chunk", served.architecture().hidden_size, 4)?,
        roughly(
            entry(Category::Logits, "logits", (Place::Head, 1), (&logits, Bits::whole(32)), alive, CHUNK_OF_PROMPT)?,
            [50, 300],
        )?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rooms that mlx-lm 0.32.2 made for calls of 2048, 2048 and 1, and of 2048, 999 and 1 tokens.
    #[test]
    fn caches_grow_as_mlxs_do() {
        assert_eq!(room(2048 + 2048 + 1, 2048), 4352);
        assert_eq!(room(2048 + 999 + 1, 2048), 3072);
        assert_eq!(room(100, 2048), 256);
        assert_eq!(room(1, 2048), 256);
    }
}
