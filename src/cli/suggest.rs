//! What shells offer to complete an argument with. Any other text is taken too, and judged where it is used.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::error::Error;
use clap::{Arg, Command};

use crate::preset::{Library, Listing, theme};
use crate::scenario::parameter::Parameter;

/// Takes any text, and offers words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suggest(fn() -> Vec<String>);

impl TypedValueParser for Suggest {
    type Value = String;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

/// Ids of models.
pub(super) const MODELS: Suggest = Suggest(|| ids(Library::embedded().model_listings()));
/// Ids of cards.
pub(super) const GPUS: Suggest = Suggest(|| ids(Library::embedded().gpu_listings()));
/// Names of themes.
pub(super) const THEMES: Suggest = Suggest(|| theme::ids().map(String::from).collect());
/// What `--set` takes.
pub(super) const SETTINGS: Suggest = Suggest(|| Parameter::settings().collect());
/// Tasks.
pub(super) const TASKS: Suggest = Suggest(|| words(&["task"]));
/// Frameworks.
pub(super) const FRAMEWORKS: Suggest = Suggest(|| words(&["framework"]));
/// Types of weights, in training and in inference.
pub(super) const PRECISIONS: Suggest = Suggest(|| words(&["train.precision", "infer.weights"]));
/// Optimizers.
pub(super) const OPTIMIZERS: Suggest = Suggest(|| words(&["train.optimizer"]));
/// What is recomputed.
pub(super) const RECOMPUTE: Suggest = Suggest(|| words(&["train.recompute"]));

fn ids<T>(listings: &[Listing<T>]) -> Vec<String> {
    listings.iter().map(|listing| listing.id().to_owned()).collect()
}

/// The words of parameters, each once.
fn words(keys: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in keys.iter().flat_map(|key| Parameter::words(key)) {
        if words.iter().all(|known| known != word) {
            words.push((*word).to_owned());
        }
    }
    words
}
