//! What the tensors of a stage are posted to: entries of a ledger, or no more than their sums.

use std::borrow::Cow;

use super::SOURCE;
use super::draft::{Draft, Posted};
use super::form::{Form, Forms};
use super::formed::{Formed, Tensors};
use crate::ledger::{Alive, Entry, Exactness, Instant, Origin, Step};
use crate::units::{Bytes, Overflow};

/// Something that takes tensors.
pub(super) trait Posts {
    /// Whether it takes them one by one, or what many come to.
    const ONE_BY_ONE: bool;

    /// Sequences of a micro batch.
    fn batch(&self) -> u64;

    /// Takes so many of a tensor that has this form.
    fn take(&mut self, tensor: (&Draft, Form), posted: Posted) -> Result<(), Overflow>;

    /// Takes so many of a tensor.
    fn post(&mut self, draft: &Draft, posted: Posted) -> Result<(), Overflow> {
        let form = draft.form()?;
        self.take((draft, form), posted)
    }

    /// Takes so many of a tensor whose form is known.
    fn post_formed(&mut self, formed: &Formed, posted: Posted) -> Result<(), Overflow> {
        self.take((&formed.draft, formed.form), posted)
    }

    /// Takes so many of each of some tensors.
    fn post_all(&mut self, tensors: &Tensors, posted: Posted) -> Result<(), Overflow>;

    /// Takes so many bytes by this name, as they are.
    fn post_plain(&mut self, name: &'static str, bytes: Bytes, posted: Posted) -> Result<(), Overflow>;

    /// Takes so many of each of those tensors whose parts are whole bytes, where they were not taken one by one.
    fn post_whole(&mut self, forms: &Forms, posted: (u64, Alive)) -> Result<(), Overflow>;
}

/// The entries of a ledger.
pub(super) struct Entries {
    pub(super) batch: u64,
    pub(super) entries: Vec<Entry>,
}

impl Posts for Entries {
    const ONE_BY_ONE: bool = true;

    fn batch(&self) -> u64 {
        self.batch
    }

    fn take(&mut self, (draft, form): (&Draft, Form), posted: Posted) -> Result<(), Overflow> {
        if !form.is_there(self.batch) {
            return Ok(());
        }
        let [low, usual, high] = draft.load.0;
        let bytes = |percent| form.loaded(percent).bytes(posted.count, self.batch);
        let exactness =
            if low == high { Exactness::Exact } else { Exactness::Estimated { low: bytes(low)?, high: bytes(high)? } };
        self.entries.push(Entry {
            category: posted.category,
            name: match draft.what {
                "" => Cow::Borrowed(draft.name),
                what => Cow::Owned(format!("{what} {}", draft.name)),
            },
            place: posted.place,
            shape: draft.shape,
            bits: draft.bits,
            count: posted.count.checked_mul(draft.times).ok_or(Overflow)?,
            divided: draft.divided.loaded(u32::try_from(usual).map_err(|_beyond| Overflow)?),
            bytes: bytes(usual)?,
            lifetime: posted.lifetime,
            alive: posted.alive,
            exactness,
            source: SOURCE,
            origin: Origin::Shapes,
        });
        Ok(())
    }

    fn post_all(&mut self, tensors: &Tensors, posted: Posted) -> Result<(), Overflow> {
        tensors.all.iter().try_for_each(|formed| self.post_formed(formed, posted))
    }

    fn post_plain(&mut self, name: &'static str, bytes: Bytes, posted: Posted) -> Result<(), Overflow> {
        self.post(&Draft::plain(name, bytes.get()), posted)
    }

    fn post_whole(&mut self, _: &Forms, _: (u64, Alive)) -> Result<(), Overflow> {
        Ok(())
    }
}

/// What is alive in each instant of a steady step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    batch: u64,
    sums: [Bytes; Instant::TRAINING.len()],
}

impl Sums {
    /// Nothing yet, of micro batches of so many sequences.
    pub(super) fn of(batch: u64) -> Self {
        Self { batch, sums: Default::default() }
    }

    /// The same, of micro batches of so many sequences from here on.
    pub(super) const fn with(self, batch: u64) -> Self {
        Self { batch, ..self }
    }

    fn add(&mut self, bytes: Bytes, alive: Alive) -> Result<(), Overflow> {
        for (instant, sum) in Instant::TRAINING.iter().zip(&mut self.sums) {
            if alive.contains(Step::Steady, *instant) {
                *sum = sum.checked_add(bytes)?;
            }
        }
        Ok(())
    }

    /// What is alive in the heaviest of some instants.
    pub(super) fn heaviest(&self, instants: impl Fn(Instant) -> bool) -> Bytes {
        let all = Instant::TRAINING.iter().zip(self.sums).filter(|(instant, _)| instants(**instant));
        all.map(|(_, bytes)| bytes).max().unwrap_or_default()
    }
}

impl Posts for Sums {
    const ONE_BY_ONE: bool = false;

    fn batch(&self) -> u64 {
        self.batch
    }

    fn take(&mut self, (_, form): (&Draft, Form), posted: Posted) -> Result<(), Overflow> {
        self.add(form.bytes(posted.count, self.batch)?, posted.alive)
    }

    fn post_all(&mut self, tensors: &Tensors, posted: Posted) -> Result<(), Overflow> {
        self.add(tensors.forms.bytes(posted.count, self.batch)?, posted.alive)
    }

    fn post_plain(&mut self, _: &'static str, bytes: Bytes, posted: Posted) -> Result<(), Overflow> {
        self.add(bytes, posted.alive)
    }

    fn post_whole(&mut self, forms: &Forms, (count, alive): (u64, Alive)) -> Result<(), Overflow> {
        self.add(forms.of_whole(count, self.batch)?, alive)
    }
}
