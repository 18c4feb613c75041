//! Entries that differ only in their layers are one line: a model that alternates kinds of layers has a line for each
//! kind, not one for each layer.

use std::borrow::Cow;
use std::collections::HashMap;

use super::entry::{Entry, Exactness, Place};
use crate::units::Overflow;

/// An entry among those of its name, with the layers that it is about.
#[derive(Debug)]
pub(crate) struct Member {
    /// Which of the entries.
    pub(crate) index: usize,
    /// The layers, set by set: how many, the first and the last. Within a set they lie equally far apart.
    sets: Vec<(u64, u64, u64)>,
    /// All of them: how many, the first and the last.
    all: (u64, u64, u64),
}

impl Member {
    /// The entry that has this index.
    pub(crate) fn new(index: usize, place: Place) -> Self {
        let layers = place.layers();
        Self { index, sets: layers.into_iter().collect(), all: layers.unwrap_or_default() }
    }

    /// Whether another entry of the name may be the same thing in the same place or in other layers.
    fn takes(&self, known: &Entry, entry: &Entry) -> bool {
        let placed = entry.place.layers().is_some() && !self.sets.is_empty();
        (placed || known.place == entry.place) && is_alike(known, entry)
    }

    fn add(&mut self, known: &mut Entry, entry: &Entry) -> Result<(), Overflow> {
        join(known, entry)?;
        let Some(set @ (layers, first, last)) = entry.place.layers() else { return Ok(()) };
        // What stands twice in a layer is in no other layers for it.
        let has = |(count, begin, end): &(u64, u64, u64)| {
            (*count, *begin, *end) == set || (*count > end - begin && *begin <= first && last <= *end)
        };
        // Layers come in their order, so that there is seldom a set to look for.
        if first <= self.all.2 && self.sets.iter().any(has) {
            return Ok(());
        }
        match self.sets.last_mut() {
            Some((count, begin, end)) if *count > *end - *begin && layers > last - first && *end + 1 == first => {
                (*count, *end) = (*count + layers, last);
            }
            _ => self.sets.push(set),
        }
        let (count, begin, end) = self.all;
        self.all = (count + layers, begin.min(first), end.max(last));
        known.place = Place::among(self.all.0, self.all.1, self.all.2);
        Ok(())
    }
}

/// Adds an entry to the one that is the same thing in other layers, where there is one; whether there was.
pub(crate) fn joined(entries: &mut [Entry], members: &mut [Member], entry: &Entry) -> Result<bool, Overflow> {
    let known = members.iter_mut().find(|known| known.takes(&entries[known.index], entry));
    match known {
        Some(known) => known.add(&mut entries[known.index], entry).map(|()| true),
        None => Ok(false),
    }
}

/// The entries, those that differ only in their layers as one.
pub(crate) fn gather(entries: Vec<Entry>) -> Result<Vec<Entry>, Overflow> {
    let mut gathered: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut by_name: HashMap<Cow<'static, str>, Vec<Member>> = HashMap::new();
    for entry in entries {
        let members = by_name.entry(entry.name.clone()).or_default();
        // What has been gathered already is not about all layers between its first and its last.
        let whole = matches!(entry.place, Place::Layers(..));
        if !whole || !joined(&mut gathered, members, &entry)? {
            members.push(Member::new(gathered.len(), entry.place));
            gathered.push(entry);
        }
    }
    Ok(gathered)
}

/// Whether two entries of one name are the same thing. The cheap questions come first.
fn is_alike(known: &Entry, entry: &Entry) -> bool {
    known.alive == entry.alive
        && known.category == entry.category
        && known.lifetime == entry.lifetime
        && known.bits == entry.bits
        && known.divided == entry.divided
        && matches!(known.exactness, Exactness::Exact) == matches!(entry.exactness, Exactness::Exact)
        && known.source == entry.source
        && known.origin == entry.origin
        && known.shape == entry.shape
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::entry::Alive;
    use crate::shape::{Dim, Shape};
    use crate::states::weights::plain;

    fn entry(name: &'static str, place: Place, size: u64) -> Entry {
        let shape = Shape::new(&[Dim { symbol: "h", size }]);
        plain(name, place, shape, 16, Alive::NEVER, "a test").unwrap()
    }

    fn places(entries: Vec<Entry>) -> Vec<(String, u64, u64)> {
        let entries = gather(entries).unwrap();
        entries.into_iter().map(|entry| (entry.place.to_string(), entry.count, entry.bytes.get())).collect()
    }

    #[test]
    fn layers_that_alternate_are_two_lines() {
        let layers = (0..6).map(|layer| entry("keys", Place::Layers(layer, layer), if layer % 3 == 2 { 7 } else { 5 }));
        let lines = [(String::from("4 of layers 0-4"), 4, 40), (String::from("2 of layers 2-5"), 2, 28)];
        assert_eq!(places(layers.collect()), lines);
    }

    #[test]
    fn neighbours_are_all_of_their_layers() {
        let entries = vec![entry("keys", Place::Layers(0, 2), 1), entry("keys", Place::Layers(3, 3), 1)];
        assert_eq!(places(entries), [(String::from("layers 0-3"), 2, 4)]);
        // Twice in the same layers.
        let entries = vec![entry("keys", Place::Layers(0, 1), 1), entry("keys", Place::Layers(1, 1), 1)];
        assert_eq!(places(entries), [(String::from("layers 0-1"), 2, 4)]);
        let apart = vec![entry("keys", Place::Head, 1), entry("keys", Place::Embedding, 1)];
        assert_eq!(places(apart).len(), 2);
    }
}
