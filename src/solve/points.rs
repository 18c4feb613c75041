//! What a run needs at values of one whole number: each is computed once, whoever asks for it.

use std::cell::RefCell;
use std::collections::HashMap;

use super::By;
use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit, surely_fits};
use crate::model::Model;
use crate::scenario::parameter::{Kind, Parameter};
use crate::scenario::{Scenario, Task, Value};
use crate::units::Bytes;

/// A run of which one whole number is varied, and what is known of it already.
pub struct Points<'a> {
    model: &'a Model,
    scenario: &'a Scenario,
    gpu: Option<&'a Gpu>,
    /// What is varied.
    pub(super) parameter: &'a Parameter,
    by: By,
    /// The smallest and the largest value.
    pub(super) ends: [u64; 2],
    is_cancelled: &'a dyn Fn() -> bool,
    known: RefCell<HashMap<u64, Result<Point, EstimateError>>>,
}

/// Values that are tried beyond a smallest one that does not fit.
const TRIED: usize = 14;

/// What a run needs at one value.
#[derive(Debug, Clone)]
struct Point {
    total: Bytes,
    /// Against the card, where there is one.
    fit: Option<Fit>,
}

impl<'a> Points<'a> {
    /// Nothing known yet.
    ///
    /// # Errors
    /// Where the parameter is no whole number.
    pub fn of(
        model: &'a Model,
        scenario: &'a Scenario,
        gpu: Option<&'a Gpu>,
        parameter: &'a Parameter,
        by: By,
    ) -> Result<Self, EstimateError> {
        let Kind::Count { min, max, .. } = parameter.kind else {
            let problem = String::from("it is not a whole number");
            return Err(EstimateError::Invalid { key: parameter.key, problem });
        };
        let (ends, known) = ([min.max(1), max], RefCell::default());
        Ok(Self { model, scenario, gpu, parameter, by, ends, is_cancelled: &|| false, known })
    }

    /// The same, until it is cancelled: from then on whatever is not known is [`EstimateError::Cancelled`].
    #[must_use]
    pub fn until(self, is_cancelled: &'a dyn Fn() -> bool) -> Self {
        Self { is_cancelled, ..self }
    }

    /// What is needed at a value.
    ///
    /// # Errors
    /// Where the run has no ledger.
    pub fn total(&self, value: u64) -> Result<Bytes, EstimateError> {
        self.point(value).map(|point| point.total)
    }

    /// The run with a value against the card.
    pub(super) fn fit(&self, value: u64) -> Result<Fit, EstimateError> {
        let point = self.point(value)?;
        point.fit.ok_or_else(|| EstimateError::Invalid { key: "gpu", problem: String::from("there is none to fit on") })
    }

    /// What tensors alone need at a value.
    pub(super) fn of_tensors(&self, value: u64) -> Result<Bytes, EstimateError> {
        if self.by == By::Tensors {
            return self.total(value);
        }
        self.go_on()?;
        Ok(By::Tensors.ledger(self.model, &self.with(value)?, self.gpu)?.total())
    }

    /// Whether the run fits with a value. One that has no ledger does not.
    pub(super) fn fits(&self, value: u64) -> bool {
        // Where curves have their points, all of it is wanted later on; elsewhere the verdict alone takes less.
        if self.by == By::Tensors || value.is_power_of_two() || self.known.borrow().contains_key(&value) {
            return self.fit(value).is_ok_and(|fit| fit.fits());
        }
        self.judged(value, |scenario, gpu| self.by.fits(self.model, scenario, gpu))
    }

    /// Of serving the first of 2, 3, 5, 9, … more than the smallest that fits, where memory may fall with the value.
    pub(super) fn first_that_fits(&self) -> Option<u64> {
        let [min, max] = self.ends;
        let larger = (0..u64::BITS).map(|power| min.saturating_add(1 << power)).take_while(|value| *value <= max);
        let serves = self.scenario.task == Task::Infer;
        larger.take_while(|_| serves && self.go_on().is_ok()).take(TRIED).find(|value| self.fits(*value))
    }

    /// Whether all of the range fits that the total may lie in.
    pub(super) fn surely_fits(&self, value: u64) -> bool {
        self.judged(value, |scenario, gpu| surely_fits(self.model, scenario, gpu))
    }

    fn judged(&self, value: u64, judge: impl FnOnce(&Scenario, &Gpu) -> Result<bool, EstimateError>) -> bool {
        let Some(gpu) = self.gpu else { return false };
        self.go_on().and_then(|()| judge(&self.with(value)?, gpu)).unwrap_or(false)
    }

    fn point(&self, value: u64) -> Result<Point, EstimateError> {
        if let Some(known) = self.known.borrow().get(&value) {
            return known.clone();
        }
        self.go_on()?;
        let found = self.compute(value);
        self.known.borrow_mut().insert(value, found.clone());
        found
    }

    fn compute(&self, value: u64) -> Result<Point, EstimateError> {
        let ledger = self.by.ledger(self.model, &self.with(value)?, self.gpu)?;
        let fit = self.gpu.map(|gpu| Fit::of(&ledger, gpu)).transpose()?;
        Ok(Point { total: ledger.total(), fit })
    }

    /// An error where nobody waits for it any more.
    pub(super) fn go_on(&self) -> Result<(), EstimateError> {
        if (self.is_cancelled)() { Err(EstimateError::Cancelled) } else { Ok(()) }
    }

    /// The scenario with a value.
    fn with(&self, value: u64) -> Result<Scenario, EstimateError> {
        let mut changed = self.scenario.clone();
        let set = self.parameter.set(&mut changed, Value::Count(value));
        set.map_err(|error| EstimateError::Invalid { key: self.parameter.key, problem: error.message })?;
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::preset::Library;
    use crate::solve::{furthest, surely};

    #[test]
    fn what_a_search_has_found_is_not_computed_again() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.2-1b").unwrap(), library.gpu("rtx-4090").unwrap());
        let (scenario, parameter) = (Scenario::default(), Parameter::by_key("train.sequence_length").unwrap());
        let asked = Cell::new(0);
        let count = || {
            asked.set(asked.get() + 1);
            false
        };
        for by in [By::Tensors, By::Allocator] {
            let points = Points::of(model, &scenario, Some(gpu), parameter, by).unwrap().until(&count);
            furthest(&points).unwrap();
            let searched = asked.take();
            assert!(searched > 4);
            for value in [1, 64, 1024] {
                let ledger = by.ledger(model, &points.with(value).unwrap(), Some(gpu)).unwrap();
                assert_eq!(points.total(value), Ok(ledger.total()));
            }
            assert_eq!(asked.take(), 0, "{by:?}");
        }
    }

    #[test]
    fn a_search_that_is_cancelled_ends_at_once() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.2-1b").unwrap(), library.gpu("rtx-4090").unwrap());
        let (scenario, parameter) = (Scenario::default(), Parameter::by_key("train.sequence_length").unwrap());
        for by in [By::Tensors, By::Allocator] {
            for most in [0, 1, 2, 5, 9] {
                let asked = Cell::new(0);
                let cancelled = || asked.replace(asked.get() + 1) >= most;
                let points = Points::of(model, &scenario, Some(gpu), parameter, by).unwrap().until(&cancelled);
                assert_eq!(furthest(&points), Err(EstimateError::Cancelled), "{by:?} {most}");
                assert_eq!(surely(&points, 4096), None);
            }
        }
    }
}
