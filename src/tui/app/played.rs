//! What takes longer than a key may: allocators played out, solved curves. Asked for here, computed elsewhere, kept.

use std::collections::VecDeque;
use std::sync::Arc;

use super::sweep::Request;
use super::{App, Sweep};
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
}

/// A ledger, or why there is none.
type Outcome = Result<Arc<Ledger>, String>;

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

/// Something to be computed, with all that it takes.
#[derive(Debug, Clone)]
pub(crate) enum Job {
    /// The allocator of a run: on its own card, and where that was done on those that people know.
    Play(Box<Run>),
    /// The curves of a sweep, by tensors or with each point played out.
    Sweep(Box<Request>, By),
}

/// A run whose allocator is to be played out.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    scenario: Scenario,
    model: Model,
    gpu: Option<Gpu>,
    known: Option<Arc<Ledger>>,
    others: Arc<[Gpu]>,
}

/// What came of a job.
#[derive(Debug)]
pub(crate) enum Done {
    /// The ledger of a scenario.
    Ledger(Box<Scenario>, Outcome),
    /// The curves.
    Swept(Box<Sweep>),
}

impl Job {
    /// Computes it.
    pub(crate) fn run(self) -> Done {
        match self {
            Self::Play(run) => {
                let Run { scenario, model, gpu, known, others } = *run;
                let ledger = match known {
                    None => memory::played(&model, &scenario, gpu.as_ref()),
                    Some(known) => memory::elsewhere((*known).clone(), &model, &scenario, others.iter()),
                };
                Done::Ledger(Box::new(scenario), ledger.map(Arc::new).map_err(|error| error.to_string()))
            }
            Self::Sweep(request, by) => Done::Swept(Box::new(request.solve(by))),
        }
    }
}

impl App {
    /// What the screen still lacks, the most wanted first.
    pub(in crate::tui) fn wanted(&self) -> Option<Job> {
        let open = |ledger: &Ledger| ledger.is_to_be_played();
        let partly = |ledger: &Ledger| self.well_known.iter().any(|gpu| !ledger.is_played_on(gpu));
        let sweep = |by| move |request| Job::Sweep(Box::new(request), by);
        let curves = self.pending_sweep().map(sweep(By::Tensors)).or_else(|| self.first_run(open));
        let played = curves.or_else(|| self.wanted_sweep().map(sweep(By::Allocator)));
        played.or_else(|| self.first_run(partly))
    }

    /// The first of what is compared, the present run before pins, whose ledger is so.
    fn first_run(&self, is: impl Fn(&Ledger) -> bool) -> Option<Job> {
        let pins = self.pins.list.iter().map(|pin| (&pin.scenario, &pin.estimate));
        let mut all = [(&self.scenario, &self.estimate)].into_iter().chain(pins);
        let (scenario, ledger) = all.find_map(|(scenario, estimate)| {
            let ledger = &estimate.as_ref().ok()?.ledger;
            is(ledger).then_some((scenario, ledger))
        })?;
        let known = (!ledger.is_to_be_played()).then(|| Arc::clone(ledger));
        let (model, gpu) = (self.model_of(scenario)?.clone(), self.gpu_of(scenario).cloned());
        let (scenario, others) = (scenario.clone(), Arc::clone(&self.well_known));
        Some(Job::Play(Box::new(Run { scenario, model, gpu, known, others })))
    }

    /// Takes in what was computed, wherever it is shown.
    pub(in crate::tui) fn take_done(&mut self, done: Done) {
        match done {
            Done::Ledger(scenario, ledger) => {
                self.played.keep((*scenario).clone(), ledger);
                if self.scenario == *scenario {
                    self.estimate = self.estimate_of(&scenario);
                }
                for index in 0..self.pins.list.len() {
                    if self.pins.list[index].scenario == *scenario {
                        self.pins.list[index].estimate = self.estimate_of(&scenario);
                    }
                }
            }
            Done::Swept(sweep) => self.take_sweep(*sweep),
        }
    }

    /// Computes here and now what the screen lacks: for pictures, which nobody waits for.
    pub(in crate::tui) fn settle(&mut self) {
        while let Some(job) = self.wanted() {
            self.take_done(job.run());
        }
    }

    /// Forgets what was computed for a model that is another now.
    pub(in crate::tui) fn forget_played(&mut self, word: &str) {
        self.played.ledgers.retain(|(scenario, _)| scenario.model != word);
    }
}
