//! A training step: what stands, what the recorded pass makes, what the optimizer needs, instant by instant.

use super::EstimateError;
use super::activations::{Forward, Run};
use super::entry::{Alive, Entry};
use super::instant::{Instant, Step};
use super::ledger::Ledger;
use super::tape::{Dtype, Event};
use super::timeline::Timeline;
use super::{recorded, weights};
use crate::framework::implementation;
use crate::gpu::Gpu;
use crate::model::Model;
use crate::scenario::{Attention, Precision, Recompute, Scenario, Train};
use crate::units::Bits;

/// Alive at every instant of both steps.
fn always() -> Alive {
    Instant::TRAINING.iter().fold(Alive::NEVER, |alive, instant| alive.in_both(*instant))
}

/// The ledger of a training step on one GPU.
pub(super) fn ledger(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
    let train = &scenario.train;
    let run = run(model, train);
    super::check_length(model, "train.sequence_length", train.sequence_length)?;
    let recording = run.record();
    let timeline = Timeline::read(&recording)?;
    let positions = positions(&recording, &timeline);
    let architecture = &model.architecture;
    let bits = Bits::whole(run.weights.bits());
    let mut entries = weights::parameters(architecture, bits, always())?;
    if run.keep_gradients {
        let alive = standing(train);
        entries.append(&mut weights::standing_gradients(architecture, bits, alive)?);
    }
    let (optimizer, implementation) = (train.optimizer, train.optimizer_implementation);
    let states = steady().with(Step::First, Instant::OptimizerStep);
    entries.append(&mut weights::optimizer_states(architecture, optimizer, implementation, bits, states)?);
    entries.append(&mut recorded::entries(&recording, &timeline, &positions)?);
    let scale = run.code.embedding_scale_buffer.then_some(bits);
    let shape = [run.batch, run.sequence];
    entries.append(&mut weights::buffers(architecture, run.rotary_table_kinds(), scale, always())?);
    entries.append(&mut weights::correction_biases(architecture, bits, always())?);
    entries.append(&mut weights::batch(shape, run.padding, always())?);
    if run.keep_outputs {
        entries.append(&mut previous_outputs(&entries));
    }
    let step = Alive::NEVER.in_both(Instant::OptimizerStep);
    entries.append(&mut weights::optimizer_temporaries(architecture, optimizer, implementation, bits, step)?);
    let places = positions.iter().map(|(instant, event)| (*instant, whereabouts(&recording, *instant, *event)));
    super::close(entries, gpu, &places.collect::<Vec<_>>())
}

/// A loop that keeps the model's outputs still has those of the step before while the next forward runs.
fn previous_outputs(entries: &[Entry]) -> Vec<Entry> {
    let alive = Alive::NEVER.with(Step::Steady, Instant::Forward).with(Step::Steady, Instant::ForwardEnd);
    let outputs = entries.iter().filter(|entry| entry.name == "logits" || entry.name == "loss");
    outputs
        .map(|entry| Entry { name: format!("{} of the step before", entry.name).into(), alive, ..entry.clone() })
        .collect()
}

fn steady() -> Alive {
    Instant::TRAINING.iter().fold(Alive::NEVER, |alive, instant| alive.with(Step::Steady, *instant))
}

/// When gradients of an earlier pass are there: from the second micro batch on always; where they are only kept
/// between steps, in the first step from the backward pass on.
fn standing(train: &Train) -> Alive {
    if train.gradient_accumulation_steps > 1 {
        return always();
    }
    [Instant::Backward, Instant::BackwardEnd, Instant::OptimizerStep]
        .iter()
        .fold(steady(), |alive, instant| alive.with(Step::First, *instant))
}

fn run<'a>(model: &'a Model, train: &Train) -> Run<'a> {
    let architecture = &model.architecture;
    let dropout = architecture.dropout;
    let acts = |own: f64| train.dropout.unwrap_or(own) > 0.0;
    Run {
        architecture,
        code: implementation(model.family),
        batch: train.micro_batch_size,
        sequence: train.sequence_length,
        weights: if train.precision == Precision::Bf16 { Dtype::Bf16 } else { Dtype::Fp32 },
        autocast: train.precision == Precision::Bf16Mixed,
        fused_attention: train.attention == Attention::Flash,
        padding: train.padding,
        dropout: [acts(dropout.embedding), acts(dropout.hidden), acts(dropout.attention)],
        checkpointed_layers: match train.recompute {
            Recompute::None | Recompute::Selective => 0,
            Recompute::Full => train.recompute_layers.unwrap_or(u64::MAX).min(architecture.num_hidden_layers()),
        },
        loss: true,
        keep_outputs: train.keep_outputs,
        keep_gradients: train.keep_gradients || train.gradient_accumulation_steps > 1,
        graph: true,
    }
}

fn positions(recording: &Forward, timeline: &Timeline) -> Vec<(Instant, usize)> {
    let end = recording.tape.events.len();
    let allocates = |event: &usize| matches!(recording.tape.events[*event], Event::Allocate(_));
    let forward_end = (0..recording.loss_known).rev().find(allocates).unwrap_or(0);
    let within = timeline.heaviest(0..recording.loss_known);
    let mut positions = if timeline.heavier(within, forward_end) { vec![(Instant::Forward, within)] } else { vec![] };
    positions.extend([
        (Instant::ForwardEnd, forward_end),
        (Instant::LossBackward, timeline.heaviest(recording.backward_start..recording.head_backward)),
        (Instant::Backward, timeline.heaviest(recording.head_backward..recording.embedding_backward)),
        (Instant::BackwardEnd, timeline.heaviest(recording.embedding_backward..end)),
        (Instant::OptimizerStep, end - 1),
    ]);
    positions
}

fn whereabouts(recording: &Forward, instant: Instant, event: usize) -> String {
    match instant {
        Instant::OptimizerStep => String::from("every parameter"),
        _ => recording.whereabouts(event),
    }
}
