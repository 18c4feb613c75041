//! Something of a catalogue: its id and name are known; the rest is read when somebody asks for it.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use super::facts::Facts;
use crate::located::PresetError;
use crate::model::Model;

/// A preset that is part of the program, unread. The build finds its id, its name and its facts.
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
    /// What a catalogue says of it, where it is a model.
    pub(super) facts: Option<Facts<'static>>,
}

type Reader<T> = Box<dyn FnOnce() -> Result<T, PresetError> + Send>;

/// A model or a card of the catalogue. Copies share what has been read.
#[derive(Debug, Clone)]
pub struct Listing<T> {
    id: Cow<'static, str>,
    name: Cow<'static, str>,
    custom: bool,
    facts: Option<&'static Facts<'static>>,
    item: Arc<LazyLock<Result<T, PresetError>, Reader<T>>>,
}

impl<T: 'static> Listing<T> {
    /// An embedded preset, which `parse` reads, given what to call it in messages and its text.
    pub(super) fn embedded(preset: &'static Embedded, parse: fn(&str, &str) -> Result<T, PresetError>) -> Self {
        let read = move || parse(&format!("embedded presets/{}", preset.file), preset.text);
        let item = Arc::new(LazyLock::new(Box::new(read) as Reader<T>));
        let (id, name) = (Cow::Borrowed(preset.id), Cow::Borrowed(preset.name));
        Self { id, name, custom: false, facts: preset.facts.as_ref(), item }
    }

    /// Something that has been read from a user's own file.
    pub(crate) fn custom(id: &str, name: &str, item: T) -> Self
    where
        T: Send,
    {
        let item = Arc::new(LazyLock::new(Box::new(move || Ok(item)) as Reader<T>));
        Self { id: Cow::Owned(id.to_owned()), name: Cow::Owned(name.to_owned()), custom: true, facts: None, item }
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

impl Listing<Model> {
    /// What a catalogue says of it; only of a user's own model is the file read for that.
    ///
    /// # Errors
    /// Where its file is wrong.
    pub fn facts(&self) -> Result<Facts<'_>, &PresetError> {
        self.facts.map_or_else(|| self.item().map(Facts::of), |facts| Ok(*facts))
    }
}
