//! What the run would take with each model of a list.

use super::{App, Listed, Overlay};
use crate::gpu::Gpu;
use crate::memory;
use crate::model::Model;
use crate::scenario::Scenario;
use crate::units::{Bytes, Unit};

/// Models with which a run is tried, with all that it takes.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    models: Vec<Listed<Model>>,
    scenario: Scenario,
    gpu: Option<Gpu>,
    edition: u64,
}

/// What came of it: for each word what the run needs, and whether that is the least that it can be; nothing where it has
/// no ledger.
#[derive(Debug)]
pub(crate) struct Needs {
    scenario: Scenario,
    edition: u64,
    found: Vec<(String, Option<(Bytes, bool)>)>,
}

impl Tried {
    /// Tries one after another, until it is cancelled.
    pub(super) fn run(self, is_cancelled: &dyn Fn() -> bool) -> Needs {
        let Self { models, scenario, gpu, edition } = self;
        let needs = |listed: &Listed<Model>| {
            let with = Scenario { model: listed.word.clone(), ..scenario.clone() };
            let ledger = memory::estimate(listed.item()?, &with, gpu.as_ref()).ok()?;
            Some((ledger.total(), ledger.is_to_be_played()))
        };
        let tried = models.iter().take_while(|_| !is_cancelled());
        let found = tried.map(|listed| (listed.word.clone(), needs(listed))).collect();
        Needs { scenario, edition, found }
    }
}

impl App {
    /// The models that can be seen in a list and were not tried yet.
    pub(super) fn untried(&self) -> Option<Tried> {
        let Some(Overlay::Picker(picker)) = &self.overlay else { return None };
        let listed = |word: &str| self.models.iter().find(|listed| listed.word == word).cloned();
        let models: Vec<_> = picker.unknown().filter_map(listed).collect();
        let (scenario, gpu) = (self.scenario.clone(), self.gpu_of(&self.scenario).cloned());
        (!models.is_empty()).then_some(Tried { models, scenario, gpu, edition: self.played.edition })
    }

    /// What the run takes with a model, where that is known already.
    pub(super) fn known_needs(&self, word: &str) -> Option<String> {
        let ledger = self.played.ledger(&Scenario { model: word.to_owned(), ..self.scenario.clone() })?.ok()?;
        Some(words((ledger.total(), ledger.is_to_be_played()), self.unit))
    }

    /// Takes in what the run would take with some models, where it is still the run that they are chosen for.
    pub(in crate::tui) fn take_needs(&mut self, needs: Needs) {
        let unit = self.unit;
        let Some(Overlay::Picker(picker)) = &mut self.overlay else { return };
        if needs.scenario != self.scenario || needs.edition != self.played.edition {
            return;
        }
        for (word, found) in needs.found {
            let text = found.map_or_else(|| String::from("-"), |needs| words(needs, unit));
            picker.items.iter_mut().filter(|item| item.word == word).for_each(|item| item.total = Some(text.clone()));
        }
    }
}

/// Bytes, and whether they are the least that it can be.
fn words((bytes, at_least): (Bytes, bool), unit: Unit) -> String {
    let sign = if at_least { ">= " } else { "" };
    format!("{sign}{}", unit.show(bytes))
}
