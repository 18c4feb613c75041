//! The largest value of a parameter that still fits, found exactly.

use super::{By, bisect};
use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit, surely_fits};
use crate::model::Model;
use crate::scenario::parameter::{Kind, Parameter};
use crate::scenario::{Scenario, Value};
use crate::units::Bytes;

/// The end of what fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Largest {
    /// The largest value that fits; none where not even the smallest does.
    pub value: Option<u64>,
    /// The least capacity with that value; with the smallest value where none fits.
    pub needs: Bytes,
    /// What stops the next value.
    pub stopped_by: Stop,
}

/// Why the next value is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// It would need so many bytes, more than there are.
    Capacity(Bytes),
    /// The parameter or the model ends here, for this reason.
    End(String),
}

/// The largest value of a whole number with which a scenario fits a card, by the central estimate: its neighbour is computed
/// and does not fit. Tensors grow with every such parameter that is asked for; what the allocator holds may fall a little
/// meanwhile, so that a value far above may fit again and one below may not.
///
/// # Errors
/// Where the scenario has no ledger even with the smallest value.
pub fn largest(model: &Model, scenario: &Scenario, gpu: &Gpu, parameter: &Parameter) -> Result<Largest, EstimateError> {
    largest_by(By::Allocator, model, scenario, gpu, parameter)
}

/// The same, judged so.
pub(super) fn largest_by(
    by: By,
    model: &Model,
    scenario: &Scenario,
    gpu: &Gpu,
    parameter: &Parameter,
) -> Result<Largest, EstimateError> {
    let Kind::Count { min, max, .. } = parameter.kind else {
        return Err(EstimateError::Invalid { key: parameter.key, problem: String::from("it is not a whole number") });
    };
    let min = min.max(1);
    let at = |value| at(by, model, scenario, gpu, parameter, value);
    let smallest = at(min)?;
    if !smallest.fits() {
        return Ok(Largest { value: None, needs: smallest.needs, stopped_by: Stop::Capacity(smallest.needs) });
    }
    let holds =
        |value| changed(scenario, parameter, value).and_then(|changed| by.fits(model, &changed, gpu)).unwrap_or(false);
    let value = bisect::last(min, max, holds);
    let needs = at(value)?.needs;
    let stopped_by = if value == max {
        Stop::End(format!("{} is at most {max}", parameter.key))
    } else {
        match at(value + 1) {
            Ok(next) => Stop::Capacity(next.needs),
            Err(reason) => Stop::End(reason.to_string()),
        }
    };
    Ok(Largest { value: Some(value), needs, stopped_by })
}

/// The largest value of at most `most` with which all of the range that the total may lie in fits, not only its
/// centre; none where not even the smallest value does.
pub fn surely(model: &Model, scenario: &Scenario, gpu: &Gpu, parameter: &Parameter, most: u64) -> Option<u64> {
    let Kind::Count { min, .. } = parameter.kind else { return None };
    let fits = |value| {
        changed(scenario, parameter, value).and_then(|changed| surely_fits(model, &changed, gpu)).unwrap_or(false)
    };
    let min = min.max(1);
    fits(min).then(|| bisect::last(min, most, fits))
}

/// The scenario with another value of a whole number, against a card.
pub(super) fn at(
    by: By,
    model: &Model,
    scenario: &Scenario,
    gpu: &Gpu,
    parameter: &Parameter,
    value: u64,
) -> Result<Fit, EstimateError> {
    Ok(Fit::of(&by.ledger(model, &changed(scenario, parameter, value)?, Some(gpu))?, gpu)?)
}

/// The scenario with another value of a whole number.
pub(super) fn changed(scenario: &Scenario, parameter: &Parameter, value: u64) -> Result<Scenario, EstimateError> {
    let mut changed = scenario.clone();
    let set = parameter.set(&mut changed, Value::Count(value));
    set.map_err(|error| EstimateError::Invalid { key: parameter.key, problem: error.message })?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Verdict, played};
    use crate::preset::Library;

    fn total(model: &Model, scenario: &Scenario, gpu: &Gpu, key: &str, value: u64) -> Bytes {
        let mut changed = scenario.clone();
        Parameter::by_key(key).unwrap().set(&mut changed, Value::Count(value)).unwrap();
        played(model, &changed, Some(gpu)).unwrap().total()
    }

    #[test]
    fn the_answer_fits_and_its_neighbour_does_not() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.2-1b").unwrap(), library.gpu("rtx-4090").unwrap());
        let scenario = Scenario::default();
        for key in ["train.micro_batch_size", "train.sequence_length"] {
            let found = largest(model, &scenario, gpu, Parameter::by_key(key).unwrap()).unwrap();
            let value = found.value.unwrap();
            assert_eq!(total(model, &scenario, gpu, key, value), found.needs);
            assert!(found.needs <= gpu.capacity().unwrap());
            let next = total(model, &scenario, gpu, key, value + 1);
            assert!(next > gpu.capacity().unwrap());
            assert_eq!(found.stopped_by, Stop::Capacity(next));
        }
    }

    #[test]
    fn what_surely_fits_is_the_last_whose_range_does() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.2-1b").unwrap(), library.gpu("rtx-4090").unwrap());
        let (scenario, parameter) = (Scenario::default(), Parameter::by_key("train.sequence_length").unwrap());
        let most = largest(model, &scenario, gpu, parameter).unwrap().value.unwrap();
        let sure = surely(model, &scenario, gpu, parameter, most).unwrap();
        assert!(sure < most);
        let verdict = |value| at(By::Allocator, model, &scenario, gpu, parameter, value).unwrap().verdict;
        assert_eq!([sure, sure + 1, most].map(verdict), [Verdict::Fits, Verdict::Tight, Verdict::Tight]);
    }

    #[test]
    fn learned_positions_end_the_search() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("gpt2").unwrap(), library.gpu("h100-sxm-80").unwrap());
        let parameter = Parameter::by_key("train.sequence_length").unwrap();
        let found = largest(model, &Scenario::default(), gpu, parameter).unwrap();
        assert_eq!(found.value, Some(1024));
        assert!(matches!(found.stopped_by, Stop::End(reason) if reason.contains("1024")));
    }

    #[test]
    fn nothing_fits_a_card_that_is_too_small() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.1-405b").unwrap(), library.gpu("t4").unwrap());
        let parameter = Parameter::by_key("train.micro_batch_size").unwrap();
        let found = largest(model, &Scenario::default(), gpu, parameter).unwrap();
        assert_eq!(found.value, None);
    }
}
