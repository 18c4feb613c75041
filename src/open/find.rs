//! What an input names, and the model that a scenario names: a preset's id, or a path.

use std::path::{Path, PathBuf};

use super::weights::import;
use crate::located::{self, Place, PresetError};
use crate::model::{Model, hub};
use crate::preset::Library;
use crate::preset::model;
use crate::preset::scenario::{self, Written};
use crate::scenario::Scenario;
use crate::scenario::arguments::{self, Reading};
use crate::scenario::parameter::{PARAMETERS, Parameter};

/// Keys at the head of a model preset, none of which a scenario has: a file that starts with one was meant as a preset.
const PRESET_KEYS: &[&str] = &[
    "id",
    "name",
    "family",
    "organization",
    "released",
    "license",
    "source",
    "quantization",
    "assumed",
    "omitted",
    "parameters",
    "confirmed",
    "architecture",
];

/// What an input names.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A model, by id or path.
    Model,
    /// A scenario, with the file as it is written.
    Scenario(Box<Scenario>, Written),
    /// A trainer's configuration, and what was read of it.
    Arguments(Box<Reading>),
}

/// What a file says that is a trainer's configuration: a script with calls of its classes, or a file of `accelerate`,
/// DeepSpeed or axolotl; nothing where it is none.
pub fn arguments_of(path: &Path) -> Option<Result<Reading, PresetError>> {
    let own = match extension(path)?.as_str() {
        "py" | "yaml" | "yml" => true,
        // A model's config.json, in nearly all cases.
        "json" => false,
        _ => return None,
    };
    if !path.is_file() {
        return None;
    }
    let text = match located::read(path) {
        Ok(text) if own || arguments::is_one(&text) => text,
        Err(error) if own => return Some(Err(error)),
        Ok(_) | Err(_) => return None,
    };
    let wrong = |fault: arguments::Fault| {
        let (path, line) = (path.display().to_string(), fault.line);
        PresetError {
            place: Place { path, line, column: usize::from(line > 0), key: fault.name },
            message: fault.message,
        }
    };
    Some(arguments::read(&text).map_err(wrong))
}

/// What an input names: a `.toml` file is a scenario or a model preset, a script or a config of a trainer a scenario too;
/// anything else names a model.
pub fn what_is(library: &Library, input: &str) -> Result<Input, PresetError> {
    let path = Path::new(input);
    if let Some(reading) = arguments_of(path) {
        return reading.map(|reading| Input::Arguments(Box::new(reading)));
    }
    let toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    if !toml || library.model(input).is_ok() {
        return Ok(Input::Model);
    }
    let as_scenario = match Written::read(path).and_then(|written| Ok((written.scenario()?, written))) {
        Ok((scenario, written)) => return Ok(Input::Scenario(Box::new(scenario), written)),
        Err(error) => error,
    };
    match find_model(library, input, Path::new("")) {
        Ok(_) => Ok(Input::Model),
        Err(as_model) if PRESET_KEYS.contains(&as_scenario.place.key.as_str()) => Err(as_model),
        Err(_) => Err(as_scenario),
    }
}

/// An error about what a file names under a key: one that is about no file, or about one that cannot be read, stands where
/// the name does.
pub fn named_in(file: &Path, key: &str, error: PresetError) -> PresetError {
    named_at(|message| scenario::at(file, key, message), error)
}

/// The same of a scenario whose text is known.
pub fn named_by(written: &Written, key: &str, error: PresetError) -> PresetError {
    named_at(|message| written.error(key, message), error)
}

fn named_at(at: impl Fn(&str) -> PresetError, error: PresetError) -> PresetError {
    let place = &error.place;
    if place.path.is_empty() {
        return at(&error.message);
    }
    if place.line == 0 {
        return at(&format!("{}: {}", place.path, error.message));
    }
    error
}

/// The model that a scenario file names, with the word by which the working folder sees it. The card that it names
/// must be one of the library's.
pub fn model_of(library: &Library, file: &Path, scenario: &Scenario) -> Result<(String, Model), PresetError> {
    let located = |key: &str, error: PresetError| named_in(file, key, error);
    if let Some(gpu) = &scenario.gpu {
        library.card(gpu).map_err(|error| located("gpu", error))?;
    }
    let base = file.parent().unwrap_or(Path::new(""));
    let model = find_model(library, &scenario.model, base).map_err(|error| located("model", error))?;
    let word = match (library.known_model(&scenario.model), of_hub(library, &scenario.model, base)) {
        (Some(_), _) => scenario.model.clone(),
        (None, Some((id, _))) => id.to_owned(),
        (None, None) => path_word(&base.join(&scenario.model)),
    };
    Ok((word, model))
}

/// A path that stands for a model, as a word: a bare name could be taken for an id or, on a command line, for a command,
/// so that it begins with `./`.
pub fn path_word(path: &Path) -> String {
    let word = path.display().to_string();
    let file = FILES.iter().any(|end| word.strip_suffix(end).is_some_and(|stem| stem.ends_with('.')));
    if file || word.contains(['/', '\\']) { word } else { format!("./{word}") }
}

/// The model of this name: a preset id, or the path, relative to `base`, of a preset, of a Hugging Face `config.json`, of a
/// GGUF or safetensors file, or of a folder that holds one.
pub fn find_model(library: &Library, name: &str, base: &Path) -> Result<Model, PresetError> {
    if let Some(model) = library.known_model(name) {
        return model.cloned();
    }
    let path = if base == Path::new(".") { PathBuf::from(name) } else { base.join(name) };
    if path.is_dir() && !name.is_empty() {
        return import(library, &path).map(|imported| imported.model);
    }
    if let Some((id, _)) = of_hub(library, name, base) {
        return library.model(id).cloned();
    }
    match extension(&path).as_deref() {
        Some("toml") => {
            let origin = path.display().to_string();
            model::parse(&origin, &located::read(&path)?).map_err(|error| of_scenario(&origin, error))
        }
        Some("json" | "gguf" | "safetensors") => import(library, &path).map(|imported| imported.model),
        // The nearest names take longer to find than a model to be read: they are for errors alone.
        _ => match library.model(name) {
            Err(unknown) if name.contains(['/', '\\']) => Err(no_model_there(&path, &unknown)),
            found => found.cloned(),
        },
    }
}

/// The preset that a name of the Hugging Face hub stands for, with a word on what was taken; none where it is an id or
/// a path that leads somewhere.
pub fn of_hub<'a>(library: &'a Library, name: &str, base: &Path) -> Option<(&'a str, String)> {
    let known = library.known_model(name).is_some() || located::is_there(&base.join(name));
    let file = extension(Path::new(name)).is_some_and(|it| FILES.contains(&it.as_str()));
    if hub::of_address(name).is_some() {
        return library.of_hub(name);
    }
    // On the hub there is one owner, and no other folder.
    let path = name.starts_with(['.', '/', '~']) || name.contains('\\') || name.matches('/').count() > 1;
    if known || file || path { None } else { library.of_hub(name) }
}

/// Extensions of files with models, and of those that are taken for such.
const FILES: [&str; 4] = ["toml", "json", "gguf", "safetensors"];

fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase)
}

const NO_NETWORK: &str = "brimful has no network: download the model's config.json and name that";

/// The error where what was meant as a model is a scenario.
fn of_scenario(origin: &str, error: PresetError) -> PresetError {
    let key = error.place.key.as_str();
    let head = |parameter: &Parameter| parameter.key.split('.').next() == Some(key);
    if PRESET_KEYS.contains(&key) || !PARAMETERS.iter().any(head) {
        return error;
    }
    let message = format!("a scenario, where a model is needed; name it by itself, as in `brimful check {origin}`");
    PresetError::file(origin, message)
}

/// Names on the Hugging Face hub look like paths, so the nearest preset is named first.
fn no_model_there(path: &Path, unknown: &PresetError) -> PresetError {
    let found = if path.exists() { "not a model" } else { "no such path" };
    let unknown = unknown.to_string();
    let nearest = unknown.split_once("; ").map(|(_, nearest)| format!("{nearest}; ")).unwrap_or_default();
    if hub::of_address(&path.display().to_string()).is_some() {
        return PresetError::plain(format!("{}: {nearest}{NO_NETWORK}", path.display()));
    }
    let kinds = "a path names a preset (.toml), a config.json, a GGUF or safetensors file, or a folder that holds one";
    // `owner/name`, as the hub has it.
    let of_hub = if path.exists() || path.components().count() != 2 { "" } else { "; of the hub: " };
    let network = if of_hub.is_empty() { "" } else { NO_NETWORK };
    PresetError::file(path.display().to_string(), format!("{found}; {nearest}{kinds}{of_hub}{network}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_path_is_no_id_and_no_command() {
        let words =
            ["config", "Llama-3.1", "own.toml", "a/config", "./config", "/config"].map(Path::new).map(path_word);
        assert_eq!(words, ["./config", "./Llama-3.1", "own.toml", "a/config", "./config", "/config"]);
    }
}
