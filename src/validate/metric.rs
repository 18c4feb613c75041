//! What a measurement measured, and where the ledger says the same.

use super::{Rank, Stage, Subject};
use crate::memory::{
    self, Category, Entry, EstimateError, Exactness, Instant, Layout, Ledger, Lifetime, Origin, Overhead, Place, Pool,
    Reserve, Sketch, Step,
};
use crate::model::{Model, parameters};
use crate::scenario::{Method, Scenario, Task};
use crate::units::{Bytes, Overflow, Parameters};

/// What a measurement measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Parameters of the model, a count.
    Parameters,
    /// Parameters that the optimizer steps, a count.
    Trainable,
    /// Bytes that autograd keeps from forward to backward.
    Saved,
    /// The most that all tensors of the program take, and nothing else: what a tracker of tensors sees.
    TensorsPeak,
    /// `requested_bytes.all.peak`: what is asked of PyTorch's allocator, workspaces included.
    RequestedPeak,
    /// The most in its blocks, whose sizes are rounded.
    AllocatedBlocksPeak,
    /// `torch.cuda.max_memory_allocated`: tensors and what libraries take from PyTorch's allocator.
    AllocatedPeak,
    /// The same in the first step alone: what a run peaks at whose first batch is its longest.
    AllocatedFirstStep,
    /// What stays allocated between steps.
    AllocatedStatic,
    /// `torch.cuda.max_memory_reserved`.
    ReservedPeak,
    /// The least that PyTorch's allocator runs with, in MiB.
    SmallestCard,
    /// Everything that the process takes, the CUDA context included.
    Process,
    /// Weights as they are stored.
    Weights,
    /// Optimizer states and master weights.
    Optimizer,
    /// The resident cache of keys and values.
    KvCache,
    /// States of recurrent layers alone.
    RecurrentState,
    /// What llama.cpp calls its compute buffer.
    ComputeBuffer,
    /// Blocks of an engine's pool, a count.
    KvBlocks,
    /// Requests of the whole context that a pool holds, in millionths.
    Concurrency,
}

impl Metric {
    const ALL: [Self; 19] = [
        Self::Parameters,
        Self::Trainable,
        Self::Saved,
        Self::TensorsPeak,
        Self::RequestedPeak,
        Self::AllocatedBlocksPeak,
        Self::AllocatedPeak,
        Self::AllocatedFirstStep,
        Self::AllocatedStatic,
        Self::ReservedPeak,
        Self::SmallestCard,
        Self::Process,
        Self::Weights,
        Self::Optimizer,
        Self::KvCache,
        Self::RecurrentState,
        Self::ComputeBuffer,
        Self::KvBlocks,
        Self::Concurrency,
    ];

    /// The words of case files.
    pub const WORDS: &'static [&'static str] = &[
        "parameters",
        "trainable",
        "saved",
        "tensors_peak",
        "requested_peak",
        "allocated_blocks_peak",
        "allocated_peak",
        "allocated_first_step",
        "allocated_static",
        "reserved_peak",
        "smallest_card",
        "process",
        "weights",
        "optimizer",
        "kv_cache",
        "recurrent_state",
        "compute_buffer",
        "kv_blocks",
        "concurrency",
    ];

    /// The unit of what case files say, of which the numbers here are parts: concurrency is said in requests.
    pub const fn scale(self) -> u64 {
        match self {
            Self::Concurrency => 1_000_000,
            _ => 1,
        }
    }

    /// The metric of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.word() == word)
    }

    /// The word of case files.
    pub const fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// What is predicted; or why nothing is.
    pub(super) fn predicted(self, subject: &Subject, rank: Option<Rank>) -> Result<u64, String> {
        let Subject { model, scenario, gpu } = subject;
        let trains = scenario.task == Task::Train;
        let full = trains && scenario.train.method == Method::Full;
        // A gradient may not reach all adapters of a tower, which are counted all the same.
        let counted = full || model.architecture.tower.is_some();
        if self == Self::Parameters || (self == Self::Trainable && counted) {
            let count = if self == Self::Trainable {
                memory::trainable_parameters(model, scenario).map_err(|error| error.to_string())
            } else {
                parameters::count(&model.architecture).map_err(|error| error.to_string())
            };
            return count.map(Parameters::get);
        }
        if let Some(of_reserve) = self.of_reserve() {
            let reserve = memory::reserve(model, scenario, gpu.as_ref()).map_err(|error| error.to_string())?;
            match reserve {
                Some(reserve) => return Ok(of_reserve(&reserve)),
                None if self.is_of_allocator_alone() => {
                    return Err(format!("{}: the allocator of such runs is not played out", self.word()));
                }
                None => {}
            }
        }
        let ledger = match self {
            // Whoever tracks tensors sees nothing that a kernel takes for itself.
            Self::Trainable | Self::Saved | Self::TensorsPeak => memory::tracked(model, scenario),
            Self::Process => memory::played(model, scenario, gpu.as_ref()),
            _ => match rank.and_then(|rank| rank.pipeline).filter(|_| trains).map(|stage| of_stage(stage, scenario)) {
                Some(rank) => rank.and_then(|rank| memory::estimate_on(model, scenario, gpu.as_ref(), rank)),
                None => memory::estimate(model, scenario, gpu.as_ref()),
            },
        };
        let ledger = ledger.map_err(|error| error.to_string())?;
        match self {
            Self::Trainable => elements_stepped(&ledger),
            Self::ComputeBuffer if !scenario.framework.builds_by("llama.cpp") => {
                Err(String::from("compute_buffer: only llama.cpp has one"))
            }
            Self::KvBlocks | Self::Concurrency => {
                let of = |pool: &Pool| if self == Self::KvBlocks { pool.blocks } else { Some(pool.concurrency) };
                ledger.pool().and_then(of).ok_or_else(|| format!("{}: only of an engine's pool", self.word()))
            }
            _ => self.bytes(&ledger, scenario).map(Bytes::get).map_err(|error| error.to_string()),
        }
    }

    /// Where the allocator is played out, what of it is meant.
    fn of_reserve(self) -> Option<fn(&Reserve) -> u64> {
        match self {
            Self::RequestedPeak => Some(|reserve| reserve.requested.get()),
            Self::AllocatedBlocksPeak | Self::AllocatedPeak => Some(|reserve| reserve.allocated.get()),
            Self::ReservedPeak => Some(|reserve| reserve.reserved.get()),
            Self::SmallestCard => Some(|reserve| reserve.least.get().div_ceil(1 << 20)),
            _ => None,
        }
    }

    const fn is_of_allocator_alone(self) -> bool {
        matches!(self, Self::RequestedPeak | Self::AllocatedBlocksPeak | Self::SmallestCard)
    }

    fn bytes(self, ledger: &Ledger, scenario: &Scenario) -> Result<Bytes, Overflow> {
        let peak = ledger.peak();
        let resting = match scenario.task {
            Task::Train => Instant::ForwardEnd,
            // An encoder decodes nothing.
            Task::Infer if !decodes(ledger) => Instant::Load,
            Task::Infer => Instant::Decode,
        };
        match self {
            Self::Parameters
            | Self::Trainable
            | Self::TensorsPeak
            | Self::RequestedPeak
            | Self::AllocatedBlocksPeak
            | Self::SmallestCard => Ok(ledger.allocated()),
            Self::Saved => sum(ledger.alive(Step::Steady, resting).filter(|entry| is_saved(entry))),
            Self::AllocatedPeak => sum(ledger.alive(peak.step, peak.instant).filter(|entry| entry.in_allocator())),
            Self::AllocatedFirstStep => {
                let moments = ledger.moments().iter().filter(|moment| moment.step == Step::First);
                let allocated = |instant| sum(ledger.alive(Step::First, instant).filter(|it| it.in_allocator()));
                moments.map(|moment| allocated(moment.instant)).try_fold(Bytes::ZERO, |most, next| Ok(most.max(next?)))
            }
            Self::ReservedPeak => {
                let allocated = sum(ledger.alive(peak.step, peak.instant).filter(|entry| entry.in_allocator()))?;
                allocated.checked_add(usual_slack(ledger))
            }
            Self::AllocatedStatic => {
                let stays = |entry: &&Entry| entry.in_allocator() && entry.lifetime == Lifetime::Persistent;
                let Task::Train = scenario.task else {
                    return sum(ledger.alive(Step::Steady, resting).filter(stays));
                };
                // Between steps there is what the optimizer leaves, and of gradients what the next step finds.
                let found = |entry: &&Entry| {
                    entry.category != Category::Gradients || entry.alive.contains(Step::Steady, resting)
                };
                sum(ledger.alive(Step::Steady, Instant::OptimizerStep).filter(stays).filter(found))
            }
            Self::Process => match ledger.reserve() {
                // The process takes what it can where there is room.
                Some(reserve) => ledger.total().saturating_sub(reserve.least).checked_add(reserve.reserved),
                None => ledger.total().checked_add(usual_slack(ledger)),
            },
            Self::Weights => {
                Ok(ledger.largest(Category::Parameters).0.checked_add(on_host(ledger, Category::Parameters)?)?)
            }
            Self::Optimizer => Ok(ledger.largest(Category::Optimizer).0),
            Self::KvCache if scenario.framework.builds_by("llama.cpp") => {
                sum(cached(ledger).filter(|entry| entry.origin != Origin::State))
            }
            Self::KvCache => Ok(ledger.largest(Category::KvCache).0),
            Self::RecurrentState => sum(cached(ledger).filter(|entry| entry.origin == Origin::State)),
            Self::ComputeBuffer => {
                peak.by_category.get(Category::Workspace).checked_add(on_host(ledger, Category::Workspace)?)
            }
            // They are counts.
            Self::KvBlocks | Self::Concurrency => Ok(Bytes::ZERO),
        }
    }

    /// What the rule of thumb says, where it has a word for it.
    pub(super) fn sketched(self, model: &Model, scenario: &Scenario) -> Option<u64> {
        let sketch = memory::sketch(model, scenario).ok()?;
        let Sketch { parameters, activations, .. } = sketch;
        match self {
            Self::Parameters => elements(model, scenario),
            Self::Trainable if scenario.train.method == Method::Full => elements(model, scenario),
            Self::Weights => Some(parameters.get()),
            Self::Saved => Some(activations.get()),
            Self::TensorsPeak
            | Self::RequestedPeak
            | Self::AllocatedBlocksPeak
            | Self::AllocatedPeak
            | Self::AllocatedFirstStep
            | Self::ReservedPeak
            | Self::Process => memory::tracked(model, scenario).ok().map(|ledger| ledger.allocated().get()),
            Self::SmallestCard => {
                let ledger = memory::tracked(model, scenario).ok()?;
                Some(ledger.allocated().get().div_ceil(1 << 20))
            }
            Self::Trainable
            | Self::AllocatedStatic
            | Self::Optimizer
            | Self::KvCache
            | Self::RecurrentState
            | Self::ComputeBuffer
            | Self::KvBlocks
            | Self::Concurrency => None,
        }
    }
}

/// What a category takes in host memory.
fn on_host(ledger: &Ledger, category: Category) -> Result<Bytes, Overflow> {
    sum(ledger.host().iter().filter(|entry| entry.category == category))
}

/// What is cached, on the card and on the host.
fn cached(ledger: &Ledger) -> impl Iterator<Item = &Entry> {
    let all = ledger.entries().iter().chain(ledger.host());
    all.filter(|entry| entry.category == Category::KvCache)
}

/// The GPUs of a stage of the pipeline, along whose other axes all hold the same.
fn of_stage(stage: Stage, scenario: &Scenario) -> Result<memory::Rank, EstimateError> {
    let pipeline = match stage {
        Stage::Index(index) => index,
        Stage::Last => Layout::of(scenario)?.pipeline - 1,
    };
    Ok(memory::Rank { pipeline })
}

/// What PyTorch usually reserves beyond what is allocated at the peak: the upper end of the entry for it, which counts as
/// nothing in a total.
fn usual_slack(ledger: &Ledger) -> Bytes {
    let peak = ledger.peak();
    let mut alive = ledger.alive(peak.step, peak.instant);
    let slack = alive.find(|entry| entry.place == Place::Runtime(Overhead::Slack));
    match slack.map(|entry| entry.exactness) {
        Some(Exactness::Estimated { high, .. }) => high,
        _ => Bytes::ZERO,
    }
}

/// Whether autograd keeps something from forward to backward; so it does of gradients that forward made already.
fn is_saved(entry: &Entry) -> bool {
    entry.lifetime == Lifetime::Saved || entry.category == Category::Gradients && entry.origin.held().is_some()
}

fn decodes(ledger: &Ledger) -> bool {
    ledger.moments().iter().any(|moment| moment.instant == Instant::Decode)
}

fn sum<'a>(entries: impl Iterator<Item = &'a Entry>) -> Result<Bytes, Overflow> {
    Bytes::checked_sum(entries.map(|entry| entry.bytes))
}

/// Elements of every gradient that is there when the optimizer steps.
fn elements_stepped(ledger: &Ledger) -> Result<u64, String> {
    let gradients = ledger
        .alive(Step::Steady, Instant::OptimizerStep)
        .filter(|entry| entry.category == Category::Gradients && entry.lifetime != Lifetime::Transient);
    let mut elements = 0_u64;
    for entry in gradients {
        let bits = entry.bits.bytes(8).map_err(|error| error.to_string())?.get().max(1);
        elements = elements.saturating_add(entry.bytes.get().saturating_mul(8) / bits);
    }
    if elements == 0 {
        Err(String::from("trainable: no gradient is there when the optimizer steps"))
    } else {
        Ok(elements)
    }
}

/// `4·L·C²` of the rule of thumb, as elements.
fn elements(model: &Model, scenario: &Scenario) -> Option<u64> {
    let ledger = memory::estimate(model, scenario, None).ok()?;
    let entry = ledger.entries().iter().find(|entry| entry.category == Category::Parameters)?;
    entry.shape.elements().ok()?.checked_mul(entry.count)
}
