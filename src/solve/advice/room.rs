//! What the room buys that a run leaves: more sequences, longer ones, a higher rank.

use super::{Cost, Fix, Subject, trial};
use crate::memory::{Fit, Ledger, estimate, played};
use crate::scenario::parameter::{Kind, Parameter};
use crate::scenario::{Method, Scenario, Task, Value};
use crate::solve::bisect;
use crate::units::Bytes;

/// Values that are played out of one parameter at most.
const TRIED: usize = 4;

/// The values that people take.
#[derive(Clone, Copy)]
enum Round {
    /// Any.
    Any,
    /// Multiples of so many.
    To(u64),
    /// Powers of two.
    Power,
}

impl Round {
    /// The last such value that is no more.
    fn down(self, value: u64) -> u64 {
        match self {
            Self::Any => value,
            Self::To(multiple) => value - value % multiple,
            Self::Power => value.checked_ilog2().map_or(0, |power| 1 << power),
        }
    }
}

/// How far each of these parameters goes by itself with the run still on the card, in round values, each by its own ledger;
/// nothing of one that goes no further. The run's own ledger `now` is played out on its card.
pub fn room(subject: Subject<'_>, now: &Ledger) -> Vec<Fix> {
    let positions = subject.model.architecture.max_position_embeddings;
    let rows: &[(&str, Round, u64)] = match subject.scenario.task {
        Task::Train => &[
            ("train.micro_batch_size", Round::Any, u64::MAX),
            ("train.sequence_length", Round::To(256), positions),
            ("train.lora_rank", Round::Power, 512),
        ],
        Task::Infer => {
            &[("infer.concurrency", Round::Any, u64::MAX), ("infer.context_length", Round::To(1024), positions)]
        }
    };
    let of_adapters = subject.scenario.task == Task::Train && subject.scenario.train.method != Method::Full;
    let asked = rows.iter().filter(|(key, ..)| *key != "train.lora_rank" || of_adapters);
    asked.filter_map(|(key, round, most)| further(subject, now, key, *round, *most)).collect()
}

fn further(subject: Subject<'_>, now: &Ledger, key: &'static str, round: Round, most: u64) -> Option<Fix> {
    let Subject { model, scenario, gpu, is_cancelled } = subject;
    let parameter = Parameter::by_key(key).ok()?;
    let (Kind::Count { max, .. }, Value::Count(here)) = (parameter.kind, parameter.get(scenario)) else { return None };
    let with = |value: u64| -> Option<Scenario> {
        let mut changed = scenario.clone();
        parameter.set(&mut changed, Value::Count(value)).ok()?;
        (!is_cancelled()).then_some(changed)
    };
    let needs = |value: u64| -> Option<Bytes> {
        let fit = Fit::of(&estimate(model, &with(value)?, Some(gpu)).ok()?, gpu).ok()?;
        Some(fit.needs)
    };
    let fit = Fit::of(now, gpu).ok()?;
    let (capacity, most) = (fit.room(), most.min(max));
    // What a run needs by its tensors and in all: the allocator is taken to add the same share elsewhere.
    let (mut value, mut tensors, mut whole) = (u64::MAX, needs(here)?, fit.needs);
    for _ in 0..TRIED {
        let room = u128::from(capacity.get()) * u128::from(tensors.get()) / u128::from(whole.get().max(1));
        let within = |value| needs(value).is_some_and(|needs| u128::from(needs.get()) <= room);
        let last = if within(most) { most } else { bisect::last(here, most, within) };
        value = round.down(last.min(value - 1));
        if value <= here {
            return None;
        }
        let fit = Fit::of(&played(model, &with(value)?, Some(gpu)).ok()?, gpu).ok()?;
        if fit.fits() {
            return Some(trial::fix(vec![(key, Value::Count(value))], 1, Cost::NOTHING, &fit));
        }
        (tensors, whole) = (needs(value)?, fit.needs);
    }
    None
}
