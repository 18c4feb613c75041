//! Reading a recorded step: what is alive at each event, the heaviest event of each part, and what it consists of.

use std::ops::Range;

use super::forward::{Forward, Stretch};
use super::{Event, Kind, Segment, Storage};
use crate::units::{Bytes, Overflow};

/// When a storage, or what its layer's unrecorded neighbours have in its place, is alive: events `born..dies`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    born: usize,
    dies: usize,
}

/// The layers a span is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layers {
    /// None: the storage stands outside the layers.
    Outside,
    /// Layers from the first to the last of these, so far from one to the next.
    Every {
        /// The first, counted from 0.
        first: u64,
        /// The last.
        last: u64,
        /// From one to the next.
        step: u64,
    },
}

/// A storage and its spans: its own, and that of the layers between the recorded ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) layers: Layers,
    pub(crate) copies: u64,
    span: Span,
}

impl Life {
    /// Whether it is alive just after an event.
    pub(crate) const fn at(&self, event: usize) -> bool {
        self.span.born <= event && event < self.span.dies
    }
}

/// When everything in a recording is alive, and how much that is.
pub(crate) struct Timeline {
    /// Of each storage.
    spans: Vec<Span>,
    /// Bytes of tensors alive just after each event.
    totals: Vec<u64>,
    /// The events at which a kernel library takes a workspace.
    workspaces: Vec<bool>,
}

const NEVER: usize = usize::MAX;

impl Timeline {
    /// Reads a recording.
    pub(crate) fn read(recording: &Forward) -> Result<Self, Overflow> {
        let tape = &recording.tape;
        tape.check()?;
        let mut spans = vec![Span { born: NEVER, dies: NEVER }; tape.storages.len()];
        for (position, event) in tape.events.iter().enumerate() {
            match event {
                Event::Allocate(storage) => spans[*storage as usize].born = position,
                Event::Release(storage) => spans[*storage as usize].dies = position,
            }
        }
        let totals = totals(recording, &spans)?;
        let takes = |event: &Event| match event {
            Event::Allocate(storage) => tape.storages[*storage as usize].kind == Kind::Workspace,
            Event::Release(_) => false,
        };
        Ok(Self { spans, totals, workspaces: tape.events.iter().map(takes).collect() })
    }

    /// Shows all lives of the recording that was read, in the order of its storages. They are not kept: a model of many
    /// short groups of layers has tens of thousands, of which few are alive at a given event.
    pub(crate) fn each_life(
        &self,
        recording: &Forward,
        visit: impl FnMut(&Storage, Life) -> Result<(), Overflow>,
    ) -> Result<(), Overflow> {
        each_life(recording, &self.spans, visit)
    }

    /// Bytes alive just after an event.
    pub(crate) fn total(&self, event: usize) -> Bytes {
        Bytes::new(self.totals.get(event).copied().unwrap_or(0))
    }

    /// The most that is alive during a range of events; what was alive before it where it is empty.
    pub(crate) fn most(&self, events: Range<usize>) -> Bytes {
        let before = events.start.saturating_sub(1);
        let most = self.totals.get(events).and_then(|totals| totals.iter().max());
        most.map_or_else(|| self.total(before), |most| Bytes::new(*most))
    }

    /// Whether more is alive at one event than at another.
    pub(crate) fn heavier(&self, one: usize, other: usize) -> bool {
        self.totals[one] > self.totals[other]
    }

    /// The event in a range at which tensors take most, or the last one before it where the range allocates nothing; of
    /// equal ones that at which a kernel library has its workspace too.
    pub(crate) fn heaviest(&self, events: Range<usize>) -> usize {
        let mut best = events.start.saturating_sub(1);
        let mut most = 0;
        for event in events {
            if self.totals[event] > most || self.totals[event] == most && self.workspaces[event] {
                (best, most) = (event, self.totals[event]);
            }
        }
        best
    }
}

/// When the layers between have what a layer of the last recorded period has in `span`.
/// What dies in a layer of the last period of any stretch does so in the others after that.
fn between_span(stretches: &[Stretch], stretch: &Stretch, span: Span) -> Option<Span> {
    let (forward, backward) = (&stretch.last_forward, &stretch.last_backward);
    let of_layers = stretches.iter().find(|other| {
        other.last_backward.contains(&span.dies) && [other.first, other.layers] == [stretch.first, stretch.layers]
    });
    let dies = of_layers.map_or(span.dies, |other| other.last_backward.end);
    if span.born < forward.end && span.dies >= forward.end {
        Some(Span { born: forward.start, dies })
    } else if backward.contains(&span.born) && span.dies >= backward.end {
        Some(Span { born: backward.end, dies: span.dies })
    } else {
        None
    }
}

fn each_life(
    recording: &Forward,
    spans: &[Span],
    mut visit: impl FnMut(&Storage, Life) -> Result<(), Overflow>,
) -> Result<(), Overflow> {
    // Recorded layers are numbered through, stretch by stretch.
    let stretches = recording.stretches.iter().flat_map(|stretch| stretch.recorded.clone().map(move |_| stretch));
    let stretches: Vec<&Stretch> = stretches.collect();
    for (storage, span) in recording.tape.storages.iter().zip(spans) {
        // What all recomputed layers read belongs to none of them.
        let shared = storage.recomputed && storage.made_in == Segment::Embedding;
        let (Segment::Layer(recorded), false) = (storage.owner, shared) else {
            visit(storage, Life { layers: Layers::Outside, copies: 1, span: *span })?;
            continue;
        };
        let Some(stretch) = stretches.get(recorded) else { continue };
        let between = stretch.between();
        // What passes from layer to layer without being kept stands once.
        let stays = storage.saved
            || matches!(storage.kind, Kind::ParameterGradient | Kind::WeightCopy | Kind::Cache | Kind::BehindCache);
        if between > 0
            && stays
            && stretch.is_last(recorded)
            && let Some(span) = between_span(&recording.stretches, stretch, *span)
        {
            let step = stretch.period as u64;
            let last = stretch.number(recorded) - step;
            let layers = Layers::Every { first: last - (between - 1) * step, last, step };
            visit(storage, Life { layers, copies: between, span })?;
        }
        let own = stretch.number(recorded);
        visit(storage, Life { layers: Layers::Every { first: own, last: own, step: 1 }, copies: 1, span: *span })?;
    }
    Ok(())
}

fn totals(recording: &Forward, spans: &[Span]) -> Result<Vec<u64>, Overflow> {
    let events = recording.tape.events.len();
    // Differences first, then their running sum; one past the end collects what dies there.
    let mut born = vec![0_u64; events + 1];
    let mut died = vec![0_u64; events + 1];
    each_life(recording, spans, |storage, life| {
        if storage.kind == Kind::Workspace {
            return Ok(());
        }
        let bytes = storage.bytes.checked_mul(life.copies).ok_or(Overflow)?;
        let add = |slot: &mut u64| slot.checked_add(bytes).map(|sum| *slot = sum).ok_or(Overflow);
        if life.span.born <= events {
            add(&mut born[life.span.born])?;
        }
        if life.span.dies <= events {
            add(&mut died[life.span.dies])?;
        }
        Ok(())
    })?;
    let mut totals = born;
    totals.truncate(events);
    let mut alive = 0_u64;
    for (total, died) in totals.iter_mut().zip(died) {
        alive = alive.checked_add(*total).ok_or(Overflow)?.checked_sub(died).ok_or(Overflow)?;
        *total = alive;
    }
    Ok(totals)
}
