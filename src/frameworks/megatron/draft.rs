//! A tensor of a step before it is an entry: its shape on all GPUs together, and over which of them it is divided.

use super::form::{Form, Grows};
use crate::ledger::{Alive, Category, Division, Lifetime, Place};
use crate::shape::{Dim, Shape};
use crate::units::{Bits, Bytes, Overflow};

/// How much more tokens come to a rank's experts than their equal share, in percent: the least, the usual, the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load(pub(super) [u64; 3]);

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
    /// With what it grows.
    pub(super) grows: Grows,
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

/// The dimension that counts the sequences of a micro batch.
pub(super) const BATCH: &str = "b";

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
            grows: if dims.iter().any(|dim| dim.symbol == BATCH) { Grows::WithBatch } else { Grows::Never },
        }
    }

    /// So many bytes, as they are, whatever a micro batch is.
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

    /// The same, that micro batches of one sequence do not have.
    pub(super) fn beyond_one(self) -> Self {
        Self { grows: Grows::BeyondOne, ..self }
    }

    /// How its bytes on a rank follow from how many there are and the sequences of a micro batch.
    pub(super) fn form(&self) -> Result<Form, Overflow> {
        // Letters are compared only where one of them may be the batch's.
        let counts = |dim: &&Dim| self.grows == Grows::Never || dim.symbol != BATCH;
        let mut dims = self.shape.dims().iter().filter(counts).map(|dim| dim.size);
        let elements = dims.try_fold(self.times, u64::checked_mul).ok_or(Overflow)?;
        Form::new(self.bits.bytes(elements)?, (self.load.0[1], self.divided.ways()), self.grows)
    }

    /// Bytes on a rank, of one layer and one sequence.
    pub(super) fn bytes(&self) -> Result<Bytes, Overflow> {
        self.form()?.bytes(1, 1)
    }
}
