//! Why a command was not carried out: for people a line, for programs one JSON object.

use std::ffi::OsString;

use anyhow::Error;
use clap::error::ErrorKind;
use serde_json::{Value, json};

use super::arguments::Format;
use super::given::Given;
use crate::located::PresetError;
use crate::memory::EstimateError;

/// Whether these arguments ask for JSON, as far as that can be seen before they are understood.
pub(super) fn asks_for_json(arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let json = format!("{:?}", Format::Json).to_lowercase();
    let apart = words.windows(2).any(|pair| pair[0] == "--format" && pair[1] == json);
    apart || words.iter().any(|word| word.strip_prefix("--format=") == Some(json.as_str()))
}

/// An error as one object: the message, and where it is known file, line, column, key and the nearest valid name.
pub(super) fn document(error: &Error) -> Value {
    let message = format!("{error:#}");
    let place = error.downcast_ref::<PresetError>().map(|error| &error.place);
    let file = place.map(|place| place.path.as_str()).filter(|path| !path.is_empty());
    let position = place.filter(|place| place.line > 0);
    let of_run = error.downcast_ref::<EstimateError>().and_then(|error| match error {
        EstimateError::Invalid { key, .. } | EstimateError::NotCovered { key, .. } => Some(*key),
        EstimateError::Overflow(_) | EstimateError::Cancelled => None,
    });
    let of_flag = error.downcast_ref::<Given>().map(|given| given.key.as_str());
    let key = place.map(|place| place.key.as_str()).filter(|key| !key.is_empty()).or(of_run).or(of_flag);
    let nearest = nearest_in(&message).map(str::to_owned);
    json!({
        "schema": 1,
        "error": {
            "message": message, "file": file, "line": position.map(|place| place.line),
            "column": position.map(|place| place.column), "key": key, "nearest": nearest,
        },
    })
}

/// The same of arguments that the parser did not understand; none where it was asked for help.
pub(super) fn of_arguments(error: &clap::Error) -> Option<Value> {
    let asked =
        [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
    if asked.contains(&error.kind()) {
        return None;
    }
    let text = error.to_string();
    let message = text.split("\n\nUsage:").next().unwrap_or_default().trim();
    Some(document(&Error::msg(message.strip_prefix("error: ").unwrap_or(message).to_owned())))
}

/// The name that a message calls the nearest: all of them say it in these words, those of the parser in its own.
fn nearest_in(message: &str) -> Option<&str> {
    let begins = ["the nearest is `", "the nearest are `", "argument exists: '", "value exists: '"];
    let rest = begins.into_iter().find_map(|words| Some(message.split_once(words)?.1))?;
    rest.split(['`', '\'']).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;

    #[test]
    fn an_error_says_what_it_knows() {
        let library = Library::embedded();
        let unknown = document(&library.model("lama-3.1-8b").unwrap_err().into());
        assert_eq!(unknown["error"]["nearest"], "llama-3.1-8b");
        assert_eq!((&unknown["error"]["file"], &unknown["error"]["line"]), (&Value::Null, &Value::Null));
        let refused = document(&EstimateError::Invalid { key: "train.loss", problem: String::from("no") }.into());
        assert_eq!(refused["error"]["key"], "train.loss");
        let flag = Given::of("--gpus", "gpus");
        let flag = document(&Error::msg("`x` is not a whole number").context(flag));
        assert_eq!((&flag["error"]["key"], flag["schema"].as_u64()), (&Value::from("gpus"), Some(1)));
        assert_eq!(flag["error"]["message"], "--gpus: `x` is not a whole number");
    }

    #[test]
    fn json_is_asked_for_in_both_spellings() {
        let asks = |line: &str| asks_for_json(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>());
        assert!(asks("brimful check --format json") && asks("brimful --format=json check"));
        assert!(!asks("brimful check --format csv json") && !asks("brimful"));
    }
}
