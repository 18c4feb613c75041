//! llama.cpp: weights and caches of the layers on the card, one compute buffer, and the rest on the host.

mod caches;
mod compute;
mod files;

use self::caches::caches;
use super::engine::tensors::cut;
use super::engine::{Served, always, entry, serving};
use super::{Framework, Job};
use crate::ledger::{Budget, Category, Entry, EstimateError, Ledger, Place};
use crate::model::architecture::Architecture;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::model::part::{Part, Site};
use crate::scenario::Attention;
use crate::shape::Dim;
use crate::states::quantized::Format;
use crate::states::shard::Shards;
use crate::states::weights::Set;
use crate::tape::Dtype;
use crate::units::{Bits, Overflow};

/// Tokens of a forward pass where nobody says (`n_ubatch`).
const BATCH: u64 = 512;
const OUTPUT: &str = "llama.cpp v0.5.0, src/llama-context.cpp: logits of every sequence, in fp32";

/// The formats that it reads.
const READS: (fn(Format) -> bool, &str) = (Format::is_of_gguf, "fp32, bf16, fp16 and the mixtures of llama-quantize");

/// llama.cpp: its server, its command line, its library, and what builds on it.
pub(crate) struct LlamaCpp;

impl Framework for LlamaCpp {
    fn id(&self) -> &'static str {
        "llama.cpp"
    }

    fn is_engine(&self) -> bool {
        true
    }

    fn check(&self, job: &Job<'_>) -> Result<(), EstimateError> {
        Run::of(job).map(drop)
    }

    fn infer(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        let run = Run::of(job)?;
        let [mut on_card, mut on_host] = match run.served.stored.files(job.model) {
            Some(files) => files::parameters(&run, files)?,
            None => run.parameters()?,
        };
        let [cached, waiting] = caches(&run)?;
        on_card.extend(cached);
        on_host.extend(waiting);
        let compute = compute::buffer(&run)?;
        if run.layers_on_card == 0 { &mut on_host } else { &mut on_card }.push(compute);
        on_host.push(run.output()?);
        run.served.close(on_card, on_host, Budget::Needs)
    }
}

/// A run, with what of it is on the card.
struct Run<'a> {
    served: Served<'a>,
    /// Layers of the model.
    layers: u64,
    /// Layers on the card, the output among them: the last ones.
    layers_on_card: u64,
    /// Types of cached keys and values.
    types: [Bits; 2],
    /// `n_seq_max`.
    sequences: u64,
    /// `n_ubatch`.
    batch: u64,
    /// Whether attention is a fused kernel's.
    flash: bool,
}

impl<'a> Run<'a> {
    fn of(job: &Job<'a>) -> Result<Self, EstimateError> {
        let served = Served::of(job, &caches::TYPES.map(|(word, _)| word), READS)?;
        let infer = served.infer;
        let value = infer.cache_type_v.as_ref().unwrap_or(&infer.kv_cache);
        let types = [&infer.kv_cache, value].map(|word| caches::bits(word));
        let flash = infer.attention == Attention::Flash;
        caches::check(&served, types, flash)?;
        let layers = served.architecture().num_hidden_layers();
        let all = infer.context_length.saturating_mul(infer.concurrency);
        Ok(Self {
            layers,
            layers_on_card: infer.gpu_layers.min(layers + 1),
            types,
            sequences: infer.concurrency,
            batch: infer.prefill_tokens.unwrap_or(BATCH).min(all).max(1),
            flash,
            served,
        })
    }

    /// The first layer on the card; the output is behind the last.
    const fn first_on_card(&self) -> u64 {
        self.layers + 1 - self.layers_on_card
    }

    /// Whether the output layer is on the card.
    const fn has_output(&self) -> bool {
        self.layers_on_card > 0
    }

    /// Weights on the card and on the host.
    fn parameters(&self) -> Result<[Vec<Entry>; 2], Overflow> {
        let Weights { card, host } = self.weights();
        let (mut on_card, mut on_host) = (self.stored(&card)?, self.stored(&host)?);
        if self.layers_on_card > 1 { &mut on_card } else { &mut on_host }.extend(self.served.corrections()?);
        Ok([on_card, on_host])
    }

    /// Tensors on the card and on the host. The table of tokens is looked up on the host; as a head it is on the card too.
    fn weights(&self) -> Weights {
        let [mut host, rest] = cut(self.served.blocks(), self.first_on_card().min(self.layers));
        let mut card = Vec::with_capacity(rest.len());
        let tied = self.served.architecture().tie_word_embeddings;
        for block in rest {
            match block.block {
                Block::Embedding => {
                    if tied && self.has_output() {
                        card.extend(table(&block));
                    }
                    host.push(block);
                }
                Block::Group(_) if self.first_on_card() < self.layers => card.push(block),
                Block::Head | Block::FinalNorm if self.has_output() => card.push(block),
                _ => host.push(block),
            }
        }
        let [experts, card] = self.without_experts(card);
        host.extend(experts);
        Weights { card, host }
    }

    /// The experts of the first layers, which stay on the host, and everything else.
    fn without_experts(&self, card: Vec<BlockParameters>) -> [Vec<BlockParameters>; 2] {
        let [with, mut rest] = cut(card, self.served.infer.cpu_moe_layers.min(self.layers));
        let mut host = Vec::new();
        for block in with {
            let of_experts = |block: &BlockParameters, wanted: bool| {
                let is = |site: Site| matches!(site, Site::Experts | Site::Expert);
                let tensors = block.tensors.iter().filter(|tensor| is(tensor.part.site()) == wanted).cloned();
                BlockParameters { tensors: tensors.collect(), ..block.clone() }
            };
            host.push(of_experts(&block, true));
            rest.push(of_experts(&block, false));
        }
        [host, rest]
    }

    /// Tensors as a file has them: where matrices are in 16 bits, everything else is in fp32.
    fn stored(&self, blocks: &[BlockParameters]) -> Result<Vec<Entry>, Overflow> {
        if self.served.stored.format().is_some() || self.served.stored.plain == Dtype::Fp32 {
            return self.served.stored(blocks);
        }
        let of = |wide: bool| {
            let kept = |tensor: &&Tensor| is_wide(tensor) == wide;
            let tensors = |block: &BlockParameters| block.tensors.iter().filter(kept).cloned().collect();
            blocks.iter().map(|block| BlockParameters { tensors: tensors(block), ..block.clone() }).collect::<Vec<_>>()
        };
        let (architecture, bits) = (self.served.architecture(), Bits::whole(32));
        let wide = Set { architecture, blocks: &of(true), bits, copies: bits, shards: Shards::Whole };
        let mut entries = self.served.stored(&of(false))?;
        entries.append(&mut wide.parameters(always())?);
        Ok(entries)
    }

    /// Logits of every sequence.
    fn output(&self) -> Result<Entry, Overflow> {
        let dims = [Dim { symbol: "n", size: self.sequences }, vocabulary(self.served.architecture())];
        let place = (Place::Head, 1);
        entry(Category::Logits, "output buffer", place, (&dims, Bits::whole(32)), serving(), OUTPUT)
    }
}

/// Whether a file has a tensor in fp32 whatever its matrices are in.
fn is_wide(tensor: &Tensor) -> bool {
    let matrix = matches!(tensor.role, Role::Linear | Role::Table | Role::Experts { .. });
    !matrix || matches!(tensor.part.site(), Site::Router)
}

/// Where tensors are.
struct Weights {
    card: Vec<BlockParameters>,
    host: Vec<BlockParameters>,
}

/// The table of tokens alone, as the head reads it.
fn table(block: &BlockParameters) -> Option<BlockParameters> {
    let of = block.tensors.iter().find(|tensor| tensor.part == Part::TokenEmbedding)?;
    Some(BlockParameters { tensors: vec![of.clone()], ..block.clone() })
}

fn vocabulary(architecture: &Architecture) -> Dim {
    Dim { symbol: "V", size: architecture.vocab_size }
}
