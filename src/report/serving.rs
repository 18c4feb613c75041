//! What an engine's run answers beside its bytes: what its pool holds, what waits on the host, how fast it can be at most.

use serde::Serialize;

use crate::gpu::Gpu;
use crate::memory::{Category, Ledger, Pool, Roofline, roofline};
use crate::model::Model;
use crate::scenario::{Estimator, Scenario, Task};
use crate::units::{Bytes, Unit, grouped};

/// The answers of a run that serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Serving {
    /// What the pool of caches holds, under an engine that takes a share of the card.
    pub pool: Option<Pool>,
    /// Copies of the model that the GPUs of the job make, and GPUs of each.
    pub replicas: [u64; 2],
    /// What waits in host memory, by category.
    pub host: Vec<(Category, Bytes)>,
    /// The bound of its speed, on a card of which rates are known.
    pub roofline: Option<Roofline>,
    /// Tokens of each sequence.
    context: u64,
}

/// The answers of a run, where it serves.
pub fn serving(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>, ledger: &Ledger) -> Option<Serving> {
    if scenario.task != Task::Infer || scenario.estimator != Estimator::Ledger {
        return None;
    }
    let spread = scenario.is_spread() && scenario.gpus > 1;
    let tensor = if spread { scenario.parallel.tensor.max(1) } else { 1 };
    let host = Category::ALL.into_iter().filter_map(|category| {
        let of = ledger.host().iter().filter(|entry| entry.category == category).map(|entry| entry.bytes);
        Bytes::checked_sum(of).ok().filter(|bytes| !bytes.is_zero()).map(|bytes| (category, bytes))
    });
    Some(Serving {
        pool: ledger.pool().copied().filter(|pool| !pool.bytes.is_zero()),
        replicas: [if spread { scenario.gpus / tensor } else { 1 }, tensor],
        host: host.collect(),
        roofline: gpu.and_then(|gpu| roofline(model, scenario, gpu).ok().flatten()),
        context: scenario.infer.context_length,
    })
}

impl Serving {
    /// One sentence for each answer.
    pub fn sentences(&self, unit: Unit) -> Vec<String> {
        let each = if self.replicas[0] > 1 { " for each of them" } else { "" };
        let pool = self.pool.map(|pool| {
            let blocks = pool.blocks.map_or_else(String::new, |blocks| {
                format!(" in {} blocks of {}", grouped(blocks), grouped(pool.block_size))
            });
            format!(
                "pool of {}: {} tokens{blocks}; {} requests of {} tokens at once{each}",
                unit.show(pool.bytes),
                grouped(pool.tokens),
                requests(pool.concurrency),
                grouped(self.context),
            )
        });
        [self.copies(), pool, self.on_host(unit), self.bound()].into_iter().flatten().collect()
    }

    /// The same where there is little room, without the bound.
    pub fn brief(&self, unit: Unit) -> Vec<String> {
        let pool = self.pool.map(|pool| {
            let (requests, tokens) = (requests(pool.concurrency), grouped(pool.tokens));
            format!("holds {requests} requests, {tokens} tokens in {}", unit.show(pool.bytes))
        });
        [self.copies(), pool, self.on_host(unit)].into_iter().flatten().collect()
    }

    /// The bound of its speed, in words.
    pub fn bound(&self) -> Option<String> {
        let roofline = self.roofline?;
        let decode = roofline.decode_tokens_per_s.map(|tokens| format!("{tokens:.0} tokens/s"))?;
        let prefill = roofline.prefill_seconds.map_or_else(String::new, |seconds| {
            let time = if seconds < 1.0 { format!("{:.0} ms", 1000.0 * seconds) } else { format!("{seconds:.1} s") };
            format!(", at least {time} for a prompt")
        });
        Some(format!("roofline, a bound: at most {decode}{prefill}"))
    }

    fn copies(&self) -> Option<String> {
        let [replicas, tensor] = self.replicas;
        (replicas > 1).then(|| match tensor {
            1 => format!("{} replicas of one GPU each", grouped(replicas)),
            _ => format!("{} replicas of {tensor} GPUs each", grouped(replicas)),
        })
    }

    fn on_host(&self, unit: Unit) -> Option<String> {
        let part = |(of, bytes): &(Category, Bytes)| format!("{} {}", of.label().to_lowercase(), unit.show(*bytes));
        let parts: Vec<String> = self.host.iter().map(part).collect();
        (!parts.is_empty()).then(|| format!("on the host: {}", parts.join(", ")))
    }

    /// For programs.
    pub(super) fn document(&self) -> Document {
        Document {
            replicas: self.replicas[0],
            gpus_per_replica: self.replicas[1],
            pool: self.pool.map(|pool| PoolDocument {
                bytes: pool.bytes,
                num_blocks: pool.blocks,
                block_size: pool.block_size,
                tokens: pool.tokens,
                max_concurrency: serde_json::from_str(&requests(pool.concurrency)).unwrap_or_default(),
            }),
            host: self.host.iter().map(|(category, bytes)| (category.id(), *bytes)).collect(),
            roofline: self.roofline.map(|bound| RooflineDocument {
                bytes_per_step: bound.bytes_per_step,
                decode_tokens_per_s: bound.decode_tokens_per_s,
                prefill_seconds: bound.prefill_seconds,
            }),
        }
    }
}

/// The pool's answer as vLLM prints it, with two digits.
fn requests(millionths: u64) -> String {
    format!("{}.{:02}", millionths / 1_000_000, millionths % 1_000_000 / 10_000)
}

#[derive(Serialize)]
pub(super) struct Document {
    replicas: u64,
    gpus_per_replica: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<PoolDocument>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    host: std::collections::BTreeMap<&'static str, Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roofline: Option<RooflineDocument>,
}

#[derive(Serialize)]
struct PoolDocument {
    bytes: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_blocks: Option<u64>,
    block_size: u64,
    tokens: u64,
    max_concurrency: serde_json::Value,
}

#[derive(Serialize)]
struct RooflineDocument {
    bytes_per_step: Bytes,
    decode_tokens_per_s: Option<f64>,
    prefill_seconds: Option<f64>,
}
