//! Scenario files: TOML in, [`Scenario`] out, and back.
//!
//! Every key is a parameter of [`PARAMETERS`]; this module knows none by name.

mod written;

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::located::{self, Document, PresetError, found, suggestion, whole, words};
use crate::scenario::parameter::words::Understood;
use crate::scenario::parameter::{Kind, PARAMETERS, Parameter};
use crate::scenario::{Scenario, Value};

pub use written::Written;

/// The word for a value that is not set, where something else would follow.
const UNSET: &str = "unset";

/// The scenario in a file.
pub fn read(path: &Path) -> Result<Scenario, PresetError> {
    parse(&located::read(path)?, &path.display().to_string())
}

/// The scenario in a text; `origin` is what messages call it.
pub fn parse(text: &str, origin: &str) -> Result<Scenario, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let scenario = from_table(document, "", root.get_ref(), &[])?;
    if scenario.model.is_empty() {
        return Err(document.error(0..0, "model", "missing; it names a preset or the path of one"));
    }
    Ok(scenario)
}

/// An error about the value of a key in a file that has been read before: where it stands, as far as it still does.
pub fn at(path: &Path, key: &str, message: &str) -> PresetError {
    match Written::read(path) {
        Ok(written) => written.error(key, message),
        Err(_) => PresetError::file(path.display().to_string(), message),
    }
}

/// The scenario in a table whose keys messages call `prefix` and their name; the keys in `others` are not its own.
pub(crate) fn from_table(
    document: Document<'_>,
    prefix: &str,
    table: &DeTable<'_>,
    others: &[&str],
) -> Result<Scenario, PresetError> {
    let mut scenario = Scenario::default();
    let mut leaves = leaves("", table);
    leaves.retain(|leaf| !others.contains(&leaf.key.as_str()));
    for leaf in &leaves {
        put(document, &format!("{prefix}{}", leaf.key), leaf, &mut scenario)?;
    }
    // What stands there itself counts for more than what a word of another tool sets along.
    let along: Vec<&str> = leaves.iter().filter_map(taken).flat_map(|taken| taken.keys).collect();
    for leaf in leaves.iter().filter(|leaf| along.contains(&leaf.key.as_str()) && taken(leaf).is_none()) {
        put(document, &format!("{prefix}{}", leaf.key), leaf, &mut scenario)?;
    }
    Ok(scenario)
}

/// The dotted keys of a table that have a value, and those that words of other tools set along.
pub(crate) fn keys(table: &DeTable<'_>) -> Vec<String> {
    let leaves = leaves("", table);
    let along: Vec<&str> = leaves.iter().filter_map(taken).flat_map(|taken| taken.keys).collect();
    leaves.into_iter().map(|leaf| leaf.key).chain(along.into_iter().map(String::from)).collect()
}

/// What a value sets along, that is a word of another tool.
fn taken(leaf: &Leaf<'_, '_>) -> Option<Understood> {
    let parameter = PARAMETERS.iter().find(|parameter| parameter.key == leaf.key)?;
    parameter.understood(&value(parameter, leaf.value).ok()?)
}

/// Values of parameters in a table of one section, as `[train]` is, each with its dotted key; messages call them by that.
/// The dotted keys in `others` are not its own.
pub(crate) fn values(
    document: Document<'_>,
    section: &str,
    table: &DeTable<'_>,
    others: &[String],
) -> Result<Vec<(&'static str, Value)>, PresetError> {
    let own = leaves(&format!("{section}."), table).into_iter().filter(|leaf| !others.contains(&leaf.key));
    let mut values = Vec::new();
    for leaf in own {
        let mut scenario = Scenario::default();
        let parameter = put(document, &leaf.key, &leaf, &mut scenario)?;
        let along = taken(&leaf).map_or_else(|| vec![parameter.key], |taken| taken.keys);
        let set = PARAMETERS.iter().filter(|parameter| along.contains(&parameter.key));
        values.extend(set.map(|parameter| (parameter.key, parameter.get(&scenario))));
    }
    Ok(values)
}

/// Puts a value of a file into the scenario; `name` is what messages call its key.
fn put(
    document: Document<'_>,
    name: &str,
    leaf: &Leaf<'_, '_>,
    scenario: &mut Scenario,
) -> Result<&'static Parameter, PresetError> {
    let wrong = |message: String| document.error(leaf.span.clone(), name, message);
    let parameter = PARAMETERS.iter().find(|parameter| parameter.key == leaf.key);
    let parameter = parameter.ok_or_else(|| wrong(unknown(&leaf.key)))?;
    let value = value(parameter, leaf.value).map_err(&wrong)?;
    parameter.set(scenario, value).map_err(|error| wrong(error.message))?;
    Ok(parameter)
}

/// The scenario as a file that reads back equal: model and card, then whatever differs from the default.
pub fn to_toml(scenario: &Scenario) -> String {
    let mut text = String::new();
    let mut section = "";
    // A TOML table cannot be left again, so the keys outside all tables come first.
    let in_order = |wanted: &'static str| PARAMETERS.iter().filter(move |parameter| section_of(parameter) == wanted);
    for name in sections() {
        for parameter in in_order(name) {
            let value = parameter.get(scenario);
            if parameter.key != "model" && value == scenario.default_of(parameter) {
                continue;
            }
            if section != name {
                section = name;
                let _ = write!(text, "\n[{name}]\n");
            }
            let key = parameter.key.rsplit('.').next().unwrap_or(parameter.key);
            let _ = writeln!(text, "{key} = {}", literal(&value));
        }
    }
    text
}

/// A value of the file, still in TOML's words.
struct Leaf<'t, 'a> {
    key: String,
    span: Range<usize>,
    value: &'t DeValue<'a>,
}

/// Every key with a value, in the order of the file: the first mistake in it is reported, not the first in the alphabet.
fn leaves<'t, 'a>(prefix: &str, table: &'t DeTable<'a>) -> Vec<Leaf<'t, 'a>> {
    let mut leaves = Vec::new();
    collect(prefix, table, &mut leaves);
    leaves.sort_by_key(|leaf| leaf.span.start);
    leaves
}

/// Every key with a value, dotted. A table that no parameter lives in is such a value too, and a wrong one.
fn collect<'t, 'a>(prefix: &str, table: &'t DeTable<'a>, leaves: &mut Vec<Leaf<'t, 'a>>) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) if sections().contains(&key.as_str()) => {
                collect(&format!("{key}."), inner, leaves);
            }
            other => leaves.push(Leaf { key, span: name.span(), value: other }),
        }
    }
}

fn value(parameter: &Parameter, value: &DeValue<'_>) -> Result<Value, String> {
    let expected = || match parameter.kind {
        Kind::Count { min, max, .. } => format!("a whole number between {min} and {max}"),
        Kind::Fraction { .. } => String::from("a number from 0 to 1"),
        Kind::Flag => String::from("true or false"),
        Kind::Choice { words, .. } => format!("one of {}", words.join(", ")),
        Kind::Framework | Kind::Word | Kind::Text { .. } => String::from("a text"),
        Kind::Words => String::from("a list of texts"),
    };
    let read = match value {
        DeValue::String(text) if text == UNSET && parameter.optional() => Some(Value::Unset),
        DeValue::String(text) => Some(Value::Word(text.clone().into_owned())),
        DeValue::Integer(_) => whole(value).map(Value::Count),
        DeValue::Float(number) => number.as_str().parse().ok().map(Value::Fraction),
        DeValue::Boolean(flag) => Some(Value::Flag(*flag)),
        DeValue::Array(_) => words(value).map(Value::Words),
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    };
    read.ok_or_else(|| format!("found {}, expected {}", found(value), expected()))
}

fn unknown(key: &str) -> String {
    let tables = sections();
    if tables.contains(&key) {
        return String::from("found a value, expected a table");
    }
    // `batch` outside its table: the last part of a key says where it belongs.
    if let Some(elsewhere) = PARAMETERS.iter().find(|parameter| parameter.key.rsplit('.').next() == Some(key)) {
        return format!("unknown key; the nearest is `{}`", elsewhere.key);
    }
    let table = key.split_once('.').map_or("", |(table, _)| table);
    let mut known: Vec<_> =
        PARAMETERS.iter().filter(|parameter| section_of(parameter) == table).map(|parameter| parameter.key).collect();
    if table.is_empty() {
        known.extend(tables.into_iter().filter(|name| !name.is_empty()));
    }
    format!("unknown key; {}", suggestion(key, &known))
}

/// The tables of a scenario file, in the order of the parameters; the empty name is the file's head.
fn sections() -> Vec<&'static str> {
    let mut names = vec![""];
    for parameter in PARAMETERS {
        let name = section_of(parameter);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn section_of(parameter: &Parameter) -> &'static str {
    parameter.key.split_once('.').map_or("", |(section, _)| section)
}

fn literal(value: &Value) -> String {
    match value {
        Value::Unset => format!("{UNSET:?}"),
        Value::Count(count) => count.to_string(),
        // `{:?}` keeps the point of 1.0, so that it reads back as a fraction.
        Value::Fraction(fraction) => format!("{fraction:?}"),
        Value::Flag(flag) => flag.to_string(),
        Value::Word(word) => toml::Value::from(word.as_str()).to_string(),
        Value::Words(words) => toml::Value::from(words.clone()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;
    use crate::scenario::command::{FLAGS, arguments, of_task};

    /// Whatever differs from what the framework has with the method is written, whichever frame of reference a reader has.
    #[test]
    fn each_method_of_each_framework_reads_back() {
        let library = Library::embedded();
        let profiles = library.profiles();
        let method = Parameter::by_key("train.method").unwrap();
        let Kind::Choice { words, .. } = method.kind else { panic!("methods are words") };
        for (framework, word) in profiles.ids().flat_map(|id| words.iter().map(move |word| (id, *word))) {
            for changed in [None, Some("train.precision"), Some("train.recompute")] {
                let mut scenario = Scenario { model: String::from("llama-3.2-1b"), ..Scenario::default() };
                scenario.framework = profiles.framework(framework).unwrap();
                method.set(&mut scenario, Value::Word(word.to_owned())).unwrap();
                scenario.follow_framework(|key| key == "train.method");
                if let Some(key) = changed {
                    let parameter = Parameter::by_key(key).unwrap();
                    parameter.set(&mut scenario, parameter.get(&Scenario::default())).unwrap();
                }
                let text = to_toml(&scenario);
                let (mut of_file, root) = (parse(&text, "written").unwrap(), DeTable::parse(&text).unwrap());
                let said = keys(root.get_ref());
                profiles.settle(&mut of_file).unwrap();
                of_file.follow_framework(|key| said.iter().any(|said| said == key));
                assert_eq!(of_file, scenario, "{framework} {word} {changed:?}\n{text}");

                let mut of_line = Scenario { model: scenario.model.clone(), ..Scenario::default() };
                let words = arguments(&scenario, None);
                let said = |pair: &[String]| {
                    if let Some((_, keys)) = FLAGS.iter().find(|(flag, _)| *flag == pair[0]) {
                        return (of_task(scenario.task, *keys).to_owned(), pair[1].clone());
                    }
                    let (key, value) = pair[1].split_once('=').unwrap();
                    (key.to_owned(), value.to_owned())
                };
                let pairs: Vec<_> = words[1..].chunks(2).map(said).collect();
                for (key, value) in &pairs {
                    let parameter = Parameter::by_key(key).unwrap();
                    parameter.set(&mut of_line, parameter.parse(value).unwrap()).unwrap();
                }
                profiles.settle(&mut of_line).unwrap();
                of_line.follow_framework(|key| pairs.iter().any(|(said, _)| said == key));
                assert_eq!(of_line, scenario, "{framework} {word} {changed:?}\n{words:?}");
            }
        }
    }
}
