//! What runs in one layout come to, without their ledgers: for a search through many.
//!
//! What stands on a stage is the same whatever is recomputed and however large a micro batch is, what a step makes is the same
//! tensors whatever the latter, and of stages with the same layers that follow each other the first has the most in flight.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use super::drafted::Drafted;
use super::flight::Flight;
use super::parameters;
use super::pieces::{self, Piece};
use super::plan::Plan;
use super::posts::Sums;
use super::step::{Beside, Step};
use super::{Job, options, step};
use crate::ledger::{Alive, EstimateError, Rank};
use crate::model::Architecture;
use crate::model::architecture::Layer;
use crate::parallel::Layout;
use crate::scenario::Optimizer;
use crate::units::Bytes;

/// The total of each of these jobs on its fullest stage, which differ in no more than `train.recompute` and
/// `train.micro_batch_size` and were found to be legal.
pub(super) fn of(jobs: &[Job<'_>]) -> Vec<Result<Bytes, EstimateError>> {
    let Some(first) = jobs.first() else { return Vec::new() };
    match Pipeline::of(first) {
        Ok(pipeline) => {
            let alike = |one: &Job<'_>, other: &Job<'_>| one.scenario.train.recompute == other.scenario.train.recompute;
            jobs.chunk_by(alike).flat_map(|jobs| pipeline.totals(jobs)).collect()
        }
        Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// The stages of a layout that may be the fullest.
struct Pipeline {
    layout: Layout,
    /// What stands outside PyTorch on each.
    process: Bytes,
    stages: Vec<Stage>,
    /// What layers keep of a micro batch.
    drafted: Rc<Drafted>,
}

/// One of them.
struct Stage {
    rank: Rank,
    pieces: Vec<Piece>,
    /// What stands on it from step to step.
    standing: Sums,
    /// What it makes whatever is recomputed.
    beside: Rc<Beside>,
}

impl Pipeline {
    fn of(job: &Job<'_>) -> Result<Self, EstimateError> {
        let (layout, options) = (Layout::of(job.scenario)?, options::of(job)?);
        let architecture = &job.model.architecture;
        let all = pieces::of(architecture, &layout, &job.scenario.megatron)?;
        let (mut stages, drafted): (Vec<Stage>, Rc<Drafted>) = Default::default();
        for (pieces, pipeline) in all.iter().zip(0..) {
            let before = usize::try_from(pipeline).ok().and_then(|stage| all.get(stage.checked_sub(1)?));
            let between = pipeline > 0 && pipeline + 1 < layout.pipeline;
            let has_more = |before: &Vec<Piece>| has_as_much(job, before, pieces);
            if between && before.is_some_and(has_more) {
                continue;
            }
            let rank = Rank { pipeline };
            let job = Job { rank, ..*job };
            let (pieces, drafted) = (Cow::Borrowed(&pieces[..]), Rc::clone(&drafted));
            let plan = Plan { job: &job, layout, options, pieces, drafted };
            let weights = parameters::of(&plan);
            let mut standing = Sums::of(1);
            step::stand(&plan, &weights, &mut standing)?;
            let beside = Rc::new(Beside::of(&plan, &weights)?);
            stages.push(Stage { rank, pieces: plan.pieces.into_owned(), standing, beside });
        }
        let process = step::process(job.scenario).entries(job.gpu, Bytes::ZERO, Alive::NEVER)?;
        let process = Bytes::checked_sum(process.iter().map(|entry| entry.bytes))?;
        Ok(Self { layout, process, stages, drafted })
    }

    /// The total on the fullest of each of some jobs that differ in no more than the sequences of a micro batch.
    fn totals(&self, jobs: &[Job<'_>]) -> Vec<Result<Bytes, EstimateError>> {
        let mut fullest = vec![Ok(self.process); jobs.len()];
        for stage in &self.stages {
            if let Err(error) = self.go_over(stage, jobs, &mut fullest) {
                return jobs.iter().map(|_| Err(error.clone())).collect();
            }
        }
        fullest
    }

    /// Makes the totals of some jobs those on a stage, where that has more.
    fn go_over(
        &self,
        stage: &Stage,
        jobs: &[Job<'_>],
        fullest: &mut [Result<Bytes, EstimateError>],
    ) -> Result<(), EstimateError> {
        let Some(first) = jobs.first() else { return Ok(()) };
        let job = Job { rank: stage.rank, ..*first };
        let (pieces, drafted) = (Cow::Borrowed(&stage.pieces[..]), Rc::clone(&self.drafted));
        let plan = Plan { job: &job, layout: self.layout, options: options::of(&job)?, pieces, drafted };
        let step = Step::of(&plan, Rc::clone(&stage.beside))?;
        let mut flight = Flight::default();
        for (job, fullest) in jobs.iter().zip(fullest) {
            let mut sums = stage.standing.with(job.scenario.train.micro_batch_size);
            let most = step
                .post(&mut sums, &mut flight)
                .and_then(|()| sums.heaviest(|instant| step::is_looked_at(&plan, instant)).checked_add(self.process));
            *fullest = match (fullest.as_ref(), most) {
                (Ok(known), Ok(most)) => Ok(most.max(*known)),
                (Err(error), _) => Err(error.clone()),
                (_, Err(overflow)) => Err(overflow.into()),
            };
        }
        Ok(())
    }
}

/// Whether a stage has the layers of the one after it, and at least the same beside them.
fn has_as_much(job: &Job<'_>, stage: &[Piece], next: &[Piece]) -> bool {
    let architecture = &job.model.architecture;
    // Whole tensors that go to ranks in turn may be dealt more evenly where they are more.
    let in_turn = job.scenario.train.optimizer == Optimizer::Muon;
    let beside = |one: &Piece, other: &Piece| {
        let embeds = one.embeds == other.embeds || one.embeds && !in_turn;
        embeds && (one.predicts, one.scores) == (other.predicts, other.scores)
    };
    let as_much = |(one, other): (&Piece, &Piece)| {
        beside(one, other) && layers(architecture, one).eq(layers(architecture, other))
    };
    stage.len() == next.len() && stage.iter().zip(next).all(as_much)
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
