//! A tensor of a step before it is an entry: its shape on all GPUs together, and over which of them it is divided.

use std::borrow::Cow;

use super::SOURCE;
use crate::ledger::{Alive, Category, Division, Entry, Exactness, Instant, Lifetime, Origin, Place, Step};
use crate::shape::{Dim, Shape};
use crate::units::{Bits, Bytes, Overflow};

/// How much more tokens come to a rank's experts than their equal share, in percent: the least, the usual, the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load([u64; 3]);

impl Load {
    /// As many as there are.
    pub(super) const EVEN: Self = Self([100; 3]);

    /// The least, the usual and the most, in percent.
    pub(super) const fn between(low: u64, usual: u64, high: u64) -> Self {
        Self([low, usual, high])
    }
}

/// What keeps a tensor from being kept: a module that is recomputed, or whose input waits on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing does.
    Always,
    /// The stream that a norm before attention reads.
    AttentionNorm,
    /// What it gives, which the projections of attention read.
    AttentionInput,
    /// Queries, keys and values.
    QueryKeyValue,
    /// What attention gives, which the output projection reads.
    Context,
    /// Scores after their softmax, where they are tensors.
    Scores,
    /// The stream that a norm before the feed-forward network reads.
    FeedForwardNorm,
    /// What it gives.
    FeedForwardInput,
    /// What the first product of a dense network gives, and what its second reads.
    Mlp,
    /// Tokens in the order of their experts.
    Permuted,
    /// What the first product of experts gives.
    ExpertsUp,
    /// What their second reads.
    ExpertsActivation,
}

/// A tensor, on all GPUs together.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// What it is of what is named: its gradient, a copy; nothing where it is that itself.
    pub(super) what: &'static str,
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) bits: Bits,
    /// How many of it a layer has.
    pub(super) times: u64,
    pub(super) divided: Division,
    pub(super) load: Load,
    pub(super) kept: Kept,
}

/// What an entry says beside its tensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posted {
    pub(super) category: Category,
    pub(super) place: Place,
    pub(super) count: u64,
    pub(super) lifetime: Lifetime,
    pub(super) alive: Alive,
}

pub(super) const fn dim(symbol: &'static str, size: u64) -> Dim {
    Dim { symbol, size }
}

impl Draft {
    /// A tensor of these dimensions in so many bits.
    pub(super) fn new(name: &'static str, dims: &[Dim], bits: u32, divided: Division) -> Self {
        Self {
            what: "",
            name,
            shape: Shape::new(dims),
            bits: Bits::whole(bits),
            times: 1,
            divided,
            load: Load::EVEN,
            kept: Kept::Always,
        }
    }

    /// So many bytes, as they are.
    pub(super) fn plain(name: &'static str, bytes: u64) -> Self {
        Self::new(name, &[dim("", bytes)], 8, Division::NONE)
    }

    pub(super) fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    pub(super) fn loaded(self, load: Load) -> Self {
        Self { load, ..self }
    }

    pub(super) fn kept(self, kept: Kept) -> Self {
        Self { kept, ..self }
    }

    /// Whether it is the same tensor, of other layers. The cheap questions come first.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.name.len() == other.name.len()
            && self.bits == other.bits
            && self.times == other.times
            && self.kept == other.kept
            && self.load == other.load
            && self.divided == other.divided
            && self.shape == other.shape
            && (self.what, self.name) == (other.what, other.name)
    }

    /// Bytes on a rank, of so many.
    fn bytes_of(&self, count: u64, percent: u64) -> Result<Bytes, Overflow> {
        let elements = self.shape.elements()?.checked_mul(self.times).ok_or(Overflow)?;
        let each = self.bits.bytes(elements)?.get();
        let parts = self.divided.ways().checked_mul(100).ok_or(Overflow)?;
        // Nearly always all of it has 64 bits, of which a quotient takes a fraction of the time.
        if let Some(whole) = each.checked_mul(count).and_then(|whole| whole.checked_mul(percent)) {
            return Ok(Bytes::new(whole.div_ceil(parts)));
        }
        let whole = u128::from(each) * u128::from(count);
        let whole = whole.checked_mul(u128::from(percent)).ok_or(Overflow)?;
        let shared = whole.div_ceil(u128::from(parts));
        u64::try_from(shared).map(Bytes::new).map_err(|_beyond| Overflow)
    }

    /// Bytes on a rank, of one layer and micro batch.
    pub(super) fn bytes(&self) -> Result<Bytes, Overflow> {
        self.bytes_of(1, self.load.0[1])
    }

    /// The entry of so many of it.
    fn entry(&self, posted: Posted) -> Result<Entry, Overflow> {
        let [low, usual, high] = self.load.0;
        let bytes = |percent| self.bytes_of(posted.count, percent);
        let exactness =
            if low == high { Exactness::Exact } else { Exactness::Estimated { low: bytes(low)?, high: bytes(high)? } };
        Ok(Entry {
            category: posted.category,
            name: match self.what {
                "" => Cow::Borrowed(self.name),
                what => Cow::Owned(format!("{what} {}", self.name)),
            },
            place: posted.place,
            shape: self.shape,
            bits: self.bits,
            count: posted.count.checked_mul(self.times).ok_or(Overflow)?,
            divided: self.divided.loaded(u32::try_from(usual).map_err(|_beyond| Overflow)?),
            bytes: bytes(usual)?,
            lifetime: posted.lifetime,
            alive: posted.alive,
            exactness,
            source: SOURCE,
            origin: Origin::Shapes,
        })
    }
}

/// What the tensors of a stage are posted to: entries of a ledger, or no more than their sums.
pub(super) trait Posts {
    /// Takes so many of a tensor.
    fn post(&mut self, draft: &Draft, posted: Posted) -> Result<(), Overflow>;
}

impl Posts for Vec<Entry> {
    fn post(&mut self, draft: &Draft, posted: Posted) -> Result<(), Overflow> {
        self.push(draft.entry(posted)?);
        Ok(())
    }
}

/// What is alive in each instant of a steady step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums([Bytes; Instant::TRAINING.len()]);

impl Sums {
    /// What is alive in the heaviest of some instants.
    pub(super) fn heaviest(&self, instants: impl Fn(Instant) -> bool) -> Bytes {
        let all = Instant::TRAINING.iter().zip(self.0).filter(|(instant, _)| instants(**instant));
        all.map(|(_, bytes)| bytes).max().unwrap_or_default()
    }
}

impl Posts for Sums {
    fn post(&mut self, draft: &Draft, posted: Posted) -> Result<(), Overflow> {
        let bytes = draft.bytes_of(posted.count, draft.load.0[1])?;
        for (instant, sum) in Instant::TRAINING.iter().zip(&mut self.0) {
            if posted.alive.contains(Step::Steady, *instant) {
                *sum = sum.checked_add(bytes)?;
            }
        }
        Ok(())
    }
}

/// The heaviest of several sets of tensors; of equal ones the first, and nothing where all are empty.
pub(super) fn heaviest<S: AsRef<[Draft]>>(sets: impl IntoIterator<Item = S>) -> Result<Option<S>, Overflow> {
    let mut heaviest = (Bytes::ZERO, None);
    for set in sets {
        let bytes = sum(set.as_ref())?;
        if bytes > heaviest.0 {
            heaviest = (bytes, Some(set));
        }
    }
    Ok(heaviest.1)
}

/// What these tensors come to on a rank.
pub(super) fn sum(drafts: &[Draft]) -> Result<Bytes, Overflow> {
    drafts.iter().try_fold(Bytes::ZERO, |sum, draft| sum.checked_add(draft.bytes()?))
}
