//! A training step: what stands, what the recorded pass makes, what the optimizer needs, instant by instant.

mod played;

use self::played::in_order;
use super::length::check_length;
use crate::families::{Implementation, of_model};
use crate::frameworks::Job;
use crate::frameworks::step::{self, always, standing, steady};
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::layers::{Forward, Run};
use crate::ledger::gather::gather;
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Category, Entry, EstimateError, Held, Instant, Lifetime, Place, Step};
use crate::model::parameters::{BlockParameters, blocks};
use crate::model::part::Part;
use crate::model::{Architecture, Model};
use crate::scenario::{Attention, Loss, Method, Optimizer, Placement, Recompute, Train};
use crate::shape::{Dim, Shape};
use crate::states::adapters::Adapters;
use crate::states::quantized::{self, Format};
use crate::states::weights::{self, Set};
use crate::states::{optimizer, recurrent};
use crate::tape::Dtype;
use crate::units::{Bits, Overflow};

/// A model in a training loop of Transformers.
pub(super) struct Trained<'a> {
    job: Job<'a>,
    model: &'a Model,
    train: &'a Train,
    code: Implementation,
    placement: Placement,
    process: Process,
    /// Whether only tensors are looked at, and not what kernels take.
    tracked: bool,
    adapters: Option<Adapters>,
    /// The model's own tensors, and the adapters'.
    blocks: Vec<BlockParameters>,
    adapted: Option<Vec<BlockParameters>>,
}

impl<'a> Trained<'a> {
    /// An error where something about it is wrong or not covered.
    pub(super) fn of(job: &Job<'a>) -> Result<Self, EstimateError> {
        let Job { model, scenario, .. } = *job;
        let train = &scenario.train;
        job.check_family("this version")?;
        if train.method == Method::Qlora {
            base(train).check(model, "train.base_weights", train.base_weights.word())?;
            quantized::check_class(job.profile, model, base(train), "train.base_weights")?;
        }
        check_method(model, train)?;
        check_optimizer(model, train)?;
        let adapters = match train.method {
            Method::Full => None,
            Method::Lora | Method::Qlora => Some(Adapters::of(model, train)?),
        };
        let adapted = adapters.as_ref().map(|adapters| adapters.blocks(model));
        let (placement, process) = (scenario.placement(), Process::of(scenario, true));
        let this = Self {
            job: *job,
            model,
            train,
            code: of_model(model),
            placement,
            process,
            tracked: false,
            adapters,
            blocks: blocks(&model.architecture),
            adapted,
        };
        let run = this.run();
        if run.code.eager_only && run.fused_attention {
            let (value, covered) = (String::from("flash"), format!("eager, for {}", model.family.id));
            return Err(EstimateError::NotCovered { key: "train.attention", value, covered });
        }
        check_length(model, "train.sequence_length", train.sequence_length)?;
        Ok(this)
    }

    /// The same, of which only tensors are looked at.
    pub(super) fn of_tensors(self) -> Self {
        Self { tracked: true, ..self }
    }

    fn run(&self) -> Run<'_> {
        run(self.model, self.code, self.train, self.adapters.as_ref())
    }

    /// What kernels take, unless only tensors are looked at.
    fn kernels(&self) -> Option<Kernels> {
        (!self.tracked).then(|| Kernels::of(self.job.gpu))
    }

    /// What the model holds beside its parameters.
    fn buffers(&self, run: &Run<'_>) -> Result<Vec<Entry>, Overflow> {
        let (architecture, bits) = (&self.model.architecture, Bits::whole(run.weights.bits()));
        let scale = run.code.embedding_scale_buffer.then_some(bits);
        let mut entries = weights::buffers(architecture, run.rotary_table_kinds(), scale, always())?;
        // A copy of the embedding's module has its own.
        let copied = self.adapters.as_ref().is_some_and(|adapters| adapters.saves(Part::TokenEmbedding));
        if let Some(entry) = entries.last_mut().filter(|_| copied && scale.is_some()) {
            (entry.count, entry.bytes) = (2, entry.bytes.checked_mul(2)?);
        }
        let bias_bits = if run.code.correction_bias_in_fp32 { Bits::whole(32) } else { bits };
        let mut in_layers = weights::layer_buffers(architecture, &run.code, always())?;
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

    /// What the loop feeds.
    fn batch(&self, run: &Run<'_>) -> Result<Vec<Entry>, Overflow> {
        match &self.model.architecture.image {
            Some(image) => weights::images(image, run.batch, always()),
            None => {
                // TRL's collator makes a mask, whether anything is padded or not.
                let masked = run.padding || run.loss_kind == Loss::Trl;
                weights::batch([run.batch, run.sequence], masked, always())
            }
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

    fn bits(&self) -> [Bits; 2] {
        let own = Bits::whole(self.run().weights.bits());
        [own, self.adapters.as_ref().map_or(own, |adapters| Bits::whole(adapters.dtype.bits()))]
    }

    fn weights(&self, model: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        Ok(if self.train.method == Method::Qlora {
            quantized::parameters(model, base(self.train), always())?
        } else {
            model.parameters(always())?
        })
    }

    fn gradients(&self) -> Option<Alive> {
        self.run().keep_gradients.then(|| standing(self.train))
    }

    fn optimizer(&self, trained: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        let train = self.train;
        if train.offload_optimizer {
            return Ok(Vec::new());
        }
        let (kind, implementation) = (train.optimizer, train.optimizer_implementation);
        let since = steady().with(Step::First, Instant::OptimizerStep);
        let mut entries = optimizer::states(trained, kind, implementation, since)?;
        let run = self.run();
        let blocks: Vec<BlockParameters> = trained.blocks.iter().map(|block| in_order(block, &run)).collect();
        entries.append(&mut optimizer::temporaries(trained, &blocks, (kind, implementation), self.kernels())?);
        Ok(entries)
    }

    fn record(&self) -> Forward {
        Run { kernels: self.kernels(), ..self.run() }.record()
    }

    fn version(&self) -> &'static str {
        self.job.profile.version
    }

    fn finish(&self, entries: &mut Vec<Entry>) -> Result<(), EstimateError> {
        let run = self.run();
        entries.append(&mut self.buffers(&run)?);
        entries.append(&mut self.batch(&run)?);
        if self.train.precision.scales_gradients() {
            entries.push(weights::gradient_scaler(always())?);
        }
        if run.keep_outputs {
            entries.append(&mut previous_outputs(entries));
        }
        Ok(())
    }

    fn process(&self) -> (Process, Option<&Gpu>) {
        (self.process, self.job.gpu)
    }
}

/// The format of a quantized base.
const fn base(train: &Train) -> Format {
    Format::of_base(train.base_weights, train.double_quant)
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

fn run<'a>(model: &'a Model, code: Implementation, train: &Train, adapters: Option<&'a Adapters>) -> Run<'a> {
    let architecture = &model.architecture;
    let dropout = architecture.dropout;
    let acts = |own: f64| train.dropout.unwrap_or(own) > 0.0;
    Run {
        architecture,
        code,
        batch: train.micro_batch_size,
        sequence: train.sequence_length,
        weights: if train.precision.narrow_weights() { Dtype::Bf16 } else { Dtype::Fp32 },
        autocast: train.precision.autocasts(),
        fused_attention: train.attention == Attention::Flash,
        padding: train.padding,
        dropout: [acts(dropout.embedding), acts(dropout.hidden), acts(dropout.attention)],
        checkpointed_layers: match train.recompute {
            Recompute::None | Recompute::Selective => 0,
            Recompute::Full => train.recompute_layers.unwrap_or(u64::MAX).min(architecture.num_hidden_layers()),
        },
        loss: true,
        keep_outputs: train.keep_outputs,
        keep_gradients: train.keep_gradients || train.gradient_accumulation_steps > 1,
        graph: true,
        adapters,
        scored: train.scored_tokens,
        loss_kind: train.loss,
        loss_chunks: train.loss_chunks,
        base: if train.method == Method::Qlora { base(train).kernel() } else { None },
        generation: None,
        every_layer: false,
        kernels: None,
    }
}
