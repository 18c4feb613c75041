//! Bytes of a tensor on a rank as a form: of how many there are, and of the sequences of a micro batch.

use crate::units::{Bytes, Overflow};

/// With what a tensor grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grows {
    /// With nothing: it is the same whatever a micro batch is.
    Never,
    /// With the sequences of a micro batch.
    WithBatch,
    /// The same, and there is none of it where that is one sequence.
    BeyondOne,
}

/// `⌈each · count · b · percent / (100 · ways)⌉`, without `b` where it does not grow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// Bytes of one on all ranks together, of one sequence.
    each: u64,
    /// A rank's part: the usual percentage, and the hundredfold ways over which it is divided.
    percent: u64,
    parts: u64,
    grows: Grows,
}

impl Form {
    /// Of so many bytes of one on all ranks together and of one sequence, of which a rank has this percentage of an equal share.
    pub(super) fn new(each: Bytes, (percent, ways): (u64, u64), grows: Grows) -> Result<Self, Overflow> {
        Ok(Self { each: each.get(), percent, parts: ways.checked_mul(100).ok_or(Overflow)?, grows })
    }

    /// The same, were the load another.
    pub(super) const fn loaded(self, percent: u64) -> Self {
        Self { percent, ..self }
    }

    /// Whether a rank's part of one is a whole number of bytes: of many it is as many times that.
    pub(super) const fn is_whole(self) -> bool {
        self.percent == self.parts || self.each.saturating_mul(self.percent).is_multiple_of(self.parts)
    }

    /// Whether micro batches of so many sequences have it.
    pub(super) fn is_there(self, batch: u64) -> bool {
        batch > 1 || self.grows != Grows::BeyondOne
    }

    /// Bytes on a rank of so many, in micro batches of so many sequences.
    pub(super) fn bytes(self, count: u64, batch: u64) -> Result<Bytes, Overflow> {
        let times = match self.grows {
            Grows::Never => Some(count),
            Grows::BeyondOne if batch == 1 => return Ok(Bytes::ZERO),
            Grows::WithBatch | Grows::BeyondOne => count.checked_mul(batch),
        };
        let times = times.and_then(|times| times.checked_mul(self.percent)).ok_or(Overflow)?;
        // Nearly always all of it has 64 bits, of which a quotient takes a fraction of the time.
        if let Some(whole) = self.each.checked_mul(times) {
            return Ok(Bytes::new(whole.div_ceil(self.parts)));
        }
        let shared = (u128::from(self.each) * u128::from(times)).div_ceil(u128::from(self.parts));
        u64::try_from(shared).map(Bytes::new).map_err(|_beyond| Overflow)
    }
}

/// What several tensors come to: those whose parts are whole bytes at once, the others one by one.
#[derive(Debug, Clone, Default)]
pub(super) struct Forms {
    /// Bytes on a rank by what they grow with.
    whole: [u64; Grows::BeyondOne as usize + 1],
    broken: Vec<Form>,
}

impl Forms {
    pub(super) fn of(all: impl IntoIterator<Item = Form>) -> Result<Self, Overflow> {
        let mut forms = Self::default();
        for form in all {
            if form.is_whole() {
                let bytes = form.each.checked_mul(form.percent).ok_or(Overflow)? / form.parts;
                let whole = &mut forms.whole[form.grows as usize];
                *whole = whole.checked_add(bytes).ok_or(Overflow)?;
            } else {
                forms.broken.push(form);
            }
        }
        Ok(forms)
    }

    /// Bytes on a rank of so many of each, in micro batches of so many sequences.
    pub(super) fn bytes(&self, count: u64, batch: u64) -> Result<Bytes, Overflow> {
        let mut broken = self.broken.iter();
        broken.try_fold(self.of_whole(count, batch)?, |sum, form| sum.checked_add(form.bytes(count, batch)?))
    }

    /// The same of those whose parts are whole bytes.
    pub(super) fn of_whole(&self, count: u64, batch: u64) -> Result<Bytes, Overflow> {
        let [fixed, grows, beyond_one] = self.whole;
        let grows = if batch == 1 { Some(grows) } else { grows.checked_add(beyond_one) };
        let of_one = grows.and_then(|grows| grows.checked_mul(batch)?.checked_add(fixed));
        Ok(Bytes::new(of_one.and_then(|bytes| bytes.checked_mul(count)).ok_or(Overflow)?))
    }
}
