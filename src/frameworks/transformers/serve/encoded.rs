//! An encoder at work: one forward pass over every token of all sequences, without a cache.
//!
//! The bare model gives a vector for each token, and its pooler one for each sequence; a model with a head for masked
//! tokens gives logits of every token.

use super::stored::parameters;
use super::{Served, post};
use crate::frameworks::step::close_at;
use crate::ledger::{Alive, EstimateError, Instant, Ledger};

/// The ledger of one forward pass over `concurrency` × `context_length` tokens.
pub(crate) fn ledger(served: &Served<'_>) -> Result<Ledger, EstimateError> {
    let Served { model, infer, serving, stored, .. } = served;
    let always = Alive::at([Instant::Load, Instant::Prefill]);
    let mut entries = parameters(stored, model, *serving, always)?;
    entries.append(&mut served.buffers(always)?);
    let place = post(&mut entries, &served.run([infer.concurrency, infer.context_length]).record(), Instant::Prefill)?;
    let instants = [(Instant::Load, String::from("weights")), (Instant::Prefill, place)];
    close_at(entries, served.process(), &instants, None)
}
