//! The error table of `brimful validate`.

mod others;

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::csv;
use super::table::{Cell, Column, Table};
use crate::units::grouped;
use crate::validate::{LOW, Metric, NEAR, Outcome, Promise, Row, Spread, Validation};

/// Ids that stand behind a reason; the rest is counted.
const EXAMPLES: usize = 3;

/// The table by group, and whether every promise is kept.
pub fn summary(validation: &Validation) -> String {
    let mut columns = vec![
        Column::text("group", "group"),
        Column::text("metric", "metric"),
        Column::number("cases", "cases"),
        Column::number("exact", "exact"),
        Column::number("median", "median"),
        Column::number("ninetieth", "90th"),
        Column::number("worst", "worst"),
    ];
    if validation.with_sketch {
        columns
            .extend([Column::number("sketch_median", "sketch median"), Column::number("sketch_90th", "sketch 90th")]);
    }
    columns.extend([
        Column::text("promise", "promise"),
        Column::text("kept", "kept"),
        Column::text("case", "worst case"),
    ]);
    let mut table = Table::new(columns);
    for row in &validation.rows {
        table.push(cells(row, validation.with_sketch));
    }
    table.text()
}

fn cells(row: &Row, with_sketch: bool) -> Vec<Cell> {
    let figure = |of: fn(&Spread) -> f64, spread: Option<&Spread>| {
        Cell::new(spread.map_or(String::from("-"), |spread| percent(of(spread))))
    };
    let spread = row.spread.as_ref();
    let mut cells = vec![
        Cell::new(row.group.as_str()),
        Cell::new(row.metric.word()),
        Cell::new(row.cases),
        Cell::new(spread.map_or(Value::Null, |spread| Value::from(spread.exact))),
        figure(|spread| spread.median, spread),
        figure(|spread| spread.ninetieth, spread),
        figure(|spread| spread.worst, spread),
    ];
    if with_sketch {
        let sketch = row.sketch.as_ref();
        cells.extend([figure(|spread| spread.median, sketch), figure(|spread| spread.ninetieth, sketch)]);
    }
    let kept = match (spread, row.within()) {
        (None, _) => "-",
        _ if row.promise == Promise::NOTHING => "-",
        (_, true) => "yes",
        _ if row.unexplained().is_some() => "NO: not explained",
        (_, false) => "NO",
    };
    cells.extend([Cell::new(promised(&row.promise)), Cell::new(kept)]);
    cells.push(Cell::new(Some(row.worst_case.as_str()).filter(|id| !id.is_empty())));
    cells
}

/// The table, others' estimators, every case outside the promise, and what is not covered.
pub fn text(validation: &Validation) -> String {
    let mut text = summary(validation) + &others::text(&validation.others);
    let outside = validation.outside();
    if !outside.is_empty() {
        let mut table = Table::new(vec![
            Column::text("id", "case"),
            Column::text("group", "group"),
            Column::text("metric", "metric"),
            Column::number("predicted", "predicted"),
            Column::number("measured", "measured"),
            Column::number("error", "error"),
        ]);
        for outcome in &outside {
            let Ok(predicted) = outcome.predicted else { continue };
            table.push(vec![
                Cell::new(outcome.case.id.as_str()),
                Cell::new(outcome.case.group.as_str()),
                Cell::new(outcome.case.metric.word()),
                Cell::new(counted(outcome.case.metric, predicted)),
                Cell::new(counted(outcome.case.metric, outcome.case.measured)),
                Cell::new(outcome.error().map_or(String::from("-"), signed)),
            ]);
        }
        let _ = write!(text, "\ncases outside the promised limits: {}, worst first\n{}", outside.len(), table.text());
    }
    for row in &validation.rows {
        if let Some(reading) = row.unexplained() {
            let _ = writeln!(text, "\nnot explained: {}\n  {reading}", row.group);
        }
    }
    let not_covered = validation.not_covered();
    if !not_covered.is_empty() {
        let all: usize = not_covered.iter().map(|(_, outcomes)| outcomes.len()).sum();
        let _ = writeln!(text, "\nnot covered: {all}");
        for (reason, outcomes) in not_covered {
            let mut ids: Vec<&str> = outcomes.iter().take(EXAMPLES).map(|outcome| outcome.case.id.as_str()).collect();
            if outcomes.len() > EXAMPLES {
                ids.push("…");
            }
            let _ = writeln!(text, "{:>6}  {reason} ({})", outcomes.len(), ids.join(", "));
        }
    }
    let judged: usize = validation.rows.iter().map(|row| row.cases).sum();
    let kept = match (judged, validation.within()) {
        (0, _) => "nothing to judge",
        (_, true) => "every promise is kept",
        (_, false) => "a promise is not kept",
    };
    text + &format!("\n{kept}: {judged} of {} cases judged\n", validation.outcomes.len())
}

/// The groups that have a prediction, and others' estimators, as `docs/accuracy.md` shows them.
pub fn markdown(validation: &Validation) -> String {
    let mut text = String::from(
        "| group | metric | cases | exact | median | 90th percentile | worst | promise |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    for row in &validation.rows {
        let Some(spread) = row.spread else { continue };
        let [median, ninetieth, worst] = [spread.median, spread.ninetieth, spread.worst].map(percent);
        let (group, metric, promise) = (&row.group, row.metric.word(), promised(&row.promise));
        let (cases, exact) = (row.cases, spread.exact);
        let _ = writeln!(
            text,
            "| {group} | `{metric}` | {cases} | {exact} | {median} | {ninetieth} | {worst} | {promise} |"
        );
    }
    text + &others::markdown(&validation.others)
}

/// Everything, for programs; errors are shares of the measurement, not percent.
pub fn document(validation: &Validation) -> Result<String, serde_json::Error> {
    let outside: Vec<Value> = validation.outside().into_iter().map(outcome).collect();
    let not_covered: Vec<Value> = validation
        .not_covered()
        .into_iter()
        .map(|(reason, outcomes)| {
            let ids: Vec<&str> = outcomes.iter().map(|outcome| outcome.case.id.as_str()).collect();
            json!({"reason": reason, "count": ids.len(), "ids": ids})
        })
        .collect();
    let document = json!({
        "schema": 1,
        "against": validation.with_sketch.then_some("sketch"),
        "within": validation.within(),
        "groups": validation.rows.iter().map(group).collect::<Vec<_>>(),
        "others": validation.others.iter().map(others::document).collect::<Vec<_>>(),
        "outside": outside,
        "not_covered": not_covered,
        "cases": validation.outcomes.iter().map(outcome).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

fn group(row: &Row) -> Value {
    let Promise { median, ninetieth, worst, exact, near, low, .. } = row.promise;
    json!({
        "group": row.group,
        "metric": row.metric.word(),
        "cases": row.cases,
        "not_covered": row.not_covered,
        "exact": row.spread.map(|spread| spread.exact),
        "exact_share": row.spread.map(|spread| spread.exact_share),
        "median": row.spread.map(|spread| spread.median),
        "ninetieth": row.spread.map(|spread| spread.ninetieth),
        "worst": row.spread.map(|spread| spread.worst),
        "worst_case": Some(&row.worst_case).filter(|id| !id.is_empty()),
        "near_share": row.spread.map(|spread| spread.near_share),
        "low_share": row.spread.map(|spread| spread.low_share),
        "promise": {
            "median": median, "ninetieth": ninetieth, "worst": worst,
            "exact_share": exact, "near_share": near, "low_share": low,
        },
        "within": row.within(),
        "unexplained": row.unexplained(),
        "sketch": row.sketch.map(|spread| json!({
            "median": spread.median, "ninetieth": spread.ninetieth, "worst": spread.worst,
        })),
    })
}

fn outcome(outcome: &Outcome) -> Value {
    let case = &outcome.case;
    json!({
        "id": case.id,
        "group": case.group,
        "metric": case.metric.word(),
        "measured": value(case.metric, case.measured),
        "predicted": outcome.predicted.as_ref().ok().map(|predicted| value(case.metric, *predicted)),
        "error": outcome.error(),
        "sketch": outcome.sketch,
        "not_covered": outcome.predicted.as_ref().err(),
        "source": case.source,
    })
}

/// A row for each case.
pub fn cases(validation: &Validation) -> String {
    let header = ["id", "group", "metric", "measured", "predicted", "error", "sketch", "not_covered"];
    let text = |value: Option<String>| value.unwrap_or_default();
    csv::write(
        &header,
        validation.outcomes.iter().map(|outcome| {
            let case = &outcome.case;
            vec![
                case.id.clone(),
                case.group.clone(),
                case.metric.word().to_owned(),
                number(case.metric, case.measured),
                text(outcome.predicted.as_ref().ok().map(|it| number(case.metric, *it))),
                text(outcome.error().map(|error| error.to_string())),
                text(outcome.sketch.map(|sketch| sketch.to_string())),
                text(outcome.predicted.as_ref().err().cloned()),
            ]
        }),
    )
}

/// What a promise says, in words.
fn promised(promise: &Promise) -> String {
    let limits = [(promise.median, "median"), (promise.ninetieth, "90th"), (promise.worst, "all")];
    let mut words = Vec::new();
    match promise.exact {
        Some(share) if share >= 1.0 => return String::from("exact"),
        Some(share) => words.push(format!("{:.0} % exact", 100.0 * share)),
        None if *promise == Promise::NOTHING => return String::from("none: vaguely known"),
        None => {}
    }
    words.extend(promise.near.map(|share| format!("{:.0} % within {}", 100.0 * share, percent(NEAR))));
    let within = limits.iter().filter_map(|(limit, name)| limit.map(|limit| format!("{name} {}", percent(limit))));
    words.extend(within);
    words.extend(promise.low.map(|share| format!("{:.0} % too low by {}", 100.0 * share, percent(LOW))));
    words.join(", ")
}

/// `0`, `<0.01 %`, `0.52 %`, `310 %`.
/// A number as case files have it, with commas for people.
fn counted(metric: Metric, number: u64) -> String {
    match metric.scale() {
        1 => grouped(number),
        scale => format!("{}.{:06}", grouped(number / scale), number % scale),
    }
}

/// The same for programs.
fn number(metric: Metric, number: u64) -> String {
    match metric.scale() {
        1 => number.to_string(),
        scale => format!("{}.{:06}", number / scale, number % scale),
    }
}

/// The same in JSON.
fn value(metric: Metric, of: u64) -> Value {
    serde_json::from_str(&number(metric, of)).unwrap_or_default()
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 {
        String::from("0")
    } else if percent < 0.01 {
        String::from("<0.01 %")
    } else if percent < 100.0 {
        format!("{percent:.2} %")
    } else {
        format!("{percent:.0} %")
    }
}

fn signed(error: f64) -> String {
    let sign = if error < 0.0 { '-' } else { '+' };
    format!("{sign}{}", percent(error.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_shown_as_percent() {
        let shown: Vec<String> = [0.0, 0.000_001, 0.0001, 0.0052, 3.1].map(percent).to_vec();
        assert_eq!(shown, ["0", "<0.01 %", "0.01 %", "0.52 %", "310 %"]);
        assert_eq!(signed(-0.05), "-5.00 %");
    }

    #[test]
    fn promises_are_said_in_words() {
        use crate::validate::Metric;
        assert_eq!(promised(&Promise::of("parameters", Metric::Parameters)), "exact");
        assert_eq!(promised(&Promise::of("saved", Metric::Saved)), "95 % exact, all 0.10 %");
        assert_eq!(promised(&Promise::of("qwen2 inference", Metric::AllocatedPeak)), "median 0.27 %, 90th 1.20 %");
    }
}
