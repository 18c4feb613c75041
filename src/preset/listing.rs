//! Something of a catalogue: its id and name are known; the rest is read when somebody asks for it.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use super::error::PresetError;

/// A preset that is part of the program, unread. The build finds its id and name.
#[derive(Debug)]
pub(super) struct Embedded {
    /// The id under which it is chosen.
    pub(super) id: &'static str,
    /// The name that people use.
    pub(super) name: &'static str,
    /// Its file under `presets/`.
    pub(super) file: &'static str,
    /// Its text in TOML.
    pub(super) text: &'static str,
}

type Reader<T> = Box<dyn FnOnce() -> Result<T, PresetError> + Send>;

/// A model or a card of the catalogue. Copies share what has been read.
#[derive(Debug, Clone)]
pub struct Listing<T> {
    id: Cow<'static, str>,
    name: Cow<'static, str>,
    custom: bool,
    item: Arc<LazyLock<Result<T, PresetError>, Reader<T>>>,
}

impl<T: 'static> Listing<T> {
    /// An embedded preset, which `parse` reads, given what to call it in messages and its text.
    pub(super) fn embedded(preset: &'static Embedded, parse: fn(&str, &str) -> Result<T, PresetError>) -> Self {
        let read = move || parse(&format!("embedded presets/{}", preset.file), preset.text);
        let item = Arc::new(LazyLock::new(Box::new(read) as Reader<T>));
        Self { id: Cow::Borrowed(preset.id), name: Cow::Borrowed(preset.name), custom: false, item }
    }

    /// Something that has been read from a user's own file.
    pub(crate) fn custom(id: &str, name: &str, item: T) -> Self
    where
        T: Send,
    {
        let item = Arc::new(LazyLock::new(Box::new(move || Ok(item)) as Reader<T>));
        Self { id: Cow::Owned(id.to_owned()), name: Cow::Owned(name.to_owned()), custom: true, item }
    }
}

impl<T> Listing<T> {
    /// The id under which it is chosen.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name that people use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the user's own, so that pickers can put it first.
    pub const fn is_custom(&self) -> bool {
        self.custom
    }

    /// The thing itself, read the first time.
    ///
    /// # Errors
    /// Where its file is wrong: of an embedded preset a test sees to it that it is not.
    pub fn item(&self) -> Result<&T, &PresetError> {
        self.item.as_ref().as_ref()
    }
}
