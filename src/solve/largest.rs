//! The largest value of a parameter that still fits, found exactly.

use super::{Points, bisect};
use crate::memory::EstimateError;
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
/// Where the scenario has no ledger even with the smallest value, or the search is cancelled.
pub fn largest(points: &Points<'_>) -> Result<Largest, EstimateError> {
    let [min, max] = points.ends;
    let smallest = points.fit(min)?;
    // A kernel for few tokens may take more than one for many: a larger value may fit where the smallest does not.
    let first = if smallest.fits() { Some(min) } else { points.first_that_fits() };
    let Some(first) = first else {
        points.go_on()?;
        return Ok(Largest { value: None, needs: smallest.needs, stopped_by: Stop::Capacity(smallest.needs) });
    };
    let value = bisect::last(first, max, |value| points.fits(value));
    let needs = points.fit(value)?.needs;
    let stopped_by = if value == max {
        Stop::End(format!("{} is at most {max}", points.parameter.key))
    } else {
        match points.fit(value + 1) {
            Ok(next) => Stop::Capacity(next.needs),
            Err(EstimateError::Cancelled) => return Err(EstimateError::Cancelled),
            Err(reason) => Stop::End(reason.to_string()),
        }
    };
    Ok(Largest { value: Some(value), needs, stopped_by })
}

/// The largest value of at most `most` with which all of the range that the total may lie in fits, not only its
/// centre; none where not even the smallest value does.
pub fn surely(points: &Points<'_>, most: u64) -> Option<u64> {
    let [min, _] = points.ends;
    points.surely_fits(min).then(|| bisect::last(min, most, |value| points.surely_fits(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Verdict, fits};
    use crate::preset::Library;
    use crate::scenario::Scenario;
    use crate::scenario::parameter::Parameter;
    use crate::solve::By;

    /// What is said of a usual run of a model on a card with the values of a parameter.
    fn ask<T>([model, gpu, key]: [&str; 3], ask: impl FnOnce(&Points<'_>) -> T) -> T {
        let library = Library::embedded();
        let (model, gpu) = (library.model(model).unwrap(), library.gpu(gpu).unwrap());
        let (scenario, parameter) = (Scenario::default(), Parameter::by_key(key).unwrap());
        ask(&Points::of(model, &scenario, Some(gpu), parameter, By::Allocator).unwrap())
    }

    #[test]
    fn the_answer_fits_and_its_neighbour_does_not() {
        for key in ["train.micro_batch_size", "train.sequence_length"] {
            let subject = ["llama-3.2-1b", "rtx-4090", key];
            let found = ask(subject, |points| largest(points).unwrap());
            let value = found.value.unwrap();
            let [here, next] = [value, value + 1].map(|value| ask(subject, |points| points.fit(value).unwrap()));
            assert_eq!(here.needs, found.needs);
            assert!(here.needs <= here.capacity && next.needs > next.capacity);
            assert_eq!(found.stopped_by, Stop::Capacity(next.needs));
            let library = Library::embedded();
            let (model, gpu) = (library.model(subject[0]).unwrap(), library.gpu(subject[1]).unwrap());
            for (value, wanted) in [(value, true), (value + 1, false)] {
                let mut scenario = Scenario::default();
                Parameter::by_key(key).unwrap().set(&mut scenario, crate::scenario::Value::Count(value)).unwrap();
                assert_eq!(fits(model, &scenario, gpu), Ok(wanted));
            }
        }
    }

    #[test]
    fn what_surely_fits_is_the_last_whose_range_does() {
        let subject = ["llama-3.2-1b", "rtx-4090", "train.sequence_length"];
        let (most, sure) = ask(subject, |points| {
            let most = largest(points).unwrap().value.unwrap();
            (most, surely(points, most).unwrap())
        });
        assert!(sure < most);
        let verdicts = ask(subject, |points| [sure, sure + 1, most].map(|value| points.fit(value).unwrap().verdict));
        assert_eq!(verdicts, [Verdict::Fits, Verdict::Tight, Verdict::Tight]);
    }

    #[test]
    fn learned_positions_end_the_search() {
        let found = ask(["gpt2", "h100-sxm-80", "train.sequence_length"], |points| largest(points).unwrap());
        assert_eq!(found.value, Some(1024));
        assert!(matches!(found.stopped_by, Stop::End(reason) if reason.contains("1024")));
    }

    #[test]
    fn nothing_fits_a_card_that_is_too_small() {
        let found = ask(["llama-3.1-405b", "t4", "train.micro_batch_size"], |points| largest(points).unwrap());
        assert_eq!(found.value, None);
    }
}
