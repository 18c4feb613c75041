//! The ledger of a stage: what stands, what is in flight, and what each instant makes.

use std::rc::Rc;

use super::draft::{Draft, Posted, dim};
use super::flight::{self, Flight, Keeps};
use super::formed::{Tensors, heaviest};
use super::parameters::Weight;
use super::plan::Plan;
use super::posts::{Entries, Posts};
use super::schedule::Schedule;
use super::working::{self, OfLayers};
use super::{constants, loss, parameters, standing};
use crate::frameworks::step::{always, close_at};
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Axis, Category, Division, EstimateError, Instant, Ledger, Lifetime, Place};
use crate::scenario::Scenario;
use crate::units::{Bytes, Overflow};

/// Bytes of each token that is fed: ids, labels, positions and the loss's mask.
const FED: u32 = 32 * 8;

/// The ledger of a step.
///
/// # Errors
/// Where a size is beyond 64 bits.
pub(super) fn ledger(plan: &Plan<'_>) -> Result<Ledger, EstimateError> {
    let weights = parameters::of(plan);
    let entries = Vec::with_capacity(weights.len() * 6 + 64);
    let mut posts = Entries { batch: plan.train().micro_batch_size, entries };
    stand(plan, &weights, &mut posts)?;
    let beside = Rc::new(Beside::of(plan, &weights)?);
    let mut flight = Flight::default();
    Step::of(plan, beside)?.post(&mut posts, &mut flight)?;
    close_at(posts.entries, (process(plan.job.scenario), plan.job.gpu), &places(plan, &flight), None)
}

/// Where a step takes place.
pub(super) fn process(scenario: &Scenario) -> Process {
    Process::of(scenario, false).with_own_workspaces()
}

/// Posts what stands from step to step, whatever a micro batch is.
pub(super) fn stand(plan: &Plan<'_>, weights: &[Weight], posts: &mut impl Posts) -> Result<(), Overflow> {
    standing::post(plan, weights, posts)?;
    constants::post(plan, posts)
}

/// What a stage makes in a step, of however many sequences a micro batch is.
pub(super) struct Step<'a> {
    plan: &'a Plan<'a>,
    beside: Rc<Beside>,
    keeps: Keeps<'a>,
    of_layers: OfLayers,
}

/// What a stage makes beside what layers keep, whatever is recomputed.
pub(super) struct Beside {
    schedule: Schedule,
    /// What the buffer of gathered tensors may be.
    shared_buffer: Vec<Tensors>,
    /// What comes to the stage.
    comes: Vec<(Tensors, Posted)>,
    /// The head and the loss, on the stage that has them.
    loss: OfLoss,
    /// What layers' backward passes may make.
    working: Vec<Tensors>,
    weight_gradient: Tensors,
    /// Weights and gradients.
    gathered: Tensors,
    /// Gradients when a micro batch's backward pass is through.
    last: Tensors,
}

/// What the loss keeps, what waits for the end of the step, and what is made forward and back.
#[derive(Default)]
struct OfLoss {
    kept: Tensors,
    deferred: Tensors,
    forward: Tensors,
    backward: Tensors,
}

/// The instants of forward and backward passes.
const OF_PASSES: [Instant; 4] = [Instant::ForwardEnd, Instant::LossBackward, Instant::Backward, Instant::BackwardEnd];

impl<'a> Step<'a> {
    pub(super) fn of(plan: &'a Plan<'a>, beside: Rc<Beside>) -> Result<Self, Overflow> {
        Ok(Self { plan, beside, keeps: Keeps::of(plan)?, of_layers: OfLayers::of(plan)? })
    }

    /// Posts it, and writes what is in flight.
    pub(super) fn post(&self, posts: &mut impl Posts, flight: &mut Flight) -> Result<(), Overflow> {
        let (beside, batch) = (&*self.beside, posts.batch());
        if let Some(buffer) = heaviest(&beside.shared_buffer, |buffer| buffer, batch)? {
            posts.post_all(buffer, constants::buffer(always()))?;
        }
        for (tensors, posted) in &beside.comes {
            posts.post_all(tensors, *posted)?;
        }
        let loss = [&beside.loss.kept, &beside.loss.forward];
        self.keeps.fly((&beside.schedule, loss), batch, flight)?;
        self.keeps.post(flight, posts)?;
        beside.loss.post(flight.scored(self.plan), posts)?;
        let heaviest = heaviest(&beside.working, |candidate| candidate, batch)?;
        let [recomputed, beside_communication] = self.of_layers.made(batch)?;
        for tensors in [heaviest, recomputed, Some(&beside.weight_gradient), beside_communication].into_iter().flatten()
        {
            posts.post_all(tensors, transient((Category::Workspace, Place::Model), &[Instant::Backward]))?;
        }
        posts.post_all(&beside.gathered, transient((Category::Workspace, Place::Model), &OF_PASSES))?;
        let end = [Instant::BackwardEnd];
        posts.post_all(&beside.last, transient((Category::Workspace, Place::Embedding), &end))?;
        let others = flight.others()?;
        if others > Bytes::ZERO {
            let still = transient((Category::Activations, Place::Model), &end);
            posts.post_plain("activations of the micro batches still in flight", others, still)?;
        }
        Ok(())
    }
}

impl Beside {
    pub(super) fn of(plan: &Plan<'_>, weights: &[Weight]) -> Result<Self, Overflow> {
        let comes = constants::between_stages(plan).into_iter().chain(fed(plan));
        let comes =
            comes.map(|(draft, posted)| Ok((Tensors::of([draft])?, posted))).collect::<Result<_, Overflow>>()?;
        let shared_buffer = constants::shared_buffer(plan).into_iter().map(|draft| Tensors::of([draft]));
        Ok(Self {
            schedule: flight::schedule(plan),
            shared_buffer: shared_buffer.collect::<Result<_, _>>()?,
            comes,
            loss: OfLoss::of(plan)?,
            working: working::candidates(plan)?,
            weight_gradient: Tensors::of(working::weight_gradient(plan))?,
            gathered: Tensors::of(working::gathered(plan, weights)?)?,
            last: Tensors::of(at_the_end(plan))?,
        })
    }
}

impl OfLoss {
    fn of(plan: &Plan<'_>) -> Result<Self, Overflow> {
        if !plan.pieces.iter().any(|piece| piece.scores) {
            return Ok(Self::default());
        }
        Ok(Self {
            kept: Tensors::of(loss::kept(plan))?,
            deferred: Tensors::of(loss::deferred(plan))?,
            forward: Tensors::of(loss::forward(plan))?,
            backward: Tensors::of(loss::backward(plan))?,
        })
    }

    /// Posts it, of so many micro batches whose loss has not gone back.
    fn post(&self, scored: u64, posts: &mut impl Posts) -> Result<(), Overflow> {
        if scored == 0 {
            return Ok(());
        }
        let [forward, backward] = [Instant::ForwardEnd, Instant::LossBackward].map(|instant| Alive::at([instant]));
        let both = forward.union(backward);
        let (category, place) = (Category::Logits, Place::Loss);
        let posted = |count, lifetime, alive| Posted { category, place, count, lifetime, alive };
        posts.post_all(&self.kept, posted(scored, Lifetime::Saved, both))?;
        let waits = both.union(Alive::at([Instant::Backward]));
        posts.post_all(&self.deferred, posted(1, Lifetime::Saved, waits))?;
        posts.post_all(&self.forward, posted(1, Lifetime::Transient, forward))?;
        posts.post_all(&self.backward, posted(1, Lifetime::Transient, backward))
    }
}

/// The mask that the data loader makes, and what it feeds, on the stages that read tokens.
fn fed(plan: &Plan<'_>) -> Vec<(Draft, Posted)> {
    if !plan.is_first() && !plan.is_last() {
        return Vec::new();
    }
    let [length, batch, _] = plan.stream();
    let mut fed =
        vec![Draft::new("tokens, labels, positions and the loss's mask", &[batch, length], FED, Division::NONE)];
    if plan.megatron().create_attention_mask_in_dataloader {
        fed.push(Draft::new("attention mask", &[batch, length, length], 8, Division::NONE));
    }
    let posted = transient((Category::Activations, Place::Model), &OF_PASSES);
    fed.into_iter().map(|draft| (draft, posted)).collect()
}

/// What there is when a micro batch's backward pass is through: the embedding's gradient or what goes to the stage before.
fn at_the_end(plan: &Plan<'_>) -> Vec<Draft> {
    let mut last = vec![Draft::new("gradient of the stage's input", &plan.stream(), 16, plan.by_tokens())];
    if plan.is_first() {
        let table = [dim("V", plan.vocabulary()), dim("h", plan.architecture().hidden_size)];
        let by_words = Division::NONE.over(Axis::Tensor, plan.layout.tensor);
        last.push(Draft::new("gradient of the embedding, before it is added", &table, 16, by_words));
    }
    last
}

/// One of a tensor that is there in some instants.
fn transient((category, place): (Category, Place), instants: &[Instant]) -> Posted {
    let alive = Alive::at(instants.iter().copied());
    Posted { category, place, count: 1, lifetime: Lifetime::Transient, alive }
}

/// Whether a stage is looked at in an instant.
pub(super) const fn is_looked_at(plan: &Plan<'_>, instant: Instant) -> bool {
    match instant {
        Instant::ForwardEnd | Instant::Backward | Instant::BackwardEnd | Instant::OptimizerStep => true,
        Instant::LossBackward => plan.is_last(),
        _ => false,
    }
}

/// The instants of a stage, and what they are about.
fn places(plan: &Plan<'_>, flight: &Flight) -> Vec<(Instant, String)> {
    let count: u64 = flight.micro_batches.iter().sum();
    let what = if plan.pieces.len() > 1 { "pieces of micro batches" } else { "micro batches" };
    let in_flight = if count == 1 { String::new() } else { format!(", {count} {what} in flight") };
    let at = |place: &str| format!("stage {}, {place}{in_flight}", plan.stage());
    let place = |instant| match instant {
        Instant::ForwardEnd if !plan.is_last() => at("output"),
        Instant::ForwardEnd | Instant::LossBackward => at("loss"),
        Instant::Backward => at("heaviest layer"),
        Instant::BackwardEnd => at(if plan.is_first() { "embedding" } else { "input" }),
        _ => String::from("every parameter"),
    };
    let instants = Instant::TRAINING.into_iter().filter(|instant| is_looked_at(plan, *instant));
    instants.map(|instant| (instant, place(instant))).collect()
}
