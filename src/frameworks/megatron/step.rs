//! The ledger of a stage: what stands, what is in flight, and what each instant makes.

use super::draft::{Draft, Posted, Posts, dim};
use super::flight::Flight;
use super::parameters::Weight;
use super::plan::Plan;
use super::{constants, loss, parameters, standing, working};
use crate::frameworks::step::close_at;
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
    let mut entries = Vec::with_capacity(weights.len() * 6 + 64);
    stand(plan, &weights, &mut entries)?;
    let flight = post(plan, &weights, &mut entries)?;
    close_at(entries, (process(plan.job.scenario), plan.job.gpu), &places(plan, &flight), None)
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

/// Posts everything else; what is in flight.
pub(super) fn post<'p>(plan: &'p Plan<'_>, weights: &[Weight], posts: &mut impl Posts) -> Result<Flight<'p>, Overflow> {
    constants::of_micro_batch(plan, posts)?;
    let flight = Flight::of(plan)?;
    fed(plan, posts)?;
    flight.post(plan, posts)?;
    of_loss(plan, &flight, posts)?;
    for draft in working::drafts(plan)? {
        transient(&draft, (Category::Workspace, Place::Model), Alive::at([Instant::Backward]), posts)?;
    }
    if let Some(draft) = working::gathered(plan, weights)? {
        transient(&draft, (Category::Workspace, Place::Model), Alive::at(OF_PASSES), posts)?;
    }
    at_the_end(plan, &flight, posts)?;
    Ok(flight)
}

/// The instants of forward and backward passes.
const OF_PASSES: [Instant; 4] = [Instant::ForwardEnd, Instant::LossBackward, Instant::Backward, Instant::BackwardEnd];

/// Posts the mask that the data loader makes, and what it feeds, on the stages that read tokens.
fn fed(plan: &Plan<'_>, posts: &mut impl Posts) -> Result<(), Overflow> {
    if !plan.is_first() && !plan.is_last() {
        return Ok(());
    }
    let [length, batch, _] = plan.stream();
    let mut feed = |draft: &Draft| transient(draft, (Category::Activations, Place::Model), Alive::at(OF_PASSES), posts);
    feed(&Draft::new("tokens, labels, positions and the loss's mask", &[batch, length], FED, Division::NONE))?;
    if plan.megatron().create_attention_mask_in_dataloader {
        feed(&Draft::new("attention mask", &[batch, length, length], 8, Division::NONE))?;
    }
    Ok(())
}

/// Posts the head and the loss, on the stage that has them.
fn of_loss(plan: &Plan<'_>, flight: &Flight<'_>, posts: &mut impl Posts) -> Result<(), Overflow> {
    let scored = flight.scored(plan);
    if scored == 0 {
        return Ok(());
    }
    let [forward, backward] = [Instant::ForwardEnd, Instant::LossBackward].map(|instant| Alive::at([instant]));
    let both = forward.union(backward);
    let (category, place, lifetime) = (Category::Logits, Place::Loss, Lifetime::Saved);
    for draft in loss::kept(plan) {
        posts.post(&draft, Posted { category, place, count: scored, lifetime, alive: both })?;
    }
    for draft in loss::deferred(plan) {
        let alive = both.union(Alive::at([Instant::Backward]));
        posts.post(&draft, Posted { category, place, count: 1, lifetime, alive })?;
    }
    for draft in loss::forward(plan) {
        transient(&draft, (category, place), forward, posts)?;
    }
    for draft in loss::backward(plan) {
        transient(&draft, (category, place), backward, posts)?;
    }
    Ok(())
}

/// Posts what there is when a micro batch's backward pass is through: the embedding's gradient or what goes to the stage
/// before, beside the micro batches that are still in flight.
fn at_the_end(plan: &Plan<'_>, flight: &Flight<'_>, posts: &mut impl Posts) -> Result<(), Overflow> {
    let alive = Alive::at([Instant::BackwardEnd]);
    let gradient = Draft::new("gradient of the stage's input", &plan.stream(), 16, plan.by_tokens());
    transient(&gradient, (Category::Workspace, Place::Embedding), alive, posts)?;
    if plan.is_first() {
        let table = [dim("V", plan.vocabulary()), dim("h", plan.architecture().hidden_size)];
        let by_words = Division::NONE.over(Axis::Tensor, plan.layout.tensor);
        let gradient = Draft::new("gradient of the embedding, before it is added", &table, 16, by_words);
        transient(&gradient, (Category::Workspace, Place::Embedding), alive, posts)?;
    }
    let mut others = Bytes::ZERO;
    for (index, (kept, count)) in flight.kept.iter().zip(&flight.micro_batches).enumerate() {
        let count = if index == 0 { count.saturating_sub(1) } else { *count };
        others = others.checked_add(kept.checked_mul(count)?)?;
    }
    if others > Bytes::ZERO {
        let still = Draft::plain("activations of the micro batches still in flight", others.get());
        transient(&still, (Category::Activations, Place::Model), alive, posts)?;
    }
    Ok(())
}

fn transient(
    draft: &Draft,
    (category, place): (Category, Place),
    alive: Alive,
    posts: &mut impl Posts,
) -> Result<(), Overflow> {
    posts.post(draft, Posted { category, place, count: 1, lifetime: Lifetime::Transient, alive })
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
fn places(plan: &Plan<'_>, flight: &Flight<'_>) -> Vec<(Instant, String)> {
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
