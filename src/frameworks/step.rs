//! The ledger of a step of any program: its instants, when what stands is alive, and how the book is closed.

use crate::gpu::Gpu;
use crate::layers::Forward;
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Course, Entry, EstimateError, Held, Instant, Ledger, Step};
use crate::scenario::Train;
use crate::tape::Event;
use crate::tape::course::course;
use crate::tape::timeline::Timeline;

/// Alive at every instant of both steps.
pub(crate) fn always() -> Alive {
    Instant::TRAINING.iter().fold(Alive::NEVER, |alive, instant| alive.in_both(*instant))
}

pub(crate) fn steady() -> Alive {
    Instant::TRAINING.iter().fold(Alive::NEVER, |alive, instant| alive.with(Step::Steady, *instant))
}

/// When gradients of an earlier pass are there: from the second micro batch on always; where they are only kept
/// between steps, in the first step from the backward pass on.
pub(crate) fn standing(train: &Train) -> Alive {
    if train.gradient_accumulation_steps > 1 {
        return always();
    }
    [Instant::Backward, Instant::BackwardEnd, Instant::OptimizerStep]
        .iter()
        .fold(steady(), |alive, instant| alive.with(Step::First, *instant))
}

pub(crate) fn positions(recording: &Forward, timeline: &Timeline) -> Vec<(Instant, usize)> {
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

/// Closes the ledger of a recorded step.
pub(crate) fn close(
    entries: Vec<Entry>,
    process: (Process, Option<&Gpu>),
    recording: &Forward,
    timeline: &Timeline,
    positions: &[(Instant, usize)],
) -> Result<Ledger, EstimateError> {
    let places = positions.iter().map(|(instant, event)| (*instant, whereabouts(recording, *instant, *event)));
    let loss_backward = positions.iter().find(|(instant, _)| *instant == Instant::LossBackward);
    let course = loss_backward.map(|(_, event)| course(recording, timeline, *event));
    close_at(entries, process, &places.collect::<Vec<_>>(), course)
}

/// Whether an entry stands from the step before.
pub(crate) fn is_from_step_before(entry: &Entry) -> bool {
    entry.origin.held() == Some(Held::FromStepBefore)
}

/// What stands from the step before, and so not in the first, does so at the same instants of the steady one.
pub(crate) fn not_in_the_first(entry: &mut Entry) {
    let alive = Instant::TRAINING.iter().filter(|instant| entry.alive.contains(Step::Steady, **instant));
    entry.alive = alive.fold(Alive::NEVER, |alive, instant| alive.with(Step::Steady, *instant));
}

/// Adds the runtime, whose slack depends on the rest, and closes the ledger over these instants of both steps, each
/// with where it lies.
pub(crate) fn close_at(
    mut entries: Vec<Entry>,
    (process, gpu): (Process, Option<&Gpu>),
    places: &[(Instant, String)],
    course: Option<Course>,
) -> Result<Ledger, EstimateError> {
    let of = |step: Step| places.iter().map(move |(instant, place)| (step, *instant, place.clone()));
    let instants: Vec<_> = of(Step::First).chain(of(Step::Steady)).collect();
    let allocated = Ledger::heaviest(&entries, &instants)?;
    let always = places.iter().fold(Alive::NEVER, |alive, (instant, _)| alive.in_both(*instant));
    entries.append(&mut process.entries(gpu, allocated, always)?);
    Ok(Ledger::close(entries, instants, course)?.in_process(process))
}
