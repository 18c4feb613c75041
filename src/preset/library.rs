//! Every model, card and framework profile that can be chosen by its id.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::facts::Facts;
use super::listing::{Embedded, Listing};
use super::{framework, gpu, model};
use crate::gpu::Gpu;
use crate::gpu::made::made;
use crate::located::{self, PresetError, suggestion};
use crate::model::{Model, hub};
use crate::scenario::parameter::nearest;
use crate::scenario::{Framework, Profiles};

/// Every model in `presets/models`, written by the build in the order of the files.
const MODELS: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/models.rs"));

/// Every card in `presets/gpus`, in the order of the files and in each as it stands there.
const GPUS: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/gpus.rs"));

/// Paths under `presets/` and texts of the framework profiles.
const FRAMEWORKS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/frameworks.rs"));

/// The models, cards and frameworks that can be chosen: the embedded ones, then the user's own.
///
/// A user's files are read at once, so that what is wrong with them is known; what is embedded is read when it is first
/// asked for, since a run needs one of hundreds.
#[derive(Debug, Clone, Default)]
pub struct Library {
    models: Vec<Listing<Model>>,
    gpus: Vec<Listing<Gpu>>,
    profiles: Arc<Profiles>,
    problems: Vec<PresetError>,
}

/// What a file under a preset folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Models,
    Gpus,
    Frameworks,
}

impl Content {
    /// Every kind, with the name of its folder.
    const FOLDERS: [(Self, &str); 3] =
        [(Self::Models, "models"), (Self::Gpus, "gpus"), (Self::Frameworks, "frameworks")];
}

impl Library {
    /// The presets that are part of the program.
    pub fn embedded() -> Self {
        let mut library = Self {
            models: MODELS.iter().map(|preset| Listing::embedded(preset, model::parse)).collect(),
            gpus: GPUS.iter().map(|preset| Listing::embedded(preset, gpu::parse_one)).collect(),
            ..Self::default()
        };
        let profiles = Arc::make_mut(&mut library.profiles);
        for (path, text) in FRAMEWORKS {
            // Each is named after its id.
            let id = path.trim_start_matches("frameworks/").trim_end_matches(".toml");
            // None of them builds on another.
            let read = move || framework::parse(&format!("embedded presets/{path}"), text, &Profiles::default()).ok();
            profiles.put_unread(Cow::Borrowed(id), read);
        }
        library
    }

    /// The ids of the models that are part of the program, in the order of the files.
    pub fn embedded_model_ids() -> impl Iterator<Item = &'static str> {
        MODELS.iter().map(|preset| preset.id)
    }

    /// The ids of the cards that are part of the program, in the order of the files.
    pub fn embedded_gpu_ids() -> impl Iterator<Item = &'static str> {
        GPUS.iter().map(|preset| preset.id)
    }

    /// The embedded presets, then those of each folder's `models/*.toml`, `gpus/*.toml` and `frameworks/*.toml`; later
    /// wins by id.
    ///
    /// A file that is wrong is skipped and stands in [`Library::problems`]. A folder that does not exist holds nothing.
    pub fn load(dirs: &[PathBuf]) -> Self {
        let mut library = Self::embedded();
        for dir in dirs {
            for (content, folder) in Content::FOLDERS {
                library.read_folder(content, &dir.join(folder));
            }
        }
        library
    }

    /// Every model, in the order of the files, read or not.
    pub fn model_listings(&self) -> &[Listing<Model>] {
        &self.models
    }

    /// Every card, in the order of the files, read or not.
    pub fn gpu_listings(&self) -> &[Listing<Gpu>] {
        &self.gpus
    }

    /// Every model, in the order of the files; all of them are read.
    pub fn models(&self) -> Vec<&Model> {
        self.models.iter().filter_map(|listing| listing.item().ok()).collect()
    }

    /// Every card, in the order of the files; all of them are read.
    pub fn gpus(&self) -> Vec<&Gpu> {
        self.gpus.iter().filter_map(|listing| listing.item().ok()).collect()
    }

    /// Every framework profile.
    pub fn profiles(&self) -> Arc<Profiles> {
        Arc::clone(&self.profiles)
    }

    /// The framework of a word.
    pub fn framework(&self, word: &str) -> Result<Framework, PresetError> {
        let found = self.profiles.framework(word);
        found.map_err(|error| PresetError::plain(format!("framework: {error}")))
    }

    /// What was wrong with files that were skipped.
    pub fn problems(&self) -> &[PresetError] {
        &self.problems
    }

    /// The model of this id, where there is one: no more is done where there is none.
    pub(crate) fn known_model(&self, id: &str) -> Option<Result<&Model, PresetError>> {
        self.models.iter().find(|listing| listing.id() == id).map(|listing| listing.item().map_err(Clone::clone))
    }

    /// The model of this id, or an error that names the nearest.
    pub fn model(&self, id: &str) -> Result<&Model, PresetError> {
        find(&self.models, "model", id)
    }

    /// The id of the model whose shapes a name of the Hugging Face hub speaks of, with a word on what was taken.
    pub fn of_hub(&self, name: &str) -> Option<(&str, String)> {
        let id = hub::same_shapes(name, self.models.iter().map(Listing::id)).filter(|id| *id != name)?;
        let left = if hub::is_quantized(name) {
            "; how its weights are stored is read from its config.json alone"
        } else {
            ""
        };
        Some((id, format!("`{name}` is taken for the preset `{id}`, whose shapes its name speaks of{left}")))
    }

    /// The card of this word: an id, a MIG slice of one (`h100-sxm-80:1g.10gb`), or any card of a size (`24GB`).
    ///
    /// # Errors
    /// Where it is none, with the nearest.
    pub fn card(&self, word: &str) -> Result<Gpu, PresetError> {
        let known = |id: &str| self.gpus.iter().find(|listing| listing.id() == id)?.item().ok();
        match known(word) {
            Some(gpu) => Ok(gpu.clone()),
            None => match made(word, known) {
                Some(made) => made.map_err(PresetError::plain),
                None if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) => {
                    Err(PresetError::plain(format!("there is no GPU `{word}`; any card of that size is `{word}GB`")))
                }
                None => self.gpu(word.split(':').next().unwrap_or(word)).cloned(),
            },
        }
    }

    /// The card of this id, or an error that names the nearest.
    pub fn gpu(&self, id: &str) -> Result<&Gpu, PresetError> {
        find(&self.gpus, "GPU", id)
    }

    fn read_folder(&mut self, content: Content, folder: &Path) {
        match presets(folder) {
            Ok(paths) => {
                for path in paths {
                    match located::read(&path) {
                        Ok(text) => self.add(content, &path.display().to_string(), &text),
                        Err(problem) => self.problems.push(problem),
                    }
                }
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    fn add(&mut self, content: Content, origin: &str, text: &str) {
        let added = match content {
            Content::Frameworks => framework::parse(origin, text, &self.profiles).map(|profile| {
                Arc::make_mut(&mut self.profiles).put(profile);
            }),
            Content::Models => model::parse(origin, text).map(|model| {
                put(&mut self.models, Listing::custom(&model.id.clone(), &model.name.clone(), model));
            }),
            Content::Gpus => gpu::parse(origin, text).map(|cards| {
                for card in cards {
                    put(&mut self.gpus, Listing::custom(&card.id.clone(), &card.name.clone(), card));
                }
            }),
        };
        if let Err(problem) = added {
            self.problems.push(problem);
        }
    }
}

/// Adds something in the place of what has its id.
fn put<T>(list: &mut Vec<Listing<T>>, listing: Listing<T>) {
    match list.iter_mut().find(|known| known.id() == listing.id()) {
        Some(known) => *known = listing,
        None => list.push(listing),
    }
}

fn find<'a, T>(list: &'a [Listing<T>], what: &str, id: &str) -> Result<&'a T, PresetError> {
    let Some(found) = list.iter().find(|listing| listing.id() == id) else {
        let known: Vec<_> = list.iter().map(Listing::id).collect();
        return Err(unknown(what, id, &known));
    };
    found.item().map_err(Clone::clone)
}

/// The `.toml` files directly in a folder, sorted; none where there is no folder.
fn presets(folder: &Path) -> Result<Vec<PathBuf>, PresetError> {
    let wrong = |error: std::io::Error| PresetError::file(folder.display().to_string(), error.to_string());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn unknown(what: &str, id: &str, known: &[&str]) -> PresetError {
    let hint = match likely(id, known).as_slice() {
        [] if nearest(id, known.iter().copied()).is_none() => String::new(),
        [] => format!("; {}", suggestion(id, known)),
        [one] => format!("; the nearest is `{one}`"),
        several => format!("; the nearest are `{}`", several.join("`, `")),
    };
    PresetError::plain(format!("there is no {what} `{id}`{hint}"))
}

/// The ids that hold what was typed, as `h100-sxm-80` holds `H100` and `llama-3.1-8b` the end of
/// `meta-llama/Llama-3.1-8B`; the shortest few, first those that begin with it.
fn likely<'a>(typed: &str, known: &[&'a str]) -> Vec<&'a str> {
    let plain = typed.trim().to_lowercase().replace([' ', '_'], "-");
    let last = plain.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if last.chars().count() < 3 {
        return Vec::new();
    }
    if let Some(same) = known.iter().find(|id| **id == last) {
        return vec![same];
    }
    let mut found: Vec<&str> = known.iter().copied().filter(|id| id.contains(last)).collect();
    found.sort_by_key(|id| (!id.starts_with(last), id.len()));
    found.truncate(3);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_profile_is_right_and_named_after_its_id() {
        for (path, text) in FRAMEWORKS {
            let profile = framework::parse(path, text, &Profiles::default()).unwrap();
            assert_eq!(*path, format!("frameworks/{}.toml", profile.id));
            assert_eq!(Library::embedded().profiles().of(&profile.id).as_deref(), Some(&profile));
        }
    }

    #[test]
    fn part_of_an_id_finds_it() {
        let known = ["mi100", "h100-pcie-80", "h100-sxm-80", "gh100", "llama-3.1-8b", "llama-3.1-70b"];
        let said = |typed| unknown("thing", typed, &known).to_string();
        assert!(said("H100").ends_with("the nearest are `h100-sxm-80`, `h100-pcie-80`, `gh100`"), "{}", said("H100"));
        assert!(said("meta-llama/Llama-3.1-8B").ends_with("the nearest is `llama-3.1-8b`"));
        assert!(said("Llama 3.1 8B").ends_with("the nearest is `llama-3.1-8b`"));
        assert!(said("lama-3.1-8b").ends_with("the nearest is `llama-3.1-8b`"));
        assert!(said("zzz").ends_with("there is no thing `zzz`"));
    }
}
