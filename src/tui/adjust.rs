//! What an arrow key makes of a value.

use crate::scenario::Value;
use crate::scenario::parameter::{Kind, Parameter, Step};

/// Which way, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nudge {
    /// Towards more, or the next choice.
    pub(crate) up: bool,
    /// A big step.
    pub(crate) big: bool,
}

/// The value after a key press, or why it stays as it is.
pub(crate) fn nudge(parameter: &Parameter, value: &Value, nudge: Nudge) -> Result<Value, String> {
    match (parameter.kind, value) {
        (Kind::Count { min, max, step, optional }, _) => count(value, nudge, min, max, step, optional)
            .ok_or_else(|| end_reached(parameter, if nudge.up { max } else { min }, nudge.up)),
        (Kind::Fraction { optional }, _) => {
            fraction(value, nudge, optional).ok_or_else(|| end_reached(parameter, u64::from(nudge.up), nudge.up))
        }
        (Kind::Flag, Value::Flag(on)) => Ok(Value::Flag(!on)),
        (Kind::Choice { covered, optional, .. }, _) => choice(parameter, value, nudge, covered, optional),
        (Kind::Text { suggestions }, _) => choice(parameter, value, nudge, suggestions, false),
        (Kind::Flag | Kind::Framework | Kind::Word | Kind::Words, _) => {
            Err(format!("{} has no steps: Enter types it", parameter.label))
        }
    }
}

fn end_reached(parameter: &Parameter, end: u64, up: bool) -> String {
    format!("{end} is the {} {} there is", if up { "largest" } else { "smallest" }, parameter.label)
}

/// A whole number; unset lies below the smallest.
fn count(value: &Value, nudge: Nudge, min: u64, max: u64, step: Step, optional: bool) -> Option<Value> {
    let Value::Count(now) = *value else {
        return nudge.up.then_some(Value::Count(min));
    };
    let next = match (step, nudge.big) {
        (Step::One, big) => plus(now, if big { 10 } else { 1 }, nudge.up),
        (Step::Multiple(multiple), false) => to_multiple(now, multiple.max(1), nudge.up),
        (Step::Multiple(_), true) | (Step::Double, false) => to_power(now, nudge.up),
        (Step::Double, true) => (0..3).fold(now, |now, _| to_power(now, nudge.up)),
    };
    match next.clamp(min, max) {
        next if next != now => Some(Value::Count(next)),
        _ if optional && !nudge.up => Some(Value::Unset),
        _ => None,
    }
}

const fn plus(now: u64, step: u64, up: bool) -> u64 {
    if up { now.saturating_add(step) } else { now.saturating_sub(step) }
}

const fn to_multiple(now: u64, multiple: u64, up: bool) -> u64 {
    let below = now - now % multiple;
    match (up, below == now) {
        (true, _) => below.saturating_add(multiple),
        (false, true) => below.saturating_sub(multiple),
        (false, false) => below,
    }
}

fn to_power(now: u64, up: bool) -> u64 {
    if up {
        now.checked_add(1).and_then(u64::checked_next_power_of_two).unwrap_or(u64::MAX)
    } else {
        (1_u64 << 63).checked_shr(now.saturating_sub(1).leading_zeros()).unwrap_or(0)
    }
}

/// Hundredths; a big step is a tenth. Unset lies below zero.
fn fraction(value: &Value, nudge: Nudge, optional: bool) -> Option<Value> {
    let Value::Fraction(now) = *value else {
        return nudge.up.then_some(Value::Fraction(0.0));
    };
    let step = if nudge.big { 10.0 } else { 1.0 };
    let hundredths = (now * 100.0).round() + if nudge.up { step } else { -step };
    let next = (hundredths / 100.0).clamp(0.0, 1.0);
    if (next - now).abs() > f64::EPSILON {
        Some(Value::Fraction(next))
    } else if optional && !nudge.up {
        Some(Value::Unset)
    } else {
        None
    }
}

/// The next covered word, round and round; unset comes after the last.
pub(crate) fn choice(
    parameter: &Parameter,
    value: &Value,
    nudge: Nudge,
    covered: &[&str],
    optional: bool,
) -> Result<Value, String> {
    let mut values: Vec<Value> = covered.iter().map(|word| Value::Word((*word).to_owned())).collect();
    if optional {
        values.push(Value::Unset);
    }
    let here = values.iter().position(|one| one == value);
    match (values.len(), here) {
        (0, _) => Err(format!("no other {} is covered yet", parameter.label)),
        (1, Some(_)) => Err(format!("{value} is the only {} covered yet", parameter.label)),
        (_, None) => Ok(values.swap_remove(0)),
        (most, Some(here)) => Ok(values.swap_remove((here + if nudge.up { 1 } else { most - 1 }) % most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    const UP: Nudge = Nudge { up: true, big: false };
    const DOWN: Nudge = Nudge { up: false, big: false };

    fn moved(key: &str, from: u64, how: Nudge) -> Result<Value, String> {
        nudge(Parameter::by_key(key).unwrap(), &Value::Count(from), how)
    }

    #[test]
    fn lengths_move_to_the_next_multiple_and_power() {
        let key = "train.sequence_length";
        assert_eq!(moved(key, 4096, UP), Ok(Value::Count(4352)));
        assert_eq!(moved(key, 4100, DOWN), Ok(Value::Count(4096)));
        assert_eq!(moved(key, 4096, Nudge { up: true, big: true }), Ok(Value::Count(8192)));
        assert_eq!(moved(key, 4096, Nudge { up: false, big: true }), Ok(Value::Count(2048)));
        assert_eq!(moved(key, 5000, Nudge { up: false, big: true }), Ok(Value::Count(4096)));
        assert_eq!(moved(key, 100, DOWN), Ok(Value::Count(1)));
    }

    #[test]
    fn the_ends_say_so() {
        assert!(moved("train.micro_batch_size", 1, DOWN).unwrap_err().contains("smallest micro batch"));
        assert!(moved("train.micro_batch_size", 1 << 32, UP).unwrap_err().contains("4294967296 is the largest"));
        assert_eq!(moved("gpus", 3, DOWN), Ok(Value::Count(2)));
        assert_eq!(moved("gpus", 3, Nudge { up: true, big: true }), Ok(Value::Count(16)));
    }

    #[test]
    fn choices_go_round_through_what_is_covered() {
        let precision = Parameter::by_key("train.precision").unwrap();
        let word = |word: &str| Value::Word(word.into());
        assert_eq!(nudge(precision, &word("fp16-mixed"), UP), Ok(word("bf16-master")));
        assert_eq!(nudge(precision, &word("fp32"), DOWN), Ok(word("fp8-master")));
        assert_eq!(nudge(precision, &word("fp8-master"), UP), Ok(word("fp32")));
    }

    #[test]
    fn unset_lies_below_the_smallest() {
        let layers = Parameter::by_key("train.recompute_layers").unwrap();
        assert_eq!(nudge(layers, &Value::Unset, UP), Ok(Value::Count(0)));
        assert_eq!(nudge(layers, &Value::Count(0), DOWN), Ok(Value::Unset));
        assert!(nudge(layers, &Value::Unset, DOWN).is_err());
        let dropout = Parameter::by_key("train.dropout").unwrap();
        assert_eq!(nudge(dropout, &Value::Fraction(0.29), UP), Ok(Value::Fraction(0.3)));
        assert_eq!(nudge(dropout, &Value::Fraction(0.0), DOWN), Ok(Value::Unset));
    }

    /// Any parameter, moved any way for long, only ever holds values that its own table accepts.
    #[test]
    fn every_step_is_accepted_by_the_table() {
        for parameter in crate::scenario::parameter::PARAMETERS {
            for (up, big) in [(true, false), (false, false), (true, true), (false, true)] {
                let mut scenario = Scenario::default();
                for _ in 0..100 {
                    let Ok(next) = nudge(parameter, &parameter.get(&scenario), Nudge { up, big }) else { break };
                    parameter.set(&mut scenario, next).unwrap_or_else(|error| panic!("{}: {error}", parameter.key));
                }
            }
        }
    }
}
