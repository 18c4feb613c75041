//! What serving engines have in common: the weights of one GPU, what each layer caches, and how their ledger closes.
//!
//! What a layer caches is the model's; how many tokens of it are kept, in which blocks and types, is each engine's own.

pub(crate) mod attended;
pub(crate) mod tensors;

use std::borrow::Cow;

use self::tensors::local;
use super::Job;
use super::step::close_at;
use crate::gpu::Gpu;
use crate::ledger::gather::gather;
use crate::ledger::runtime::Process;
use crate::ledger::{
    Alive, Budget, Category, Division, Entry, EstimateError, Exactness, Instant, Ledger, Lifetime, Origin, Overhead,
    Place,
};
use crate::model::architecture::{FeedForward, Layer};
use crate::model::parameters::{BlockParameters, blocks};
use crate::model::{Architecture, Model};
use crate::scenario::Infer;
use crate::shape::{Dim, Shape};
use crate::states::file;
use crate::states::quantized::Format;
use crate::states::shard::Shards;
use crate::states::stored::Stored;
use crate::states::weights::{self, Set};
use crate::units::{Bits, Bytes, Overflow};

/// A model that an engine serves.
#[derive(Clone, Copy)]
pub(crate) struct Served<'a> {
    pub(crate) job: Job<'a>,
    pub(crate) model: &'a Model,
    pub(crate) infer: &'a Infer,
    pub(crate) stored: Stored,
    /// GPUs that share every matrix.
    pub(crate) ways: u64,
}

/// What vLLM and SGLang read: everything but what mlx-lm alone writes.
pub(crate) const BUT_MLX: (fn(Format) -> bool, &str) = (|format| !format.is_of_mlx(), "every one but those of mlx-lm");

impl<'a> Served<'a> {
    /// A run, by an engine that caches in these types and reads these formats, besides weights in plain types.
    ///
    /// # Errors
    /// What engines do not serve, and types, lengths and layouts that cannot be.
    pub(crate) fn of(
        job: &Job<'a>,
        types: &[&str],
        (reads, formats): (fn(Format) -> bool, &str),
    ) -> Result<Self, EstimateError> {
        let Job { model, scenario, .. } = *job;
        let (infer, word) = (&scenario.infer, scenario.framework.word());
        let architecture = &model.architecture;
        let decodes = architecture.encoder.is_none() && architecture.seq2seq.is_none() && architecture.image.is_none();
        let compresses = architecture.attentions().any(|attention| attention.variant.compressed.is_some());
        if !decodes || compresses || architecture.mixed_streams.is_some() {
            let covered =
                format!("transformers, for a model of the family {}: {word} is described for others", model.family.id);
            return Err(EstimateError::framework(word, covered));
        }
        if !types.contains(&infer.kv_cache.as_str()) {
            let (value, covered) = (infer.kv_cache.clone(), format!("{}, under {word}", types.join(", ")));
            return Err(EstimateError::NotCovered { key: "infer.kv_cache", value, covered });
        }
        let ways = if scenario.gpus > 1 { scenario.parallel.tensor } else { 1 };
        tensors::check(model, ways)?;
        let stored = Stored::of(model, &infer.weights)?;
        if let Some(format) = stored.format()
            && !reads(format)
        {
            let (value, covered) = (infer.weights.clone(), format!("{formats}, under {word}"));
            return Err(EstimateError::NotCovered { key: "infer.weights", value, covered });
        }
        if stored.in_files && ways > 1 {
            let problem = String::from("`native`, but how several GPUs divide the tensors of a file is not described");
            return Err(EstimateError::Invalid { key: "infer.weights", problem });
        }
        Ok(Self { job: *job, model, infer, stored, ways })
    }

    pub(crate) fn architecture(&self) -> &'a Architecture {
        &self.model.architecture
    }

    /// The model's tensors as one GPU has them; of a tower where the engine builds it.
    pub(crate) fn blocks(&self) -> Vec<BlockParameters> {
        let sees = crate::frameworks::sees(self.job.scenario);
        let whole = blocks(self.architecture()).into_iter().filter(|block| sees || !block.block.is_seen()).collect();
        local(whole, self.architecture(), self.ways)
    }

    /// All of the model's weights as they are stored.
    pub(crate) fn weights(&self) -> Result<Vec<Entry>, Overflow> {
        if let Some(files) = self.stored.files(self.model) {
            return file::parameters(files, always());
        }
        let mut entries = self.stored(&self.blocks())?;
        entries.append(&mut self.corrections()?);
        Ok(entries)
    }

    /// Tensors as they are stored.
    pub(crate) fn stored(&self, blocks: &[BlockParameters]) -> Result<Vec<Entry>, Overflow> {
        let bits = Bits::whole(self.stored.plain.bits());
        let set = Set { architecture: self.architecture(), blocks, bits, copies: bits, shards: Shards::Whole };
        self.stored.as_stored(&set, always())
    }

    /// What corrects routers' choices, in fp32: a parameter in files and engines.
    pub(crate) fn corrections(&self) -> Result<Vec<Entry>, Overflow> {
        let all = weights::correction_biases(self.architecture(), Bits::whole(32), always())?;
        Ok(all.into_iter().map(|it| Entry { category: Category::Parameters, ..it }).collect())
    }

    /// Cosines and sines of all positions, in 16 bits, of each kind of rotation: `[positions, d]`.
    pub(crate) fn rotary(&self, source: &'static str) -> Result<Vec<Entry>, Overflow> {
        let mut widths: Vec<u64> = self.architecture().attentions().map(|attention| attention.rotary_dim).collect();
        widths.sort_unstable();
        widths.dedup();
        let rows = Dim { symbol: "", size: self.architecture().max_position_embeddings };
        let table = |width| {
            let shape = Shape::new(&[rows, Dim { symbol: "d", size: width }]);
            weights::plain("rotary cosines and sines", Place::Model, shape, 16, always(), source)
        };
        widths.into_iter().filter(|width| *width > 0).map(table).collect()
    }

    /// Each group of equal layers, with where it stands.
    pub(crate) fn layers(&self) -> impl Iterator<Item = (Place, u64, &'a Layer)> {
        weights::places(self.architecture()).map(|(group, place)| (place, group.layers, &group.layer))
    }

    /// The widest row that a token's feed-forward network makes in a layer: of experts those of one token.
    pub(crate) fn widest(&self) -> u64 {
        let of = |layer: &Layer| match &layer.feed_forward {
            FeedForward::Dense(mlp) => mlp.intermediate_size,
            FeedForward::Experts(experts) => experts.per_token.saturating_mul(experts.intermediate_size),
            _ => 0,
        };
        let widths = self.architecture().groups.iter().map(|group| of(&group.layer));
        widths.max().unwrap_or(0).div_ceil(self.ways)
    }

    /// Closes the ledger of an engine that takes so much of its card.
    pub(crate) fn close(&self, entries: Vec<Entry>, host: Vec<Entry>, budget: Budget) -> Result<Ledger, EstimateError> {
        let process = Process::of(self.job.scenario, false).of_engine(budget, self.ways);
        let instants = [
            (Instant::Load, String::from("weights")),
            (Instant::Prefill, String::from("a batch of the prompt")),
            (Instant::Decode, String::from("every sequence's next token")),
        ];
        Ok(close_at(gather(entries)?, (process, self.job.gpu), &instants, None)?.with_host(gather(host)?))
    }
}

/// What the budget leaves for caches on the job's card: the share less everything else that stands in it at the peak.
pub(crate) fn left_for_caches(ledger: &Ledger, budget: Budget, gpu: &Gpu) -> Result<Option<Bytes>, Overflow> {
    let Some(share) = budget.of(gpu)? else { return Ok(None) };
    let (caches, _) = ledger.largest(Category::KvCache);
    let context = ledger.entries().iter().filter(|entry| entry.is_context()).map(|entry| entry.bytes);
    let beside = ledger.total().saturating_sub(caches).saturating_sub(Bytes::checked_sum(context)?);
    Ok(Some(share.saturating_sub(beside)))
}

/// At every instant of serving.
pub(crate) fn always() -> Alive {
    Alive::at(Instant::SERVING)
}

/// From when caches stand.
pub(crate) fn serving() -> Alive {
    Alive::at([Instant::Prefill, Instant::Decode])
}

/// An entry of an engine.
pub(crate) fn entry(
    category: Category,
    name: impl Into<Cow<'static, str>>,
    (place, count): (Place, u64),
    (dims, bits): (&[Dim], Bits),
    alive: Alive,
    source: &'static str,
) -> Result<Entry, Overflow> {
    let shape = Shape::new(dims);
    Ok(Entry {
        category,
        name: name.into(),
        place,
        shape,
        bits,
        count,
        divided: Division::NONE,
        bytes: bits.bytes(shape.elements()?)?.checked_mul(count)?,
        lifetime: if alive == always() || alive == serving() { Lifetime::Persistent } else { Lifetime::Transient },
        alive,
        exactness: Exactness::Exact,
        source,
        origin: Origin::Shapes,
    })
}

/// The same entry, known no better than between these percentages of it.
pub(crate) fn roughly(entry: Entry, [low, high]: [u64; 2]) -> Result<Entry, Overflow> {
    let percent = |percent: u64| Ok::<_, Overflow>(Bytes::new(entry.bytes.checked_mul(percent)?.get() / 100));
    let exactness = Exactness::Estimated { low: percent(low)?, high: percent(high)? };
    Ok(Entry { exactness, ..entry })
}

/// What a library takes, of which only the range is known, in MiB: least, usual, most.
pub(crate) fn observed(
    name: &'static str,
    [low, usual, high]: [u64; 3],
    source: &'static str,
) -> Result<Entry, Overflow> {
    let [low, usual, high] = [low, usual, high].map(Bytes::from_mib);
    let of = entry(
        Category::Runtime,
        name,
        (Place::Runtime(Overhead::Workspace), 1),
        (&[], Bits::whole(8)),
        serving(),
        source,
    )?;
    Ok(Entry { bytes: usual?, exactness: Exactness::Estimated { low: low?, high: high? }, ..of })
}
