//! Every model on the card of the run, run as that is: looked at a few at a time, and kept while the run stays.

use std::collections::HashMap;

use super::cards::bound;
use super::{App, Listed};
use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit, Verdict};
use crate::model::Model;
use crate::scenario::Scenario;
use crate::scenario::parameter::{Parameter, parse_count};
use crate::solve::By;
use crate::solve::lineup::{Candidate, Order, Rank, most, usual_quantity};
use crate::tui::action::Action;
use crate::tui::field::Field;
use crate::tui::screen::{View, first_shown};
use crate::units::Parameters;

/// Models that are looked at by their tensors before the screen shows what came of it.
const PORTION: usize = 16;

/// Rows around the cursor of which more is computed than tensors: those that a large screen shows.
const SEEN: usize = 56;

/// What the view of models remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lineup {
    /// The word under the cursor; the first row where that is not shown.
    pub(crate) cursor: Option<String>,
    /// What narrows the list: words of a name, `fits`, `<=8b`, `<24`.
    pub(crate) filter: Field,
    /// How they are sorted.
    pub(crate) order: Order,
    /// What is known, by the words of models.
    known: HashMap<String, Standing>,
    /// Of what.
    key: Option<Key>,
}

/// What is known of a model.
#[derive(Debug, Clone)]
struct Standing {
    candidate: Candidate,
    reach: Reach,
}

/// How far the usual quantity goes before the card is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// That is not known yet.
    Unknown,
    /// Not even the smallest value fits.
    Nowhere,
    /// So far.
    To(u64),
}

/// What all of it depends on.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    /// The run of no model.
    run: Scenario,
    /// Of the models.
    edition: u64,
}

/// What is to be known next of a model.
#[derive(Debug, Clone)]
enum Todo {
    /// What the run needs, by tensors or with its allocator played out.
    Fit(By),
    /// How far the usual quantity goes.
    Most(Box<Scenario>),
}

/// Models to be looked at, with all that it takes.
#[derive(Debug, Clone)]
pub(crate) struct Tryout {
    key: Key,
    gpu: Gpu,
    models: Vec<(Listed<Model>, Todo)>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Standings {
    key: Key,
    found: Vec<(String, Found)>,
}

#[derive(Debug)]
enum Found {
    Fit(Box<Candidate>),
    Most(Reach),
}

/// A model and how the run does with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ModelRow<'a> {
    /// The word by which scenarios name it.
    pub(crate) word: &'a str,
    /// The name that people use.
    pub(crate) name: &'a str,
    /// Its parameters.
    pub(crate) parameters: Option<u64>,
    /// The run with it, once that is known.
    pub(crate) candidate: Option<&'a Candidate>,
    /// How far the usual quantity goes.
    pub(crate) reach: Reach,
    released: Option<&'a str>,
    family: &'a str,
    organization: &'a str,
}

impl ModelRow<'_> {
    /// The run against the card, where it has a ledger.
    pub(crate) fn fit(&self) -> Option<&Fit> {
        self.candidate?.fit.as_ref().ok()
    }

    fn rank(&self) -> Rank<'_> {
        Rank { fit: self.fit(), released: self.released, name: self.name }
    }
}

impl Tryout {
    /// Looks at one after another, until it is cancelled.
    pub(super) fn run(self, is_cancelled: &dyn Fn() -> bool) -> Standings {
        let Self { key, gpu, models } = self;
        let quantity = usual_quantity(key.run.task);
        let look = |(listed, todo): &(Listed<Model>, Todo)| {
            let model = listed.item()?;
            let found = match todo {
                Todo::Fit(by) => {
                    let candidate = Candidate::of((&listed.word, model), &key.run, &gpu, *by, |_| false);
                    Found::Fit(Box::new(candidate))
                }
                Todo::Most(scenario) => match most(model, scenario, &gpu, quantity, is_cancelled) {
                    Err(EstimateError::Cancelled) => return None,
                    found => Found::Most(found.ok().flatten().map_or(Reach::Nowhere, Reach::To)),
                },
            };
            Some((listed.word.clone(), found))
        };
        let found = models.iter().take_while(|_| !is_cancelled()).filter_map(look).collect();
        Standings { key, found }
    }
}

impl App {
    /// Why no model is looked at, and what would be done about it.
    pub(crate) fn no_lineup(&self) -> Option<String> {
        let no_card = self.gpu_of(&self.scenario).is_none();
        no_card.then(|| {
            String::from("no card that models could fit") + &self.with_key(Action::PickGpu, ": {} chooses one")
        })
    }

    /// What the largest is told of.
    pub(crate) fn lineup_quantity(&self) -> &'static str {
        Parameter::by_key(usual_quantity(self.scenario.task)).map_or("most", |parameter| parameter.label)
    }

    /// The models that the filter leaves, in order.
    pub(crate) fn model_rows(&self) -> Vec<ModelRow<'_>> {
        let filter = self.lineup.filter.text().to_lowercase();
        let mut rows: Vec<ModelRow<'_>> = Vec::with_capacity(self.models.len());
        for listed in &self.models {
            let Ok(facts) = listed.listing.facts() else { continue };
            let standing = self.lineup.known.get(&listed.word);
            let row = ModelRow {
                word: &listed.word,
                name: facts.name,
                parameters: facts.parameters,
                candidate: standing.map(|standing| &standing.candidate),
                reach: standing.map_or(Reach::Unknown, |standing| standing.reach),
                released: facts.released,
                family: facts.family,
                organization: facts.organization.unwrap_or_default(),
            };
            if filter.split_whitespace().all(|word| says(word, &row)) {
                rows.push(row);
            }
        }
        rows.sort_by(|one, other| self.lineup.order.compare(&one.rank(), &other.rank()));
        rows
    }

    /// Where the cursor stands among the rows.
    pub(crate) fn model_row(&self, rows: &[ModelRow<'_>]) -> usize {
        let at = |word: &str| rows.iter().position(|row| row.word == word);
        self.lineup.cursor.as_deref().and_then(at).unwrap_or(0)
    }

    /// How many models were looked at, and how many there are.
    pub(crate) fn looked_at(&self) -> (usize, usize) {
        (self.lineup.known.len(), self.models.len())
    }

    /// Begins anew where the run is another.
    pub(in crate::tui) fn refresh_lineup(&mut self) {
        let key = Key { run: Scenario { model: String::new(), ..self.scenario.clone() }, edition: self.played.edition };
        if self.lineup.key.as_ref() != Some(&key) {
            if self.asked.is_none() {
                self.cancellation.cancel();
            }
            self.lineup.known.clear();
            self.lineup.key = Some(key);
        }
    }

    /// Whether the view lacks what is there soon.
    pub(super) fn lacks_models(&self) -> bool {
        let (looked_at, all) = self.looked_at();
        self.view == View::Models && looked_at < all && self.no_lineup().is_none()
    }

    /// The models to be looked at next, where they are shown: all of them by tensors, then what is seen by its allocator,
    /// then how far it goes.
    pub(super) fn wanted_models(&self) -> Option<Tryout> {
        if self.view != View::Models {
            return None;
        }
        let (key, gpu) = (self.lineup.key.clone()?, self.gpu_of(&self.scenario)?.clone());
        let unknown = self.models.iter().filter(|listed| !self.lineup.known.contains_key(&listed.word));
        let mut models: Vec<_> = unknown.take(PORTION).map(|listed| (listed.clone(), Todo::Fit(By::Tensors))).collect();
        if models.is_empty() {
            let rows = self.model_rows();
            let from = first_shown(self.model_row(&rows), rows.len(), SEEN);
            let seen = || rows.iter().skip(from).take(SEEN);
            let open = |row: &&ModelRow<'_>| row.fit().is_some_and(|fit| fit.at_least && fit.fits());
            let played = seen().find(open).map(|row| (row.word, Todo::Fit(By::Allocator)));
            let far = || {
                let row = seen().find(|row| row.reach == Reach::Unknown && row.fit().is_some_and(Fit::fits))?;
                Some((row.word, Todo::Most(Box::new(row.candidate?.scenario.clone()))))
            };
            let (word, todo) = played.or_else(far)?;
            models.push((self.models.iter().find(|listed| listed.word == word)?.clone(), todo));
        }
        Some(Tryout { key, gpu, models })
    }

    /// Takes in what was found, where it is still of this run.
    pub(in crate::tui) fn take_standings(&mut self, standings: Standings) {
        if self.lineup.key.as_ref() != Some(&standings.key) {
            return;
        }
        for (word, found) in standings.found {
            match found {
                Found::Fit(candidate) => {
                    self.lineup.known.insert(word, Standing { candidate: *candidate, reach: Reach::Unknown });
                }
                Found::Most(reach) => {
                    self.lineup.known.entry(word).and_modify(|standing| standing.reach = reach);
                }
            }
        }
    }
}

/// Whether a word of the filter is true of a model: a verdict, a bound on its parameters (`<=8b`) or in GiB on what it needs
/// (`<24`), or a part of its name.
fn says(word: &str, row: &ModelRow<'_>) -> bool {
    if let Some((is_least, text)) = bound(word) {
        let of_parameters = text.ends_with(|last: char| last.is_ascii_alphabetic());
        let value = if of_parameters { row.parameters } else { row.fit().map(|fit| fit.needs.get()) };
        let bound =
            parse_count(text, 1_000).and_then(|bound| bound.checked_mul(if of_parameters { 1 } else { 1 << 30 }));
        // A bound that is still being typed narrows nothing.
        return match (bound, value) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(bound), Some(value)) => {
                if is_least {
                    value >= bound
                } else {
                    value <= bound
                }
            }
        };
    }
    let is = |verdict| row.fit().is_some_and(|fit| fit.verdict == verdict);
    match word {
        "fits" => row.candidate.is_some_and(Candidate::fits),
        "tight" => is(Verdict::Tight),
        "over" => is(Verdict::Over),
        word => {
            let texts = [row.word, row.name, row.family, row.organization];
            texts.iter().any(|text| text.to_lowercase().contains(word))
        }
    }
}

/// Parameters as model cards write them.
pub(crate) fn size(row: &ModelRow<'_>) -> String {
    row.parameters.map(|count| Parameters::new(count).to_string()).unwrap_or_default()
}
