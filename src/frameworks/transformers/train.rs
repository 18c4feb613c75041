//! A training step: what stands, what the recorded pass makes, what the optimizer needs, instant by instant.

mod played;

use super::length::check_length;
use crate::families::{Implementation, of_model, patched_by_liger};
use crate::frameworks::Job;
use crate::frameworks::step::{self, always, standing, steady};
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::layers::{Forward, Run};
use crate::ledger::gather::gather;
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Category, Entry, EstimateError, Held, Instant, Lifetime, Step};
use crate::model::parameters::{BlockParameters, blocks};
use crate::model::part::Part;
use crate::model::{Architecture, Model};
use crate::scenario::{
    Attention, KernelLibrary, Loss, Method, Optimizer, OptimizerImplementation, Placement, Recompute, Train,
};
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
        check_kernels(model, &run, train)?;
        check_step_in_backward(train)?;
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
        let mut entries = weights::buffers(architecture, run.rotary_table_kinds(), scale, always())?;
        let bias_bits = if run.code.correction_bias_in_fp32 { Bits::whole(32) } else { bits };
        let mut in_layers = weights::layer_buffers(architecture, &run.code, always())?;
        in_layers.append(&mut weights::correction_biases(architecture, bias_bits, always())?);
        in_layers.append(&mut recurrent::constants(architecture, &run.code, bits, always())?);
        in_layers.append(&mut weights::activation_constants(architecture, bits, always())?);
        entries.append(&mut gather(in_layers)?);
        Ok(entries)
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
        let kernels = (!self.tracked).then(|| Kernels::of(self.job.gpu));
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
    let mut alive = steady().with(Step::First, Instant::OptimizerStep);
    if train.step_in_backward {
        // In the first step they come with the gradients, and are counted from the first of those on.
        alive = alive.with(Step::First, Instant::Backward).with(Step::First, Instant::BackwardEnd);
    }
    let mut entries = optimizer::states(trained, kind, implementation, alive)?;
    let step = Alive::NEVER.in_both(Instant::OptimizerStep);
    entries.append(&mut optimizer::temporaries(trained, kind, implementation, step)?);
    Ok(entries)
}

/// Whether Liger has a patch for a family that is described.
fn check_kernels(model: &Model, run: &Run<'_>, train: &Train) -> Result<(), EstimateError> {
    if train.kernels == KernelLibrary::None {
        return Ok(());
    }
    let refuse =
        |key, value: &str, covered: String| Err(EstimateError::NotCovered { key, value: value.to_owned(), covered });
    if run.liger.is_none() {
        let patched = patched_by_liger().join(", ");
        let covered = format!("none, for {}; liger for {patched}", model.family.id);
        return refuse("train.kernels", train.kernels.word(), covered);
    }
    if run.adapters.is_some_and(|adapters| adapters.names(Part::ExpertsGateAndUp).is_some()) {
        let covered = String::from("none, for adapters on experts");
        return refuse("train.kernels", train.kernels.word(), covered);
    }
    if train.loss == Loss::Chunked {
        return refuse("train.loss", train.loss.word(), String::from("eager, fused: with liger the loss is its own"));
    }
    Ok(())
}

/// An optimizer that steps in backward lets each gradient go before the next comes: nothing is left to add to.
fn check_step_in_backward(train: &Train) -> Result<(), EstimateError> {
    if !train.step_in_backward {
        return Ok(());
    }
    let refuse = |key, value: String, covered: &str| {
        let covered = format!("{covered}, with train.step_in_backward");
        Err(EstimateError::NotCovered { key, value, covered })
    };
    if train.gradient_accumulation_steps > 1 {
        return refuse("train.gradient_accumulation_steps", train.gradient_accumulation_steps.to_string(), "1");
    }
    if train.keep_gradients {
        return refuse("train.keep_gradients", String::from("true"), "false");
    }
    if train.offload_optimizer {
        return refuse("train.offload_optimizer", String::from("true"), "false");
    }
    if train.optimizer != Optimizer::Adamw {
        return refuse("train.optimizer", train.optimizer.word().to_owned(), "adamw");
    }
    if train.optimizer_implementation != OptimizerImplementation::Fused {
        return refuse("train.optimizer_implementation", train.optimizer_implementation.word().to_owned(), "fused");
    }
    Ok(())
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
        checkpoint_every: if train.recompute == Recompute::Full { train.recompute_every.max(1) } else { 1 },
        offloads_checkpoints: train.recompute == Recompute::Full && train.offload_activations,
        steps_in_backward: train.step_in_backward,
        loss: true,
        keep_outputs: train.keep_outputs,
        keep_gradients: train.keep_gradients || train.gradient_accumulation_steps > 1,
        graph: true,
        adapters,
        liger: code.liger.filter(|_| train.kernels == KernelLibrary::Liger),
        loss_kind: train.loss,
        loss_chunks: train.loss_chunks,
        base: if train.method == Method::Qlora { base(train).kernel() } else { None },
        generation: None,
        every_layer: false,
        kernels: None,
    }
}
