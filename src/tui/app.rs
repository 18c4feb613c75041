//! The state of the explorer. Views read it; only [`super::update()`] changes it.

mod asked;
mod cards;
mod entries;
mod estimate;
mod lineup;
mod listed;
mod made;
mod needs;
mod overlay;
mod palette;
mod picker;
pub(crate) mod pins;
mod planning;
mod played;
mod sweep;

use std::sync::Arc;

pub(crate) use asked::{Answer, Asked, Cancellation, Question};
pub(crate) use cards::{CardRow, Cards};
pub(crate) use entries::{Entries, EntryRow};
pub(crate) use estimate::{Bar, CardFit, Estimate};
pub(crate) use lineup::{Lineup, ModelRow, Reach, size};
pub(crate) use listed::Listed;
pub(crate) use made::Made;
pub(crate) use overlay::{Overlay, Page, Reading, Understood};
pub(crate) use picker::{Item, Picker, SHOWN, Target};
pub(crate) use pins::{Pin, Pins};
pub(crate) use planning::Planning;
pub(crate) use played::{Done, Job, Played};
pub(crate) use sweep::{Curve, Sweep};

use super::action::{Action, Context};
use super::field::Field;
use super::history::History;
use super::keymap::Keymap;
use super::screen::{Focus, View};
use crate::gpu::Gpu;
use crate::memory::{Category, Step, concerns};
use crate::model::Model;
use crate::scenario::parameter::{Kind, PARAMETERS, Parameter};
use crate::scenario::{Profiles, Scenario, Value};
use crate::units::Unit;

/// A program that shows terminals inside of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Multiplexer {
    /// tmux.
    Tmux,
    /// GNU screen.
    Screen,
}

/// A line that answers the last key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The words.
    pub(crate) text: String,
    /// Whether it says why something was not done.
    pub(crate) refusal: bool,
}

/// Everything that the explorer knows.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// Models to choose from.
    pub(crate) models: Vec<Listed<Model>>,
    /// Cards to choose from.
    pub(crate) gpus: Vec<Listed<Gpu>>,
    /// Cards that stand in no list, and what is free of one that does.
    pub(crate) made: Vec<Made>,
    /// The frameworks of the catalogue.
    pub(crate) profiles: Arc<Profiles>,
    /// What is run.
    pub(crate) scenario: Scenario,
    /// The scenario's memory, or why there is none.
    pub(crate) estimate: Result<Estimate, String>,
    /// Ledgers whose allocator was played out.
    pub(crate) played: Played,
    /// The cards that people know, against which every run is held.
    pub(crate) well_known: Arc<[Gpu]>,
    /// The same by their ids, and what to call them.
    pub(super) on: Vec<(String, String)>,
    /// The step that is looked at.
    pub(crate) step: Step,
    /// The unit of all sizes.
    pub(crate) unit: Unit,
    /// The parameter under the cursor, as an index into the table.
    pub(crate) cursor: usize,
    /// Narrows the parameter list.
    pub(crate) filter: Field,
    /// The view beside the parameters.
    pub(crate) view: View,
    /// Whose the arrow keys are.
    pub(crate) focus: Focus,
    /// The bar under the cursor, once one has been gone to.
    pub(crate) bar: Option<Category>,
    /// What the view of cards remembers.
    pub(crate) cards: Cards,
    /// What is compared.
    pub(crate) pins: Pins,
    /// What is swept.
    pub(crate) sweep: Sweep,
    /// What the view of entries remembers.
    pub(crate) entries: Entries,
    /// Which layouts were found.
    pub(crate) planning: Planning,
    /// What the view of models remembers.
    pub(crate) lineup: Lineup,
    /// Which keys do what.
    pub(crate) keymap: Arc<Keymap>,
    /// The scenario file, and what it said when it was read.
    pub(crate) file: Option<(String, Scenario)>,
    /// The themes that there are, and which of them is on, by their names.
    pub(crate) themes: (Vec<String>, usize),
    /// What stands between the explorer and the terminal, and may keep it from the clipboard.
    pub(crate) multiplexer: Option<Multiplexer>,
    /// The folder of presets that was asked for, which a command line needs too.
    pub(crate) presets: Option<String>,
    /// What lies over the view.
    pub(crate) overlay: Option<Overlay>,
    /// The answer to the last key.
    pub(crate) notice: Option<Notice>,
    /// What the last key asked, until that is answered.
    pub(crate) asked: Option<Asked>,
    /// Of what is computed now.
    pub(crate) cancellation: Cancellation,
    pub(super) history: History<Scenario>,
}

impl App {
    /// The words that a parameter may have, and whether it may be unset; nothing where it is no choice.
    pub(crate) fn choices(&self, parameter: &Parameter) -> Option<(Vec<&str>, bool)> {
        match parameter.kind {
            Kind::Choice { covered, optional, .. } => Some((covered.to_vec(), optional)),
            Kind::Framework => Some((self.profiles.ids().collect(), false)),
            _ => None,
        }
    }

    /// The explorer on a scenario, cursor on the first parameter that one adjusts.
    pub(crate) fn new(
        (models, gpus, profiles): (Vec<Listed<Model>>, Vec<Listed<Gpu>>, Arc<Profiles>),
        scenario: Scenario,
        unit: Unit,
    ) -> Self {
        let mut app = Self {
            models,
            gpus,
            made: Vec::new(),
            profiles,
            estimate: Err(String::new()),
            scenario,
            played: Played::default(),
            well_known: Arc::default(),
            on: estimate::well_known(),
            step: Step::Steady,
            unit,
            cursor: 0,
            filter: Field::default(),
            view: View::default(),
            focus: Focus::default(),
            bar: None,
            cards: Cards::default(),
            pins: Pins::default(),
            sweep: Sweep::default(),
            entries: Entries::default(),
            planning: Planning::default(),
            lineup: Lineup::default(),
            keymap: super::standard_keys(),
            file: None,
            themes: (Vec::new(), 0),
            multiplexer: None,
            presets: None,
            overlay: None,
            notice: None,
            asked: None,
            cancellation: Cancellation::default(),
            history: History::default(),
        };
        app.models.sort_by_key(|listed| !listed.own);
        app.gpus.sort_by_key(|listed| !listed.own);
        app.well_known = app.cards_held_against();
        app.know_card(&app.scenario.clone());
        app.estimate = app.estimate_of(&app.scenario);
        app.cursor = app.first_cursor();
        app
    }

    /// Holds every run against these cards, by their ids, in place of those that people know.
    pub(super) fn hold_against(&mut self, ids: &[String]) {
        self.on = ids.iter().map(|id| (id.clone(), id.clone())).collect();
        self.well_known = self.cards_held_against();
        self.estimate = self.estimate_of(&self.scenario);
    }

    fn cards_held_against(&self) -> Arc<[Gpu]> {
        self.well_known_cards().map(|(_, _, gpu)| gpu.clone()).collect()
    }

    /// The parameter that the cursor begins on: what is at fault, or else the first that one adjusts.
    pub(super) fn first_cursor(&self) -> usize {
        let first = |parameter: &Parameter| parameter.key.contains('.') && self.matters(parameter);
        let blamed = self.estimate.as_ref().err().and_then(|reason| blamed(reason));
        blamed.or_else(|| PARAMETERS.iter().position(first)).unwrap_or(0)
    }

    /// The model of a scenario.
    pub(crate) fn model_of(&self, scenario: &Scenario) -> Option<&Model> {
        self.models.iter().find(|listed| listed.word == scenario.model)?.item()
    }

    /// Whether a parameter changes anything in this run of this model.
    pub(crate) fn matters(&self, parameter: &Parameter) -> bool {
        let concerned = |model: &Model| concerns(model, &self.scenario, parameter);
        (parameter.applies)(&self.scenario) && self.model_of(&self.scenario).is_none_or(concerned)
    }

    /// The parameters of the list: those that matter here and match the filter. Indices into the table.
    pub(crate) fn rows(&self) -> Vec<usize> {
        let words: Vec<String> = self.filter.text().split_whitespace().map(str::to_lowercase).collect();
        let matches = |parameter: &Parameter| {
            words.is_empty() || {
                let others = parameter.synonyms().join(" ").to_lowercase();
                let text = format!("{} {} {others}", parameter.label, parameter.key);
                words.iter().all(|word| text.contains(word))
            }
        };
        (0..PARAMETERS.len())
            .filter(|index| self.matters(&PARAMETERS[*index]) && matches(&PARAMETERS[*index]))
            .collect()
    }

    /// Where the cursor stands among the rows: on its parameter, or on the next one that is there.
    pub(crate) fn row(&self, rows: &[usize]) -> usize {
        rows.iter().position(|index| *index >= self.cursor).unwrap_or(rows.len().saturating_sub(1))
    }

    /// The parameter under the cursor; none where the filter leaves none.
    pub(crate) fn focused(&self) -> Option<&'static Parameter> {
        let rows = self.rows();
        rows.get(self.row(&rows)).map(|index| &PARAMETERS[*index])
    }

    /// Whose keys work now.
    pub(crate) const fn context(&self) -> Context {
        match &self.overlay {
            None => Context::View,
            Some(Overlay::Picker(_)) => Context::Picker,
            Some(Overlay::Advice { .. } | Overlay::Types { .. }) => Context::Choices,
            Some(Overlay::Value { .. } | Overlay::Save { .. }) => Context::Value,
            Some(Overlay::Filter) => Context::Filter,
            Some(Overlay::Help { .. } | Overlay::Explanation(_) | Overlay::Reading(_)) => Context::Help,
        }
    }

    /// Words with the key that does something here in place of `{}`; none where no key does.
    pub(crate) fn with_key(&self, action: Action, words: &str) -> String {
        let key = self.keymap.name(self.context(), action).or_else(|| self.keymap.name(Context::View, action));
        key.map(|key| words.replacen("{}", &key, 1)).unwrap_or_default()
    }
}

/// The parameters that a change sets, in the words of the list: `recompute full`.
pub(crate) fn changes_in_words(changes: &[(&'static str, Value)]) -> String {
    let words = changes.iter().map(|(key, value)| {
        let label = Parameter::by_key(key).map_or(*key, |parameter| parameter.label);
        format!("{label} {value}")
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The parameter whose key an error begins with, as an index into the table.
pub(super) fn blamed(reason: &str) -> Option<usize> {
    let begins =
        |parameter: &Parameter| reason.strip_prefix(parameter.key).is_some_and(|rest| rest.starts_with([':', ' ']));
    PARAMETERS.iter().position(begins)
}
