//! What shells offer to complete an argument with. Any other text is taken too, and judged where it is used.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, Error};
use clap::{Arg, Command, CommandFactory};

use super::Cli;

use crate::preset::{Library, Listing, theme};
use crate::scenario::parameter::{Kind, Parameter};
#[cfg(feature = "tui")]
use crate::tui::screen::View;

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

/// Takes out of an error the words that help does not list either.
pub(super) fn hide(error: &mut Error) {
    fn hides(command: &Command, argument: &str) -> bool {
        command.get_arguments().any(|known| known.is_hide_possible_values_set() && known.to_string() == argument)
            || command.get_subcommands().any(|command| hides(command, argument))
    }
    let mut command = Cli::command();
    command.build();
    if let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && hides(&command, argument)
    {
        error.remove(ContextKind::ValidValue);
    }
}

/// Ids of models.
pub(super) const MODELS: Suggest = Suggest(|| ids(Library::embedded().model_listings()));
/// Ids of cards.
pub(super) const GPUS: Suggest = Suggest(|| ids(Library::embedded().gpu_listings()));
/// Names of themes.
pub(super) const THEMES: Suggest = Suggest(|| theme::ids().map(String::from).collect());
/// What `--set` takes.
pub(super) const SETTINGS: Suggest = Suggest(settings);
/// Sharding stages.
pub(super) const ZERO: Suggest = Suggest(|| numbers("parallel.zero"));
/// Views of the explorer.
#[cfg(feature = "tui")]
pub(super) const VIEWS: Suggest = Suggest(views);
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

/// The names of views, as arguments write them.
#[cfg(feature = "tui")]
pub(super) fn views() -> Vec<String> {
    View::ALL.map(|view| view.name().to_ascii_lowercase()).to_vec()
}

/// What can be set, with the ids that model and card may have.
fn settings() -> Vec<String> {
    let named = |key: &str, ids: Vec<String>| ids.into_iter().map(|id| format!("{key}={id}")).collect::<Vec<_>>();
    let library = Library::embedded();
    Parameter::settings()
        .flat_map(|setting| match setting.as_str() {
            "model=" => named("model", ids(library.model_listings())),
            "gpu=" => named("gpu", ids(library.gpu_listings())),
            _ => vec![setting],
        })
        .collect()
}

/// The numbers of a parameter that has few.
fn numbers(key: &str) -> Vec<String> {
    match Parameter::by_key(key).map(|parameter| parameter.kind) {
        Ok(Kind::Count { min, max, .. }) => (min..=max).take(8).map(|number| number.to_string()).collect(),
        _ => Vec::new(),
    }
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
