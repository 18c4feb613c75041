//! Megatron-Core with Transformer Engine: what each GPU of a training job holds, stage by stage of its pipeline.
//!
//! Closed forms, read from its code and held against the figures that its functional tests log; nothing is recorded.

mod check;
mod constants;
mod draft;
mod drafted;
mod flight;
mod form;
mod formed;
mod layer;
mod letters;
mod loss;
mod options;
mod parameters;
mod pieces;
mod plan;
mod posts;
mod schedule;
mod share;
mod standing;
mod step;
mod totals;
mod turns;
mod working;

use self::plan::Plan;
use super::{Framework, Job};
use crate::ledger::{EstimateError, Ledger};
use crate::model::parameters::{BlockParameters, blocks};
use crate::parallel::Layout;
use crate::units::Bytes;

/// What entries name as their source.
const SOURCE: &str = "Megatron-LM at d98e8a64 with Transformer Engine: code read, held against its functional tests";

/// Megatron-LM's `pretrain_gpt.py` and its kin.
pub(crate) struct Megatron;

impl Framework for Megatron {
    fn id(&self) -> &'static str {
        "megatron"
    }

    fn check(&self, job: &Job<'_>) -> Result<(), EstimateError> {
        Plan::of(job).map(drop)
    }

    fn stages(&self, job: &Job<'_>) -> u64 {
        Layout::of(job.scenario).map_or(1, |layout| layout.pipeline)
    }

    fn train(&self, job: &Job<'_>) -> Result<Ledger, EstimateError> {
        step::ledger(&Plan::of(job)?)
    }

    fn totals(&self, jobs: &[Job<'_>]) -> Option<Vec<Result<Bytes, EstimateError>>> {
        Some(totals::of(jobs))
    }

    fn trainable(&self, job: &Job<'_>) -> Result<Vec<BlockParameters>, EstimateError> {
        Ok(blocks(&job.model.architecture))
    }
}
