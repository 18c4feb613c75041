//! Steps of how many GPUs there are and how they are divided: only to what is legal, and what is passed over is named.

use crate::scenario::Value;
use crate::scenario::parameter::{Kind, Parameter};
use crate::tui::adjust::{self, Nudge};
use crate::tui::app::App;

/// Parameters that divide the GPUs of the job.
const GROUPS: [&str; 6] = [
    "parallel.tensor",
    "parallel.pipeline",
    "parallel.context",
    "parallel.expert",
    "parallel.expert_tensor",
    "parallel.shard_size",
];

/// Values that are tried before a step is given up.
const TRIES: usize = 256;

/// Whether a step of the parameter passes over what is not legal.
pub(super) fn walks(parameter: &Parameter) -> bool {
    let layout = parameter.key == "gpus" || parameter.key.starts_with("parallel.");
    layout && matches!(parameter.kind, Kind::Count { .. })
}

/// The next value that is legal; where the run has no ledger and none would mend that, the next value.
pub(super) fn next_legal(app: &mut App, parameter: &'static Parameter, nudge: Nudge) -> Result<(), String> {
    let now = parameter.get(&app.scenario);
    let next = adjust::nudge(parameter, &now, nudge)?;
    let Value::Count(first) = next else { return app.set(parameter, next, false) };
    let divides = GROUPS.contains(&parameter.key);
    let values = values(app, parameter, (&now, first), nudge);
    let (mut passed, mut why) = (Vec::new(), None);
    let mut tries = 0;
    for value in values {
        if !divides || app.scenario.gpus.is_multiple_of(value.max(1)) {
            match app.is_legal(parameter, &Value::Count(value)) {
                Ok(()) => return taken(app, parameter, value, (&passed, why)),
                Err(reason) => why = why.or(Some(reason)),
            }
            tries += 1;
        }
        passed.push(value);
        if tries == TRIES {
            break;
        }
    }
    if app.estimate.is_err() {
        return app.set(parameter, Value::Count(first), false);
    }
    let end = if nudge.up { "largest" } else { "smallest" };
    Err(why.unwrap_or_else(|| format!("{now} is the {end} {} on {} GPUs", parameter.label, app.scenario.gpus)))
}

/// The values from the next one on. Those that divide the GPUs come one by one, since any of them may.
fn values(
    app: &App,
    parameter: &Parameter,
    (now, first): (&Value, u64),
    nudge: Nudge,
) -> Box<dyn Iterator<Item = u64>> {
    let Kind::Count { min, max, .. } = parameter.kind else { return Box::new(std::iter::empty()) };
    let divides = GROUPS.contains(&parameter.key);
    let begin =
        match now {
            Value::Count(now) if (divides || parameter.key == "parallel.virtual_pipeline") && !nudge.big => {
                if nudge.up { now + 1 } else { now.saturating_sub(1) }
            }
            _ => first,
        };
    let most = if divides { app.scenario.gpus.min(max) } else { max };
    if nudge.up { Box::new(begin..=most) } else { Box::new((min..=begin).rev()) }
}

/// Takes a value, and says what was passed over.
fn taken(
    app: &mut App,
    parameter: &Parameter,
    value: u64,
    (passed, why): (&[u64], Option<String>),
) -> Result<(), String> {
    app.set(parameter, Value::Count(value), false)?;
    let Some(words) = skipped(passed, why, app.scenario.gpus) else { return Ok(()) };
    let before = app.notice.take().map(|notice| format!("; {}", notice.text)).unwrap_or_default();
    app.say(words + &before);
    Ok(())
}

/// `3 is no divisor of 8: skipped`.
fn skipped(passed: &[u64], why: Option<String>, gpus: u64) -> Option<String> {
    let (least, most) = (passed.iter().min()?, passed.iter().max()?);
    let named = match most - least {
        0 => least.to_string(),
        1 => format!("{least} and {most}"),
        _ => format!("{least} to {most}"),
    };
    Some(match why {
        Some(reason) => format!("{named} skipped: {reason}"),
        None if least == most => format!("{named} is no divisor of {gpus}: skipped"),
        None => format!("{named} are no divisors of {gpus}: skipped"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_over_is_named() {
        assert_eq!(skipped(&[], None, 8), None);
        assert_eq!(skipped(&[3], None, 8).unwrap(), "3 is no divisor of 8: skipped");
        assert_eq!(skipped(&[7, 6, 5], None, 8).unwrap(), "5 to 7 are no divisors of 8: skipped");
        assert_eq!(skipped(&[4, 5], Some(String::from("why")), 6).unwrap(), "4 and 5 skipped: why");
    }
}
