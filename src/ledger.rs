//! The ledger: every entry, the instants they make up, and the peak.

mod budget;
mod category;
mod course;
mod division;
mod entry;
mod error;
mod fit;
pub(crate) mod gather;
mod instant;
mod pool;
mod rank;
mod reserve;
pub(crate) mod runtime;

use self::runtime::Process;
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::units::{Bytes, Overflow, Unit};

pub(crate) use budget::Budget;
pub use category::{Categories, Category};
pub(crate) use course::{Course, End};
pub use course::{Pass, Stage};
pub use division::{Axis, Division};
pub use entry::{Alive, Entry, Exactness, Held, Lifetime, Origin, Overhead, Place};
pub(crate) use error::Asked;
pub use error::EstimateError;
pub use fit::{Fit, Verdict};
pub use instant::{Instant, Moment, Step};
pub use pool::Pool;
pub use rank::{Filled, Rank};
pub use reserve::{Reserve, Taken};

/// Every entry of one estimate, added up by instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    entries: Vec<Entry>,
    moments: Vec<Moment>,
    peak: usize,
    course: Option<Course>,
    process: Process,
    rank: Rank,
    /// What every stage of a pipeline holds, this one among them; none where there is one.
    stages: Vec<Filled>,
    /// What the allocator holds, by the kernels of the card.
    reserves: Vec<(Kernels, Reserve)>,
    /// What an engine's pool holds, where the card is known.
    pool: Option<Pool>,
    /// What stands in host memory.
    host: Vec<Entry>,
}

impl Ledger {
    /// Adds entries up at each of these instants (with where each lies, in words) and finds the peak of the
    /// steady step.
    pub(crate) fn close(
        entries: Vec<Entry>,
        instants: Vec<(Step, Instant, String)>,
        course: Option<Course>,
    ) -> Result<Self, Overflow> {
        let mut moments = Vec::with_capacity(instants.len());
        for (step, instant, at) in instants {
            let mut by_category = Categories::default();
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
        let (process, rank) = (Process::default(), Rank::default());
        Ok(Self {
            entries,
            moments,
            peak,
            course,
            process,
            rank,
            stages: Vec::new(),
            reserves: Vec::new(),
            pool: None,
            host: Vec::new(),
        })
    }

    /// Where the run takes place.
    pub(crate) fn in_process(self, process: Process) -> Self {
        Self { process, ..self }
    }

    /// Beside what stands in host memory.
    pub(crate) fn with_host(self, host: Vec<Entry>) -> Self {
        Self { host, ..self }
    }

    /// With the pool of an engine, where it is known.
    pub(crate) fn with_pool(self, pool: Option<Pool>) -> Self {
        Self { pool, ..self }
    }

    /// What an engine's pool of caches holds on the card, where it takes a share of one.
    pub const fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }

    /// What stands in host memory and not on the card.
    pub fn host(&self) -> &[Entry] {
        &self.host
    }

    /// Of which GPU of its layout it is the ledger.
    pub(crate) fn of_rank(self, rank: Rank) -> Self {
        Self { rank, ..self }
    }

    /// The fullest of the ledgers of so many stages, which knows what the others hold; of equal ones the first.
    pub(crate) fn fullest<E>(stages: u64, on: impl Fn(Rank) -> Result<Self, E>) -> Result<Self, E> {
        let mut fullest = on(Rank::default())?;
        if stages < 2 {
            return Ok(fullest);
        }
        let mut all = vec![fullest.filled()];
        for pipeline in 1..stages {
            let ledger = on(Rank { pipeline })?;
            all.push(ledger.filled());
            if ledger.total() > fullest.total() {
                fullest = ledger;
            }
        }
        Ok(Self { stages: all, ..fullest })
    }

    fn filled(&self) -> Filled {
        Filled { rank: self.rank, total: self.total(), instant: self.peak().instant }
    }

    /// The GPU that it is about.
    pub const fn rank(&self) -> Rank {
        self.rank
    }

    /// What the GPUs of every stage of a pipeline hold at their own peaks, where there are several stages.
    pub fn stages(&self) -> &[Filled] {
        &self.stages
    }

    pub(crate) const fn process(&self) -> Process {
        self.process
    }

    /// The ledger of a run whose allocator holds so much on a card with these kernels. What it holds beyond what is asked
    /// of it at the peak becomes an entry, so that the total is what the run needs.
    pub(crate) fn with_reserve(self, kernels: Kernels, reserve: Reserve) -> Result<Self, Overflow> {
        let exact = self.spread() == (Bytes::ZERO, Bytes::ZERO) && !self.process.order_guessed;
        let Self { mut entries, moments, peak, course, process, rank, stages, mut reserves, pool, host } = self;
        let outside = Process::context_of(&entries)?;
        let asked = moments[peak].total.saturating_sub(outside);
        // Weights come before anything leaves holes.
        let holed = moments.iter().filter(|moment| moment.instant != Instant::Load);
        let alive = holed.fold(Alive::NEVER, |alive, moment| alive.with(moment.step, moment.instant));
        entries.push(runtime::unusable(reserve.least.saturating_sub(asked), exact, alive)?);
        let instants = moments.into_iter().map(|moment| (moment.step, moment.instant, moment.at)).collect();
        reserves.push((kernels, reserve));
        Ok(Self { process, rank, stages, reserves, pool, host, ..Self::close(entries, instants, course)? })
    }

    /// Adds what the allocator holds on cards with other kernels.
    pub(crate) fn beside(mut self, kernels: Kernels, reserve: Reserve) -> Self {
        self.reserves.push((kernels, reserve));
        self
    }

    /// What the allocator holds on the card that the ledger was made for, where it was played out.
    pub fn reserve(&self) -> Option<&Reserve> {
        self.reserves.first().map(|(_, reserve)| reserve)
    }

    /// What the allocator holds beyond what is asked of it at the peak.
    pub fn unusable(&self) -> Bytes {
        let unusable = self.entries.iter().rev().find(|entry| entry.place == Place::Runtime(Overhead::Unusable));
        unusable.map_or(Bytes::ZERO, |entry| entry.bytes)
    }

    /// Why the allocator holds what it cannot use, of the entry that is about that.
    pub fn because(&self, entry: &Entry, unit: Unit) -> Option<String> {
        self.reserve()
            .filter(|_| entry.place == Place::Runtime(Overhead::Unusable))
            .map(|reserve| reserve.explanation(unit))
    }

    /// What it holds on another card: where that has other kernels and was not played for them, what it holds here.
    pub(crate) fn reserve_on(&self, gpu: &Gpu) -> Option<&Reserve> {
        let kernels = Kernels::of(Some(gpu));
        let known = self.reserves.iter().find(|(known, _)| *known == kernels);
        known.map(|(_, reserve)| reserve).or_else(|| self.reserve())
    }

    /// Whether the allocator is still to be played out for what it adds to be known.
    pub fn is_to_be_played(&self) -> bool {
        self.process.played && self.reserves.is_empty()
    }

    /// Whether the allocator was played out for the kernels of a card.
    pub fn is_played_on(&self, gpu: &Gpu) -> bool {
        let kernels = Kernels::of(Some(gpu));
        self.reserves.is_empty() || self.reserves.iter().any(|(known, _)| *known == kernels)
    }

    /// The heaviest sum of entries over the steady step's instants.
    pub(crate) fn heaviest(entries: &[Entry], instants: &[(Step, Instant, String)]) -> Result<Bytes, Overflow> {
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

    /// What is alive while each part of the model runs, forward and back, in order, but for what a kernel library takes
    /// while one kernel runs; nothing outside training.
    pub fn course(&self, step: Step) -> Vec<Stage> {
        let known = |moment: &&Moment| moment.step == step && moment.instant == Instant::LossBackward;
        let (Some(course), Some(moment)) = (&self.course, self.moments.iter().find(known)) else { return Vec::new() };
        let of_a_kernel = |entry: &&Entry| entry.category == Category::Runtime && entry.lifetime == Lifetime::Transient;
        let workspaces = self.alive(step, Instant::LossBackward).filter(of_a_kernel).map(|entry| entry.bytes);
        let workspaces = Bytes::checked_sum(workspaces).unwrap_or_default();
        course.beside(moment.total.saturating_sub(workspaces)).unwrap_or_default()
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

    /// By how much less and more the tensors at the peak may take, given what their estimated entries say.
    pub(crate) fn spread(&self) -> (Bytes, Bytes) {
        let peak = self.peak();
        let tensors = self.alive(peak.step, peak.instant).filter(|entry| entry.category != Category::Runtime);
        spread(tensors)
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
pub(crate) fn band<'a>(total: Bytes, entries: impl Iterator<Item = &'a Entry>) -> (Bytes, Bytes) {
    let (below, above) = spread(entries);
    (total.saturating_sub(below), total.checked_add(above).unwrap_or(Bytes::MAX))
}

/// By how much less and more than they say these entries may take.
fn spread<'a>(entries: impl Iterator<Item = &'a Entry>) -> (Bytes, Bytes) {
    let (mut below, mut above) = (Bytes::ZERO, Bytes::ZERO);
    for entry in entries {
        if let Exactness::Estimated { low, high } = entry.exactness {
            below = below.checked_add(entry.bytes.saturating_sub(low)).unwrap_or(Bytes::MAX);
            above = above.checked_add(high.saturating_sub(entry.bytes)).unwrap_or(Bytes::MAX);
        }
    }
    (below, above)
}
