//! torchtitan's pretraining: FSDP2 around its own decoders, matrices divided beside it, the loss chunk by chunk.

mod check;
pub(crate) mod layers;
mod standing;

use super::step::{self, TrainingStep};
use super::{Framework, Job, divided};
use crate::families::code::NormCode;
use crate::families::{Implementation, implementation};
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::layers::divided::Divided;
use crate::layers::{Forward, Run};
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Entry, EstimateError, Instant, Ledger, Step};
use crate::model::architecture::Mixer;
use crate::model::family::Projection;
use crate::model::parameters::{BlockParameters, blocks};
use crate::model::{Architecture, Model};
use crate::parallel::Layout;
use crate::parallel::fsdp2::Fsdp2;
use crate::parallel::units::Units;
use crate::parallel::wrapper::{Types, Wrapping};
use crate::scenario::{Loss, Precision, Recompute, Train, Wrap};
use crate::sequence::{Program, Sequence};
use crate::states::optimizer;
use crate::states::shard::Shards;
use crate::states::weights::Set;
use crate::tape::Dtype;
use crate::units::Bits;

/// `torchtitan.train` of torchtitan 0.3.
pub(crate) struct Torchtitan;

impl Framework for Torchtitan {
    fn id(&self) -> &'static str {
        "torchtitan"
    }

    fn check(&self, job: &Job<'_>) -> Result<(), EstimateError> {
        pretrained(job, |_| Ok(()))
    }

    fn train(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        pretrained(job, |step| step::ledger(&step))
    }

    fn trainable(&self, job: &Job<'_>) -> Result<Vec<BlockParameters>, EstimateError> {
        Ok(blocks(&built(job.model).architecture))
    }

    fn is_in_order(&self, _job: &Job<'_>) -> bool {
        true
    }

    fn sequence(&self, job: &Job<'_>) -> Result<Option<Sequence>, EstimateError> {
        pretrained(job, |step| step.sequence().map(Some))
    }

    fn tracked(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        pretrained(job, |step| step::ledger(&Pretraining { kernels: None, ..step }))
    }
}

/// What is made of a step of the model as one GPU has it.
fn pretrained<T>(
    job: &Job<'_>,
    make: impl FnOnce(Pretraining<'_>) -> Result<T, EstimateError>,
) -> Result<T, EstimateError> {
    job.check_family("torchtitan 0.3")?;
    let layout = Layout::of(job.scenario)?;
    check::check(job, &layout)?;
    let whole = built(job.model);
    let tied = whole.architecture.tie_word_embeddings;
    let (mut model, divided) = if layout.tensor > 1 {
        let (model, divided) = divided::of(&whole, job.scenario, &layout)?;
        // A vocabulary that is divided stays so in the loss.
        (model, Some(Divided { loss: true, ..divided }))
    } else {
        (whole, None)
    };
    // A tied table is one parameter, but embedding and head gather it each by itself: `Module.parallelize` has taken them
    // apart before `fully_shard` sees them.
    model.architecture.tie_word_embeddings = false;
    let units = Units::of((&blocks(&model.architecture), &[]), (Wrap::Units, tied), layout.shard)?;
    // Elsewhere it is one table, divided or not.
    model.architecture.tie_word_embeddings = tied;
    let train = &job.scenario.train;
    let kernels = Some(Kernels::of(job.gpu));
    make(Pretraining { job, model: &model, train, layout, divided, units, kernels })
}

/// The model as torchtitan builds it: one matrix for queries, keys and values.
fn built(model: &Model) -> Model {
    let mut built = model.clone();
    for group in &mut built.architecture.groups {
        if let Mixer::Attention(attention) = &mut group.layer.mixer {
            attention.projection = Projection::Fused;
        }
    }
    built
}

/// A step.
struct Pretraining<'a> {
    job: &'a Job<'a>,
    model: &'a Model,
    train: &'a Train,
    layout: Layout,
    divided: Option<Divided>,
    units: Units,
    /// What kernels take; nothing where only tensors are looked at.
    kernels: Option<Kernels>,
}

impl Pretraining<'_> {
    /// `training.dtype`, and what `MixedPrecisionPolicy` makes of it: gradients are reduced in fp32.
    fn types(&self) -> Types {
        let stored = if self.train.precision == Precision::Bf16 { Dtype::Bf16 } else { Dtype::Fp32 };
        Types { stored, compute: Dtype::Bf16, reduce: Dtype::Fp32 }
    }

    fn run(&self) -> Run<'_> {
        let (train, architecture) = (self.train, &self.model.architecture);
        // Of the Hugging Face code only the feed-forward network is the same.
        let own = implementation(self.model.family);
        let code = Implementation { norm: NormCode::Fused, transposed_linears: false, measured: true, ..own };
        let checkpoints = train.recompute != Recompute::None;
        Run {
            weights: self.types().compute,
            checkpointed_layers: if checkpoints { architecture.num_hidden_layers() } else { 0 },
            loss_kind: train.loss,
            loss_chunks: train.loss_chunks,
            // What a unit gathers depends on its neighbours.
            every_layer: true,
            divided: self.divided,
            kernels: self.kernels,
            ..Run::plain((architecture, code), (train.micro_batch_size, train.sequence_length))
        }
    }

    /// A run as everything that it asks of an allocator. How shards came to the card is not played: they are there.
    fn sequence(&self) -> Result<Sequence, EstimateError> {
        let pass = self.record();
        pass.tape.check()?;
        let [own, _] = self.bits();
        let [shards, _] = self.shards();
        let blocks = self.blocks();
        let model = Set { architecture: self.architecture(), blocks: &blocks, bits: own, copies: own, shards };
        let mut standing = model.parameters(step::always())?;
        standing.append(&mut standing::entries(&self.run())?);
        let local = blocks.iter().map(|block| shards.local_block(block)).collect::<Result<Vec<_>, _>>()?;
        let how = (self.train.optimizer, self.train.optimizer_implementation);
        let steps = optimizer::steps(&Set { blocks: &local, shards: Shards::Whole, ..model }, how, self.kernels)?;
        let program = Program {
            load: Sequence::standing(&standing),
            pass: &pass,
            adds: None,
            passes: 1,
            keeps_outputs: false,
            keeps_gradients: false,
            optimizer: vec![steps],
        };
        Ok(program.sequence()?)
    }

    fn in_chunks(&self) -> bool {
        self.train.loss == Loss::Chunked
    }
}

impl TrainingStep for Pretraining<'_> {
    fn architecture(&self) -> &Architecture {
        &self.model.architecture
    }

    fn adapted(&self) -> Option<Vec<BlockParameters>> {
        None
    }

    fn bits(&self) -> [Bits; 2] {
        [Bits::whole(self.types().stored.bits()); 2]
    }

    fn shards(&self) -> [Shards; 2] {
        [Shards::Rows(self.layout.shard); 2]
    }

    fn gradients(&self) -> Option<Alive> {
        None
    }

    fn optimizer(&self, trained: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        let (kind, implementation) = (self.train.optimizer, self.train.optimizer_implementation);
        let since = step::steady().with(Step::First, Instant::OptimizerStep);
        let mut entries = optimizer::states(trained, kind, implementation, since)?;
        entries.append(&mut optimizer::temporaries(trained, trained.blocks, (kind, implementation), self.kernels)?);
        Ok(entries)
    }

    fn record(&self) -> Forward {
        let types = self.types();
        let wrapping = Wrapping {
            own: types,
            adapters: types,
            reshards: self.layout.zero == 3,
            adapts: false,
            accumulates: false,
            offloads: false,
        };
        let mut hooks = Fsdp2::new(&self.units, wrapping).in_chunks(self.in_chunks());
        layers::Decoder::new(&self.run(), self.train.recompute).record_with(&mut hooks)
    }

    fn version(&self) -> &'static str {
        self.job.profile.version
    }

    fn finish(&self, entries: &mut Vec<Entry>) -> Result<(), EstimateError> {
        entries.append(&mut standing::entries(&self.run())?);
        if let Some(divided) = self.divided {
            divided::whole(entries, &self.model.architecture, divided, self.train.sequence_length)?;
        }
        Ok(())
    }

    fn process(&self) -> (Process, Option<&Gpu>) {
        (Process::of(self.job.scenario, true), self.job.gpu)
    }
}
