//! An encoder at work: one forward pass over every token of all sequences, without a cache.
//!
//! The bare model gives a vector for each token, and its pooler one for each sequence; a model with a head for masked
//! tokens gives logits of every token.

use super::super::EstimateError;
use super::super::entry::Alive;
use super::super::instant::Instant;
use super::super::ledger::Ledger;
use super::super::runtime::Process;
use super::super::timeline::Timeline;
use super::super::{check_length, close, recorded, weights};
use super::stored::Stored;
use super::{described, run};
use crate::framework::of_model;
use crate::gpu::Gpu;
use crate::model::Model;
use crate::scenario::Scenario;

/// The ledger of one forward pass over `concurrency` × `context_length` tokens.
pub(super) fn ledger(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
    let infer = &scenario.infer;
    let (_, serving) = described(model, scenario)?;
    check_length(model, "infer.context_length", infer.context_length)?;
    let stored = Stored::of(model, &infer.weights)?;
    let always = Alive::NEVER.in_both(Instant::Load).in_both(Instant::Prefill);
    let run = run(model, &stored, [infer.concurrency, infer.context_length], serving);
    let mut entries = stored.parameters(model, serving, always)?;
    entries.append(&mut weights::buffers(&model.architecture, run.rotary_table_kinds(), None, always)?);
    entries.append(&mut weights::layer_buffers(&model.architecture, &of_model(model), always)?);
    let recording = run.record();
    let timeline = Timeline::read(&recording)?;
    let event = timeline.heaviest(0..recording.backward_start);
    recorded::post(&mut entries, &recording, &timeline, &[(Instant::Prefill, event)])?;
    let instants = [(Instant::Load, String::from("weights")), (Instant::Prefill, recording.whereabouts(event))];
    close(entries, (Process::of(scenario), gpu), &instants, None)
}
