//! vLLM: blocks of one pool that all layers share, planned before the first request.

mod groups;
mod padding;
mod profile;
mod specs;

use self::groups::{Groups, Request};
use self::specs::Specs;
use super::engine::{BUT_MLX, Served, entry, left_for_caches, observed, serving};
use super::{Framework, Job};
use crate::gpu::Gpu;
use crate::ledger::{Budget, Category, Entry, EstimateError, Ledger, Place, Pool};
use crate::scenario::Infer;
use crate::shape::Dim;
use crate::units::{Bits, Bytes, Overflow, grouped, portion};

const PLANNED: &str = "v1/core/kv_cache_planning.py and kv_cache_interface.py of vLLM 0.33.0, run";
const TABLES: &str = "rotary embedding of vLLM: cosines and sines of every position, read";

/// Cards of so many MiB and more are given larger batches.
const LARGE_MIB: u64 = 70 * 1024;
const LARGEST_MIB: u64 = 160 * 1024;

/// vLLM.
pub(crate) struct Vllm;

impl Framework for Vllm {
    fn id(&self) -> &'static str {
        "vllm"
    }

    fn is_engine(&self) -> bool {
        true
    }

    fn sees(&self) -> bool {
        true
    }

    fn check(&self, job: &Job<'_>) -> Result<(), EstimateError> {
        let served = Served::of(job, &specs::TYPES, BUT_MLX)?;
        let (infer, groups) = (served.infer, Groups::of(&Specs::of(&served)?));
        let request = Request::of(infer, Batch::of(job).tokens);
        check_pool(&groups, &request, infer)
    }

    fn infer(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        let served = Served::of(job, &specs::TYPES, BUT_MLX)?;
        let (infer, batch) = (served.infer, Batch::of(job));
        let specs = Specs::of(&served)?;
        let groups = Groups::of(&specs);
        let request = Request::of(infer, batch.tokens);
        check_pool(&groups, &request, infer)?;
        let mut entries = served.weights()?;
        entries.extend(padding::of_experts(&served)?);
        entries.append(&mut served.rotary(TABLES)?);
        entries.append(&mut profile::entries(&served, batch)?);
        entries.append(&mut caches(&groups, &request, infer.concurrency)?);
        entries.push(observed(
            "CUDA graphs",
            [100, 350, 600],
            "captured before the pool is made: 0.17 to 0.52 GiB in logs of vLLM",
        )?);
        entries.push(observed(
            "outside PyTorch's allocator",
            [10, 100, 200],
            "non_torch of vLLM's memory profiling since 2025",
        )?);
        let budget = match infer.kv_cache_memory_bytes {
            Some(_) => Budget::Needs,
            None => Budget::of_share(infer.gpu_memory_utilization.unwrap_or(UTILIZATION)),
        };
        if let Some(pool) = infer.kv_cache_memory_bytes {
            entries.push(unused(&entries, pool)?);
        }
        let ledger = served.close(entries, Vec::new(), budget)?;
        let bytes = match (infer.kv_cache_memory_bytes, job.gpu) {
            (Some(bytes), _) => Some(Bytes::new(bytes)),
            (None, Some(gpu)) => left_for_caches(&ledger, budget, gpu)?,
            (None, None) => None,
        };
        let pool = bytes.map(|bytes| pool(&groups, &request, bytes)).transpose()?.flatten();
        Ok(ledger.with_pool(pool))
    }
}

/// `gpu_memory_utilization` where nobody says.
const UTILIZATION: f64 = 0.92;

/// What is scheduled at once.
#[derive(Debug, Clone, Copy)]
struct Batch {
    /// `max_num_batched_tokens`.
    tokens: u64,
    /// `max_num_seqs`.
    sequences: u64,
}

impl Batch {
    /// What is said, else what `vllm serve` takes on the card. `engine/arg_utils.py`.
    fn of(job: &Job<'_>) -> Self {
        let infer = &job.scenario.infer;
        let mib = job.gpu.map_or(LARGE_MIB, |gpu| gpu.driver_mib.unwrap_or(gpu.usable_mib));
        // So vLLM asks for the A100 by its name; other cards of its generation have less.
        let of_a100 = |gpu: &Gpu| gpu.architecture.as_deref() == Some("Ampere");
        let (tokens, sequences) = match mib {
            LARGEST_MIB.. => (16_384, 1024),
            LARGE_MIB.. if !job.gpu.is_some_and(of_a100) => (8192, 1024),
            _ => (2048, 256),
        };
        let tokens = infer.prefill_tokens.unwrap_or(tokens);
        Self { tokens, sequences: infer.max_num_seqs.unwrap_or(sequences).min(tokens).max(1) }
    }
}

/// Blocks of so many requests of the whole context, of each kind of layer, and the one that stands for none.
fn caches(groups: &Groups, request: &Request, requests: u64) -> Result<Vec<Entry>, Overflow> {
    let dim = |symbol, size| Dim { symbol, size };
    let mut entries = Vec::with_capacity(groups.kinds.len() + 1);
    for kind in &groups.kinds {
        let dims = [
            dim("b", requests),
            dim("blocks", kind.groups.checked_mul(request.blocks(kind.spec)).ok_or(Overflow)?),
            dim("layers", groups.layers_of_a_page()),
            dim("page", groups.page_of(kind)),
        ];
        let name = format!("{}, blocks of {} tokens", kind.spec.words(), grouped(kind.spec.block));
        let place = (Place::Model, 1);
        entries.push(entry(Category::KvCache, name, place, (&dims, Bits::whole(8)), serving(), PLANNED)?);
    }
    if !groups.kinds.is_empty() {
        let null = [dim("block", groups.bytes_per_block())];
        let name = "block that stands for none";
        entries.push(entry(Category::KvCache, name, (Place::Model, 1), (&null, Bits::whole(8)), serving(), PLANNED)?);
    }
    Ok(entries)
}

/// An error where a pool whose size is said holds fewer requests than there are.
fn check_pool(groups: &Groups, request: &Request, infer: &Infer) -> Result<(), EstimateError> {
    let Some(pool) = infer.kv_cache_memory_bytes else { return Ok(()) };
    let blocks = groups.blocks_of(request)?;
    let each = blocks.checked_mul(groups.bytes_per_block()).ok_or(Overflow)?;
    let all = each.checked_mul(infer.concurrency).ok_or(Overflow)?;
    if all <= pool {
        return Ok(());
    }
    let [pool, each, blocks] = [pool, each, blocks].map(grouped);
    let requests = grouped(infer.concurrency);
    let problem = format!("{pool} bytes, but {requests} requests need {each} each: {blocks} blocks");
    Err(EstimateError::Invalid { key: "infer.kv_cache_memory_bytes", problem })
}

/// What of a pool whose size is said no request uses.
fn unused(entries: &[Entry], pool: u64) -> Result<Entry, Overflow> {
    let used = entries.iter().filter(|entry| entry.category == Category::KvCache).map(|entry| entry.bytes);
    let rest = [Dim { symbol: "", size: pool.saturating_sub(Bytes::checked_sum(used)?.get()) }];
    let name = "blocks that no request needs";
    entry(Category::KvCache, name, (Place::Model, 1), (&rest, Bits::whole(8)), serving(), PLANNED)
}

/// What a pool of so many bytes holds, as vLLM prints it.
fn pool(groups: &Groups, request: &Request, bytes: Bytes) -> Result<Option<Pool>, Overflow> {
    let each = groups.blocks_of(request)?;
    if groups.bytes_per_block() == 0 || each == 0 {
        return Ok(None);
    }
    let blocks = bytes.get() / groups.bytes_per_block();
    Ok(Some(Pool {
        bytes,
        blocks: Some(blocks),
        block_size: groups.kinds.last().map_or(1, |kind| kind.spec.block),
        tokens: portion(blocks, request.context, each)?,
        concurrency: portion(blocks, 1_000_000, each)?,
    }))
}
