//! A training step: what stands, what the recorded pass makes, what the optimizer needs, instant by instant.

mod played;

use super::length::check_length;
use crate::framework::of_model;
use crate::frameworks::step::{always, close, positions, standing, steady};
use crate::frameworks::{litgpt, torchtune};
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::layers::Run;
use crate::ledger::gather::gather;
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Category, Entry, EstimateError, Held, Instant, Ledger, Lifetime, Step};
use crate::model::Model;
use crate::model::parameters::{BlockParameters, alike, blocks};
use crate::scenario::{Attention, Framework, Method, Placement, Recompute, Scenario, Train};
use crate::sequence::Sequence;
use crate::states::adapters::Adapters;
use crate::states::quantized::{self, Format};
use crate::states::weights::{self, Set};
use crate::states::{optimizer, recurrent};
use crate::tape::timeline::Timeline;
use crate::tape::{Dtype, recorded};
use crate::units::{Bits, Overflow};

/// The ledger of a training step on one GPU.
pub(crate) fn ledger(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
    check_framework(scenario)?;
    if let (Framework::Litgpt | Framework::Litgpt04, Some(profile)) = (scenario.framework, scenario.profile()) {
        return litgpt::ledger(model, scenario, &profile, gpu);
    }
    if let (Framework::Torchtune | Framework::Torchtune04, Some(profile)) = (scenario.framework, scenario.profile()) {
        return torchtune::ledger(model, scenario, &profile, gpu);
    }
    Trained::of(model, scenario)?.ledger(gpu)
}

/// The ledger of what a tracker of tensors sees of a training step: nothing that a kernel takes for itself, and a new
/// tensor for every sum of gradients.
pub(crate) fn tracked(model: &Model, scenario: &Scenario) -> Result<Ledger, EstimateError> {
    check_framework(scenario)?;
    Trained { tracked: true, ..Trained::of(model, scenario)? }.ledger(None)
}

/// Everything that a training run asks of PyTorch's allocator, in order.
pub(crate) fn sequence(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Sequence, EstimateError> {
    check_framework(scenario)?;
    Trained::of(model, scenario)?.sequence(gpu)
}

fn check_framework(scenario: &Scenario) -> Result<(), EstimateError> {
    if scenario.profile().is_some_and(|profile| profile.train.is_some()) {
        return Ok(());
    }
    let trains =
        scenario.profiles.all().iter().filter(|profile| profile.train.is_some()).map(|profile| profile.id.as_str());
    let covered = trains.collect::<Vec<_>>().join(", ") + ", for training";
    Err(EstimateError::framework(scenario.framework.word(), covered))
}

/// A model in a training loop of Transformers.
struct Trained<'a> {
    model: &'a Model,
    train: &'a Train,
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
    fn of(model: &'a Model, scenario: &'a Scenario) -> Result<Self, EstimateError> {
        let train = &scenario.train;
        if train.method == Method::Qlora {
            base(train).check(model, "train.base_weights", train.base_weights.word())?;
            quantized::check_class(model, scenario, base(train), "train.base_weights")?;
        }
        check_method(model, train)?;
        let adapters = match train.method {
            Method::Full => None,
            Method::Lora | Method::Qlora => Some(Adapters::of(model, train)?),
        };
        let adapted = adapters.as_ref().map(|adapters| adapters.blocks(model));
        let (placement, process) = (scenario.placement(), Process::of(scenario, true));
        let this = Self {
            model,
            train,
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

    fn run(&self) -> Run<'_> {
        run(self.model, self.train, self.adapters.as_ref())
    }

    fn ledger(&self, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
        let kernels = (!self.tracked).then(|| Kernels::of(gpu));
        let (train, run) = (self.train, Run { kernels, ..self.run() });
        let recording = run.record();
        let timeline = Timeline::read(&recording)?;
        let positions = positions(&recording, &timeline);
        let (all, adapted) = (alike(self.blocks.clone()), self.adapted.clone().map(alike));
        let [model_set, trained] = self.sets(&run, &all, adapted.as_deref());
        let mut entries = self.weights(&model_set, &trained)?;
        // More than there will be, so that thousands of entries of a model of many short groups need not move. Room that
        // nothing is written to costs nothing; and where the largest block is the greater part of all that a ledger takes,
        // glibc keeps the memory for the next ledger instead of asking the kernel for each page anew.
        entries.reserve(3 * entries.len() + 2 * recording.tape.storages.len());
        if run.keep_gradients {
            entries.append(&mut trained.standing_gradients(standing(train))?);
        }
        entries.append(&mut optimizer_entries(&trained, train)?);
        recorded::post(&mut entries, &recording, &timeline, &positions)?;
        entries.append(&mut self.buffers(&run)?);
        entries.append(&mut self.batch(&run)?);
        if train.precision.scales_gradients() {
            entries.push(weights::gradient_scaler(always())?);
        }
        if run.keep_outputs {
            entries.append(&mut previous_outputs(&entries));
        }
        close(entries, (self.process, gpu), &recording, &timeline, &positions)
    }

    /// The model's tensors, and those that are trained.
    fn sets<'s>(
        &'s self,
        run: &Run<'_>,
        all: &'s [BlockParameters],
        adapted: Option<&'s [BlockParameters]>,
    ) -> [Set<'s>; 2] {
        let architecture = &self.model.architecture;
        let bits = Bits::whole(run.weights.bits());
        let model = Set { architecture, blocks: all, bits };
        match (&self.adapters, adapted) {
            (Some(adapters), Some(blocks)) => {
                [model, Set { architecture, blocks, bits: Bits::whole(adapters.dtype.bits()) }]
            }
            _ => [model, model],
        }
    }

    fn weights(&self, model: &Set<'_>, trained: &Set<'_>) -> Result<Vec<Entry>, Overflow> {
        let mut entries = if self.train.method == Method::Qlora {
            quantized::parameters(model, base(self.train), always())?
        } else {
            model.parameters(always())?
        };
        if self.adapters.is_some() {
            entries.append(&mut trained.parameters(always())?);
        }
        Ok(entries)
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

fn run<'a>(model: &'a Model, train: &Train, adapters: Option<&'a Adapters>) -> Run<'a> {
    let architecture = &model.architecture;
    let dropout = architecture.dropout;
    let acts = |own: f64| train.dropout.unwrap_or(own) > 0.0;
    Run {
        architecture,
        code: of_model(model),
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
