//! The run as it is, on another card.

use super::{Cost, Fix, Subject, trial};
use crate::gpu::Gpu;
use crate::memory::{Fit, Ledger, Verdict, elsewhere};
use crate::scenario::Value;
use crate::units::Bytes;

/// The smallest card on which the run surely fits: of the same vendor and with memory no slower, where there is one.
pub(super) fn roomier<'g>(
    subject: Subject<'_>,
    mut now: Ledger,
    others: impl IntoIterator<Item = (&'g str, &'g Gpu)>,
) -> Option<Fix> {
    let Subject { model, scenario, gpu, is_cancelled } = subject;
    let fits = |now: &Ledger, card: &Gpu| Fit::of(now, card).ok().filter(Fit::fits);
    // Where tensors alone are too much, the allocator need not be played.
    let may = others.into_iter().filter_map(|(id, card)| Some((id, card, fits(&now, card)?.capacity)));
    let mut cards: Vec<(&str, &Gpu, Bytes)> = may.collect();
    cards.sort_by_key(|(id, card, capacity)| {
        (card.vendor != gpu.vendor, card.bandwidth_gb_s < gpu.bandwidth_gb_s, *capacity, *id)
    });
    for (id, card, _) in cards {
        if is_cancelled() {
            return None;
        }
        now = elsewhere(now, model, scenario, [card]).ok()?;
        if let Some(fit) = fits(&now, card).filter(|fit| fit.verdict == Verdict::Fits) {
            let mut changes = vec![("gpu", Value::Word(id.to_owned()))];
            // What is free is that of the card at hand.
            changes.extend(scenario.runtime.free_mib.map(|_| ("runtime.free_mib", Value::Unset)));
            return Some(trial::fix(changes, 1, Cost::CARD, &fit));
        }
    }
    None
}
