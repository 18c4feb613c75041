//! What is in flight on a stage: what its pieces keep of every micro batch that has not gone back.

use std::ops::Range;
use std::rc::Rc;

use super::draft::{Draft, Posted, Posts, sum};
use super::letters::predicted;
use super::options::Recomputed;
use super::pieces::Piece;
use super::plan::Plan;
use super::schedule::Schedule;
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
    drafts: Rc<[Draft]>,
    /// Bytes of them, without what waits on the host.
    kept: Bytes,
    /// In which pieces: their place there, and how often.
    held: Vec<(usize, Place, u64)>,
}

/// What is in flight on a stage.
pub(super) struct Flight<'a> {
    /// Micro batches in every piece.
    pub(super) micro_batches: Vec<u64>,
    /// What pieces keep of one.
    parts: Vec<Part<'a>>,
    /// Bytes that every piece keeps of one, without what waits on the host.
    pub(super) kept: Vec<Bytes>,
}

impl<'a> Flight<'a> {
    pub(super) fn of(plan: &'a Plan<'_>) -> Result<Self, Overflow> {
        let parts = parts(plan)?;
        let mut kept = vec![Bytes::ZERO; plan.pieces.len()];
        for part in &parts {
            for (piece, _, layers) in &part.held {
                kept[*piece] = kept[*piece].checked_add(part.kept.checked_mul(*layers)?)?;
            }
        }
        let scores = plan.pieces.iter().any(|piece| piece.scores);
        let of_loss = if scores { sum(&loss::kept(plan))? } else { Bytes::ZERO };
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
        Ok(Self { micro_batches: schedule.in_flight()?, parts, kept })
    }

    /// Micro batches whose loss has not gone back.
    pub(super) fn scored(&self, plan: &Plan<'_>) -> u64 {
        plan.pieces.iter().zip(&self.micro_batches).filter(|(piece, _)| piece.scores).map(|(_, count)| count).sum()
    }

    /// Posts the activations of every piece, of all its micro batches; those of equal layers together.
    pub(super) fn post(&self, plan: &Plan<'_>, posts: &mut impl Posts) -> Result<(), Overflow> {
        let mut together: Vec<(&Draft, Place, u64)> = Vec::new();
        for part in &self.parts {
            let here = part.held.iter().map(|(piece, place, layers)| (*place, *layers, self.micro_batches[*piece]));
            let mut all: Option<(Place, u64)> = None;
            for (place, layers, micro_batches) in here.filter(|(.., micro_batches)| *micro_batches > 0) {
                let count = layers.checked_mul(micro_batches).ok_or(Overflow)?;
                all = Some(match all {
                    None => (place, count),
                    Some((known, counted)) => (joined(known, place), counted.checked_add(count).ok_or(Overflow)?),
                });
            }
            let Some((place, count)) = all else { continue };
            for draft in part.drafts.iter() {
                match together.iter_mut().find(|known| known.0.is_like(draft)) {
                    Some(known) => {
                        known.1 = joined(known.1, place);
                        known.2 = known.2.checked_add(count).ok_or(Overflow)?;
                    }
                    None => together.push((draft, place, count)),
                }
            }
        }
        let alive = Alive::at([Instant::ForwardEnd, Instant::LossBackward, Instant::Backward]);
        for (draft, place, count) in together {
            let most = if layer::is_offloaded(plan, draft.kept) { RESIDENT } else { u64::MAX };
            let (category, count) = (Category::Activations, count.min(most));
            posts.post(draft, Posted { category, place, count, lifetime: Lifetime::Saved, alive })?;
        }
        Ok(())
    }
}

/// Everything that pieces keep of one micro batch, without the loss.
fn parts<'a>(plan: &'a Plan<'_>) -> Result<Vec<Part<'a>>, Overflow> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    let beside = |drafts: Vec<Draft>, piece, place| {
        let kept = kept(plan, &drafts)?;
        Ok::<_, Overflow>(Part { of: None, drafts: drafts.into(), kept, held: vec![(piece, place, 1)] })
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
            let drafts = if recomputed { Rc::new([layer::checkpoint(plan)]) } else { layer::kept(plan, layer) };
            let kept = kept(plan, &drafts)?;
            parts.push(Part { of: Some((layer, recomputed)), drafts, kept, held: vec![held] });
        }
        let predicting = predicting(plan, piece);
        if !predicting.is_empty() {
            let after = plan.architecture().num_hidden_layers();
            parts.push(beside(predicting, index, Place::among(1, after, after))?);
        }
    }
    Ok(parts)
}

/// What tensors come to, without what waits on the host.
fn kept(plan: &Plan<'_>, drafts: &[Draft]) -> Result<Bytes, Overflow> {
    let here = drafts.iter().filter(|draft| !layer::is_offloaded(plan, draft.kept));
    here.map(Draft::bytes).try_fold(Bytes::ZERO, |total, bytes| total.checked_add(bytes?))
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
fn predicting(plan: &Plan<'_>, piece: &Piece) -> Vec<Draft> {
    if !piece.predicts {
        return Vec::new();
    }
    let groups = &plan.architecture().groups;
    let layers = predicted(plan.architecture(), plan.megatron())
        .into_iter()
        .flat_map(|group| layer::kept(plan, &groups[group].layer).to_vec());
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
