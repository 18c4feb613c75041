//! SGLang: a static share of the card for weights and pools of tokens; what is left is for everything else.

use super::engine::attended::{Attended, Kept, attended, remembered};
use super::engine::{BUT_MLX, Served, entry, left_for_caches, serving};
use super::{Framework, Job};
use crate::ledger::{Budget, Category, Entry, EstimateError, Ledger, Place, Pool};
use crate::scenario::StateDtype;
use crate::shape::Dim;
use crate::units::{Bits, Bytes, Overflow, portion};

const POOLS: &str = "SGLang 0.5.23, model_executor/pool_configurator.py and mem_cache, read";
const TABLES: &str = "rotary embedding of SGLang: cosines and sines of every position, read";

/// The types that it caches in (`--kv-cache-dtype`).
const TYPES: [&str; 3] = ["bf16", "fp16", "fp8"];
/// Tokens of layers with a window for each ten of the others (`swa_full_tokens_ratio`).
const WINDOW_TENTHS: u64 = 8;
/// Bytes for states for each ten of the rest (`mamba_full_memory_ratio`).
const STATE_TENTHS: u64 = 9;

/// SGLang.
pub(crate) struct Sglang;

impl Framework for Sglang {
    fn id(&self) -> &'static str {
        "sglang"
    }

    fn is_engine(&self) -> bool {
        true
    }

    fn sees(&self) -> bool {
        true
    }

    fn check(&self, job: &Job<'_>) -> Result<(), EstimateError> {
        Served::of(job, &TYPES, BUT_MLX).map(drop)
    }

    fn infer(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        let served = Served::of(job, &TYPES, BUT_MLX)?;
        let pools = Pools::of(&served)?;
        let mut entries = served.weights()?;
        entries.append(&mut served.rotary(TABLES)?);
        entries.append(&mut pools.entries(&served)?);
        let latent = served.architecture().attentions().any(|attention| attention.latent.is_some());
        let infer = served.infer;
        let budget = match infer.gpu_memory_utilization {
            Some(share) => Budget::of_share(share),
            None => Budget::Sglang { tensor: served.ways, latent, chunk: infer.prefill_tokens },
        };
        let ledger = served.close(entries, Vec::new(), budget)?;
        let bytes = job.gpu.map(|gpu| left_for_caches(&ledger, budget, gpu)).transpose()?.flatten();
        let pool = bytes.map(|bytes| pools.filled(&served, bytes)).transpose()?;
        Ok(ledger.with_pool(pool))
    }
}

/// What each pool holds of a token, or of a sequence, in all layers.
struct Pools {
    /// Bytes of a token in layers that keep all.
    full: u64,
    /// Bytes of a token in layers with a window.
    windowed: u64,
    /// Bytes of the states of a sequence.
    states: u64,
}

impl Pools {
    fn of(served: &Served<'_>) -> Result<Self, Overflow> {
        let mut pools = Self { full: 0, windowed: 0, states: 0 };
        let hidden = served.architecture().hidden_size;
        // States are in fp32 unless somebody says otherwise.
        let narrow = matches!(served.infer.mamba_ssm_cache_dtype, StateDtype::Float16 | StateDtype::Bfloat16);
        let width = if narrow { 2 } else { 4 };
        let add = |sum: u64, bytes: Option<u64>, layers: u64| {
            bytes.and_then(|bytes| bytes.checked_mul(layers)).and_then(|bytes| sum.checked_add(bytes)).ok_or(Overflow)
        };
        for (_, layers, layer) in served.layers() {
            if let Some(it) = layer.attention().and_then(|it| attended(served.model, it, served.ways)) {
                let bytes = Some(bytes_of_token(&it, served.infer.kv_cache == "fp8"));
                match it.kept {
                    Kept::Full => pools.full = add(pools.full, bytes, layers)?,
                    Kept::Window(_) | Kept::Chunk(_) => pools.windowed = add(pools.windowed, bytes, layers)?,
                }
            }
            if let Some(it) = remembered(layer, hidden, served.ways) {
                let state =
                    it.state.checked_mul(width).and_then(|state| it.convolution().checked_mul(2)?.checked_add(state));
                pools.states = add(pools.states, state, layers)?;
            }
        }
        Ok(pools)
    }

    /// What the run's sequences take of the pools, and what the ratio between pools holds beside that.
    fn entries(&self, served: &Served<'_>) -> Result<Vec<Entry>, Overflow> {
        let infer = served.infer;
        let tokens = infer.concurrency.checked_mul(infer.context_length).ok_or(Overflow)?;
        let dim = |symbol, size| Dim { symbol, size };
        let post = |name: &'static str, dims: &[Dim]| {
            entry(Category::KvCache, name, (Place::Model, 1), (dims, Bits::whole(8)), serving(), POOLS)
        };
        let mut entries = Vec::with_capacity(4);
        if self.full > 0 {
            entries.push(post("tokens of layers that keep all", &[dim("b·s", tokens), dim("token", self.full)])?);
        }
        if self.windowed > 0 {
            let tokens = self.tokens_in_windows(tokens);
            entries
                .push(post("tokens of layers with a window", &[dim("0.8·b·s", tokens), dim("token", self.windowed)])?);
        }
        if self.states > 0 {
            // One more stands for none.
            let slots = infer.concurrency.checked_add(1).ok_or(Overflow)?;
            let states = slots.checked_mul(self.states).ok_or(Overflow)?;
            entries.push(post("states of sequences", &[dim("n + 1", slots), dim("state", self.states)])?);
            let caches = self.bytes_of(tokens)?;
            // Whichever pool is the narrow one, the other grows with it.
            let beside = portion(caches, STATE_TENTHS, 10)?.saturating_sub(states);
            let behind = portion(states, 10, STATE_TENTHS)?;
            let rest = beside.max(behind.saturating_sub(caches));
            entries.push(post("pool that the ratio of states holds beside them", &[dim("", rest)])?);
        }
        Ok(entries)
    }

    /// Tokens of layers with a window: all, where no layer keeps more.
    const fn tokens_in_windows(&self, tokens: u64) -> u64 {
        if self.full == 0 { tokens } else { tokens / 10 * WINDOW_TENTHS + tokens % 10 * WINDOW_TENTHS / 10 }
    }

    /// Bytes of so many tokens.
    fn bytes_of(&self, tokens: u64) -> Result<u64, Overflow> {
        let windowed = self.windowed.checked_mul(self.tokens_in_windows(tokens));
        self.full.checked_mul(tokens).and_then(|full| full.checked_add(windowed?)).ok_or(Overflow)
    }

    /// What pools of so many bytes hold.
    fn filled(&self, served: &Served<'_>, bytes: Bytes) -> Result<Pool, Overflow> {
        let caches = if self.states > 0 { portion(bytes.get(), 10, 10 + STATE_TENTHS)? } else { bytes.get() };
        // Ten tokens, so that eight of a window are whole.
        let ten = self.bytes_of(10)?;
        let tokens = portion(caches, 10, ten)?;
        let by_tokens = portion(tokens, 1_000_000, served.infer.context_length)?;
        let concurrency = match self.states {
            0 => by_tokens,
            states => by_tokens.min(((bytes.get() - caches) / states).saturating_sub(1).saturating_mul(1_000_000)),
        };
        Ok(Pool { bytes, blocks: None, block_size: 1, tokens, concurrency })
    }
}

/// Bytes of a token in one layer; of an indexer codes of a byte and a scale in fp32 for 128 of them.
fn bytes_of_token(attended: &Attended, narrow: bool) -> u64 {
    let elements = attended.heads.saturating_mul(attended.key + attended.value);
    let indexer = attended.indexer.map_or(0, |width| width + 4 * (width / 128));
    elements.saturating_mul(if narrow { 1 } else { 2 }).saturating_add(indexer)
}
