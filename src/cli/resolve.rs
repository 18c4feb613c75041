//! From flags and files to one scenario: defaults, then the scenario file, the model named after the command,
//! the flags, and the `--set` pairs in order.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};

use super::arguments::{FlagArguments, ScenarioArguments, Setting};
use super::given::{Given, one_model};
use crate::gpu::Gpu;
use crate::located::PresetError;
use crate::memory::{EstimateError, SUITED, notes, notes_of_card, suit};
use crate::model::Model;
use crate::open;
use crate::open::Input;
use crate::preset::Library;
use crate::preset::scenario::Written;
use crate::report::Report;
use crate::scenario::parameter::Parameter;
use crate::scenario::{Framework, Scenario, Task};

const NO_MODEL: &str =
    "no model is given\nhint: name one, as in `brimful check llama-3.1-8b`; `brimful models` lists them";

/// What stands for a scenario that comes through standard input.
pub(super) const STDIN: &str = "-";

/// A scenario with the things that it names.
#[derive(Debug)]
pub(super) struct Resolved {
    /// How it is run.
    pub(super) scenario: Scenario,
    /// The model.
    pub(super) model: Model,
    /// The card, where one is named.
    pub(super) gpu: Option<Gpu>,
    /// The scenario file, and the keys that flags have set since.
    file: Option<Written>,
    flagged: Vec<String>,
    /// What flags have set: what errors call it, and its key.
    settings: Vec<(String, String)>,
    /// Values that were given and that change nothing, what was assumed of the model and what it was not made for, in
    /// words.
    pub(super) idle: Vec<String>,
}

/// A scenario, and the folder that a relative model path in it starts from.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// How it is run.
    pub(super) scenario: Scenario,
    base: PathBuf,
    /// Where it was read from, unless through standard input.
    path: Option<PathBuf>,
    /// The scenario file, and the keys that flags have set since.
    file: Option<Written>,
    flagged: Vec<String>,
    /// What flags have set: what errors call it, and its key.
    settings: Vec<(String, String)>,
    /// What names and words of others were taken for.
    taken: Vec<String>,
}

impl Draft {
    /// What the arguments ask for; neither model nor card need be named.
    pub(super) fn read(library: &Library, arguments: &ScenarioArguments) -> Result<Self> {
        Self::of(library, arguments.input.as_deref(), &arguments.flags)
    }

    /// The same, of an input and flags.
    pub(super) fn of(library: &Library, input: Option<&str>, arguments: &FlagArguments) -> Result<Self> {
        let mut draft = match input {
            Some(input) => Self::open(library, input)?,
            None => Self::default(),
        };
        // An engine serves, whatever else is said of a task.
        let framework = arguments.framework()?.unwrap_or(draft.scenario.framework.word());
        let serves = library.framework(framework).is_ok_and(|framework| framework.is_engine());
        let task = arguments.task()?.unwrap_or(if serves { Task::Infer } else { draft.scenario.task });
        let mut settings = arguments.flags(task);
        settings.extend(arguments.sets()?);
        if let Some(input) = input.filter(|input| draft.scenario.model == *input) {
            one_model(input, &settings)?;
        }
        for setting in &settings {
            draft.apply(setting)?;
        }
        if let Some((id, words)) = open::of_hub(library, &draft.scenario.model, &draft.base) {
            id.clone_into(&mut draft.scenario.model);
            draft.taken.push(words);
        }
        draft.settings = settings.iter().map(|setting| (setting.origin.clone(), setting.key.to_owned())).collect();
        Ok(draft)
    }

    fn open(library: &Library, input: &str) -> Result<Self> {
        if input.is_empty() {
            bail!(NO_MODEL);
        }
        if input == STDIN {
            let written = Written::of_stdin(io::stdin().lock())?;
            return Ok(Self { scenario: written.scenario()?, file: Some(written), ..Self::default() });
        }
        let path = Path::new(input);
        Ok(match open::what_is(library, input)? {
            Input::Model => {
                Self { scenario: Scenario { model: input.to_owned(), ..Scenario::default() }, ..Self::default() }
            }
            Input::Arguments(reading) => {
                let mut scenario = Scenario::default();
                reading.put(&mut scenario);
                let flagged = reading.keys().map(String::from).collect();
                let taken = reading.said().into_iter().map(|said| format!("{input}: {said}")).collect();
                Self { scenario, flagged, taken, ..Self::default() }
            }
            Input::Scenario(scenario, written) => {
                let base = path.parent().map(Path::to_owned).unwrap_or_default();
                let taken = written.understood();
                let (path, file) = (Some(path.to_owned()), Some(written));
                Self { scenario: *scenario, base, path, file, taken, ..Self::default() }
            }
        })
    }

    /// The path of the scenario file, where one is opened.
    pub(super) fn file(&self) -> Option<String> {
        self.path.as_ref().map(|path| path.display().to_string())
    }

    fn apply(&mut self, setting: &Setting) -> Result<()> {
        let origin = || Given::of(&setting.origin, setting.key);
        let parameter = Parameter::by_key(setting.key).with_context(origin)?;
        let value = parameter.parse(setting.text).with_context(origin)?;
        let understood = parameter.understood(&value);
        parameter.set(&mut self.scenario, value).with_context(origin)?;
        if setting.key == "model" {
            self.base = PathBuf::new();
        }
        match understood {
            Some(understood) => {
                self.flagged.extend(understood.keys.into_iter().map(String::from));
                self.taken.push(format!("{}: {}", setting.origin, understood.words));
            }
            None => self.flagged.push(setting.key.to_owned()),
        }
        Ok(())
    }

    /// Where a name stands that cannot be found: in the scenario file, unless a flag gave it.
    fn locate(&self, key: &str, error: PresetError) -> PresetError {
        match &self.file {
            Some(file) if !self.flagged.iter().any(|flagged| flagged == key) => open::named_by(file, key, error),
            _ => error,
        }
    }

    /// Whether a flag or the scenario file has a value for a key.
    pub(super) fn says(&self, key: &str) -> bool {
        says(&self.flagged, self.file.as_ref(), key)
    }

    /// Which of the keys that a model may leave no choice of a flag or the scenario file has a value for.
    pub(super) fn asked(&self) -> Vec<&'static str> {
        SUITED.into_iter().filter(|key| self.says(key)).collect()
    }

    fn model(&self, library: &Library) -> Result<Model, PresetError> {
        open::find_model(library, &self.scenario.model, &self.base).map_err(|error| self.locate("model", error))
    }

    fn framework(&self, library: &Library) -> Result<Framework, PresetError> {
        library.framework(self.scenario.framework.word()).map_err(|error| self.locate("framework", error))
    }

    fn gpu(&self, library: &Library) -> Result<Option<Gpu>, PresetError> {
        let free_mib = self.scenario.runtime.free_mib;
        let card = |word: &str| library.card(word).map(|gpu| Gpu { free_mib, ..gpu });
        let gpu = self.scenario.gpu.as_deref().map(card).transpose();
        gpu.map_err(|error| self.locate("gpu", error))
    }

    /// The scenario with whatever it names looked up, and a relative model path as seen from the working folder.
    pub(super) fn named(self, library: &Library) -> Result<Scenario> {
        let gpu = self.gpu(library)?;
        if !self.scenario.model.is_empty() {
            self.model(library)?;
        }
        let gpu = gpu.map(|gpu| gpu.id);
        let mut scenario = Scenario { framework: self.framework(library)?, gpu, ..self.scenario.clone() };
        scenario.follow_framework(|key| self.says(key));
        let base = self.base;
        if !scenario.model.is_empty() && library.model(&scenario.model).is_err() {
            scenario.model = open::path_word(&base.join(&scenario.model));
        }
        Ok(scenario)
    }

    /// The scenario for any model, with its card; what its flags change nothing of, in words.
    pub(super) fn for_models(&self, library: &Library) -> Result<(Scenario, Option<Gpu>, Vec<String>)> {
        let (framework, gpu) = (self.framework(library)?, self.gpu(library)?);
        let mut scenario = Scenario { framework, ..self.scenario.clone() };
        scenario.follow_framework(|key| self.says(key));
        let idle = self.settings.iter().filter_map(|(origin, key)| idle_setting(&scenario, origin, key));
        let mut idle: Vec<String> = idle.collect();
        idle.extend(gpu.iter().flat_map(|gpu| notes_of_card(&scenario, gpu)));
        Ok((scenario, gpu, idle))
    }

    /// Looks up what the scenario names.
    pub(super) fn resolve(self, library: &Library) -> Result<Resolved> {
        if self.scenario.model.is_empty() {
            bail!(NO_MODEL);
        }
        let (model, gpu) = (self.model(library)?, self.gpu(library)?);
        let named = gpu.as_ref().map(|gpu| gpu.id.clone());
        let mut scenario = Scenario { framework: self.framework(library)?, gpu: named, ..self.scenario.clone() };
        scenario.follow_framework(|key| self.says(key));
        suit(&model, &mut scenario, |key| self.says(key));
        let mut idle = self.taken.clone();
        idle.extend(self.settings.iter().filter_map(|(origin, key)| idle_setting(&scenario, origin, key)));
        idle.extend(notes(&model, &scenario, gpu.as_ref()));
        let Self { file, flagged, settings, .. } = self;
        Ok(Resolved { scenario, model, gpu, file, flagged, settings, idle })
    }
}

impl Resolved {
    /// Everything that is reported of it.
    pub(super) fn report(&self) -> Result<Report<'_>> {
        let report = Report::new(&self.model, &self.scenario, self.gpu.as_ref()).map_err(|error| self.locate(error))?;
        Ok(Report { warnings: &self.idle, ..report })
    }

    /// Whether a flag or the scenario file has a value for a key.
    pub(super) fn says(&self, key: &str) -> bool {
        says(&self.flagged, self.file.as_ref(), key)
    }

    /// The card, without which there is nothing that could be full.
    pub(super) fn card(&self) -> Result<&Gpu> {
        const NO_CARD: &str = "no gpu is given, so there is nothing that could be full\nhint: add `--gpu h100-sxm-80`; `brimful gpus` lists them";
        self.gpu.as_ref().context(NO_CARD)
    }

    /// What is to be warned of where these runs are tried: of no value that one of them reads.
    pub(super) fn idle_in(&self, runs: impl FnOnce() -> Vec<Scenario>) -> Vec<&String> {
        let words = |run: &Scenario, setting: &(String, String)| idle_setting(run, &setting.0, &setting.1);
        let idle = self.settings.iter().filter_map(|setting| Some((setting, words(&self.scenario, setting)?)));
        let mut read: Vec<_> = idle.collect();
        if !read.is_empty() {
            let runs = runs();
            read.retain(|(setting, _)| runs.iter().any(|run| words(run, setting).is_none()));
        }
        self.idle.iter().filter(|words| !read.iter().any(|(_, read)| read == *words)).collect()
    }

    /// Where a value stands that cannot be run: in the scenario file, unless a flag gave it.
    pub(super) fn locate(&self, error: EstimateError) -> Error {
        let (key, problem) = match &error {
            EstimateError::Invalid { key, problem } => (*key, problem.clone()),
            EstimateError::NotCovered { key, value, covered } => {
                (*key, format!("`{value}` is not covered yet; covered: {covered}"))
            }
            EstimateError::Overflow(_) | EstimateError::Cancelled => return error.into(),
        };
        let flagged = self.flagged.iter().any(|flagged| flagged == key);
        match self.file.as_ref().filter(|file| !flagged && file.says(key)) {
            Some(file) => file.error(key, &problem).into(),
            None => error.into(),
        }
    }
}

fn says(flagged: &[String], file: Option<&Written>, key: &str) -> bool {
    flagged.iter().any(|flagged| flagged == key) || file.is_some_and(|file| file.says(key))
}

/// Says so where a value was given that this scenario does not read, and that is not what it would be anyway.
fn idle_setting(scenario: &Scenario, origin: &str, key: &str) -> Option<String> {
    let parameter = Parameter::by_key(key).ok()?;
    let changes_nothing = !(parameter.applies)(scenario) && parameter.get(scenario) != scenario.default_of(parameter);
    let key = if origin.ends_with(parameter.key) { String::new() } else { format!(" ({})", parameter.key) };
    changes_nothing.then(|| {
        let with = parameter.awakening(scenario).map(|(other, word)| format!("; it needs {}={word}", other.key));
        format!("{} changes nothing in this scenario{key}{}", origin, with.unwrap_or_default())
    })
}
