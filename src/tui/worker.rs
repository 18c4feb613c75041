//! What takes longer than a key may, beside the keys: one thread, and one job at a time.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::app::Job;
use super::event::{Event, LastWords};

/// The way to the worker.
#[derive(Debug)]
pub(crate) struct Worker {
    jobs: Sender<Job>,
    busy: bool,
}

impl Worker {
    /// Starts it; what it has done comes through the channel of events. It ends with the process.
    pub(crate) fn start(events: Sender<Event>) -> io::Result<Self> {
        let (jobs, queue) = channel();
        thread::Builder::new().name(String::from("worker")).spawn(move || work(&queue, &events))?;
        Ok(Self { jobs, busy: false })
    }

    /// Gives it what is wanted now, where it has nothing to do: what was wanted before may be on no screen any more.
    pub(crate) fn keep_busy(&mut self, wanted: impl FnOnce() -> Option<Job>) {
        if !self.busy
            && let Some(job) = wanted()
        {
            // Where nobody works any more, the screen stays with what is known at once.
            self.busy = self.jobs.send(job).is_ok();
        }
    }

    /// It has told of what it did.
    pub(crate) const fn is_free(&mut self) {
        self.busy = false;
    }
}

fn work(jobs: &Receiver<Job>, events: &Sender<Event>) {
    let _last_words = LastWords(events, "what plays allocators out has stopped");
    while let Ok(job) = jobs.recv() {
        if events.send(Event::Done(job.run())).is_err() {
            return;
        }
    }
}
