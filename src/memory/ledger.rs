//! The ledger: every entry, the instants they make up, and the peak.

use super::category::Category;
use super::course::{Course, Stage};
use super::entry::{Entry, Exactness};
use super::instant::{Instant, Moment, Step};
use crate::units::{Bytes, Overflow};

/// Every entry of one estimate, added up by instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    entries: Vec<Entry>,
    moments: Vec<Moment>,
    peak: usize,
    course: Option<Course>,
}

impl Ledger {
    /// Adds entries up at each of these instants (with where each lies, in words) and finds the peak of the
    /// steady step.
    pub(super) fn close(
        entries: Vec<Entry>,
        instants: Vec<(Step, Instant, String)>,
        course: Option<Course>,
    ) -> Result<Self, Overflow> {
        let mut moments = Vec::with_capacity(instants.len());
        for (step, instant, at) in instants {
            let mut by_category = super::Categories::default();
            for entry in entries.iter().filter(|entry| entry.alive.contains(step, instant)) {
                by_category.add(entry.category, entry.bytes)?;
            }
            moments.push(Moment { instant, step, by_category, total: by_category.total()?, at });
        }
        let mut peak = 0;
        for (index, moment) in moments.iter().enumerate() {
            let best: &Moment = &moments[peak];
            let better = moment.step == Step::Steady && (best.step != Step::Steady || moment.total > best.total);
            if better {
                peak = index;
            }
        }
        Ok(Self { entries, moments, peak, course })
    }

    /// The heaviest sum of entries over the steady step's instants.
    pub(super) fn heaviest(entries: &[Entry], instants: &[(Step, Instant, String)]) -> Result<Bytes, Overflow> {
        let mut most = Bytes::ZERO;
        for (step, instant, _) in instants.iter().filter(|(step, ..)| *step == Step::Steady) {
            let alive = entries.iter().filter(|entry| entry.alive.contains(*step, *instant));
            most = most.max(Bytes::checked_sum(alive.map(|entry| entry.bytes))?);
        }
        Ok(most)
    }

    /// Every entry.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Every instant of the first and the steady step.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// What is alive while each part of the model runs, forward and back, in order; nothing outside training.
    pub fn course(&self, step: Step) -> Vec<Stage> {
        let known = |moment: &&Moment| moment.step == step && moment.instant == Instant::LossBackward;
        let (Some(course), Some(moment)) = (&self.course, self.moments.iter().find(known)) else { return Vec::new() };
        course.beside(moment.total).unwrap_or_default()
    }

    /// The heaviest instant of the steady step.
    pub fn peak(&self) -> &Moment {
        &self.moments[self.peak]
    }

    /// The entries alive in an instant.
    pub fn alive(&self, step: Step, instant: Instant) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.alive.contains(step, instant))
    }

    /// All bytes at the peak.
    pub fn total(&self) -> Bytes {
        self.peak().total
    }

    /// Bytes at the peak in tensors that the program creates: everything but `runtime`.
    pub fn allocated(&self) -> Bytes {
        self.total().saturating_sub(self.peak().by_category.get(Category::Runtime))
    }

    /// The least and the most that the total may be, given what its estimated entries say.
    pub fn band(&self) -> (Bytes, Bytes) {
        let peak = self.peak();
        band(peak.total, self.alive(peak.step, peak.instant))
    }

    /// A category's largest value over the steady step, and the instant of it.
    pub fn largest(&self, category: Category) -> (Bytes, Instant) {
        let mut best = (Bytes::ZERO, self.peak().instant);
        for moment in self.moments.iter().filter(|moment| moment.step == Step::Steady) {
            let bytes = moment.by_category.get(category);
            if bytes > best.0 {
                best = (bytes, moment.instant);
            }
        }
        best
    }
}

/// The least and the most that a total of these entries may be.
pub(super) fn band<'a>(total: Bytes, entries: impl Iterator<Item = &'a Entry>) -> (Bytes, Bytes) {
    let (mut below, mut above) = (Bytes::ZERO, Bytes::ZERO);
    for entry in entries {
        if let Exactness::Estimated { low, high } = entry.exactness {
            below = below.checked_add(entry.bytes.saturating_sub(low)).unwrap_or(Bytes::MAX);
            above = above.checked_add(high.saturating_sub(entry.bytes)).unwrap_or(Bytes::MAX);
        }
    }
    (total.saturating_sub(below), total.checked_add(above).unwrap_or(Bytes::MAX))
}
