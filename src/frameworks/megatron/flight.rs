//! What is in flight on a stage: what its pieces keep of every micro batch that has not gone back.

use std::ops::Range;
use std::rc::Rc;

use super::draft::{Draft, Posted};
use super::form::Forms;
use super::formed::{Formed, Tensors};
use super::letters::predicted;
use super::options::Recomputed;
use super::pieces::Piece;
use super::plan::Plan;
use super::posts::Posts;
use super::schedule::{Pipelined, Schedule};
use super::{layer, loss};
use crate::ledger::{Alive, Category, Instant, Lifetime, Place};
use crate::model::architecture::Layer;
use crate::scenario::RecomputeMethod;
use crate::units::{Bytes, Overflow};

/// Layers whose tensors are on the card at once where they wait on the host.
const RESIDENT: u64 = 2;

/// So many equal layers of a piece, whole or kept as no more than what they begin with.
struct Held<'a> {
    layer: &'a Layer,
    first: u64,
    layers: u64,
    recomputed: bool,
}

/// Tensors of one micro batch that are kept together: those of a layer, or of what stands beside layers.
struct Part<'a> {
    /// The layer, and whether it is recomputed; nothing beside layers.
    of: Option<(&'a Layer, bool)>,
    tensors: Rc<Tensors>,
    /// What those come to that do not wait on the host.
    here: Forms,
    /// In which pieces: their place there, and how often.
    held: Vec<(usize, Place, u64)>,
}

/// A tensor of a part, by their numbers, and the parts that have one like it.
struct Alike {
    of: [usize; 2],
    parts: Vec<usize>,
    /// Whether it waits on the host.
    offloaded: bool,
}

/// What pieces keep of a micro batch, of however many sequences.
pub(super) struct Keeps<'a> {
    plan: &'a Plan<'a>,
    parts: Vec<Part<'a>>,
    /// Their tensors that are not posted at once, those of equal layers together.
    tensors: Vec<Alike>,
}

/// What is in flight on a stage.
#[derive(Default)]
pub(super) struct Flight {
    /// Micro batches in every piece.
    pub(super) micro_batches: Vec<u64>,
    /// Bytes that every piece keeps of one, without what waits on the host.
    pub(super) kept: Vec<Bytes>,
}

impl Flight {
    /// Micro batches whose loss has not gone back.
    pub(super) fn scored(&self, plan: &Plan<'_>) -> u64 {
        plan.pieces.iter().zip(&self.micro_batches).filter(|(piece, _)| piece.scores).map(|(_, count)| count).sum()
    }

    /// Bytes of all micro batches but the one that has just gone back.
    pub(super) fn others(&self) -> Result<Bytes, Overflow> {
        let mut others = Bytes::ZERO;
        for (index, (kept, count)) in self.kept.iter().zip(&self.micro_batches).enumerate() {
            let count = if index == 0 { count.saturating_sub(1) } else { *count };
            others = others.checked_add(kept.checked_mul(count)?)?;
        }
        Ok(others)
    }
}

impl<'a> Keeps<'a> {
    pub(super) fn of(plan: &'a Plan<'a>) -> Result<Self, Overflow> {
        let parts = parts(plan)?;
        let tensors = alike(plan, &parts, |tensor| !is_at_once(plan, tensor));
        Ok(Self { plan, parts, tensors })
    }

    /// Writes what is in flight in micro batches of so many sequences, beside a loss that keeps and makes these.
    pub(super) fn fly(
        &self,
        (schedule, [keeps, makes]): (&Schedule, [&Tensors; 2]),
        batch: u64,
        flight: &mut Flight,
    ) -> Result<(), Overflow> {
        let Flight { micro_batches, kept } = flight;
        kept.clear();
        kept.resize(self.plan.pieces.len(), Bytes::ZERO);
        for part in &self.parts {
            let of_part = part.here.bytes(1, batch)?;
            for (piece, _, layers) in &part.held {
                kept[*piece] = kept[*piece].checked_add(of_part.checked_mul(*layers)?)?;
            }
        }
        let scores = self.plan.pieces.iter().position(|piece| piece.scores);
        let (of_loss, makes) = (keeps.bytes(batch)?, makes.bytes(batch)?);
        let Some(scores) = scores else { return schedule.in_flight(kept, makes, micro_batches) };
        // What the loss keeps is counted for itself.
        let without = kept[scores];
        kept[scores] = without.checked_add(of_loss)?;
        schedule.in_flight(kept, makes, micro_batches)?;
        kept[scores] = without;
        Ok(())
    }

    /// Posts the activations of every piece, of all its micro batches.
    pub(super) fn post<P: Posts>(&self, flight: &Flight, posts: &mut P) -> Result<(), Overflow> {
        let alive = Alive::at([Instant::ForwardEnd, Instant::LossBackward, Instant::Backward]);
        for part in &self.parts {
            if let Some((_, count)) = of_part(part, &flight.micro_batches)? {
                posts.post_whole(&part.here, (count, alive))?;
            }
        }
        let one_by_one = P::ONE_BY_ONE.then(|| alike(self.plan, &self.parts, |_| true));
        for Alike { of: [part, index], parts, offloaded } in one_by_one.as_ref().unwrap_or(&self.tensors) {
            let mut all: Option<(Place, u64)> = None;
            for part in parts {
                if let Some(counted) = of_part(&self.parts[*part], &flight.micro_batches)? {
                    all = Some(together(all, counted)?);
                }
            }
            let Some((place, count)) = all else { continue };
            let most = if *offloaded { RESIDENT } else { u64::MAX };
            let (category, count) = (Category::Activations, count.min(most));
            let posted = Posted { category, place, count, lifetime: Lifetime::Saved, alive };
            posts.post_formed(&self.parts[*part].tensors.all[*index], posted)?;
        }
        Ok(())
    }
}

/// The order in which the pieces of a stage take micro batches.
pub(super) fn schedule(plan: &Plan<'_>) -> Schedule {
    let pipelined = Pipelined {
        stages: plan.layout.pipeline,
        stage: plan.stage(),
        micro_batches: plan.micro_batches(),
        group: plan.group(),
        pieces: plan.pieces.len(),
    };
    pipelined.schedule()
}

/// Whether a tensor is posted with others of its part at once, where tensors are not posted one by one.
fn is_at_once(plan: &Plan<'_>, tensor: &Formed) -> bool {
    tensor.form.is_whole() && !layer::is_offloaded(plan, tensor.draft.kept)
}

/// Some tensors of all parts, those of equal layers together.
fn alike(plan: &Plan<'_>, parts: &[Part<'_>], is_meant: impl Fn(&Formed) -> bool) -> Vec<Alike> {
    let mut all: Vec<Alike> = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        for (index, tensor) in part.tensors.all.iter().enumerate().filter(|(_, tensor)| is_meant(tensor)) {
            let is_like = |known: &&mut Alike| {
                let [part, index] = known.of;
                parts[part].tensors.all[index].draft.is_like(&tensor.draft)
            };
            if let Some(known) = all.iter_mut().find(is_like) {
                known.parts.push(number);
                continue;
            }
            let offloaded = layer::is_offloaded(plan, tensor.draft.kept);
            all.push(Alike { of: [number, index], parts: vec![number], offloaded });
        }
    }
    all
}

/// The layers of a part in all micro batches in flight, and how many they are; nothing where there are none.
fn of_part(part: &Part<'_>, micro_batches: &[u64]) -> Result<Option<(Place, u64)>, Overflow> {
    let mut all = None;
    for (piece, place, layers) in part.held.iter().filter(|(piece, ..)| micro_batches[*piece] > 0) {
        let count = layers.checked_mul(micro_batches[*piece]).ok_or(Overflow)?;
        all = Some(together(all, (*place, count))?);
    }
    Ok(all)
}

/// What is known already and so many more layers.
fn together(known: Option<(Place, u64)>, (place, count): (Place, u64)) -> Result<(Place, u64), Overflow> {
    let Some((first, counted)) = known else { return Ok((place, count)) };
    Ok((joined(first, place), counted.checked_add(count).ok_or(Overflow)?))
}

/// Everything that pieces keep of one micro batch, without the loss.
fn parts<'a>(plan: &'a Plan<'_>) -> Result<Vec<Part<'a>>, Overflow> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    let beside = |drafts: Vec<Draft>, piece, place| {
        let (tensors, held) = (Rc::new(Tensors::of(drafts)?), vec![(piece, place, 1)]);
        Ok::<_, Overflow>(Part { of: None, here: here(plan, &tensors)?, tensors, held })
    };
    for (index, piece) in plan.pieces.iter().enumerate() {
        if let Some(mask) = embedded(plan, piece) {
            parts.push(beside(vec![mask], index, Place::Embedding)?);
        }
        for Held { layer, first, layers, recomputed } in held(plan, piece) {
            let held = (index, Place::among(layers, first, first + layers - 1), layers);
            // Recomputed layers keep the same, whatever they are.
            let same = |(known, again): (&Layer, bool)| {
                again == recomputed && (recomputed || std::ptr::eq(known, layer) || known == layer)
            };
            if let Some(known) = parts.iter_mut().find(|part| part.of.is_some_and(same)) {
                known.held.push(held);
                continue;
            }
            let tensors =
                if recomputed { Rc::new(Tensors::of([layer::checkpoint(plan)])?) } else { layer::kept(plan, layer)? };
            let here = here(plan, &tensors)?;
            parts.push(Part { of: Some((layer, recomputed)), tensors, here, held: vec![held] });
        }
        let predicting = predicting(plan, piece)?;
        if !predicting.is_empty() {
            let after = plan.architecture().num_hidden_layers();
            parts.push(beside(predicting, index, Place::among(1, after, after))?);
        }
    }
    Ok(parts)
}

/// What those of some tensors come to that do not wait on the host.
fn here(plan: &Plan<'_>, tensors: &Tensors) -> Result<Forms, Overflow> {
    let here = tensors.all.iter().filter(|formed| !layer::is_offloaded(plan, formed.draft.kept));
    Forms::of(here.map(|formed| formed.form))
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

/// The mask of the embedding's dropout.
fn embedded(plan: &Plan<'_>, piece: &Piece) -> Option<Draft> {
    let drops = piece.embeds && plan.options.dropout.hidden;
    drops.then(|| Draft::new("mask of the embedding's dropout", &plan.stream(), 8, plan.by_tokens()))
}

/// What the layers keep that predict tokens beyond the next, all of them together.
fn predicting(plan: &Plan<'_>, piece: &Piece) -> Result<Vec<Draft>, Overflow> {
    if !piece.predicts {
        return Ok(Vec::new());
    }
    let groups = &plan.architecture().groups;
    let mut all = Vec::new();
    for group in predicted(plan.architecture(), plan.megatron()) {
        all.extend(layer::kept(plan, &groups[group].layer)?.all.iter().map(|formed| formed.draft.clone()));
    }
    all.extend(loss::predicting(plan));
    let depths = plan.megatron().mtp_num_layers;
    Ok(all.into_iter().map(|draft| Draft { times: draft.times * depths, ..draft }).collect())
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
