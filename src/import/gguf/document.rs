//! What a GGUF file says of a model, on the way to the keys of a `config.json`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::header::{Header, TensorInfo};
use super::reader::located;
use super::value::Value;
use crate::located::PresetError;

/// The keys of a `config.json` that the metadata say, and which key of theirs said each.
pub(super) struct Document<'h> {
    header: &'h Header,
    origin: &'h str,
    /// What stands before the keys of this architecture.
    arch: String,
    keys: Map<String, Json>,
    said_by: Vec<(&'static str, String)>,
    /// Of each tensor of layers, by its name without the layer's number, the layers that have it.
    layers: BTreeMap<String, BTreeSet<u64>>,
}

/// A tensor's name in two: the layer, where it is of one, and the rest with `%` for it.
pub(super) fn split_name(name: &str) -> (Option<u64>, String) {
    let numbered = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
    match numbered.and_then(|(number, rest)| Some((number.parse().ok()?, rest))) {
        Some((layer, rest)) => (Some(layer), format!("blk.%.{rest}")),
        None => (None, name.to_owned()),
    }
}

impl<'h> Document<'h> {
    pub(super) fn new(header: &'h Header, origin: &'h str, arch: &str) -> Self {
        let mut layers: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for tensor in &header.tensors {
            if let (Some(layer), name) = split_name(&tensor.name) {
                layers.entry(name).or_default().insert(layer);
            }
        }
        Self { header, origin, arch: arch.to_owned(), keys: Map::new(), said_by: Vec::new(), layers }
    }

    /// The document as text, and which key of the metadata said each of its keys.
    pub(super) fn finish(self) -> (String, Vec<(&'static str, String)>) {
        (Json::Object(self.keys).to_string(), self.said_by)
    }

    /// An error about a key of the architecture.
    pub(super) fn error(&self, suffix: &str, message: &str) -> PresetError {
        located(self.origin, &self.full(suffix), message)
    }

    fn full(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.arch)
    }

    /// The value of a key of the architecture, where it is there.
    fn value(&self, suffix: &str) -> Option<&'h Value> {
        self.header.metadata.get(&self.full(suffix))
    }

    /// Whether the key is there.
    pub(super) fn has(&self, suffix: &str) -> bool {
        self.value(suffix).is_some()
    }

    fn wrong(&self, suffix: &str, value: &Value, expected: &str) -> PresetError {
        self.error(suffix, &format!("found {}, expected {expected}", value.words()))
    }

    /// A whole number that is not negative; of a list of them the one that stands in it beside zeros.
    pub(super) fn count(&self, suffix: &str) -> Result<Option<u64>, PresetError> {
        const EXPECTED: &str = "a whole number that is not negative";
        let Some(value) = self.value(suffix) else { return Ok(None) };
        let of = |number: &i128| u64::try_from(*number).map_err(|_negative| self.wrong(suffix, value, EXPECTED));
        match value {
            Value::Whole(number) => of(number).map(Some),
            Value::Array(array) => {
                let Some(numbers) = &array.whole else { return Err(self.wrong(suffix, value, EXPECTED)) };
                let most = numbers.iter().max().copied().unwrap_or_default();
                if numbers.iter().any(|number| *number != 0 && *number != most) {
                    return Err(
                        self.error(suffix, "found different numbers; layers of different widths are not covered")
                    );
                }
                of(&most).map(Some)
            }
            _ => Err(self.wrong(suffix, value, EXPECTED)),
        }
    }

    /// A number that must be there.
    pub(super) fn need(&self, suffix: &str) -> Result<u64, PresetError> {
        self.count(suffix)?.ok_or_else(|| self.error(suffix, "missing; it has no default"))
    }

    /// True or false.
    pub(super) fn flag(&self, suffix: &str) -> Result<Option<bool>, PresetError> {
        match self.value(suffix) {
            None => Ok(None),
            Some(Value::Flag(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.wrong(suffix, other, "true or false")),
        }
    }

    /// Flags of each layer.
    pub(super) fn flags(&self, suffix: &str) -> Option<&'h [i128]> {
        match self.value(suffix)? {
            Value::Array(array) => array.whole.as_deref(),
            _ => None,
        }
    }

    /// Sets a key by what one of the metadata says.
    pub(super) fn set(&mut self, key: &'static str, suffix: &str, value: impl Into<Json>) {
        self.said_by.push((key, self.full(suffix)));
        self.keys.insert(key.to_owned(), value.into());
    }

    /// Sets a key by what tensors there are.
    pub(super) fn set_by_tensors(&mut self, key: &'static str, tensor: &str, value: impl Into<Json>) {
        self.said_by.push((key, tensor.to_owned()));
        self.keys.insert(key.to_owned(), value.into());
    }

    /// Copies a number, where it is there.
    pub(super) fn copy(&mut self, suffix: &str, key: &'static str) -> Result<(), PresetError> {
        if let Some(number) = self.count(suffix)? {
            self.set(key, suffix, number);
        }
        Ok(())
    }

    /// Copies a number with a fraction, where it is there and not zero.
    pub(super) fn copy_float(&mut self, suffix: &str, key: &'static str) -> Result<(), PresetError> {
        match self.value(suffix) {
            None => {}
            Some(Value::Float(number)) => self.set(key, suffix, *number),
            Some(other) => return Err(self.wrong(suffix, other, "a number with a fraction")),
        }
        Ok(())
    }

    /// Copies true or false, where it is there.
    pub(super) fn copy_flag(&mut self, suffix: &str, key: &'static str) -> Result<(), PresetError> {
        if let Some(flag) = self.flag(suffix)? {
            self.set(key, suffix, flag);
        }
        Ok(())
    }

    /// The layers that have a tensor, `%` standing for their numbers.
    pub(super) fn layers_with(&self, tensor: &str) -> Option<&BTreeSet<u64>> {
        self.layers.get(tensor)
    }

    /// The last layer that has a tensor.
    pub(super) fn last_layer(&self) -> Option<u64> {
        self.layers.values().filter_map(BTreeSet::last).max().copied()
    }

    /// A tensor outside the layers.
    pub(super) fn tensor(&self, name: &str) -> Option<&'h TensorInfo> {
        self.header.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// How many tensors there are.
    pub(super) fn tensors(&self) -> u64 {
        self.header.tensors.len() as u64
    }

    /// How many words the tokenizer has, where the file has one.
    pub(super) fn words(&self) -> Option<u64> {
        match self.header.metadata.get("tokenizer.ggml.tokens")? {
            Value::Array(array) => Some(array.count),
            _ => None,
        }
    }
}
