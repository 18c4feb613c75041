//! Layouts for the GPUs of the run: looked for a few at a time, and kept while nothing changes but the layout.

use std::sync::Arc;

use super::App;
use crate::gpu::Gpu;
use crate::model::Model;
use crate::scenario::{Recompute, Scenario};
use crate::solve::plan::{NoPlan, Plan, Planned, Range, Search};
use crate::solve::without_layout;
use crate::tui::action::Action;
use crate::tui::screen::View;

/// Most layouts that are shown: each has its allocator played out.
const MOST: usize = 12;

/// Candidates that are looked at before the screen says how far that is for the first time; then as many again as before,
/// since all that was found is handed on each time.
const PORTION: usize = 8;

/// What the view of layouts remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Planning {
    /// The row under the cursor.
    pub(crate) cursor: usize,
    /// Whether the search was stopped before its end.
    pub(crate) stopped: bool,
    /// What was found so far, or why there is nothing to be found.
    found: Option<Outcome>,
    /// Of what.
    key: Option<Key>,
}

type Outcome = Result<Arc<Search>, String>;

/// What a search depends on.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    /// The run in no layout.
    run: Scenario,
    /// Of the models.
    edition: u64,
}

/// A part of a search to be gone on with, with all that it takes.
#[derive(Debug, Clone)]
pub(crate) struct Portion {
    key: Key,
    model: Model,
    gpu: Gpu,
    search: Option<Arc<Search>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Layouts {
    key: Key,
    found: Outcome,
}

impl Planning {
    /// The search, once it has begun.
    pub(crate) fn search(&self) -> Option<&Search> {
        self.found.as_ref()?.as_deref().ok()
    }

    /// Why no layout has a ledger.
    pub(crate) fn error(&self) -> Option<&str> {
        self.found.as_ref()?.as_ref().err().map(String::as_str)
    }

    /// The layouts that fit, as far as they are known.
    pub(crate) fn rows(&self) -> &[Planned] {
        self.search().map(Search::plan).map_or(&[], |Plan { fitting, .. }| fitting)
    }

    /// The row that one is on.
    pub(crate) fn at(&self) -> usize {
        self.cursor.min(self.rows().len().saturating_sub(1))
    }

    /// Whether there is something left to look at.
    pub(crate) fn is_open(&self) -> bool {
        match &self.found {
            None => true,
            Some(found) => found.as_ref().is_ok_and(|search| !search.is_done()),
        }
    }
}

impl Portion {
    /// Looks at a few more layouts, until it is cancelled.
    pub(super) fn run(self, is_cancelled: &dyn Fn() -> bool) -> Layouts {
        let Self { key, model, gpu, search } = self;
        let range = Range::of(&key.run, |_| false);
        let begin = || Search::new(&model, &key.run, (&range, MOST));
        let mut search = search.map_or_else(begin, Arc::unwrap_or_clone);
        let mut on = || {
            let (before, all) = search.looked_at();
            loop {
                let (looked_at, _) = search.looked_at();
                if search.is_done() || is_cancelled() || looked_at >= 2 * before + PORTION {
                    break;
                }
                search.go_on(&model, &gpu)?;
                // An allocator takes as long as many layouts.
                if looked_at == all {
                    break;
                }
            }
            if search.is_done() {
                search.found(&model, &key.run, &gpu)?;
            }
            Ok(())
        };
        let outcome = on().map_err(|error: crate::memory::EstimateError| error.to_string());
        Layouts { found: outcome.map(|()| Arc::new(search)), key }
    }
}

impl App {
    /// Why there is nothing to plan for this run, and what would be done about it.
    pub(crate) fn no_plan(&self) -> Option<String> {
        let scenario = &self.scenario;
        if self.model_of(scenario).is_none() {
            return Some(String::from("no model to plan for") + &self.with_key(Action::PickModel, ": {} chooses one"));
        }
        if let Some(none) = NoPlan::of(scenario) {
            let (action, goes) = match none {
                NoPlan::Serves => (Action::FlipTask, ": {} goes to training"),
                NoPlan::Sketched => (Action::FlipEstimator, ": {} goes to the ledger"),
            };
            return Some(none.words().to_owned() + &self.with_key(action, goes));
        }
        if self.gpu_of(scenario).is_none() {
            return Some(String::from("no card to plan for") + &self.with_key(Action::PickGpu, ": {} chooses one"));
        }
        (scenario.gpus < 2)
            .then(|| String::from("one GPU has nothing to be divided among: raise gpus in the parameters"))
    }

    /// Begins anew where another run is planned.
    pub(in crate::tui) fn refresh_planning(&mut self) {
        let key = Key { run: without_row(&self.scenario), edition: self.played.edition };
        if self.planning.key.as_ref() != Some(&key) {
            if self.asked.is_none() {
                self.cancellation.cancel();
            }
            self.planning = Planning { key: Some(key), ..Planning::default() };
        }
    }

    /// Stops the search that is shown; whether there was one.
    pub(in crate::tui) fn stop_planning(&mut self) -> bool {
        let stops = self.wanted_layouts().is_some();
        if stops {
            self.planning.stopped = true;
            self.cancellation.cancel();
        }
        stops
    }

    /// The next part of the search, where it is looked at.
    pub(super) fn wanted_layouts(&self) -> Option<Portion> {
        let Planning { stopped, found, key, .. } = &self.planning;
        if self.view != View::Plan || *stopped || !self.planning.is_open() || self.no_plan().is_some() {
            return None;
        }
        let search = found.as_ref().and_then(|found| found.clone().ok());
        let (model, gpu) = (self.model_of(&self.scenario)?.clone(), self.gpu_of(&self.scenario)?.clone());
        Some(Portion { key: key.clone()?, model, gpu, search })
    }

    /// Takes in what was found, where it is still what is looked for.
    pub(in crate::tui) fn take_layouts(&mut self, layouts: Layouts) {
        if self.planning.key.as_ref() == Some(&layouts.key) {
            self.planning.found = Some(layouts.found);
        }
    }
}

/// A run without what tells the rows apart, by which its search is known: taking a row begins none.
fn without_row(scenario: &Scenario) -> Scenario {
    let mut run = without_layout(scenario);
    (run.train.micro_batch_size, run.train.recompute) = (1, Recompute::None);
    run
}
