//! From a recorded pass to entries: every storage alive at a named instant, layers of equal fate in one line.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::forward::Forward;
use super::timeline::{Layers, Life, Timeline};
use super::{Dtype, Kind, Segment, Storage};
use crate::families::code::{DERIVED, SOURCE};
use crate::ledger::gather::{Member, joined};
use crate::ledger::{Alive, Axis, Category, Division, Entry, Exactness, Instant, Lifetime, Origin, Place};
use crate::units::{Bits, Bytes, Overflow};

/// The event at which each instant of a step lies.
pub(crate) type Positions = [(Instant, usize)];

/// Adds the entries of everything that the recording has alive at these positions.
pub(crate) fn post(
    entries: &mut Vec<Entry>,
    recording: &Forward,
    timeline: &Timeline,
    positions: &Positions,
) -> Result<(), Overflow> {
    // Only entries of one name can join: a model of many short groups of layers has thousands of others.
    let mut by_name: HashMap<Name, Vec<Member>, BuildHasherDefault<NameHasher>> = HashMap::default();
    timeline.each_life(recording, |storage, life| {
        let alive = alive(&life, positions);
        if alive == Alive::NEVER || storage.bytes == 0 {
            return Ok(());
        }
        let name = Name::of(storage);
        let entry = entry(recording, storage, &life, alive)?;
        let members = by_name.entry(name).or_default();
        if !joined(entries, members, &entry)? {
            members.push(Member::new(entries.len(), entry.place));
            entries.push(Entry { name: name.words(), ..entry });
        }
        Ok(())
    })
}

/// What follows from measured code is so in another version on the word of its profile.
pub(crate) fn in_version(entries: &mut [Entry], version: &'static str) {
    for entry in entries.iter_mut().filter(|entry| entry.origin.is_measured()) {
        entry.source = version;
    }
}

/// What a storage holds, and in which words an entry says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name {
    holds: &'static str,
    wording: Wording,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wording {
    Itself,
    LeftTheWindow,
    In32Bits,
    In16Bits,
    Gradient,
}

impl Name {
    const fn of(storage: &Storage) -> Self {
        let wording = match (storage.kind, storage.dtype) {
            (Kind::Value | Kind::Scratch | Kind::Workspace | Kind::Standing | Kind::Cache, _) => Wording::Itself,
            (Kind::BehindCache, _) => Wording::LeftTheWindow,
            (Kind::WeightCopy, Dtype::Fp32) => Wording::In32Bits,
            (Kind::WeightCopy, _) => Wording::In16Bits,
            (Kind::Gradient | Kind::ParameterGradient, _) => Wording::Gradient,
        };
        Self { holds: storage.name, wording }
    }

    fn words(self) -> Cow<'static, str> {
        match self.wording {
            Wording::Itself => Cow::Borrowed(self.holds),
            Wording::LeftTheWindow => Cow::Owned([self.holds, " that have left the window"].concat()),
            Wording::In32Bits => Cow::Owned([self.holds, " in fp32"].concat()),
            Wording::In16Bits => Cow::Owned([self.holds, " in 16 bits"].concat()),
            Wording::Gradient => Cow::Owned(["gradient of ", self.holds].concat()),
        }
    }
}

/// Names are the program's own, so that nobody chooses them to collide: a word at a time is enough.
#[derive(Debug, Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            // The multiplier is 2^64 divided by π, made odd.
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

fn alive(life: &Life, positions: &Positions) -> Alive {
    let instants = positions.iter().filter(|(_, event)| life.at(*event));
    Alive::at(instants.map(|(instant, _)| *instant))
}

fn entry(recording: &Forward, storage: &Storage, life: &Life, alive: Alive) -> Result<Entry, Overflow> {
    let (category, lifetime) = classify(storage);
    let bytes = Bytes::new(storage.bytes).checked_mul(life.copies)?;
    // How large the gradient of a parameter is follows from the parameter's shape alone.
    let derived = !recording.measured && storage.kind != Kind::ParameterGradient;
    let place = match (life.layers, storage.owner) {
        (Layers::Every { first, last, step }, _) => Place::among((last - first) / step + 1, first, last),
        (Layers::Outside, Segment::Embedding | Segment::Layer(_)) => Place::Embedding,
        (Layers::Outside, Segment::Tower) => Place::Tower,
        (Layers::Outside, Segment::Projector) => Place::Projector,
        (Layers::Outside, Segment::FinalNorm) => Place::FinalNorm,
        (Layers::Outside, Segment::Head) => Place::Head,
        (Layers::Outside, Segment::Loss) => Place::Loss,
    };
    Ok(Entry {
        category,
        // Most entries join another: those that do not are given their name.
        name: Cow::Borrowed(storage.name),
        place,
        shape: *recording.tape.dims(storage.shape),
        bits: Bits::whole(storage.dtype.bits()),
        count: life.copies,
        divided: Division::NONE.over(Axis::Data, u64::from(storage.ways)),
        bytes,
        lifetime,
        alive,
        exactness: match (storage.estimated, derived) {
            (true, _) => Exactness::Estimated { low: Bytes::ZERO, high: bytes },
            (false, true) => unmeasured(bytes)?,
            (false, false) => Exactness::Exact,
        },
        source: if derived || storage.estimated { DERIVED } else { SOURCE },
        origin: if derived || storage.estimated {
            Origin::Derived(storage.held)
        } else {
            Origin::Measured(storage.held)
        },
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
        Kind::ParameterGradient | Kind::Standing | Kind::Cache => Lifetime::Persistent,
        Kind::Value if kept => Lifetime::Saved,
        Kind::Value | Kind::WeightCopy | Kind::Gradient | Kind::Scratch | Kind::Workspace | Kind::BehindCache => {
            Lifetime::Transient
        }
    };
    let category = match storage.kind {
        Kind::ParameterGradient => Category::Gradients,
        Kind::Cache => Category::KvCache,
        Kind::Workspace => Category::Runtime,
        Kind::WeightCopy | Kind::BehindCache => Category::Workspace,
        _ if storage.owner == Segment::Loss => Category::Logits,
        // A recomputed layer is made of activations; what its arguments hold is not.
        Kind::Value if kept || (storage.saved && matches!(storage.made_in, Segment::Layer(_))) => Category::Activations,
        Kind::Value | Kind::Gradient | Kind::Scratch | Kind::Standing => Category::Workspace,
    };
    (category, lifetime)
}
