//! A profile: the habits of one release of a framework that data can say, from `presets/frameworks`.
//!
//! What each operation keeps is code, in `frameworks`.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Serialize, Serializer};

use super::parameter::nearest;
use super::parameter::words::{self, Alias};
use super::{Method, Scenario, Task, Value};
use crate::families::code::SOURCE;

/// The habits of one release of a framework.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The word that scenarios use.
    pub id: String,
    /// The name that people use.
    pub name: String,
    /// Whose rules it follows: `transformers`, `litgpt`, `torchtune`, `torchtitan`, `megatron`, and of engines `vllm`,
    /// `sglang`, `llama.cpp`, `mlx`.
    pub framework: String,
    /// The version that is described, as ledger entries name their source.
    pub version: &'static str,
    /// Where the habits were read or measured.
    pub sources: Vec<String>,
    /// The families whose code was read; all of them where none is named.
    pub families: Vec<String>,
    /// The keys of `[parallel]` that a run of it over several GPUs reads; none where only one GPU is described.
    pub layout: Vec<String>,
    /// By what its framework's releases differ.
    pub release: BTreeMap<String, bool>,
    /// What its users get of what they do not say.
    pub defaults: Vec<OwnDefault>,
    /// How it trains, where that is described.
    pub train: Option<Training>,
    /// How it serves, where that is described.
    pub infer: Option<Serving>,
}

impl Profile {
    /// Whether it says how the framework does this.
    pub const fn describes(&self, task: Task) -> bool {
        match task {
            Task::Train => self.train.is_some(),
            Task::Infer => self.infer.is_some(),
        }
    }
}

/// What a framework's users get of a parameter of which they say nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnDefault {
    /// The method that it is so for; all where none is named.
    pub method: Option<Method>,
    /// The parameter's dotted key.
    pub key: &'static str,
    /// What it is.
    pub value: Value,
}

/// How an implementation trains, beside what a scenario can say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Training {
    /// Whether its script leaves no choice of attention, of the optimizer's kernel and of what is kept.
    pub fixed_options: bool,
    /// Whether adapters have the type of the model, whatever `train.lora_dtype` says.
    pub adapters_as_model: bool,
}

/// How an implementation generates. Engines have rules of their own, and none of these habits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent habits")]
pub struct Serving {
    /// Whether logits of every position of the prompt are computed, with a copy in fp32.
    pub logits_of_prompt: bool,
    /// Whether the whole old cache stays until the new one is complete; else one layer's at a time.
    pub rebuilds_cache: bool,
    /// Whether keys and values of a layer are copied for every query head.
    pub repeats_heads: bool,
    /// Whether every layer holds rotary tables of the longest sequence that the model was made for.
    pub tables_in_layers: bool,
    /// Whether weights are carved from one block; else each has blocks of the allocator's own sizes.
    pub loads_in_one_block: bool,
    /// Whether GPTQ's 4-bit kernel has a buffer of the largest matrix in 16 bits.
    pub exllama_buffer: bool,
    /// Whether an fp8 model with a tied head holds the matrix twice.
    pub unties_fp8_head: bool,
    /// Whether each layer of an AWQ model holds what tables of cosines and sines of the prompt would take.
    pub awq_tables: bool,
    /// Whether it is known in which order it asks for memory, so that the allocator can be played.
    pub in_order: bool,
}

/// Every profile that is known.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    known: Arc<Vec<Known>>,
}

/// A profile, read when somebody first asks for it: a run has one of many.
#[derive(Debug, Clone)]
struct Known {
    id: Cow<'static, str>,
    profile: Arc<LazyLock<Option<Arc<Profile>>, Reader>>,
}

type Reader = Box<dyn FnOnce() -> Option<Arc<Profile>> + Send>;

impl Known {
    fn read(&self) -> Option<&Arc<Profile>> {
        self.profile.as_ref().as_ref()
    }
}

/// Frameworks that people ask for and that are not described yet.
pub const NOT_DESCRIBED: [&str; 1] = ["deepspeed"];

/// Programs by the names that people use for them, and what a run under them is like: what they build on, which settings
/// come closest, and what stays different. `accelerate launch` changes nothing on one GPU.
pub const BUILT_ON: [(&str, &str); 10] = [
    (
        "unsloth",
        "it builds on TRL; `--framework trl --set train.kernels=liger` comes closest; its own kernels for LoRA and its \
         checkpoints in host memory hold less",
    ),
    (
        "axolotl",
        "it builds on the Trainer of Transformers; `--framework transformers --precision bf16-autocast --recompute full` \
         comes closest to a config with `bf16: true` and `gradient_checkpointing: true`; its fused losses hold less",
    ),
    (
        "llama-factory",
        "it builds on the Trainer of Transformers; `--framework transformers --precision bf16-autocast --recompute full` \
         comes closest; with `pure_bf16` it is `--precision bf16`",
    ),
    (
        "ms-swift",
        "it builds on the Trainer of Transformers; `--framework transformers --precision bf16-autocast --recompute full` \
         comes closest; its padding-free batches hold less",
    ),
    (
        "nemo",
        "it builds on Megatron-Core: `--framework megatron` comes closest; NeMo AutoModel runs models of Transformers: there \
         `--framework transformers --precision bf16` does",
    ),
    (
        "accelerate",
        "it runs the loop of whoever calls it: `--framework transformers`, on several GPUs with `--set \
         parallel.strategy=fsdp2`, `fsdp1`, `deepspeed` or `ddp`",
    ),
    (
        "deepspeed",
        "it shards the step of whoever calls it: `--framework transformers --gpus 8 --zero 2` is the Trainer under ZeRO-2, \
         and `--set parallel.strategy=deepspeed --zero 3` under ZeRO-3",
    ),
    ("fsdp", "it shards the step of whoever calls it: `--framework transformers --gpus 8 --zero 3`"),
    (
        "lightning",
        "its loop runs models of Transformers: `--framework transformers` with `--precision bf16-mixed` as in \
      `precision=\"bf16-mixed\"`; its optimizer is foreach unless `fused=True` is given",
    ),
    (
        "openrlhf",
        "it runs models of Transformers under DeepSpeed: `--framework transformers --gpus 8 --set \
         parallel.strategy=deepspeed --zero 3` comes closest",
    ),
];

/// What is said of a program that is described by what it builds on, however its name is written.
pub(crate) fn built_on(word: &str) -> Option<&'static str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', '_', ' '], "");
    BUILT_ON.iter().find(|(name, _)| plain(name) == plain(word)).map(|(_, said)| *said)
}

impl Default for Profile {
    /// The one whose operations [`crate::families::code`] describes, for programs that load no presets.
    fn default() -> Self {
        Self {
            id: String::from("transformers"),
            name: String::from("Transformers"),
            framework: String::from("transformers"),
            version: SOURCE,
            sources: Vec::new(),
            layout: Vec::new(),
            families: Vec::new(),
            release: BTreeMap::new(),
            defaults: Vec::new(),
            train: Some(Training::default()),
            infer: Some(Serving {
                logits_of_prompt: false,
                rebuilds_cache: false,
                repeats_heads: false,
                tables_in_layers: false,
                loads_in_one_block: true,
                exllama_buffer: false,
                unties_fp8_head: false,
                awq_tables: false,
                in_order: true,
            }),
        }
    }
}

impl Profile {
    /// What its users get of a parameter, whatever the method, where it is not what everybody gets.
    pub fn own_default(&self, key: &str) -> Option<&Value> {
        self.defaults.iter().rev().find(|own| own.key == key && own.method.is_none()).map(|own| &own.value)
    }
}

impl Profiles {
    /// Adds a profile, in the place of an earlier one of its id.
    pub fn put(&mut self, profile: Profile) {
        self.put_unread(Cow::Owned(profile.id.clone()), move || Some(profile));
    }

    /// Adds the profile of an id, which is read when somebody first asks for it.
    pub fn put_unread(&mut self, id: Cow<'static, str>, read: impl FnOnce() -> Option<Profile> + Send + 'static) {
        let read = Box::new(move || read().map(Arc::new)) as Reader;
        let known = Arc::make_mut(&mut self.known);
        known.retain(|known| known.id != id);
        known.push(Known { id, profile: Arc::new(LazyLock::new(read)) });
    }

    /// The profile of an id; the default one needs no preset.
    pub fn of(&self, id: &str) -> Option<Arc<Profile>> {
        let known = self.known.iter().find(|known| known.id == id).and_then(Known::read).cloned();
        known.or_else(|| Some(Arc::new(Profile::default())).filter(|profile| profile.id == id))
    }

    /// Every profile, by framework, the newest release first.
    pub fn all(&self) -> impl Iterator<Item = &Profile> {
        let usual = Profile::default().framework;
        let mut all: Vec<&Profile> = self.known.iter().filter_map(Known::read).map(AsRef::as_ref).collect();
        all.sort_by_key(|Profile { id, framework, .. }| (*framework != usual, framework, id != framework, Reverse(id)));
        all.into_iter()
    }

    /// Every id.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.all().map(|profile| profile.id.as_str())
    }

    /// The framework of a word. One that is not described yet has its word alone, and no ledger.
    ///
    /// # Errors
    /// Where there is none of its word: which there are, and the nearest.
    pub fn framework(&self, word: &str) -> Result<Framework, UnknownFramework> {
        let spelt = || words::among(word, self.ids().chain(NOT_DESCRIBED)).map(String::from);
        let word = match self.of(word) {
            Some(_) => word.to_owned(),
            None => spelt().or_else(|| Alias::of_framework(word).map(String::from)).unwrap_or_else(|| word.to_owned()),
        };
        let word = word.as_str();
        let profile = self.of(word);
        if profile.is_none() && !NOT_DESCRIBED.contains(&word) {
            if let Some(said) = built_on(word) {
                return Err(UnknownFramework(format!("`{word}` is not described by itself: {said}")));
            }
            let near = nearest(word, self.ids().chain(NOT_DESCRIBED));
            let near = near.map_or_else(String::new, |near| format!("; the nearest is `{near}`"));
            let known: Vec<&str> = self.ids().chain(NOT_DESCRIBED).collect();
            return Err(UnknownFramework(format!("`{word}` is none of {}{near}", known.join(", "))));
        }
        Ok(Framework { word: Arc::from(word), profile, among: self.clone() })
    }

    /// Looks up the framework of a scenario.
    ///
    /// # Errors
    /// As of [`Self::framework`].
    pub fn settle(&self, scenario: &mut Scenario) -> Result<(), UnknownFramework> {
        scenario.framework = self.framework(scenario.framework.word())?;
        Ok(())
    }
}

/// A word that no profile has; what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownFramework(pub String);

/// The framework of a run: its word, and its profile once that has been looked up.
#[derive(Debug, Clone)]
pub struct Framework {
    word: Arc<str>,
    profile: Option<Arc<Profile>>,
    /// Where it was looked up.
    among: Profiles,
}

impl Framework {
    /// The one of a word, which [`Profiles::settle`] looks up.
    pub fn named(word: &str) -> Self {
        Self { word: Arc::from(word), profile: None, among: Profiles::default() }
    }

    /// The one of a profile.
    pub fn of(profile: Arc<Profile>) -> Self {
        let word = Arc::from(profile.id.as_str());
        Self { word, profile: Some(profile), among: Profiles::default() }
    }

    /// The word that files, flags and JSON use.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Its profile; nothing where it was not looked up.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_deref()
    }

    /// Whether training under it reads this key of `[parallel]`.
    pub fn lays_out(&self, key: &str) -> bool {
        self.profile().is_some_and(|profile| profile.layout.iter().any(|known| known == key))
    }

    /// Whether a run follows the rules of this framework.
    pub fn builds_by(&self, framework: &str) -> bool {
        self.profile().is_some_and(|profile| profile.framework == framework)
    }

    /// Whether it is an engine: it serves, with caches of its own, and trains nothing.
    pub fn is_engine(&self) -> bool {
        self.profile().is_some_and(|profile| profile.train.is_none() && profile.infer.is_some())
    }

    /// The frameworks that are described for a task, for messages.
    pub fn described(&self, task: Task) -> String {
        let ids: Vec<&str> =
            self.among.all().filter(|profile| profile.describes(task)).map(|profile| profile.id.as_str()).collect();
        if ids.is_empty() { String::from("transformers") } else { ids.join(", ") }
    }

    /// How it trains, where it is described for that.
    pub fn training(&self) -> Option<&Training> {
        self.profile()?.train.as_ref()
    }
}

impl Default for Framework {
    fn default() -> Self {
        static DEFAULT: LazyLock<Arc<Profile>> = LazyLock::new(Arc::default);
        Self::of(Arc::clone(&DEFAULT))
    }
}

impl PartialEq for Framework {
    /// Two of one word are the same.
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl Serialize for Framework {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.word)
    }
}
