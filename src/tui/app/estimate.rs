//! What a scenario needs, made ready for views.

use std::sync::Arc;

use super::App;
use crate::gpu::Gpu;
use crate::memory::{self, Category, Fit, Instant, Ledger, Moment, Sketch, Step, Verdict};
use crate::model::Model;
use crate::report::serving::{Serving, serving};
use crate::scenario::{Estimator, Scenario, Task};
use crate::tui::action::Action;
use crate::units::Bytes;

/// A scenario's memory.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    /// Every entry.
    pub(crate) ledger: Arc<Ledger>,
    /// Against the scenario's card.
    pub(crate) fit: Option<Fit>,
    /// What the rule of thumb says, under the sketch estimator.
    pub(crate) sketch: Option<Sketch>,
    /// Against well-known cards, smallest first.
    pub(crate) cards: Vec<CardFit>,
    /// What a run that serves answers beside its bytes.
    pub(crate) serving: Option<Serving>,
    /// What is worth saying of the run, as commands warn of it.
    pub(crate) notes: Vec<String>,
    task: Task,
}

/// A well-known card and whether the scenario fits on it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CardFit {
    /// Its id.
    pub(crate) word: String,
    /// `H100`, `4090`.
    pub(crate) name: String,
    /// What it can hand out.
    pub(crate) capacity: Bytes,
    /// What to make of it there.
    pub(crate) verdict: Verdict,
}

/// One category: its bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bar {
    /// The category.
    pub(crate) category: Category,
    /// Its bytes at the peak, or its largest where it has none then.
    pub(crate) bytes: Bytes,
    /// The instant of the largest, where it has none at the peak.
    pub(crate) elsewhere: Option<Instant>,
}

/// Cards that people know, and what to call them where room is short.
const WELL_KNOWN: &[(&str, &str)] = &[
    ("rtx-4090", "4090"),
    ("rtx-5090", "5090"),
    ("l40s", "L40S"),
    ("a100-sxm-80", "A100"),
    ("h100-sxm-80", "H100"),
    ("h200-sxm-141", "H200"),
    ("b200-sxm", "B200"),
    ("mi300x", "MI300X"),
];

/// The cards that people know, by their ids, and what to call them.
pub(super) fn well_known() -> Vec<(String, String)> {
    WELL_KNOWN.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect()
}

impl App {
    /// The ledger of a run, with what its allocator holds where that was played out.
    fn ledger_of(&self, model: &Model, scenario: &Scenario) -> Result<Arc<Ledger>, String> {
        self.played.ledger(scenario).unwrap_or_else(|| {
            let ledger = memory::estimate(model, scenario, self.gpu_of(scenario));
            ledger.map(Arc::new).map_err(|error| error.to_string())
        })
    }

    /// The cards that people know, with what to call them.
    pub(super) fn well_known_cards(&self) -> impl Iterator<Item = (&str, &str, &Gpu)> {
        self.on.iter().filter_map(|(id, name)| {
            let gpu = self.gpus.iter().find(|listed| listed.word == *id)?;
            Some((id.as_str(), name.as_str(), gpu.item()?))
        })
    }

    /// The memory of any scenario of these models and cards, or why there is none.
    pub(in crate::tui) fn estimate_of(&self, scenario: &Scenario) -> Result<Estimate, String> {
        let Some(model) = self.model_of(scenario) else {
            let found = if scenario.model.is_empty() { "no model is chosen" } else { "there is no such model" };
            return Err(format!("model: {found}{}", self.with_key(Action::PickModel, "; {} chooses one")));
        };
        let gpu = self.gpu_of(scenario);
        let ledger = self.ledger_of(model, scenario)?;
        let fit = match gpu {
            Some(gpu) => Some(Fit::of(&ledger, gpu).map_err(|error| error.to_string())?),
            None => None,
        };
        let sketch = match scenario.estimator {
            Estimator::Sketch => Some(memory::sketch(model, scenario).map_err(|error| error.to_string())?),
            Estimator::Ledger => None,
        };
        let card_fit = |(word, name, gpu): (&str, &str, &Gpu)| {
            let fit = Fit::of(&ledger, gpu).ok()?;
            let (word, name) = (word.to_owned(), name.to_owned());
            Some(CardFit { word, name, capacity: fit.capacity, verdict: fit.verdict })
        };
        let mut cards: Vec<CardFit> = self.well_known_cards().filter_map(card_fit).collect();
        cards.sort_by_key(|card| card.capacity);
        let serving = serving(model, scenario, gpu, &ledger);
        let notes = memory::notes(model, scenario, gpu);
        Ok(Estimate { ledger, fit, sketch, cards, serving, notes, task: scenario.task })
    }
}

impl Estimate {
    /// The heaviest instant of a step.
    pub(crate) fn peak(&self, step: Step) -> &Moment {
        let heaviest = |best: &'_ Moment, moment: &'_ Moment| moment.total > best.total;
        let mut best = self.ledger.peak();
        if step != best.step {
            let mut moments = self.moments(step);
            best = moments.next().unwrap_or(best);
            for moment in moments {
                if heaviest(best, moment) {
                    best = moment;
                }
            }
        }
        best
    }

    /// The instants of a step, in order.
    pub(crate) fn moments(&self, step: Step) -> impl Iterator<Item = &Moment> {
        self.ledger.moments().iter().filter(move |moment| moment.step == step)
    }

    /// The bars at the peak of a step, in display order.
    pub(crate) fn bars(&self, step: Step) -> Vec<Bar> {
        let peak = self.peak(step);
        let named = match self.task {
            Task::Train => &[Category::Parameters, Category::Gradients, Category::Activations][..],
            Task::Infer => &[Category::Parameters, Category::KvCache][..],
        };
        let bar = |category| {
            let bytes = peak.by_category.get(category);
            let (largest, instant) = self.largest(step, category);
            let bar = match (bytes.is_zero(), largest.is_zero()) {
                (true, false) => Bar { category, bytes: largest, elsewhere: Some(instant) },
                _ => Bar { category, bytes, elsewhere: None },
            };
            let sketched = self.sketch.is_some() && category == Category::KvCache;
            (!bar.bytes.is_zero() || named.contains(&category) && !sketched).then_some(bar)
        };
        Category::ALL.into_iter().filter_map(bar).collect()
    }

    /// Whether the first step has another peak than every later one.
    pub(crate) fn first_step_differs(&self) -> bool {
        let (first, steady) = (self.peak(Step::First), self.peak(Step::Steady));
        first.instant != steady.instant || first.by_category != steady.by_category
    }

    fn largest(&self, step: Step, category: Category) -> (Bytes, Instant) {
        let mut best = (Bytes::ZERO, self.peak(step).instant);
        for moment in self.moments(step) {
            let bytes = moment.by_category.get(category);
            if bytes > best.0 {
                best = (bytes, moment.instant);
            }
        }
        best
    }
}
