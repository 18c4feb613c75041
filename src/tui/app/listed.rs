//! Models and cards to choose from.

use crate::model::Model;
use crate::preset::Listing;

/// Something of a catalogue, with the word by which scenarios name it.
#[derive(Debug, Clone)]
pub(crate) struct Listed<T> {
    /// An id, or the path it was read from.
    pub(crate) word: String,
    /// Whether it is the user's own; those come first.
    pub(crate) own: bool,
    /// The thing, read or not.
    pub(crate) listing: Listing<T>,
}

impl<T: Clone> Listed<T> {
    /// Something that has an id.
    pub(crate) fn new(listing: &Listing<T>) -> Self {
        Self { word: listing.id().to_owned(), own: listing.is_custom(), listing: listing.clone() }
    }

    /// The thing itself.
    pub(crate) fn item(&self) -> Option<&T> {
        self.listing.item().ok()
    }
}

impl Listed<Model> {
    /// A model that was read from a path.
    pub(crate) fn opened(path: String, model: Model) -> Self {
        let (id, name) = (model.id.clone(), model.name.clone());
        Self { word: path, own: true, listing: Listing::custom(&id, &name, model) }
    }
}
