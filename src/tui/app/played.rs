//! What takes longer than a key may: answers, allocators played out, curves. Asked for here, computed elsewhere, kept.

use std::collections::VecDeque;
use std::sync::Arc;

use super::asked::{Answer, Asked, Cancellation, Inquiry};
use super::lineup::{Standings, Tryout};
use super::needs::{Needs, Tried};
use super::planning::{Layouts, Portion};
use super::sweep::Request;
use super::{App, Overlay, Sweep};
use crate::gpu::Gpu;
use crate::memory::{self, Ledger};
use crate::model::Model;
use crate::scenario::Scenario;
use crate::solve::By;

/// Most ledgers that are kept: those of the pins and of what was looked at last.
const KEPT: usize = 16;

/// Ledgers whose allocator was played out, the latest last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Played {
    ledgers: VecDeque<(Scenario, Outcome)>,
    /// How often a model was read anew: what was computed before may be of another.
    pub(super) edition: u64,
}

/// A ledger, or why there is none.
pub(crate) type Outcome = Result<Arc<Ledger>, String>;

impl Played {
    pub(super) fn ledger(&self, scenario: &Scenario) -> Option<Outcome> {
        self.ledgers.iter().find(|(known, _)| known == scenario).map(|(_, ledger)| ledger.clone())
    }

    fn keep(&mut self, scenario: Scenario, ledger: Outcome) {
        self.ledgers.retain(|(known, _)| *known != scenario);
        self.ledgers.push_back((scenario, ledger));
        if self.ledgers.len() > KEPT {
            self.ledgers.pop_front();
        }
    }
}

/// Something to be computed, until it is cancelled.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    work: Work,
    cancellation: Cancellation,
}

/// What is computed, with all that it takes.
#[derive(Debug, Clone)]
enum Work {
    /// The answer to a key.
    Answer(Box<Inquiry>),
    /// What the run takes with other models.
    Try(Box<Tried>),
    /// The allocator of a run: on its own card, and where that was done on those that people know.
    Play(Box<Run>),
    /// The curves of a sweep, by tensors or with each point played out.
    Sweep(Box<Request>, By),
    /// A few more layouts.
    Plan(Box<Portion>),
    /// A few more models on the card.
    LineUp(Box<Tryout>),
}

/// A run whose allocator is to be played out.
#[derive(Debug, Clone)]
struct Run {
    scenario: Scenario,
    model: Model,
    gpu: Option<Gpu>,
    known: Option<Arc<Ledger>>,
    others: Arc<[Gpu]>,
    edition: u64,
}

/// What came of a job.
#[derive(Debug)]
pub(crate) enum Done {
    /// The answer to a key.
    Answered(Box<Asked>, Answer),
    /// What the run takes with other models.
    Tried(Box<Needs>),
    /// The ledger of a scenario, with an edition of its model.
    Ledger(Box<Scenario>, Outcome, u64),
    /// The curves.
    Swept(Box<Sweep>),
    /// Which layouts were found so far.
    Planned(Box<Layouts>),
    /// How a few more models do on the card.
    LinedUp(Box<Standings>),
    /// Nothing: it was cancelled.
    Cancelled,
}

impl Job {
    /// Computes it.
    pub(crate) fn run(self) -> Done {
        let Self { work, cancellation } = self;
        let is_cancelled = || cancellation.is_cancelled();
        let done = match work {
            Work::Answer(inquiry) => {
                let (asked, answer) = inquiry.answer(&is_cancelled);
                Done::Answered(Box::new(asked), answer)
            }
            // What has been found is of use, even where more is not wanted any more.
            Work::Try(tried) => return Done::Tried(Box::new(tried.run(&is_cancelled))),
            // It is soon done, and may be of use again.
            Work::Play(run) => return run.play(),
            // The same holds for layouts.
            Work::Plan(portion) => return Done::Planned(Box::new(portion.run(&is_cancelled))),
            Work::LineUp(tryout) => return Done::LinedUp(Box::new(tryout.run(&is_cancelled))),
            Work::Sweep(request, by) => Done::Swept(Box::new(request.solve(by, &is_cancelled))),
        };
        if cancellation.is_cancelled() { Done::Cancelled } else { done }
    }
}

impl Run {
    fn play(self) -> Done {
        let Self { scenario, model, gpu, known, others, edition } = self;
        let ledger = match known {
            None => memory::played(&model, &scenario, gpu.as_ref()),
            Some(known) => memory::elsewhere((*known).clone(), &model, &scenario, others.iter()),
        };
        Done::Ledger(Box::new(scenario), ledger.map(Arc::new).map_err(|error| error.to_string()), edition)
    }
}

impl App {
    /// What is still to be computed, the most wanted first.
    pub(in crate::tui) fn wanted(&self) -> Option<Job> {
        let answer = self.inquiry().map(|inquiry| Work::Answer(Box::new(inquiry)));
        let tried = || self.untried().map(|tried| Work::Try(Box::new(tried)));
        let work = answer.or_else(tried).or_else(|| self.lacking())?;
        Some(Job { work, cancellation: self.cancellation.clone() })
    }

    /// Whether the screen lacks what is there soon: curves, totals of a list.
    pub(in crate::tui) fn lacks_something(&self) -> bool {
        let in_list = matches!(&self.overlay, Some(Overlay::Picker(picker)) if picker.unknown().next().is_some());
        in_list || self.lacks_curves() || self.lacks_models()
    }

    /// What the screen lacks.
    fn lacking(&self) -> Option<Work> {
        let open = |ledger: &Ledger| ledger.is_to_be_played();
        let partly = |ledger: &Ledger| self.well_known.iter().any(|gpu| !ledger.is_played_on(gpu));
        let sweep = |by| move |request| Work::Sweep(Box::new(request), by);
        let curves = self.pending_sweep().map(sweep(By::Tensors)).or_else(|| self.first_run(open));
        let played = curves.or_else(|| self.wanted_sweep().map(sweep(By::Allocator)));
        let planned = || self.wanted_layouts().map(|portion| Work::Plan(Box::new(portion)));
        let models = || self.wanted_models().map(|tryout| Work::LineUp(Box::new(tryout)));
        played.or_else(planned).or_else(models).or_else(|| self.first_run(partly))
    }

    /// The first of what is compared, the present run before pins, whose ledger is so.
    fn first_run(&self, is: impl Fn(&Ledger) -> bool) -> Option<Work> {
        let pins = self.pins.list.iter().map(|pin| (&pin.scenario, &pin.estimate));
        let mut all = [(&self.scenario, &self.estimate)].into_iter().chain(pins);
        let (scenario, ledger) = all.find_map(|(scenario, estimate)| {
            let ledger = &estimate.as_ref().ok()?.ledger;
            is(ledger).then_some((scenario, ledger))
        })?;
        let known = (!ledger.is_to_be_played()).then(|| Arc::clone(ledger));
        let (model, gpu) = (self.model_of(scenario)?.clone(), self.gpu_of(scenario).cloned());
        let (scenario, others, edition) = (scenario.clone(), Arc::clone(&self.well_known), self.played.edition);
        Some(Work::Play(Box::new(Run { scenario, model, gpu, known, others, edition })))
    }

    /// Takes in the ledger of a scenario, wherever it is shown.
    pub(in crate::tui) fn take_ledger(&mut self, scenario: &Scenario, ledger: Outcome, edition: u64) {
        if edition != self.played.edition {
            return;
        }
        self.played.keep(scenario.clone(), ledger);
        if self.scenario == *scenario {
            self.estimate = self.estimate_of(scenario);
        }
        for index in 0..self.pins.list.len() {
            if self.pins.list[index].scenario == *scenario {
                self.pins.list[index].estimate = self.estimate_of(scenario);
            }
        }
    }

    /// Forgets what was computed for a model that is another now.
    pub(in crate::tui) fn forget_played(&mut self, word: &str) {
        self.played.ledgers.retain(|(scenario, _)| scenario.model != word);
        self.played.edition += 1;
        self.cancellation.cancel();
    }
}
