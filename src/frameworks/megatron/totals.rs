//! What runs in one layout come to, without their ledgers: for a search through many.
//!
//! What stands on a stage is the same whatever is recomputed and however large a micro batch is, and of equal stages that
//! follow each other the first has the most micro batches in flight.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use super::draft::Sums;
use super::parameters::{self, Weight};
use super::pieces::{self, Piece};
use super::plan::Plan;
use super::{Job, options, step};
use crate::ledger::{Alive, EstimateError, Rank};
use crate::model::Architecture;
use crate::model::architecture::Layer;
use crate::parallel::Layout;
use crate::units::Bytes;

/// The total of each of these jobs on its fullest stage, which differ in no more than `train.recompute` and
/// `train.micro_batch_size` and were found to be legal.
pub(super) fn of(jobs: &[Job<'_>]) -> Vec<Result<Bytes, EstimateError>> {
    let Some(first) = jobs.first() else { return Vec::new() };
    match Pipeline::of(first) {
        Ok(pipeline) => jobs.iter().map(|job| pipeline.total(job)).collect(),
        Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// The stages of a layout that may be the fullest.
struct Pipeline {
    layout: Layout,
    /// What stands outside PyTorch on each.
    process: Bytes,
    stages: Vec<Stage>,
}

/// One of them.
struct Stage {
    rank: Rank,
    pieces: Vec<Piece>,
    weights: Vec<Weight>,
    /// What stands on it from step to step.
    standing: Sums,
}

impl Pipeline {
    fn of(job: &Job<'_>) -> Result<Self, EstimateError> {
        let (layout, options) = (Layout::of(job.scenario)?, options::of(job)?);
        let architecture = &job.model.architecture;
        let all = pieces::of(architecture, &layout, &job.scenario.megatron)?;
        let mut stages: Vec<Stage> = Vec::new();
        for (pieces, pipeline) in all.iter().zip(0..) {
            let before = usize::try_from(pipeline).ok().and_then(|stage| all.get(stage.checked_sub(1)?));
            let between = pipeline > 1 && pipeline + 1 < layout.pipeline;
            if between && before.is_some_and(|before| is_like(architecture, before, pieces)) {
                continue;
            }
            let rank = Rank { pipeline };
            let job = Job { rank, ..*job };
            let (pieces, drafted) = (Cow::Borrowed(&pieces[..]), Rc::default());
            let plan = Plan { job: &job, layout, options, pieces, drafted };
            let weights = parameters::of(&plan);
            let mut standing = Sums::default();
            step::stand(&plan, &weights, &mut standing)?;
            stages.push(Stage { rank, pieces: plan.pieces.into_owned(), weights, standing });
        }
        let process = step::process(job.scenario).entries(job.gpu, Bytes::ZERO, Alive::NEVER)?;
        let process = Bytes::checked_sum(process.iter().map(|entry| entry.bytes))?;
        Ok(Self { layout, process, stages })
    }

    /// The total on the fullest.
    fn total(&self, job: &Job<'_>) -> Result<Bytes, EstimateError> {
        let (layout, options) = (self.layout, options::of(job)?);
        let (mut fullest, drafted) = (Bytes::ZERO, Rc::default());
        for stage in &self.stages {
            let job = Job { rank: stage.rank, ..*job };
            let (pieces, drafted) = (Cow::Borrowed(&stage.pieces[..]), Rc::clone(&drafted));
            let plan = Plan { job: &job, layout, options, pieces, drafted };
            let mut sums = stage.standing;
            step::post(&plan, &stage.weights, &mut sums)?;
            fullest = fullest.max(sums.heaviest(|instant| step::is_looked_at(&plan, instant)));
        }
        Ok(fullest.checked_add(self.process)?)
    }
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
