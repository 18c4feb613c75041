//! What shells offer to complete an argument with. Any other text is taken too, and judged where it is used.

use std::ffi::OsStr;
use std::sync::LazyLock;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, Error};
use clap::{Arg, Command, CommandFactory};

use super::Cli;

use crate::preset::{Library, theme};
use crate::scenario::parameter::{Kind, Parameter};
#[cfg(feature = "tui")]
use crate::tui::screen::View;

/// Takes any text, and offers words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suggest(fn() -> Vec<&'static str>);

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
pub(super) const MODELS: Suggest = Suggest(|| Library::embedded_model_ids().collect());
/// Ids of cards.
pub(super) const GPUS: Suggest = Suggest(|| Library::embedded_gpu_ids().collect());
/// Names of themes.
pub(super) const THEMES: Suggest = Suggest(|| theme::ids().collect());
/// What `--set` takes.
pub(super) const SETTINGS: Suggest = Suggest(|| kept(&LISTED_SETTINGS));
/// Sharding stages.
pub(super) const ZERO: Suggest = Suggest(|| kept(&LISTED_STAGES));
/// Views of the explorer.
#[cfg(feature = "tui")]
pub(super) const VIEWS: Suggest = Suggest(|| kept(&LISTED_VIEWS));
/// Tasks.
pub(super) const TASKS: Suggest = Suggest(|| words(&["task"]));
/// Frameworks.
pub(super) const FRAMEWORKS: Suggest = Suggest(|| kept(&LISTED_FRAMEWORKS));
/// Types of weights, in training and in inference.
pub(super) const PRECISIONS: Suggest = Suggest(|| words(&["train.precision", "infer.weights"]));
/// Optimizers.
pub(super) const OPTIMIZERS: Suggest = Suggest(|| words(&["train.optimizer"]));
/// What is trained.
pub(super) const METHODS: Suggest = Suggest(|| words(&["train.method"]));
/// How logits and loss are computed.
pub(super) const LOSSES: Suggest = Suggest(|| words(&["train.loss"]));
/// Types of the cache.
pub(super) const CACHES: Suggest = Suggest(|| words(&["infer.kv_cache"]));
/// What is recomputed.
pub(super) const RECOMPUTE: Suggest = Suggest(|| words(&["train.recompute"]));

// Every command asks for these again.
static LISTED_SETTINGS: LazyLock<Vec<String>> = LazyLock::new(settings);
static LISTED_FRAMEWORKS: LazyLock<Vec<String>> =
    LazyLock::new(|| Library::embedded().profiles().ids().map(String::from).collect());
static LISTED_STAGES: LazyLock<Vec<String>> = LazyLock::new(|| numbers("parallel.zero"));
#[cfg(feature = "tui")]
static LISTED_VIEWS: LazyLock<Vec<String>> = LazyLock::new(views);

fn kept(words: &'static LazyLock<Vec<String>>) -> Vec<&'static str> {
    words.iter().map(String::as_str).collect()
}

/// The names of views, as arguments write them.
#[cfg(feature = "tui")]
pub(super) fn views() -> Vec<String> {
    View::ALL.map(|view| view.name().to_ascii_lowercase()).to_vec()
}

/// What can be set, with the ids that model and card may have.
fn settings() -> Vec<String> {
    Parameter::settings()
        .flat_map(|setting| match setting.as_str() {
            "model=" => Library::embedded_model_ids().map(|id| format!("model={id}")).collect(),
            "framework=" => LISTED_FRAMEWORKS.iter().map(|id| format!("framework={id}")).collect(),
            "gpu=" => Library::embedded_gpu_ids().map(|id| format!("gpu={id}")).collect(),
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
fn words(keys: &[&str]) -> Vec<&'static str> {
    let mut words: Vec<&str> = Vec::new();
    for word in keys.iter().flat_map(|key| Parameter::words(key)) {
        if !words.contains(word) {
            words.push(word);
        }
    }
    words
}
