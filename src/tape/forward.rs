//! What a recording of the whole model holds, and where in the model its events are.

use std::ops::Range;

use super::{Event, Kind, Segment, Tape};

/// Layers in a row, the same few over and over: a period, of which the first time and the last are recorded. Of equal
/// layers the period is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Number of its first layer in the model.
    pub(crate) first: u64,
    /// How many layers it stands for.
    pub(crate) layers: u64,
    /// Layers of a period.
    pub(crate) period: usize,
    /// The recorded layers, by [`Segment::Layer`].
    pub(crate) recorded: Range<usize>,
    /// The events of the first period's forward.
    pub(crate) first_forward: Range<usize>,
    /// The events of the last period's forward; before them run the periods in between.
    pub(crate) last_forward: Range<usize>,
    /// The events of its backward; after them run the periods in between.
    pub(crate) last_backward: Range<usize>,
    /// The events of the first period's backward.
    pub(crate) first_backward: Range<usize>,
}

impl Stretch {
    /// Layers of this span (the first, and how many) before their forward.
    pub(crate) const fn new([first, layers]: [u64; 2], period: usize, recorded: Range<usize>) -> Self {
        let [first_forward, last_forward, last_backward, first_backward] = [const { 0..0 }; 4];
        Self { first, layers, period, recorded, first_forward, last_forward, last_backward, first_backward }
    }

    /// Periods that no recorded one stands for by itself.
    pub(crate) const fn between(&self) -> u64 {
        let period = self.period as u64;
        self.layers / period - (self.recorded.end - self.recorded.start) as u64 / period
    }

    /// Whether a recorded layer is of the last period.
    pub(crate) const fn is_last(&self, recorded: usize) -> bool {
        recorded + self.period >= self.recorded.end
    }

    /// The number in the model of a recorded layer.
    pub(crate) const fn number(&self, recorded: usize) -> u64 {
        let index = recorded - self.recorded.start;
        if index < self.period {
            self.first + index as u64
        } else {
            self.first + self.layers - (self.recorded.end - recorded) as u64
        }
    }

    /// Takes in the events of a recorded layer's backward, which come last layer first.
    pub(crate) fn back_through(&mut self, recorded: usize, events: Range<usize>) {
        let add = |known: &mut Range<usize>, begins: bool| {
            *known = if begins { events.clone() } else { known.start..events.end };
        };
        if self.is_last(recorded) {
            add(&mut self.last_backward, recorded + 1 == self.recorded.end);
        }
        if recorded < self.recorded.start + self.period {
            add(&mut self.first_backward, recorded + 1 == self.recorded.start + self.period);
        }
    }
}

/// A recorded step, with the events at which its parts begin.
#[derive(Debug)]
pub(crate) struct Forward {
    /// The recording.
    pub(crate) tape: Tape,
    /// Whether steps of this modelling code were measured.
    pub(crate) measured: bool,
    /// The layers.
    pub(crate) stretches: Vec<Stretch>,
    /// The event at which the loss is known and the forward's variables are let go.
    pub(crate) loss_known: usize,
    /// The event at which the loss's backward begins.
    pub(crate) backward_start: usize,
    /// The event at which the head's backward begins.
    pub(crate) head_backward: usize,
    /// The event at which the embedding's backward begins.
    pub(crate) embedding_backward: usize,
}

impl Forward {
    /// The number in the model of a recorded layer.
    pub(crate) fn layer_number(&self, recorded: usize) -> u64 {
        let stretch = self.stretches.iter().find(|stretch| stretch.recorded.contains(&recorded));
        stretch.map_or(0, |stretch| stretch.number(recorded))
    }

    /// Where an event lies, in words: the part of the model, and what is made there.
    pub(crate) fn whereabouts(&self, event: usize) -> String {
        let Some(Event::Allocate(storage) | Event::Release(storage)) = self.tape.events.get(event) else {
            return String::new();
        };
        let storage = &self.tape.storages[*storage as usize];
        let part = match storage.made_in {
            Segment::Embedding => String::from("embedding"),
            Segment::Layer(recorded) => format!("layer {}", self.layer_number(recorded)),
            Segment::Tower => String::from("tower"),
            Segment::Projector => String::from("projector"),
            Segment::FinalNorm => String::from("final norm"),
            Segment::Head => String::from("head"),
            Segment::Loss => String::from("loss"),
        };
        let gradient = match storage.kind {
            Kind::Gradient | Kind::ParameterGradient => "gradient of ",
            _ => "",
        };
        format!("{part}, {gradient}{}", storage.name)
    }
}
