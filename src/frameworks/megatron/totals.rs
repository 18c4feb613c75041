//! What runs in one layout come to, without their ledgers: for a search through many.
//!
//! What stands on a stage is the same whatever is recomputed and however large a micro batch is, and of equal stages that
//! follow each other the first has the most micro batches in flight.

use std::ops::Range;

use super::draft::Sums;
use super::parameters::{self, Weight};
use super::pieces::{self, Piece};
use super::plan::Plan;
use super::{Job, options, standing, step};
use crate::ledger::{Alive, EstimateError, Rank};
use crate::model::Architecture;
use crate::model::architecture::Layer;
use crate::parallel::Layout;
use crate::units::Bytes;

/// The total of each of these jobs on its fullest stage, which differ in no more than `train.recompute` and
/// `train.micro_batch_size` and were found to be legal.
pub(super) fn of(jobs: &[Job<'_>]) -> Vec<Result<Bytes, EstimateError>> {
    let Some(first) = jobs.first() else { return Vec::new() };
    match stages(first) {
        Ok((layout, stages)) => jobs.iter().map(|job| total(job, layout, &stages)).collect(),
        Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// A stage that may be the fullest.
struct Stage {
    rank: Rank,
    pieces: Vec<Piece>,
    weights: Vec<Weight>,
    /// What stands on it from step to step.
    standing: Sums,
}

/// The stages of a layout that may be the fullest.
fn stages(job: &Job<'_>) -> Result<(Layout, Vec<Stage>), EstimateError> {
    let (layout, options) = (Layout::of(job.scenario)?, options::of(job)?);
    let architecture = &job.model.architecture;
    let mut stages: Vec<Stage> = Vec::new();
    let mut before: Option<Vec<Piece>> = None;
    for (pieces, pipeline) in pieces::of(architecture, &layout, &job.scenario.megatron)?.into_iter().zip(0..) {
        let is_like = before.replace(pieces.clone()).is_some_and(|before| is_like(architecture, &before, &pieces));
        if is_like && pipeline > 1 && pipeline + 1 < layout.pipeline {
            continue;
        }
        let rank = Rank { pipeline };
        let job = Job { rank, ..*job };
        let plan = Plan { job: &job, layout, options, pieces };
        let weights = parameters::of(&plan);
        let mut standing = Sums::default();
        standing::post(&plan, &weights, &mut standing)?;
        let pieces = plan.pieces;
        stages.push(Stage { rank, pieces, weights, standing });
    }
    Ok((layout, stages))
}

/// Whether two stages have the same layers, and the same beside them.
fn is_like(architecture: &Architecture, one: &[Piece], other: &[Piece]) -> bool {
    let beside = |piece: &Piece| (piece.embeds, piece.predicts, piece.scores);
    let same = |(one, other): (&Piece, &Piece)| {
        beside(one) == beside(other) && layers(architecture, one).eq(layers(architecture, other))
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

/// How many of which layers a piece has, in order.
fn layers<'a>(architecture: &'a Architecture, piece: &Piece) -> impl Iterator<Item = (u64, &'a Layer)> {
    let (mut first, Range { start, end }) = (0, piece.layers.clone());
    architecture.groups.iter().filter_map(move |group| {
        let span = first.max(start)..(first + group.layers).min(end);
        first += group.layers;
        (!span.is_empty()).then(|| (span.end - span.start, &group.layer))
    })
}

fn total(job: &Job<'_>, layout: Layout, stages: &[Stage]) -> Result<Bytes, EstimateError> {
    let options = options::of(job)?;
    let mut fullest = Bytes::ZERO;
    for stage in stages {
        let job = Job { rank: stage.rank, ..*job };
        let plan = Plan { job: &job, layout, options, pieces: stage.pieces.clone() };
        let mut sums = stage.standing;
        step::post(&plan, &stage.weights, &mut sums)?;
        let process = step::process(&plan).entries(job.gpu, Bytes::ZERO, Alive::NEVER)?;
        let process = Bytes::checked_sum(process.iter().map(|entry| entry.bytes))?;
        let heaviest = sums.heaviest(|instant| step::is_looked_at(&plan, instant));
        fullest = fullest.max(heaviest.checked_add(process)?);
    }
    Ok(fullest)
}
