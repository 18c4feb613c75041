//! A training step: what stands, what the recorded pass makes, what the optimizer needs, instant by instant.

mod played;

use super::length::check_length;
use super::release::Release;
use crate::families::{Implementation, of_model};
use crate::frameworks::Job;
use crate::frameworks::step::{self, always, standing, steady};
use crate::gpu::Gpu;
use crate::layers::{Forward, Run};
use crate::ledger::gather::gather;
use crate::ledger::runtime::{self, Process};
use crate::ledger::{Alive, Category, Entry, EstimateError, Held, Instant, Lifetime, Step};
use crate::model::parameters::{BlockParameters, blocks};
use crate::model::{Architecture, Model};
use crate::scenario::{Attention, Method, Placement, Recompute, Train};
use crate::states::adapters::Adapters;
use crate::states::quantized::{self, Format};
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
        let release = Release::of(job.profile);
        release.check(job)?;
        let code = release.code(of_model(model));
        let blocks = release.blocks(blocks(&model.architecture), &code);
        let adapters = match train.method {
            Method::Full => None,
            Method::Lora | Method::Qlora => Some(Adapters::of(model, train, &blocks)?),
        };
        let adapted = adapters.as_ref().map(|adapters| adapters.of_blocks(blocks.clone()));
        let (placement, process) = (scenario.placement(), Process::of(scenario, true));
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
            blocks,
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

    /// What the model holds beside its parameters.
    fn buffers(&self, run: &Run<'_>) -> Result<Vec<Entry>, Overflow> {
        let (architecture, bits) = (&self.model.architecture, Bits::whole(run.weights.bits()));
        let scale = run.code.embedding_scale_buffer.then_some(bits);
        let mut entries =
            weights::buffers(architecture, (run.rotary_table_kinds(), run.code.shares_frequencies), scale, always())?;
        let bias_bits = if run.code.correction_bias_in_fp32 { Bits::whole(32) } else { bits };
        let mut in_layers = weights::layer_buffers(architecture, &run.code, self.loaded_bits(), always())?;
        in_layers.append(&mut weights::correction_biases(architecture, bias_bits, always())?);
        in_layers.append(&mut recurrent::constants(architecture, &run.code, bits, always())?);
        in_layers.append(&mut weights::activation_constants(architecture, bits, always())?);
        entries.append(&mut gather(in_layers)?);
        Ok(entries)
    }

    /// The type that a model has as it is loaded, before anything of it is widened.
    fn loaded_bits(&self) -> Bits {
        Bits::whole(if self.train.method == Method::Qlora { 16 } else { self.run().weights.bits() })
    }

    /// What the loop feeds.
    fn batch(&self, run: &Run<'_>) -> Result<Vec<Entry>, Overflow> {
        match &self.model.architecture.image {
            Some(image) => weights::images(image, run.batch, always()),
            None => weights::batch([run.batch, run.sequence], run.padding, always()),
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
        Ok(optimizer_entries(trained, self.train)?)
    }

    fn record(&self) -> Forward {
        let kernels = (!self.tracked).then(|| self.release.kernels(self.job.gpu));
        Run { kernels, ..self.run() }.record()
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
        let workspaces = self.release.standing_workspaces(self.job.gpu);
        if !self.tracked && workspaces != [0; 2] {
            entries.push(runtime::standing_workspaces(Bytes::new(workspaces.into_iter().sum()), always()));
        }
        if run.code.experts_apart {
            *entries = gather(std::mem::take(entries))?;
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

fn optimizer_entries(trained: &Set<'_>, train: &Train) -> Result<Vec<Entry>, Overflow> {
    if train.offload_optimizer {
        return Ok(Vec::new());
    }
    let (kind, implementation) = (train.optimizer, train.optimizer_implementation);
    let mut entries =
        optimizer::states(trained, kind, implementation, steady().with(Step::First, Instant::OptimizerStep))?;
    let step = Alive::NEVER.in_both(Instant::OptimizerStep);
    entries.append(&mut optimizer::temporaries(trained, kind, implementation, step)?);
    Ok(entries)
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
        loss_kind: train.loss,
        loss_chunks: train.loss_chunks,
        base: if train.method == Method::Qlora { base(train).kernel() } else { None },
        generation: None,
        every_layer: false,
        kernels: None,
    }
}
