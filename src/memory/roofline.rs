//! How fast a served model can be at most: what a token has to read against the card's bandwidth, and what a prompt has to
//! compute against its rate. A bound, of which real engines reach a part.

use crate::gpu::Gpu;
use crate::ledger::EstimateError;
use crate::model::Model;
use crate::model::parameters::{self, Block, BlockParameters, Role, blocks};
use crate::scenario::{Infer, Scenario, Task};
use crate::states::cache::cached;
use crate::states::shard::Shards;
use crate::states::stored::Stored;
use crate::states::weights::Set;
use crate::units::{Bits, Bytes, Overflow, portion};

/// The bound of a run on a card.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roofline {
    /// Bytes that one step of decoding reads: weights that its tokens pass through, and the caches of all sequences.
    pub bytes_per_step: Bytes,
    /// Tokens a second of all sequences together, at the most.
    pub decode_tokens_per_s: Option<f64>,
    /// Operations of the prompt of one sequence.
    pub prefill_flops: f64,
    /// Seconds until its last token has gone through, at the least.
    pub prefill_seconds: Option<f64>,
}

/// The bound of serving a model on a card; nothing in training.
///
/// # Errors
/// Where weights have no layout that is known, and sizes beyond 64 bits.
pub fn roofline(model: &Model, scenario: &Scenario, gpu: &Gpu) -> Result<Option<Roofline>, EstimateError> {
    if scenario.task != Task::Infer || model.architecture.encoder.is_some() {
        return Ok(None);
    }
    let infer = &scenario.infer;
    let ways = if scenario.is_spread() && scenario.gpus > 1 { scenario.parallel.tensor.max(1) } else { 1 };
    let read = weights(model, infer)?.checked_add(caches(model, infer)?)?;
    let flops = flops(model, infer)?;
    Ok(Some(Roofline {
        bytes_per_step: read,
        decode_tokens_per_s: gpu.bandwidth_gb_s.map(|bandwidth| {
            let seconds = float(read.get()) / (bandwidth * 1e9 * float(ways));
            float(infer.concurrency) / seconds
        }),
        prefill_flops: flops,
        prefill_seconds: gpu.bf16_tflops.map(|rate| flops / (rate * 1e12 * float(ways))),
    }))
}

/// Weights that a step reads: of a table of tokens none to speak of, of experts at least those of one token.
fn weights(model: &Model, infer: &Infer) -> Result<Bytes, EstimateError> {
    let stored = Stored::of(model, &infer.weights)?;
    let architecture = &model.architecture;
    let of = |blocks: &[BlockParameters]| {
        let bits = Bits::whole(stored.plain.bits());
        let set = Set { architecture, blocks, bits, copies: bits, shards: Shards::Whole };
        let entries = stored.as_stored(&set, crate::ledger::Alive::NEVER)?;
        Bytes::checked_sum(entries.iter().map(|entry| entry.bytes))
    };
    let looked_up = |block: &BlockParameters| block.block == Block::Embedding && !architecture.tie_word_embeddings;
    let mut read = blocks(architecture);
    read.retain(|block| !looked_up(block) && !block.block.is_seen());
    let mut shares: Vec<[u64; 2]> = read.iter().flat_map(|block| block.tensors.iter().map(share)).collect();
    shares.sort_unstable();
    shares.dedup();
    let mut sum = Bytes::ZERO;
    for [part, whole] in shares {
        let of_share = |block: &BlockParameters| {
            let tensors = block.tensors.iter().filter(|tensor| share(tensor) == [part, whole]).cloned().collect();
            BlockParameters { tensors, ..block.clone() }
        };
        let bytes = of(&read.iter().map(of_share).collect::<Vec<_>>())?;
        sum = sum.checked_add(Bytes::new(portion(bytes.get(), part, whole)?))?;
    }
    Ok(sum)
}

/// The part of a tensor that one token reads.
const fn share(tensor: &parameters::Tensor) -> [u64; 2] {
    match tensor.role {
        Role::Experts { count, per_token } | Role::ExpertBiases { count, per_token } => [per_token, count],
        _ => [1, 1],
    }
}

/// Keys and values of all tokens that the last one attends to, of every sequence.
fn caches(model: &Model, infer: &Infer) -> Result<Bytes, Overflow> {
    let bits = match infer.kv_cache.as_str() {
        "fp32" => 32,
        "fp8" | "int8" | "fp8_per_token_head" | "int8_per_token_head" | "q8_0" => 8,
        "bf16" | "fp16" => 16,
        // Codes of four bits and a little more: a bound leaves the little out.
        _ => 4,
    };
    let mut sum = Bytes::ZERO;
    for group in &model.architecture.groups {
        let Some(attention) = group.layer.attention() else { continue };
        let tokens = attention.sliding_window.map_or(infer.context_length, |window| window.min(infer.context_length));
        for (_, heads, width) in cached(attention) {
            let each = [heads.size, width.size, tokens, infer.concurrency, group.layers];
            let elements = each.into_iter().try_fold(1_u64, u64::checked_mul).ok_or(Overflow)?;
            sum = sum.checked_add(Bits::whole(bits).bytes(elements)?)?;
        }
    }
    Ok(sum)
}

/// Two operations for each weight that a token passes through, and four for each channel of each query head and token that it
/// attends to, of which a causal mask leaves half.
fn flops(model: &Model, infer: &Infer) -> Result<f64, Overflow> {
    let architecture = &model.architecture;
    let tokens = float(infer.context_length.saturating_sub(1).max(1));
    let table = architecture.vocab_size.checked_mul(architecture.embedding_size).ok_or(Overflow)?;
    let active = parameters::active(architecture)?.get().saturating_sub(table);
    let attended = architecture.groups.iter().filter_map(|group| Some((group.layers, group.layer.attention()?)));
    let scores: f64 = attended
        .map(|(layers, attention)| {
            let seen = attention.sliding_window.map_or(tokens / 2.0, |window| float(window).min(tokens / 2.0));
            let width = float(attention.heads) * float(attention.head_dim + attention.value_head_dim());
            2.0 * float(layers) * width * tokens * seen
        })
        .sum();
    Ok(2.0 * float(active) * tokens + scores)
}

#[expect(clippy::cast_precision_loss, reason = "a bound is no better than a few digits")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;

    /// Llama-3.1-8B in bf16 reads 7.5 of its 8 billion weights for each token: 15.0 GB at 3350 GB/s.
    #[test]
    fn a_token_reads_every_weight_but_the_table() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.1-8b").unwrap(), library.gpu("h100-sxm-80").unwrap());
        let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
        scenario.infer.context_length = 1;
        let bound = roofline(model, &scenario, gpu).unwrap().unwrap();
        let cache = 2 * 32 * 8 * 128 * 2;
        assert_eq!(bound.bytes_per_step.get(), 2 * (8_030_261_248 - 128_256 * 4096) + cache);
        let tokens = bound.decode_tokens_per_s.unwrap();
        assert!((tokens - 3350e9 / 15_009_849_344.0).abs() < 0.1, "{tokens}");
        scenario.infer.concurrency = 8;
        let eight = roofline(model, &scenario, gpu).unwrap().unwrap().decode_tokens_per_s.unwrap();
        assert!(eight > 7.9 * tokens && eight < 8.0 * tokens);
    }
}
