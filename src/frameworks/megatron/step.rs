//! The ledger of a stage: what stands, what is in flight, and what each instant makes.

use std::ops::Range;

use super::draft::{Draft, Posted, dim, sum};
use super::letters::predicted;
use super::options::Recomputed;
use super::pieces::Piece;
use super::plan::Plan;
use super::schedule::Schedule;
use super::{constants, layer, loss, parameters, standing, working};
use crate::frameworks::step::close_at;
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Axis, Category, Division, Entry, EstimateError, Instant, Ledger, Lifetime, Place};
use crate::model::architecture::Layer;
use crate::scenario::RecomputeMethod;
use crate::units::{Bytes, Overflow};

/// Layers whose tensors are on the card at once where they wait on the host.
const RESIDENT: u64 = 2;

/// Bytes of each token that is fed: ids, labels, positions and the loss's mask.
const FED: u32 = 32 * 8;

/// The ledger of a step.
///
/// # Errors
/// Where a size is beyond 64 bits.
pub(super) fn ledger(plan: &Plan<'_>) -> Result<Ledger, EstimateError> {
    let weights = parameters::of(plan);
    let mut entries = standing::entries(plan, &weights)?;
    entries.append(&mut constants::entries(plan)?);
    let flight = Flight::of(plan)?;
    entries.append(&mut fed(plan)?);
    entries.append(&mut flight.entries(plan)?);
    entries.append(&mut of_loss(plan, &flight)?);
    for draft in working::drafts(plan)? {
        let alive = Alive::at([Instant::Backward]);
        entries.push(transient(&draft, (Category::Workspace, Place::Model), alive)?);
    }
    if let Some(draft) = working::gathered(plan, &weights)? {
        let instants = [Instant::ForwardEnd, Instant::LossBackward, Instant::Backward, Instant::BackwardEnd];
        let alive = Alive::at(instants);
        entries.push(transient(&draft, (Category::Workspace, Place::Model), alive)?);
    }
    entries.append(&mut at_the_end(plan, &flight)?);
    let process = Process::of(plan.job.scenario, false).with_own_workspaces();
    close_at(entries, (process, plan.job.gpu), &places(plan, &flight), None)
}

/// So many equal layers of a piece, whole or kept as no more than what they begin with.
struct Held<'a> {
    layer: &'a Layer,
    first: u64,
    layers: u64,
    recomputed: bool,
}

/// A tensor that a piece keeps of one micro batch, in so many layers.
struct Post {
    draft: Draft,
    place: Place,
    layers: u64,
}

/// What is in flight on a stage.
struct Flight {
    /// Micro batches in every piece.
    micro_batches: Vec<u64>,
    /// Tensors that every piece keeps of one.
    posts: Vec<Vec<Post>>,
    /// Bytes of them, without what waits on the host.
    kept: Vec<Bytes>,
}

impl Flight {
    fn of(plan: &Plan<'_>) -> Result<Self, Overflow> {
        let posts: Vec<Vec<Post>> = plan.pieces.iter().map(|piece| posts(plan, piece)).collect();
        let kept = posts.iter().map(|posts| kept(plan, posts)).collect::<Result<Vec<_>, _>>()?;
        let of_loss = sum(&loss::kept(plan))?;
        let scores = |piece: &Piece| if piece.scores { of_loss } else { Bytes::ZERO };
        let with_loss = plan.pieces.iter().zip(&kept).map(|(piece, kept)| kept.checked_add(scores(piece)));
        let schedule = Schedule {
            stages: plan.layout.pipeline,
            stage: plan.stage(),
            micro_batches: plan.micro_batches(),
            group: plan.group(),
            kept: &with_loss.collect::<Result<Vec<_>, _>>()?,
            loss: if plan.is_last() { sum(&loss::forward(plan))? } else { Bytes::ZERO },
        };
        Ok(Self { micro_batches: schedule.in_flight()?, posts, kept })
    }

    /// Micro batches whose loss has not gone back.
    fn scored(&self, plan: &Plan<'_>) -> u64 {
        plan.pieces.iter().zip(&self.micro_batches).filter(|(piece, _)| piece.scores).map(|(_, count)| count).sum()
    }

    /// Activations of every piece, of all its micro batches; of equal layers in one entry.
    fn entries(&self, plan: &Plan<'_>) -> Result<Vec<Entry>, Overflow> {
        let mut together: Vec<(&Draft, Place, u64)> = Vec::new();
        for (posts, micro_batches) in self.posts.iter().zip(&self.micro_batches).filter(|(_, count)| **count > 0) {
            for Post { draft, place, layers } in posts {
                let count = layers.checked_mul(*micro_batches).ok_or(Overflow)?;
                match together.iter_mut().find(|known| known.0.is_like(draft)) {
                    Some(known) => {
                        known.1 = joined(known.1, *place);
                        known.2 = known.2.checked_add(count).ok_or(Overflow)?;
                    }
                    None => together.push((draft, *place, count)),
                }
            }
        }
        let alive = Alive::at([Instant::ForwardEnd, Instant::LossBackward, Instant::Backward]);
        let entry = |(draft, place, count): (&Draft, Place, u64)| {
            let most = if layer::is_offloaded(plan, draft.kept) { RESIDENT } else { u64::MAX };
            let (category, count) = (Category::Activations, count.min(most));
            draft.entry(Posted { category, place, count, lifetime: Lifetime::Saved, alive })
        };
        together.into_iter().map(entry).collect()
    }
}

/// Everything that a piece keeps of one micro batch, without the loss.
fn posts(plan: &Plan<'_>, piece: &Piece) -> Vec<Post> {
    let mut posts = Vec::new();
    if let Some(draft) = embedded(plan, piece) {
        posts.push(Post { draft, place: Place::Embedding, layers: 1 });
    }
    for held in held(plan, piece) {
        let place = Place::among(held.layers, held.first, held.first + held.layers - 1);
        posts.extend(drafts(plan, &held).into_iter().map(|draft| Post { draft, place, layers: held.layers }));
    }
    let after = plan.architecture().num_hidden_layers();
    let place = Place::among(1, after, after);
    posts.extend(predicting(plan, piece).into_iter().map(|draft| Post { draft, place, layers: 1 }));
    posts
}

/// What these come to, without what waits on the host.
fn kept(plan: &Plan<'_>, posts: &[Post]) -> Result<Bytes, Overflow> {
    let here = posts.iter().filter(|post| !layer::is_offloaded(plan, post.draft.kept));
    here.map(|post| post.draft.bytes()?.checked_mul(post.layers))
        .try_fold(Bytes::ZERO, |total, bytes| total.checked_add(bytes?))
}

/// Layers of two places, in one.
fn joined(one: Place, other: Place) -> Place {
    match (one.layers(), other.layers()) {
        (Some((few, first, last)), Some((more, begin, end))) => {
            Place::among(few + more, first.min(begin), last.max(end))
        }
        _ => one,
    }
}

fn drafts(plan: &Plan<'_>, held: &Held<'_>) -> Vec<Draft> {
    if held.recomputed { vec![layer::checkpoint(plan)] } else { layer::kept(plan, held.layer) }
}

/// The mask of the embedding's dropout.
fn embedded(plan: &Plan<'_>, piece: &Piece) -> Option<Draft> {
    let drops = piece.embeds && plan.options.dropout.hidden;
    drops.then(|| Draft::new("mask of the embedding's dropout", &plan.stream(), 8, plan.by_tokens()))
}

/// What the layers keep that predict tokens beyond the next, all of them together.
fn predicting(plan: &Plan<'_>, piece: &Piece) -> Vec<Draft> {
    if !piece.predicts {
        return Vec::new();
    }
    let groups = &plan.architecture().groups;
    let layers = predicted(plan.architecture(), plan.megatron())
        .into_iter()
        .flat_map(|group| layer::kept(plan, &groups[group].layer));
    let depths = plan.megatron().mtp_num_layers;
    layers.chain(loss::predicting(plan)).map(|draft| Draft { times: draft.times * depths, ..draft }).collect()
}

/// The layers of a piece: those that are kept as no more than what they begin with, then the others, equal ones together.
fn held<'a>(plan: &'a Plan<'_>, piece: &Piece) -> Vec<Held<'a>> {
    let groups = &plan.architecture().groups;
    let Range { start, end } = piece.layers.clone();
    let (checkpoints, from) = match plan.options.recomputed {
        Recomputed::Modules(_) => (0, start),
        Recomputed::Layers(RecomputeMethod::Uniform, layers) => ((end - start).div_ceil(layers), end),
        Recomputed::Layers(RecomputeMethod::Block, layers) => (layers.min(end - start), end.min(start + layers)),
    };
    let mut held = Vec::new();
    if checkpoints > 0 {
        held.push(Held { layer: &groups[0].layer, first: start, layers: checkpoints, recomputed: true });
    }
    let mut first = 0;
    for group in groups {
        let span = first.max(from)..(first + group.layers).min(end);
        first += group.layers;
        if !span.is_empty() {
            let (first, layers) = (span.start, span.end - span.start);
            held.push(Held { layer: &group.layer, first, layers, recomputed: false });
        }
    }
    held
}

/// The mask that the data loader makes, and what it feeds, on the stages that read tokens.
fn fed(plan: &Plan<'_>) -> Result<Vec<Entry>, Overflow> {
    if !plan.is_first() && !plan.is_last() {
        return Ok(Vec::new());
    }
    let [length, batch, _] = plan.stream();
    let mut drafts =
        vec![Draft::new("tokens, labels, positions and the loss's mask", &[batch, length], FED, Division::NONE)];
    if plan.megatron().create_attention_mask_in_dataloader {
        drafts.push(Draft::new("attention mask", &[batch, length, length], 8, Division::NONE));
    }
    let alive = Alive::at([Instant::ForwardEnd, Instant::LossBackward, Instant::Backward, Instant::BackwardEnd]);
    drafts.iter().map(|draft| transient(draft, (Category::Activations, Place::Model), alive)).collect()
}

/// The head and the loss, on the stage that has them.
fn of_loss(plan: &Plan<'_>, flight: &Flight) -> Result<Vec<Entry>, Overflow> {
    let scored = flight.scored(plan);
    if scored == 0 {
        return Ok(Vec::new());
    }
    let [forward, backward] = [Instant::ForwardEnd, Instant::LossBackward].map(|instant| Alive::at([instant]));
    let both = forward.union(backward);
    let (category, place) = (Category::Logits, Place::Loss);
    let saved =
        |draft: &Draft, count, alive| draft.entry(Posted { category, place, count, lifetime: Lifetime::Saved, alive });
    let mut entries = Vec::new();
    for draft in loss::kept(plan) {
        entries.push(saved(&draft, scored, both)?);
    }
    for draft in loss::deferred(plan) {
        entries.push(saved(&draft, 1, both.union(Alive::at([Instant::Backward])))?);
    }
    for draft in loss::forward(plan) {
        entries.push(transient(&draft, (category, place), forward)?);
    }
    for draft in loss::backward(plan) {
        entries.push(transient(&draft, (category, place), backward)?);
    }
    Ok(entries)
}

/// When a micro batch's backward pass is through: the embedding's gradient or what goes to the stage before, beside the
/// micro batches that are still in flight.
fn at_the_end(plan: &Plan<'_>, flight: &Flight) -> Result<Vec<Entry>, Overflow> {
    let alive = Alive::at([Instant::BackwardEnd]);
    let mut drafts = vec![Draft::new("gradient of the stage's input", &plan.stream(), 16, plan.by_tokens())];
    if plan.is_first() {
        let table = [dim("V", plan.vocabulary()), dim("h", plan.architecture().hidden_size)];
        let by_words = Division::NONE.over(Axis::Tensor, plan.layout.tensor);
        drafts.push(Draft::new("gradient of the embedding, before it is added", &table, 16, by_words));
    }
    let mut entries = Vec::new();
    for draft in drafts {
        entries.push(transient(&draft, (Category::Workspace, Place::Embedding), alive)?);
    }
    let mut others = Bytes::ZERO;
    for (index, (kept, count)) in flight.kept.iter().zip(&flight.micro_batches).enumerate() {
        let count = if index == 0 { count.saturating_sub(1) } else { *count };
        others = others.checked_add(kept.checked_mul(count)?)?;
    }
    if others > Bytes::ZERO {
        let still = Draft::plain("activations of the micro batches still in flight", others.get());
        entries.push(transient(&still, (Category::Activations, Place::Model), alive)?);
    }
    Ok(entries)
}

fn transient(draft: &Draft, (category, place): (Category, Place), alive: Alive) -> Result<Entry, Overflow> {
    draft.entry(Posted { category, place, count: 1, lifetime: Lifetime::Transient, alive })
}

/// The instants of a stage, and what they are about.
fn places(plan: &Plan<'_>, flight: &Flight) -> Vec<(Instant, String)> {
    let count: u64 = flight.micro_batches.iter().sum();
    let what = if plan.pieces.len() > 1 { "pieces of micro batches" } else { "micro batches" };
    let in_flight = if count == 1 { String::new() } else { format!(", {count} {what} in flight") };
    let at = |place: &str| format!("stage {}, {place}{in_flight}", plan.stage());
    let mut places = vec![(Instant::ForwardEnd, at(if plan.is_last() { "loss" } else { "output" }))];
    if plan.is_last() {
        places.push((Instant::LossBackward, at("loss")));
    }
    let end = if plan.is_first() { "embedding" } else { "input" };
    places.extend([
        (Instant::Backward, at("heaviest layer")),
        (Instant::BackwardEnd, at(end)),
        (Instant::OptimizerStep, String::from("every parameter")),
    ]);
    places
}
