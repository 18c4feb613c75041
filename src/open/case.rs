//! Case files: a scenario and what was measured, so that anyone can hold runs of their own against the predictions.
//!
//! A file is one case, or several under `[[case]]`. Complaints say where; a configuration that no rule can read is no
//! mistake of the file, and is kept as a case that is not covered.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Number, Value as Json};
use toml::de::{DeTable, DeValue};

use super::find::find_model;
use crate::import;
use crate::located::{self, Document, PresetError, Section, suggestion, whole};
use crate::memory::suit;
use crate::model::Model;
use crate::model::keys::Source;
use crate::preset::Library;
use crate::preset::{model, scenario};
use crate::scenario::{Scenario, Task};
use crate::validate::{Case, Confidence, Metric, Rank, Stage, Subject};

/// The cases that the repository ships, as one deflated text, and the path of each file with where it ends in that text;
/// written by the build.
const DEFLATED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cases.deflated"));
const EMBEDDED: &[(&str, usize)] = include!(concat!(env!("OUT_DIR"), "/cases.rs"));

/// Tables of `[scenario]` that describe a model.
const MODEL_TABLES: [&str; 2] = ["architecture", "config"];

/// The cases that are part of the program.
pub fn embedded(library: &Library) -> Result<Vec<Case>, PresetError> {
    let wrong = |error: String| PresetError::file("embedded cases", error);
    let whole = inflated(DEFLATED).map_err(wrong)?;
    let mut texts = Vec::with_capacity(EMBEDDED.len());
    let mut start = 0;
    for (path, end) in EMBEDDED {
        let text = whole.get(start..*end).ok_or_else(|| wrong(format!("{path} ends beyond what was unpacked")))?;
        texts.push((*path, text));
        start = *end;
    }
    texts.sort_unstable();
    let mut cases = Vec::new();
    for (path, text) in texts {
        cases.extend(parse(text, &format!("embedded {path}"), Path::new(""), library)?);
    }
    Ok(cases)
}

/// The text that the build deflated.
pub(super) fn inflated(deflated: &[u8]) -> Result<String, String> {
    let bytes = miniz_oxide::inflate::decompress_to_vec(deflated).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The cases of a file, or of every `.toml` file below a folder, in the order of their paths.
pub fn read(path: &Path, library: &Library) -> Result<Vec<Case>, PresetError> {
    let mut files = Vec::new();
    if path.is_dir() {
        collect(path, 0, &mut files)?;
        if files.is_empty() {
            return Err(PresetError::file(path.display().to_string(), "no case file (.toml) is in this folder"));
        }
    } else {
        files.push(path.to_owned());
    }
    let mut cases = Vec::new();
    for file in files {
        let base = file.parent().unwrap_or(Path::new(""));
        cases.extend(parse(&located::read_up_to(&file, LARGEST)?, &file.display().to_string(), base, library)?);
    }
    Ok(cases)
}

/// Larger than a preset: one file may hold hundreds of cases.
const LARGEST: u64 = 64 << 20;

/// Folders inside folders beyond this are no folder of cases.
const DEEPEST: usize = 8;

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), PresetError> {
    let wrong = |error: std::io::Error| PresetError::file(folder.display().to_string(), error.to_string());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        paths.push(entry.map_err(wrong)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() && depth < DEEPEST {
            collect(&path, depth + 1, files)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    Ok(())
}

/// The cases in a text; `origin` is what messages call it, `base` where a relative model path starts.
pub fn parse(text: &str, origin: &str, base: &Path, library: &Library) -> Result<Vec<Case>, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let root = Section::new(document, "", 0, root.get_ref());
    let several = root.tables("case", "case.")?;
    if several.is_empty() {
        return Ok(vec![case(&root, ["scenario.", "scenario.architecture.", "scenario.config."], base, library)?]);
    }
    root.finish()?;
    let prefixes = ["case.scenario.", "case.scenario.architecture.", "case.scenario.config."];
    several.iter().map(|section| case(section, prefixes, base, library)).collect()
}

/// A number in so many parts of one.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of a float saturate"
)]
fn parts(number: f64, scale: u64) -> u64 {
    (number * scale as f64).round() as u64
}

fn case(
    section: &Section<'_, '_>,
    prefixes: [&'static str; 3],
    base: &Path,
    library: &Library,
) -> Result<Case, PresetError> {
    let id = named(section, "id")?;
    let group = named(section, "group")?;
    let kind = word(section, "kind", Task::WORDS, Task::from_word)?;
    let confidence = word(section, "confidence", Confidence::WORDS, Confidence::from_word)?;
    let metric = word(section, "metric", Metric::WORDS, Metric::from_word)?;
    let measured = match metric.map_or(1, Metric::scale) {
        1 => section.count("measured")?,
        scale => section.number("measured")?.map(|number| parts(number, scale)),
    };
    let rank = rank(section)?;
    let source = section.text("source")?;
    let described = section.table("scenario", prefixes[0])?;
    let table = section.raw_table("scenario")?;
    section.finish()?;
    let (id, group) = (section.need("id", id)?, section.need("group", group)?);
    let metric = section.need("metric", metric)?;
    let measured = section.need("measured", measured)?;
    if measured == 0 {
        return Err(section.error("measured", "found `0`, expected at least 1: errors are relative to it"));
    }
    let described = section.need("scenario", described)?;
    let mut scenario = match table {
        Some(table) => scenario::from_table(section.document(), prefixes[0], table, &MODEL_TABLES)?,
        None => Scenario::default(),
    };
    library.profiles().settle(&mut scenario).map_err(|error| described.error("framework", error.to_string()))?;
    let said = table.map(scenario::keys).unwrap_or_default();
    scenario.follow_framework(|key| said.iter().any(|said| said == key));
    match (described.text("task")?.is_some(), kind) {
        (true, Some(kind)) if kind != scenario.task => {
            let message = format!("found `{}`, but scenario.task is `{}`", kind.word(), scenario.task.word());
            return Err(section.error("kind", message));
        }
        (false, Some(kind)) => scenario.task = kind,
        _ => {}
    }
    let model = the_model(&described, &scenario, prefixes, &id, base, library)?;
    if let Ok(model) = &model {
        let says = |key: &str| said.iter().any(|said| said == key);
        // What generated had the attention that the model has, whichever that is; the rest is as it was measured.
        // So had what is not said of how states are sharded.
        let left_open = |key: &str| key == "infer.attention" || key.starts_with("parallel.");
        suit(model, &mut scenario, |key| !left_open(key) || says(key));
    }
    let gpu = match &scenario.gpu {
        Some(name) => Some(library.card(name).map_err(|error| described.error("gpu", error.message))?),
        None => None,
    };
    let subject = model.map(|model| Box::new(Subject { model, scenario, gpu }));
    let confidence = confidence.unwrap_or_default();
    Ok(Case { id, group, confidence, metric, measured, rank, source, subject })
}

/// A text that says something.
fn named(section: &Section<'_, '_>, key: &'static str) -> Result<Option<String>, PresetError> {
    match section.text(key)? {
        Some(text) if text.trim().is_empty() || text.chars().any(char::is_control) => {
            Err(section.error(key, format!("found {text:?}, expected a name on one line")))
        }
        text => Ok(text),
    }
}

/// One of a list of words.
fn word<T>(
    section: &Section<'_, '_>,
    key: &'static str,
    words: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, PresetError> {
    let Some(found) = section.text(key)? else { return Ok(None) };
    read(&found).map(Some).ok_or_else(|| section.error(key, format!("found {found:?}; {}", suggestion(&found, words))))
}

fn rank(section: &Section<'_, '_>) -> Result<Option<Rank>, PresetError> {
    let Some(table) = section.raw_table("rank")? else { return Ok(None) };
    let mut rank = Rank::default();
    for (key, value) in table {
        let wrong = |message: String| section.document().error(key.span(), format!("rank.{}", key.get_ref()), message);
        let slot = match key.get_ref().as_ref() {
            "pipeline" => &mut rank.pipeline,
            "tensor" => &mut rank.tensor,
            "context" => &mut rank.context,
            "expert" => &mut rank.expert,
            "data" => &mut rank.data,
            other => {
                let known = ["pipeline", "tensor", "context", "expert", "data"];
                return Err(wrong(format!("unknown key; {}", suggestion(other, &known))));
            }
        };
        *slot = match value.get_ref() {
            DeValue::String(text) if text == "first" => Some(Stage::Index(0)),
            DeValue::String(text) if text == "last" => Some(Stage::Last),
            number => whole(number).map(Stage::Index),
        };
        if slot.is_none() {
            return Err(wrong(String::from("expected \"first\", \"last\" or a number from 0")));
        }
    }
    Ok(Some(rank))
}

/// The model that a case names or describes; the reason where no rule can read the description.
fn the_model(
    described: &Section<'_, '_>,
    scenario: &Scenario,
    prefixes: [&'static str; 3],
    id: &str,
    base: &Path,
    library: &Library,
) -> Result<Result<Model, String>, PresetError> {
    let architecture = described.table("architecture", prefixes[1])?;
    let config = described.raw_table("config")?;
    match (scenario.model.as_str(), architecture, config) {
        ("", None, None) => {
            let message = "missing; name a preset, or describe one in [scenario.architecture] or [scenario.config]";
            Err(described.error("model", message))
        }
        ("", Some(section), None) => model::inline(&section, id),
        ("", None, Some(table)) => {
            Ok(import::config::parse(&json(table).to_string(), id, Some(id)).map_err(|error| import_problem(&error)))
        }
        (name, None, None) => find_model(library, name, base)
            .map(Ok)
            .map_err(|error| if error.place.path.is_empty() { described.error("model", error.message) } else { error }),
        (_, Some(_), _) => Err(described.error("architecture", ONE_MODEL)),
        (_, None, Some(_)) => Err(described.error("config", ONE_MODEL)),
    }
}

const ONE_MODEL: &str = "a second model; give one of `model`, [scenario.architecture] and [scenario.config]";

/// What is wrong with a configuration, without the hint that varies from case to case.
fn import_problem(error: &PresetError) -> String {
    let message = error.message.split("; ").next().unwrap_or(&error.message);
    match error.place.key.as_str() {
        "" => message.to_owned(),
        key => format!("config.{key}: {message}"),
    }
}

/// A table as the JSON that it was made from. TOML has no null: the text `"null"` stands for it.
fn json(table: &DeTable<'_>) -> Json {
    let pairs = table.iter().map(|(key, value)| (key.get_ref().clone().into_owned(), json_value(value.get_ref())));
    Json::Object(pairs.collect::<Map<_, _>>())
}

fn json_value(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::String(text) if text == "null" => Json::Null,
        DeValue::String(text) => Json::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Json::from)
            .or_else(|_| u64::from_str_radix(number.as_str(), number.radix()).map(Json::from))
            .unwrap_or(Json::Null),
        DeValue::Float(number) => {
            number.as_str().parse().ok().and_then(Number::from_f64).map_or(Json::Null, Json::Number)
        }
        DeValue::Boolean(flag) => Json::from(*flag),
        DeValue::Datetime(date) => Json::from(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json_value(item.get_ref())).collect(),
        DeValue::Table(table) => json(table),
    }
}
