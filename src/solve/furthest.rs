//! How far a parameter can go, whichever way memory goes with it.

use super::Points;
use super::largest::{Largest, Stop, largest};
use crate::memory::EstimateError;

/// The furthest value of a parameter with which a scenario fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Furthest {
    /// Memory grows with the parameter: the largest value that fits.
    Largest(Largest),
    /// Memory falls with the parameter: the smallest value that fits, and what stops the one below.
    Smallest(Largest),
    /// Memory is the same whatever the value.
    Indifferent,
}

/// Values that are tried until memory changes: 1, 2, 4, … more than the smallest.
const TRIED: u32 = 21;

/// The furthest value of a whole number with which a scenario fits a card, by the central estimate.
///
/// # Errors
/// Where the scenario has no ledger even with the smallest value, or the search is cancelled.
pub fn furthest(points: &Points<'_>) -> Result<Furthest, EstimateError> {
    let [min, max] = points.ends;
    // Which way memory goes is seen on tensors alone.
    let smallest = points.of_tensors(min)?;
    // A value that is refused ends the search upwards, as one does that needs more.
    let tried = (0..TRIED).map(|power| min.saturating_add(1 << power)).take_while(|value| *value <= max);
    let other =
        tried.map(|value| points.of_tensors(value)).find(|found| !matches!(found, Ok(total) if *total == smallest));
    match other {
        None => Ok(Furthest::Indifferent),
        Some(Ok(total)) if total < smallest => Ok(Furthest::Smallest(least(points)?)),
        Some(_) => Ok(Furthest::Largest(largest(points)?)),
    }
}

/// The smallest value that fits, where memory falls with it.
fn least(points: &Points<'_>) -> Result<Largest, EstimateError> {
    let [min, max] = points.ends;
    let first = points.fit(min)?;
    if first.fits() {
        let stopped_by = Stop::End(format!("{} is at least {min}", points.parameter.key));
        return Ok(Largest { value: Some(min), needs: first.needs, stopped_by });
    }
    let mut over = min;
    let mut step = 1_u64;
    // Doubled until it fits, then halved: below the answer nothing fits.
    let mut good = loop {
        let next = over.saturating_add(step).min(max);
        if points.fits(next) {
            break next;
        }
        if next == max {
            points.go_on()?;
            return Ok(Largest { value: None, needs: first.needs, stopped_by: Stop::Capacity(first.needs) });
        }
        (over, step) = (next, step.saturating_mul(2));
    };
    while good - over > 1 {
        let middle = over + (good - over) / 2;
        if points.fits(middle) { good = middle } else { over = middle }
    }
    let (needs, over) = (points.fit(good)?.needs, points.fit(over)?.needs);
    Ok(Largest { value: Some(good), needs, stopped_by: Stop::Capacity(over) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;
    use crate::scenario::parameter::Parameter;
    use crate::scenario::{Loss, Recompute, Scenario};
    use crate::solve::By;

    fn found(scenario: Scenario, model: &str, gpu: &str, key: &str) -> (Furthest, impl Fn(u64) -> bool + use<>) {
        let library = Library::embedded();
        let (model, gpu) = (library.model(model).unwrap().clone(), library.gpu(gpu).unwrap().clone());
        let parameter = Parameter::by_key(key).unwrap();
        let found = furthest(&Points::of(&model, &scenario, Some(&gpu), parameter, By::Allocator).unwrap()).unwrap();
        let fits = move |value| {
            let points = Points::of(&model, &scenario, Some(&gpu), parameter, By::Allocator).unwrap();
            points.fit(value).unwrap().fits()
        };
        (found, fits)
    }

    #[test]
    fn what_falls_is_searched_from_below() {
        let mut scenario = Scenario::default();
        scenario.train.sequence_length = 8192;
        scenario.train.recompute = Recompute::Full;
        let (furthest, fits) = found(scenario.clone(), "llama-3.1-8b", "h100-sxm-80", "train.recompute_layers");
        let Furthest::Smallest(Largest { value: Some(value), .. }) = furthest else { panic!("{furthest:?}") };
        assert!(value > 1 && fits(value) && !fits(value - 1), "{value}");
        scenario.train.recompute = Recompute::None;
        scenario.train.sequence_length = 16_384;
        scenario.train.loss = Loss::Chunked;
        let (furthest, fits) = found(scenario.clone(), "llama-3.2-1b", "h100-sxm-80", "train.loss_chunks");
        if let Furthest::Smallest(Largest { value: Some(value), .. }) = furthest {
            assert!(fits(value) && (value == 1 || !fits(value - 1)), "{value}");
        }
    }

    #[test]
    fn what_grows_is_searched_from_above_and_the_rest_is_said_to_change_nothing() {
        let scenario = Scenario::default();
        let (furthest, fits) = found(scenario.clone(), "llama-3.2-1b", "rtx-4090", "train.micro_batch_size");
        let Furthest::Largest(Largest { value: Some(value), .. }) = furthest else { panic!("{furthest:?}") };
        assert!(fits(value) && !fits(value + 1));
        let (furthest, _) = found(scenario.clone(), "llama-3.2-1b", "rtx-4090", "infer.context_length");
        assert_eq!(furthest, Furthest::Indifferent);
    }
}
