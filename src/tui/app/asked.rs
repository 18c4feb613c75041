//! What a key has asked that takes longer than a key may. It is answered elsewhere; the next key cancels it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{App, Listed};
use crate::gpu::Gpu;
use crate::memory::{self, Fit, Ledger};
use crate::model::Model;
use crate::scenario::Scenario;
use crate::scenario::parameter::{PARAMETERS, Parameter};
use crate::solve::types::{Types, types};
use crate::solve::{By, Fix, Furthest, Points, Subject, Told, advice, furthest, surely};

/// A question about the present run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// How far a parameter goes, which is an index into the table.
    Furthest(usize),
    /// What to change so that it fits, or what its room is enough for.
    Advice,
    /// What it needs under each type of weights and of caches.
    Types,
}

impl Question {
    /// What is looked for, in words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Furthest(index) => format!("the furthest {} that fits", PARAMETERS[index].label),
            Self::Advice => String::from("changes that make it fit"),
            Self::Types => String::from("what each type of weights and of caches needs"),
        }
    }
}

/// A question that waits for its answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    /// What is asked.
    pub(crate) question: Question,
    /// Of which run.
    pub(crate) scenario: Scenario,
    /// How far the parameter goes by tensors alone, which is known sooner.
    pub(crate) by_tensors: Option<Furthest>,
}

/// What is found, in the order in which it is.
#[derive(Debug)]
pub(crate) enum Answer {
    /// How far a parameter goes by tensors alone, where its allocator is still to be played out.
    ByTensors(Furthest),
    /// How far a parameter goes, and how far surely; or why that cannot be said.
    Furthest(&'static Parameter, Result<(Furthest, Option<u64>), String>),
    /// What to change.
    Advice(Vec<(Told, Fix)>),
    /// What each type of weights and of caches needs.
    Types(Types),
}

/// A question with all that it takes to answer it.
#[derive(Debug, Clone)]
pub(crate) struct Inquiry {
    asked: Asked,
    model: Model,
    gpu: Gpu,
    /// The ledger as it is known, and for advice the other cards.
    known: Option<Arc<Ledger>>,
    others: Vec<(String, Gpu)>,
}

impl Inquiry {
    /// Looks for the answer; whose it is comes with it.
    pub(super) fn answer(self, is_cancelled: &dyn Fn() -> bool) -> (Asked, Answer) {
        let Self { asked, model, gpu, known, others } = self;
        let scenario = &asked.scenario;
        let answer = match asked.question {
            Question::Advice => {
                let others = others.iter().map(|(word, gpu)| (word.as_str(), gpu));
                let now = match known.filter(|ledger| !ledger.is_to_be_played()) {
                    Some(ledger) => Ok((*ledger).clone()),
                    None => memory::played(&model, scenario, Some(&gpu)),
                };
                let subject = Subject { model: &model, scenario, gpu: &gpu, is_cancelled };
                let told = |now: Ledger| {
                    let fits = Fit::of(&now, &gpu).is_ok_and(|fit| fit.fits());
                    advice(subject, now, others).told(fits)
                };
                Answer::Advice(now.map_or_else(|_| Vec::new(), told))
            }
            Question::Types => Answer::Types(types(Subject { model: &model, scenario, gpu: &gpu, is_cancelled })),
            Question::Furthest(index) => {
                let parameter = &PARAMETERS[index];
                let quick = asked.by_tensors.is_none() && memory::is_played(&model, scenario);
                let by = if quick { By::Tensors } else { By::Allocator };
                let points = Points::of(&model, scenario, Some(&gpu), parameter, by);
                let found = points.and_then(|points| {
                    let points = points.until(is_cancelled);
                    let found = furthest(&points)?;
                    let sure = match &found {
                        Furthest::Largest(largest) if !quick => largest.value.and_then(|most| surely(&points, most)),
                        Furthest::Smallest(smallest) => smallest.value,
                        Furthest::Largest(_) | Furthest::Indifferent => None,
                    };
                    Ok((found, sure))
                });
                match found {
                    Ok((found, _)) if quick && found != Furthest::Indifferent => Answer::ByTensors(found),
                    found => Answer::Furthest(parameter, found.map_err(|error| error.to_string())),
                }
            }
        };
        (asked, answer)
    }
}

/// Whether what is computed has been cancelled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Cancels what is computed now; what is begun from here on is not.
    pub(crate) fn cancel(&mut self) {
        std::mem::take(self).0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl App {
    /// Asks something about the present run.
    pub(in crate::tui) fn ask(&mut self, question: Question) {
        self.asked = Some(Asked { question, scenario: self.scenario.clone(), by_tensors: None });
    }

    /// The question that waits, with what it takes.
    pub(super) fn inquiry(&self) -> Option<Inquiry> {
        let asked = self.asked.clone()?;
        let (model, gpu) = (self.model_of(&asked.scenario)?.clone(), self.gpu_of(&asked.scenario)?.clone());
        let card = |listed: &Listed<Gpu>| Some((listed.word.clone(), listed.item()?.clone()));
        let others = match asked.question {
            Question::Advice => self.gpus.iter().filter_map(card).collect(),
            Question::Furthest(_) | Question::Types => Vec::new(),
        };
        let known = self.estimate.as_ref().ok().map(|estimate| Arc::clone(&estimate.ledger));
        Some(Inquiry { asked, model, gpu, known, others })
    }
}
