//! Events in the order in which they came, but for answers that are waited for.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvError};
use std::time::{Duration, Instant};

use super::app::Done;
use super::event::Event;

/// Events that have not been taken in yet.
#[derive(Debug)]
pub(crate) struct Inbox {
    events: Receiver<Event>,
    /// Those that came while an answer was waited for.
    held: VecDeque<Event>,
}

impl Inbox {
    /// Nothing has come yet.
    pub(crate) const fn new(events: Receiver<Event>) -> Self {
        Self { events, held: VecDeque::new() }
    }

    /// The next event, however long that takes.
    pub(crate) fn next(&mut self) -> Result<Event, RecvError> {
        self.held.pop_front().map_or_else(|| self.events.recv(), Ok)
    }

    /// The next event, where there is one already.
    pub(crate) fn waiting(&mut self) -> Option<Event> {
        self.held.pop_front().or_else(|| self.events.try_recv().ok())
    }

    /// The next event, where it comes soon enough.
    pub(crate) fn within(&mut self, time: Duration) -> Option<Event> {
        self.held.pop_front().or_else(|| self.events.recv_timeout(time).ok())
    }

    /// Makes an event the next one again.
    pub(crate) fn put_back(&mut self, event: Event) {
        self.held.push_front(event);
    }

    /// What came of a job, where it comes soon enough; what happens meanwhile waits.
    pub(crate) fn done_within(&mut self, time: Duration) -> Option<Done> {
        let begun = Instant::now();
        loop {
            match self.events.recv_timeout(time.saturating_sub(begun.elapsed())).ok()? {
                Event::Done(done) => return Some(done),
                event => self.held.push_back(event),
            }
        }
    }
}
