//! A training step: what stands, what the recorded pass makes, what the optimizer needs, instant by instant.

mod deepspeed;
mod options;
mod order;
mod played;
mod reached;
mod spread;
mod wrapped;

use self::order::in_order;
pub(super) use self::reached::{copied_head, seen_by};
use self::reached::{reached, runs};
use self::spread::Spread;
use super::attention::check_attention;
use super::fed::fed;
use super::length::check_length;
use super::release::Release;
use crate::families::{Implementation, of_model};
use crate::frameworks::step::{self, Trains, always, standing, steady};
use crate::frameworks::{Job, divided};
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::layers::divided::Divided;
use crate::layers::tower::Seen;
use crate::layers::{Forward, Run};
use crate::ledger::gather::gather;
use crate::ledger::runtime::{self, Process};
use crate::ledger::{Alive, Category, Entry, EstimateError, Held, Instant, Lifetime, Place, Step};
use crate::model::parameters::{Block, BlockParameters, Tensor, blocks};
use crate::model::part::Part;
use crate::model::{Architecture, Model, Output};
use crate::parallel::units::Units;
use crate::parallel::zero::Partitions;
use crate::parallel::zero3::Gathered;
use crate::scenario::{
    Attention, Compile, KernelLibrary, Loss, Method, Objective, Optimizer, Placement, Recompute, Reference, Strategy,
    Train,
};
use crate::sequence::Start;
use crate::shape::{Dim, Shape};
use crate::states::adapters::Adapters;
use crate::states::quantized::{self, Format};
use crate::states::shard::Shards;
use crate::states::weights::{self, Set};
use crate::states::{optimizer, recurrent};
use crate::tape::Dtype;
use crate::units::{Bits, Bytes, Overflow};

/// A model in a training loop of Transformers.
pub(super) struct Trained<'a> {
    job: Job<'a>,
    model: &'a Model,
    train: &'a Train,
    release: Release,
    code: Implementation,
    placement: Placement,
    process: Process,
    /// Whether only tensors are looked at, and not what kernels take.
    tracked: bool,
    adapters: Option<Adapters>,
    /// How GPUs divide its matrices, where they do.
    divided: Option<Divided>,
    /// How it is spread over replicas, where there are several.
    spread: Option<Spread<'a>>,
    /// The units that a wrapper gathers.
    units: Units,
    /// What DeepSpeed cuts into parts, and what its third stage gathers.
    partitions: Partitions,
    gathered: Gathered,
    /// The images of each sequence, where there are any.
    seen: Option<Seen>,
    /// The model's own tensors, and the adapters'.
    blocks: Vec<BlockParameters>,
    adapted: Option<Vec<BlockParameters>>,
}

impl<'a> Trained<'a> {
    /// An error where something about it is wrong or not covered.
    pub(super) fn of(job: &Job<'a>, divided: Option<Divided>) -> Result<Self, EstimateError> {
        let Job { model, scenario, .. } = *job;
        let train = &scenario.train;
        job.check_family("this version")?;
        if train.method == Method::Qlora {
            base(&model.architecture, train).check(model, "train.base_weights", train.base_weights.word())?;
            quantized::check_class(job.profile, model, base(&model.architecture, train), "train.base_weights")?;
        }
        check_method(model, train)?;
        check_optimizer(model, train)?;
        let release = Release::of(job.profile);
        release.check(job)?;
        let code = release.code(of_model(model), train);
        let blocks = release.blocks(blocks(&model.architecture), &code);
        let adapters = match train.method {
            Method::Full => None,
            Method::Lora | Method::Qlora => Some(Adapters::of(model, train, &blocks)?),
        };
        let adapted = adapters.as_ref().map(|adapters| adapters.of_blocks(model, blocks.clone()));
        let loaded = if train.precision.narrow_weights() { Dtype::Bf16 } else { Dtype::Fp32 };
        let spread = Spread::of(scenario, model, adapters.as_ref().map_or(loaded, |adapters| adapters.dtype))?;
        let packed =
            (train.method == Method::Qlora).then(|| quantized::packed(&blocks, base(&model.architecture, train)));
        let units = match &spread {
            Some(spread) => Units::of(
                (packed.as_deref().unwrap_or(&blocks), adapted.as_deref().unwrap_or_default()),
                (spread.wrap(), model.architecture.tie_word_embeddings),
                spread.layout.shard,
            )?,
            None => Units::default(),
        };
        let placement = scenario.placement();
        // Where a compiler orders what is asked for, or cuSOLVER asks for what is not known.
        let decomposes = adapters.is_some() && Start::of(train, placement, Dtype::Bf16, 0).is_some();
        let process = Process::of(scenario, true).in_guessed_order(train.compile != Compile::None || decomposes);
        let mut adapters = adapters;
        if let (Some(spread), Some(adapters)) = (spread.filter(|it| it.strategy() != Strategy::Ddp), &mut adapters) {
            adapters.dtype = spread.adapters();
        }
        let this = Self {
            job: *job,
            model,
            train,
            release,
            code,
            placement,
            process,
            tracked: false,
            adapters,
            divided,
            spread,
            units,
            partitions: Partitions::default(),
            gathered: Gathered::default(),
            seen: Seen::of(&model.architecture, train.images, train.image_size.sides(), train.train_tower),
            blocks,
            adapted,
        };
        options::check(model, &this.run(), train)?;
        check_attention(model, "train.attention", train.attention)?;
        check_length(model, "train.sequence_length", this.run().sequence)?;
        let (partitions, gathered) = (this.cut()?, this.to_be_gathered()?);
        Ok(Self { partitions, gathered, ..this })
    }

    /// The same, of which only tensors are looked at.
    pub(super) fn of_tensors(self) -> Self {
        Self { tracked: true, ..self }
    }

    /// Whether what a block computes is run: layers that attend to images are not, where there are none.
    fn runs(&self, block: Block) -> bool {
        runs(block, self.model, self.train)
    }

    fn run(&self) -> Run<'_> {
        let loaded = self.placement != Placement::Build;
        let run = run(self.model, self.code, self.train, (self.adapters.as_ref(), self.seen.as_ref()));
        self.wrapped(&Run { loaded, divided: self.divided, ..run })
    }

    /// What kernels take, unless only tensors are looked at.
    fn kernels(&self) -> Option<Kernels> {
        (!self.tracked).then(|| self.release.kernels(self.job.gpu))
    }

    /// What the model holds beside its parameters.
    fn buffers(&self, run: &Run<'_>) -> Result<Vec<Entry>, Overflow> {
        let (architecture, bits) = (&self.model.architecture, Bits::whole(run.weights.bits()));
        let scale = run.code.embedding_scale_buffer.then_some(bits);
        let mut entries =
            weights::buffers(architecture, (run.rotary_table_kinds(), run.code.shares_frequencies), scale, always())?;
        // A copy of the embedding's module has its own.
        let copied = self.adapters.as_ref().is_some_and(|adapters| adapters.saves(Part::TokenEmbedding));
        if let Some(entry) = entries.last_mut().filter(|_| copied && scale.is_some()) {
            (entry.count, entry.bytes) = (2, entry.bytes.checked_mul(2)?);
        }
        let bias_bits = if run.code.correction_bias_in_fp32 { Bits::whole(32) } else { bits };
        let mut in_layers = weights::layer_buffers(architecture, &run.code, self.loaded_bits(), always())?;
        in_layers.append(&mut weights::correction_biases(architecture, bias_bits, always())?);
        in_layers.append(&mut recurrent::constants(architecture, &run.code, bits, always())?);
        in_layers.append(&mut weights::activation_constants(architecture, bits, always())?);
        entries.append(&mut gather(in_layers)?);
        entries.extend(self.rows_as_they_were()?);
        Ok(entries)
    }

    /// The rows of the embedding that are trained, as they were: PEFT keeps them to undo what it does.
    fn rows_as_they_were(&self) -> Result<Option<Entry>, Overflow> {
        let Some(adapters) = self.adapters.as_ref().filter(|adapters| adapters.rows > 0) else { return Ok(None) };
        let width = Dim { symbol: "", size: self.model.architecture.embedding_size };
        let shape = Shape::new(&[Dim { symbol: "", size: adapters.rows }, width]);
        let (name, bits) = ("trained rows as they were", adapters.dtype.bits());
        weights::plain(name, Place::Embedding, shape, bits, always(), "TrainableTokensLayer of PEFT 0.21").map(Some)
    }

    /// The matrices that adapters share and nobody trains.
    fn shared_matrices(&self) -> Result<Vec<Entry>, Overflow> {
        let Some(adapters) = &self.adapters else { return Ok(Vec::new()) };
        let entry = |(name, tensor): (&'static str, &Tensor)| {
            let dims = [tensor.rows, tensor.columns].map(|size| Dim { symbol: "", size });
            let (shape, bits) = (Shape::new(&dims), adapters.dtype.bits());
            weights::plain(name, Place::Embedding, shape, bits, always(), "VeraModel of PEFT 0.21")
        };
        ["vera A that all layers share", "vera B that all layers share"]
            .into_iter()
            .zip(&adapters.shared_tensors(&self.blocks))
            .map(entry)
            .collect()
    }

    /// How adapters begin, where that is computed on the card.
    fn start(&self) -> Option<Start> {
        self.adapters.as_ref()?;
        let product = self.release.kernels(self.job.gpu).product;
        Start::of(self.train, self.placement, self.run().weights, product)
    }

    /// The type that a model has as it is loaded, before anything of it is widened.
    fn loaded_bits(&self) -> Bits {
        Bits::whole(if self.train.method == Method::Qlora { 16 } else { self.run().weights.bits() })
    }

    /// What the loop feeds.
    fn batch(&self, run: &Run<'_>) -> Result<Vec<Entry>, Overflow> {
        let architecture = &self.model.architecture;
        if let Some(image) = &architecture.image {
            return weights::images(image, run.batch, always());
        }
        let sizes = [run.batch, run.sequence];
        match architecture.output {
            Output::Own => {
                let mut batch = weights::batch(sizes, self.words_fed(run), always())?;
                if let Some(sounds) = architecture.seq2seq.and_then(|seq2seq| seq2seq.sounds) {
                    batch.push(weights::features(sounds, run.batch, run.weights, always())?);
                }
                if let Some(seen) = run.seen {
                    batch.append(&mut fed(seen, sizes, always())?);
                }
                Ok(batch)
            }
            Output::Tokens(_) | Output::Answers(_) => {
                weights::batch(sizes, &["input ids", "attention mask", "labels"], always())
            }
            Output::Sequences(_) => {
                let mut batch = weights::batch(sizes, &["input ids", "attention mask"], always())?;
                if self.train.objective == Objective::Classification {
                    batch.push(weights::labels(run.batch, always())?);
                }
                Ok(batch)
            }
            Output::Hidden => weights::batch(sizes, &PAIRS, always()),
        }
    }
}

/// What a loop feeds whose batches carry a mask.
const WITH_MASK: [&str; 3] = ["input ids", "labels", "padding mask"];

/// What TRL feeds of pairs, and of completions with those of other prompts.
const COMPLETIONS: [&str; 6] = [
    "input ids",
    "attention mask",
    "completion mask",
    "input ids with another prompt",
    "attention mask with another prompt",
    "completion mask with another prompt",
];

impl Trained<'_> {
    /// Whether `Trainer.train()` was measured, and not a loop of one's own.
    pub(super) fn by_trainer(&self) -> bool {
        self.model.architecture.output.scores().is_some() || self.train.loss == Loss::Trl
    }

    /// Whether a copy of the model stands beside it.
    pub(super) fn has_copy(&self) -> bool {
        self.train.objective.has_reference() && self.train.reference == Reference::Copy
    }

    /// What a loop feeds of each token that trains on words.
    fn words_fed(&self, run: &Run<'_>) -> &'static [&'static str] {
        match self.train.objective {
            Objective::Dpo => &COMPLETIONS[..3],
            Objective::Kto => &COMPLETIONS,
            // Prompts and completions come apart, and are put together in the step.
            Objective::Grpo => &COMPLETIONS[..2],
            _ if run.has_mask() => &WITH_MASK,
            // The decoder's input is made of them.
            _ if run.architecture.seq2seq.is_some_and(|seq2seq| seq2seq.sounds.is_some()) => &weights::FED[1..],
            _ => &weights::FED,
        }
    }
}

impl step::TrainingStep for Trained<'_> {
    fn architecture(&self) -> &Architecture {
        &self.model.architecture
    }

    fn blocks(&self) -> Vec<BlockParameters> {
        self.blocks.clone()
    }

    fn adapted(&self) -> Option<Vec<BlockParameters>> {
        self.adapted.clone()
    }

    fn shards(&self) -> [Shards; 2] {
        self.spread.as_ref().map_or([Shards::Whole; 2], Spread::shards)
    }

    fn bits(&self) -> [Bits; 2] {
        if let Some([own, adapters]) = self.stored() {
            return [own, adapters].map(|dtype| Bits::whole(dtype.bits()));
        }
        let own = Bits::whole(self.run().weights.bits());
        [own, self.adapters.as_ref().map_or(own, |adapters| Bits::whole(adapters.dtype.bits()))]
    }

    fn trained(&self) -> Vec<Trains> {
        let [own, adapters] = self.bits();
        let Some(adapted) = self.adapted() else {
            return vec![Trains {
                blocks: reached(&self.blocks, self.model, self.train, self.placement),
                bits: own,
                copies: own,
                beside: false,
            }];
        };
        let adapted = adapted.into_iter().filter(|block| self.runs(block.block)).collect();
        let mut trained = vec![Trains { blocks: adapted, bits: adapters, copies: own, beside: true }];
        let copied = copied_head(&self.blocks, self.model);
        if !copied.is_empty() {
            trained.push(Trains { blocks: copied, bits: own, copies: own, beside: true });
        }
        trained
    }

    fn weights(&self, model: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        Ok(if self.train.method == Method::Qlora {
            quantized::parameters(model, base(model.architecture, self.train), always())?
        } else {
            model.parameters(always())?
        })
    }

    /// The copy that a policy is held against, of its own type and never trained.
    fn beside_weights(&self, model: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        if !self.has_copy() {
            return Ok(Vec::new());
        }
        Ok(model.parameters(always())?.iter().map(of_reference).collect())
    }

    fn gradients(&self) -> Option<Alive> {
        // A wrapper holds them itself, in buckets or until it has reduced them.
        let wrapped = self.spread.as_ref().is_some_and(Spread::holds_gradients);
        (!wrapped && self.run().keep_gradients).then(|| standing(self.train))
    }

    fn optimizer(&self, trained: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        let train = self.train;
        if train.offload_optimizer {
            return Ok(Vec::new());
        }
        let (kind, implementation) = (train.optimizer, train.optimizer_implementation);
        let mut since = steady().with(Step::First, Instant::OptimizerStep);
        if train.step_in_backward {
            // In the first step they come with the gradients, and are counted from the first of those on.
            since = since.with(Step::First, Instant::Backward).with(Step::First, Instant::BackwardEnd);
        }
        // DeepSpeed's steps a copy in fp32.
        let wide = Bits::whole(32);
        let steps_copy = self.zero().is_some();
        let copy = if steps_copy { Set { bits: wide, copies: wide, ..*trained } } else { *trained };
        let trained = &copy;
        let mut entries = optimizer::states(trained, kind, implementation, since)?;
        if steps_copy {
            entries.append(&mut deepspeed::master_weights(trained)?);
        }
        if self.zero().is_some_and(|spread| spread.layout.zero == 3) {
            return Ok(entries);
        }
        let run = self.run();
        let blocks: Vec<BlockParameters> = trained.blocks.iter().map(|block| in_order(block, &run)).collect();
        entries.append(&mut optimizer::temporaries(trained, &blocks, (kind, implementation), self.kernels())?);
        entries.append(&mut self.redistributed(trained)?);
        Ok(entries)
    }

    fn record(&self) -> Forward {
        self.record_run(&Run { kernels: self.kernels(), ..self.run() })
    }

    fn version(&self) -> &'static str {
        self.job.profile.version
    }

    fn finish(&self, entries: &mut Vec<Entry>) -> Result<(), EstimateError> {
        let run = self.run();
        entries.append(&mut self.buffers(&run)?);
        entries.append(&mut self.shared_matrices()?);
        if let Some(adapters) = &self.adapters {
            entries.append(&mut gather(adapters.indices(&self.blocks, always())?)?);
        }
        if self.has_copy() {
            entries.append(&mut self.buffers(&run)?.iter().map(of_reference).collect());
        }
        entries.append(&mut self.batch(&run)?);
        entries.append(&mut self.buckets()?);
        if let Some(spread) = self.zero() {
            entries.extend(self.offloaded_gradient(spread)?);
            entries.append(&mut self.standing_of_zero3(spread)?);
            if !self.train.offload_optimizer {
                entries.append(&mut self.step_of_zero(spread)?);
            }
        }
        if self.train.precision.scales_gradients() {
            entries.push(weights::gradient_scaler(always())?);
        }
        if run.keep_outputs {
            entries.append(&mut previous_outputs(entries));
        }
        let workspaces = self.release.standing_workspaces(self.job.gpu);
        if !self.tracked && workspaces != [0; 2] {
            entries.push(runtime::standing_workspaces(Bytes::new(workspaces.into_iter().sum()), always()));
        }
        if run.code.experts_apart {
            *entries = gather(std::mem::take(entries))?;
        }
        if let Some(divided) = self.divided {
            divided::widen_embedding(entries, divided)?;
            divided::whole(entries, &self.model.architecture, divided, run.sequence)?;
        }
        Ok(())
    }

    fn process(&self) -> (Process, Option<&Gpu>) {
        (self.process, self.job.gpu)
    }
}

/// What a loop feeds that trains on pairs of sequences.
const PAIRS: [&str; 4] = ["input ids", "attention mask", "input ids of the others", "attention mask of the others"];

/// The same of the copy that a policy is held against.
fn of_reference(entry: &Entry) -> Entry {
    let (name, source) = (format!("reference.{}", entry.name).into(), "a copy of the model, as TRL 1.16 makes one");
    Entry { name, source, ..entry.clone() }
}

/// The format of a quantized base.
fn base(architecture: &Architecture, train: &Train) -> Format {
    Format::of_base(architecture, train.base_weights, train.double_quant)
}

/// What a recurrent mixer keeps when it is frozen, and which of its layers PEFT adapts, has not been measured.
fn check_method(model: &Model, train: &Train) -> Result<(), EstimateError> {
    let recurrent = model.architecture.groups.iter().any(|group| group.layer.recurrent().is_some());
    if train.method == Method::Full || !recurrent {
        return Ok(());
    }
    let covered = String::from("full, for a model with recurrent layers");
    Err(EstimateError::NotCovered { key: "train.method", value: train.method.word().to_owned(), covered })
}

/// What projects gradients does so for linear layers of a decoder that is trained whole: GPT-2's matrices are in no linear
/// layer, and which modules of others have the names that `optim_target_modules` is given is not known.
fn check_optimizer(model: &Model, train: &Train) -> Result<(), EstimateError> {
    if !matches!(train.optimizer, Optimizer::Galore | Optimizer::Apollo) {
        return Ok(());
    }
    let architecture = &model.architecture;
    let decodes = architecture.encoder.is_none() && architecture.seq2seq.is_none() && architecture.image.is_none();
    let recurrent = architecture.groups.iter().any(|group| group.layer.recurrent().is_some());
    if train.method == Method::Full && decodes && !recurrent && !of_model(model).conv1d {
        return Ok(());
    }
    let covered = String::from("adamw and others, but for decoders of linear layers that are trained whole");
    Err(EstimateError::NotCovered { key: "train.optimizer", value: train.optimizer.word().to_owned(), covered })
}

/// A loop that keeps the model's outputs still has those of the step before, and what its graph begins with, while the
/// next forward runs.
fn previous_outputs(entries: &[Entry]) -> Vec<Entry> {
    let alive = Alive::NEVER.with(Step::Steady, Instant::Forward).with(Step::Steady, Instant::ForwardEnd);
    let stays = |entry: &&Entry| {
        let computed = entry.origin.held().is_some() && entry.category != Category::Gradients;
        entry.origin.held() == Some(Held::Output)
            || (computed && entry.alive.contains(Step::Steady, Instant::OptimizerStep))
    };
    let previous = entries.iter().filter(stays).map(|entry| Entry {
        category: if entry.category == Category::Logits { Category::Logits } else { Category::Workspace },
        name: format!("{} of the step before", entry.name).into(),
        lifetime: Lifetime::Transient,
        alive,
        ..entry.clone()
    });
    previous.collect()
}

fn run<'a>(
    model: &'a Model,
    code: Implementation,
    train: &Train,
    (adapters, seen): (Option<&'a Adapters>, Option<&'a Seen>),
) -> Run<'a> {
    let architecture = &model.architecture;
    let dropout = architecture.dropout;
    let acts = |own: f64| train.dropout.unwrap_or(own) > 0.0;
    // Of a pair the chosen and the rejected sequence are rows of one pass.
    let batch = match train.objective {
        Objective::Reward | Objective::Dpo => train.micro_batch_size.saturating_mul(2),
        _ => train.micro_batch_size,
    };
    let sequence = train.sequence_length.saturating_add(seen.map_or(0, Seen::tokens));
    Run {
        seen,
        weights: if train.precision.narrow_weights() { Dtype::Bf16 } else { Dtype::Fp32 },
        autocast: train.precision.autocasts(),
        fused_attention: train.attention == Attention::Flash,
        padding: train.padding,
        // The collators of TRL and of classes make a mask, whether anything is padded or not.
        unpadded_mask: architecture.output != Output::Own || train.loss == Loss::Trl,
        dropout: [acts(dropout.embedding), acts(dropout.hidden), acts(dropout.attention)],
        activation_dropout: acts(dropout.activation),
        checkpointed_layers: match train.recompute {
            Recompute::None | Recompute::Selective => 0,
            Recompute::Full => train.recompute_layers.unwrap_or(u64::MAX).min(architecture.num_hidden_layers()),
        },
        checkpoint_every: if train.recompute == Recompute::Full { train.recompute_every.max(1) } else { 1 },
        offloads_checkpoints: train.recompute == Recompute::Full && train.offload_activations,
        steps_in_backward: train.step_in_backward,
        keep_outputs: train.keep_outputs,
        keep_gradients: train.keep_gradients || train.gradient_accumulation_steps > 1,
        adapters,
        liger: code.liger.filter(|_| train.kernels == KernelLibrary::Liger),
        compile: train.compile,
        scored: match train.objective {
            Objective::Grpo => Some(train.micro_batch_size.saturating_mul(train.completion_length)),
            _ => train.scored_tokens,
        },
        objective: train.objective,
        reference: train.reference,
        loss_kind: train.loss,
        loss_chunks: train.loss_chunks,
        base: (train.method == Method::Qlora).then(|| base(architecture, train).kernel(architecture)).flatten(),
        ..Run::plain((architecture, code), (batch, sequence))
    }
}
