//! The ledger of a training step of any framework: what stands, what its pass makes, what its optimizer needs, instant by
//! instant.

use crate::gpu::Gpu;
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Course, Entry, EstimateError, Held, Instant, Ledger, Step};
use crate::model::Architecture;
use crate::model::parameters::{BlockParameters, alike, blocks};
use crate::scenario::Train;
use crate::states::shard::Shards;
use crate::states::weights::Set;
use crate::tape::Event;
use crate::tape::course::course;
use crate::tape::forward::Forward;
use crate::tape::recorded;
use crate::tape::timeline::Timeline;
use crate::units::Bits;

/// A training step, as a framework describes it.
pub(crate) trait TrainingStep {
    /// The model as the framework builds it.
    fn architecture(&self) -> &Architecture;

    /// Its tensors, block by block.
    fn blocks(&self) -> Vec<BlockParameters> {
        blocks(self.architecture())
    }

    /// The adapters' tensors, where those are what is trained.
    fn adapted(&self) -> Option<Vec<BlockParameters>>;

    /// The types of the model's weights and of adapters.
    fn bits(&self) -> [Bits; 2];

    /// What is trained, set by set.
    fn trained(&self) -> Vec<Trains> {
        let [own, adapters] = self.bits();
        vec![match self.adapted() {
            Some(blocks) => Trains { blocks, bits: adapters, copies: own, beside: true },
            None => Trains { blocks: self.blocks(), bits: own, copies: own, beside: false },
        }]
    }

    /// How GPUs divide weights, and how the optimizer's states.
    fn shards(&self) -> [Shards; 2] {
        [Shards::Whole; 2]
    }

    /// The model's own weights.
    fn weights(&self, model: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        Ok(model.parameters(always())?)
    }

    /// What else of the model stands, before any gradient.
    fn beside_weights(&self, _model: &Set<'_>) -> Result<Vec<Entry>, EstimateError> {
        Ok(Vec::new())
    }

    /// When gradients of an earlier pass are there, where they ever are.
    fn gradients(&self) -> Option<Alive>;

    /// What the optimizer keeps, and what its step needs.
    fn optimizer(&self, trained: &Set<'_>) -> Result<Vec<Entry>, EstimateError>;

    /// Forward and backward.
    fn record(&self) -> Forward;

    /// The release on whose word stands what was measured.
    fn version(&self) -> &'static str;

    /// Buffers, the batch, and what the loop still holds; what of the recording is not so in a first step.
    fn finish(&self, entries: &mut Vec<Entry>) -> Result<(), EstimateError>;

    /// Where it takes place.
    fn process(&self) -> (Process, Option<&Gpu>);
}

/// Tensors of one type that are trained.
pub(crate) struct Trains {
    /// The tensors.
    pub(crate) blocks: Vec<BlockParameters>,
    /// The type of their elements.
    pub(crate) bits: Bits,
    /// The type of those that are copies of the model's own.
    pub(crate) copies: Bits,
    /// Whether they stand beside the model's own.
    pub(crate) beside: bool,
}

impl Trains {
    /// The set of these tensors of a model.
    pub(crate) fn set<'s>(&'s self, architecture: &'s Architecture) -> Set<'s> {
        Set { architecture, blocks: &self.blocks, bits: self.bits, copies: self.copies, shards: Shards::Whole }
    }
}

/// The ledger of a step.
///
/// # Errors
/// Where a size is beyond 64 bits, and what the framework refuses.
pub(crate) fn ledger(step: &impl TrainingStep) -> Result<Ledger, EstimateError> {
    let recording = step.record();
    let timeline = Timeline::read(&recording)?;
    let positions = positions(&recording, &timeline);
    let (architecture, all) = (step.architecture(), alike(step.blocks()));
    let bits = step.bits()[0];
    let [weights, states] = step.shards();
    let model = Set { architecture, blocks: &all, bits, copies: bits, shards: weights };
    let trained = step.trained().into_iter().map(|it| Trains { blocks: alike(it.blocks), ..it });
    let trained: Vec<Trains> = trained.collect();
    let mut entries = step.weights(&model)?;
    for beside in trained.iter().filter(|trained| trained.beside) {
        entries.append(&mut Set { shards: weights, ..beside.set(architecture) }.parameters(always())?);
    }
    // More than there will be, so that thousands of entries of a model of many short groups need not move. Room that
    // nothing is written to costs nothing; and where the largest block is the greater part of all that a ledger takes,
    // glibc keeps the memory for the next ledger instead of asking the kernel for each page anew.
    entries.reserve(3 * entries.len() + 2 * recording.tape.storages.len());
    entries.append(&mut step.beside_weights(&model)?);
    if let Some(alive) = step.gradients() {
        for trained in &trained {
            entries.append(&mut trained.set(architecture).standing_gradients(alive)?);
        }
    }
    for trained in &trained {
        entries.append(&mut step.optimizer(&Set { shards: states, ..trained.set(architecture) })?);
    }
    recorded::post(&mut entries, &recording, &timeline, &positions)?;
    recorded::in_version(&mut entries, step.version());
    step.finish(&mut entries)?;
    close(entries, step.process(), &recording, &timeline, &positions)
}

/// Alive at every instant of both steps.
pub(crate) fn always() -> Alive {
    Alive::at(Instant::TRAINING)
}

pub(crate) fn steady() -> Alive {
    Instant::TRAINING.iter().fold(Alive::NEVER, |alive, instant| alive.with(Step::Steady, *instant))
}

/// When gradients of an earlier pass are there: from the second micro batch on always; where they are only kept
/// between steps, in the first step from the backward pass on.
pub(crate) fn standing(train: &Train) -> Alive {
    if train.gradient_accumulation_steps > 1 {
        return always();
    }
    [Instant::Backward, Instant::BackwardEnd, Instant::OptimizerStep]
        .iter()
        .fold(steady(), |alive, instant| alive.with(Step::First, *instant))
}

/// When gradients of an earlier micro batch are there, in loops that keep none between steps.
pub(crate) fn accumulated(train: &Train) -> Option<Alive> {
    (train.gradient_accumulation_steps > 1).then(|| standing(train))
}

pub(crate) fn positions(recording: &Forward, timeline: &Timeline) -> Vec<(Instant, usize)> {
    let end = recording.tape.events.len();
    let allocates = |event: &usize| matches!(recording.tape.events[*event], Event::Allocate(_));
    let forward_end = (0..recording.loss_known).rev().find(allocates).unwrap_or(0);
    let within = timeline.heaviest(0..recording.loss_known);
    let mut positions = if timeline.heavier(within, forward_end) { vec![(Instant::Forward, within)] } else { vec![] };
    positions.extend([
        (Instant::ForwardEnd, forward_end),
        (Instant::LossBackward, timeline.heaviest(recording.backward_start..recording.head_backward)),
        (Instant::Backward, timeline.heaviest(recording.head_backward..recording.embedding_backward)),
        (Instant::BackwardEnd, timeline.heaviest(recording.embedding_backward..end)),
        (Instant::OptimizerStep, end - 1),
    ]);
    positions
}

fn whereabouts(recording: &Forward, instant: Instant, event: usize) -> String {
    match instant {
        Instant::OptimizerStep => String::from("every parameter"),
        _ => recording.whereabouts(event),
    }
}

/// Closes the ledger of a recorded step.
fn close(
    entries: Vec<Entry>,
    process: (Process, Option<&Gpu>),
    recording: &Forward,
    timeline: &Timeline,
    positions: &[(Instant, usize)],
) -> Result<Ledger, EstimateError> {
    let places = positions.iter().map(|(instant, event)| (*instant, whereabouts(recording, *instant, *event)));
    let loss_backward = positions.iter().find(|(instant, _)| *instant == Instant::LossBackward);
    let course = loss_backward.map(|(_, event)| course(recording, timeline, *event));
    close_at(entries, process, &places.collect::<Vec<_>>(), course)
}

/// Whether an entry stands from the step before.
pub(crate) fn is_from_step_before(entry: &Entry) -> bool {
    entry.origin.held() == Some(Held::FromStepBefore)
}

/// What stands from the step before, and so not in the first, does so at the same instants of the steady one.
pub(crate) fn not_in_the_first(entry: &mut Entry) {
    let alive = Instant::TRAINING.iter().filter(|instant| entry.alive.contains(Step::Steady, **instant));
    entry.alive = alive.fold(Alive::NEVER, |alive, instant| alive.with(Step::Steady, *instant));
}

/// Adds the runtime, whose slack depends on the rest, and closes the ledger over these instants of both steps, each
/// with where it lies.
pub(crate) fn close_at(
    mut entries: Vec<Entry>,
    (process, gpu): (Process, Option<&Gpu>),
    places: &[(Instant, String)],
    course: Option<Course>,
) -> Result<Ledger, EstimateError> {
    let of = |step: Step| places.iter().map(move |(instant, place)| (step, *instant, place.clone()));
    let instants: Vec<_> = of(Step::First).chain(of(Step::Steady)).collect();
    let allocated = Ledger::heaviest(&entries, &instants)?;
    let always = Alive::at(places.iter().map(|(instant, _)| *instant));
    entries.append(&mut process.entries(gpu, allocated, always)?);
    Ok(Ledger::close(entries, instants, course)?.in_process(process))
}
