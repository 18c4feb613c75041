//! From a recorded pass to entries: every storage alive at a named instant, layers of equal fate in one line.

use std::borrow::Cow;
use std::collections::HashMap;

use super::activations::Forward;
use super::category::Category;
use super::entry::{Alive, Entry, Exactness, Lifetime, Place};
use super::instant::Instant;
use super::tape::{Dtype, Kind, Segment, Storage};
use super::timeline::{Layers, Life, Timeline};
use crate::framework::transformers::{DERIVED, SOURCE};
use crate::units::{Bits, Bytes, Overflow};

/// The event at which each instant of a step lies.
pub(super) type Positions = [(Instant, usize)];

/// The entries of everything that the recording has alive at these positions.
pub(super) fn entries(recording: &Forward, timeline: &Timeline, positions: &Positions) -> Result<Vec<Entry>, Overflow> {
    let mut entries: Vec<Entry> = Vec::with_capacity(96);
    // Only entries of one name can join: a model of many short groups of layers has thousands of others.
    let mut by_name: HashMap<Cow<'static, str>, Vec<usize>> = HashMap::with_capacity(96);
    for life in &timeline.lives {
        let alive = alive(life, positions);
        if alive == Alive::NEVER {
            continue;
        }
        let storage = &recording.tape.storages[life.storage as usize];
        if storage.bytes == 0 {
            continue;
        }
        let entry = entry(recording, storage, life, alive)?;
        let namesakes = by_name.entry(entry.name.clone()).or_default();
        if let Some(index) = namesakes.iter().find(|index| joins(&entries[**index], &entry)) {
            join(&mut entries[*index], &entry)?;
        } else {
            namesakes.push(entries.len());
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn alive(life: &Life, positions: &Positions) -> Alive {
    let instants = positions.iter().filter(|(_, event)| life.at(*event));
    instants.fold(Alive::NEVER, |alive, (instant, _)| alive.in_both(*instant))
}

fn entry(recording: &Forward, storage: &Storage, life: &Life, alive: Alive) -> Result<Entry, Overflow> {
    let (category, lifetime) = classify(storage);
    let bytes = Bytes::new(storage.bytes).checked_mul(life.copies)?;
    // How large the gradient of a parameter is follows from the parameter's shape alone.
    let derived = !recording.measured && storage.kind != Kind::ParameterGradient;
    let place = match (life.layers, storage.owner) {
        (Layers::Range(first, last), _) => Place::Layers(first, last),
        (Layers::Outside, Segment::Embedding | Segment::Layer(_)) => Place::Embedding,
        (Layers::Outside, Segment::FinalNorm) => Place::FinalNorm,
        (Layers::Outside, Segment::Head) => Place::Head,
        (Layers::Outside, Segment::Loss) => Place::Loss,
    };
    Ok(Entry {
        category,
        name: name(storage),
        place,
        shape: *recording.tape.dims(storage.shape),
        bits: Bits::whole(storage.dtype.bits()),
        count: life.copies,
        divided_by: 1,
        bytes,
        lifetime,
        alive,
        exactness: match (storage.estimated, derived) {
            (true, _) => Exactness::Estimated { low: Bytes::ZERO, high: bytes },
            (false, true) => unmeasured(bytes)?,
            (false, false) => Exactness::Exact,
        },
        source: if derived || storage.estimated { DERIVED } else { SOURCE },
    })
}

/// Twice the largest error that rules had before they were measured: 5 % either way.
fn unmeasured(bytes: Bytes) -> Result<Exactness, Overflow> {
    let tenth = Bytes::new(bytes.get() / 10);
    Ok(Exactness::Estimated { low: bytes.saturating_sub(tenth), high: bytes.checked_add(tenth)? })
}

fn classify(storage: &Storage) -> (Category, Lifetime) {
    let kept = storage.saved && !storage.recomputed;
    let lifetime = match storage.kind {
        Kind::ParameterGradient => Lifetime::Persistent,
        Kind::Value if kept => Lifetime::Saved,
        Kind::Value | Kind::WeightCopy | Kind::Gradient | Kind::Scratch => Lifetime::Transient,
    };
    let category = match storage.kind {
        Kind::ParameterGradient => Category::Gradients,
        Kind::WeightCopy => Category::Workspace,
        _ if storage.owner == Segment::Loss => Category::Logits,
        // A recomputed layer is made of activations; what its arguments hold is not.
        Kind::Value if kept || (storage.saved && matches!(storage.made_in, Segment::Layer(_))) => Category::Activations,
        Kind::Value | Kind::Gradient | Kind::Scratch => Category::Workspace,
    };
    (category, lifetime)
}

fn name(storage: &Storage) -> Cow<'static, str> {
    match storage.kind {
        Kind::Value | Kind::Scratch => Cow::Borrowed(storage.name),
        Kind::WeightCopy if storage.dtype == Dtype::Fp32 => Cow::Owned(format!("{} in fp32", storage.name)),
        Kind::WeightCopy => Cow::Owned(format!("{} in 16 bits", storage.name)),
        Kind::Gradient | Kind::ParameterGradient => Cow::Owned(format!("gradient of {}", storage.name)),
    }
}

/// Whether two entries of one name are the same thing in neighbouring layers, or twice in one layer. The cheap questions
/// come first.
fn joins(known: &Entry, entry: &Entry) -> bool {
    known.alive == entry.alive
        && known.category == entry.category
        && known.lifetime == entry.lifetime
        && known.bits == entry.bits
        && matches!(known.exactness, Exactness::Exact) == matches!(entry.exactness, Exactness::Exact)
        && adjoin(known.place, entry.place)
        && known.shape == entry.shape
}

fn adjoin(known: Place, place: Place) -> bool {
    match (known, place) {
        (Place::Layers(first, last), Place::Layers(next, end)) => {
            (first, last) == (next, end) || next == last + 1 || end + 1 == first
        }
        (one, other) => one == other,
    }
}

fn join(known: &mut Entry, entry: &Entry) -> Result<(), Overflow> {
    known.count = known.count.checked_add(entry.count).ok_or(Overflow)?;
    known.bytes = known.bytes.checked_add(entry.bytes)?;
    if let (Exactness::Estimated { low, high }, Exactness::Estimated { low: least, high: most }) =
        (&mut known.exactness, entry.exactness)
    {
        *low = low.checked_add(least)?;
        *high = high.checked_add(most)?;
    }
    if let (Place::Layers(first, last), Place::Layers(next, end)) = (known.place, entry.place) {
        known.place = Place::Layers(first.min(next), last.max(end));
    }
    Ok(())
}
