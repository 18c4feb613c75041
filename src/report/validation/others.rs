//! What others' estimators say of the same cases, beside ours.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::percent;
use crate::report::table::{Cell, Column, Table};
use crate::validate::{Beside, Comparison, Spread};

/// The table, and what each estimator leaves out; empty where there is none.
pub(super) fn text(others: &[Comparison]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let mut table = Table::new(vec![
        Column::text("estimator", "estimator"),
        Column::text("group", "group"),
        Column::text("metric", "metric"),
        Column::number("cases", "cases"),
        Column::number("median", "median"),
        Column::number("ninetieth", "90th"),
        Column::number("worst", "worst"),
        Column::number("our_median", "our median"),
        Column::number("our_ninetieth", "our 90th"),
        Column::number("our_worst", "our worst"),
    ]);
    for (other, row) in rows(others) {
        let mut cells = vec![
            Cell::new(other.name.as_str()),
            Cell::new(row.group.as_str()),
            Cell::new(row.metric.word()),
            Cell::new(row.cases),
        ];
        cells.extend(figures(row).map(Cell::new));
        table.push(cells);
    }
    let mut text = format!("\nthe same cases by other estimators, of which nothing is promised\n{}", table.text());
    for other in others {
        let _ = writeln!(text, "{}: {}", other.name, left_out(other));
    }
    text
}

/// The same as `docs/accuracy.md` shows it, with the sources.
pub(super) fn markdown(others: &[Comparison]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\nThe same cases by other estimators, of which nothing is promised:\n\n\
         | estimator | group | metric | cases | median | 90th percentile | worst | our median | our 90th | our worst |\n\
         | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (other, row) in rows(others) {
        let (name, group, metric, cases) = (&other.name, &row.group, row.metric.word(), row.cases);
        let _ = writeln!(text, "| {name} | {group} | `{metric}` | {cases} | {} |", figures(row).join(" | "));
    }
    text.push('\n');
    for other in others {
        let _ = writeln!(text, "- {} ({}): {}", other.name, other.source, left_out(other));
    }
    text
}

/// For programs; errors are shares of the measurement, not percent.
pub(super) fn document(other: &Comparison) -> Value {
    let spread =
        |spread: &Spread| json!({"median": spread.median, "ninetieth": spread.ninetieth, "worst": spread.worst});
    let row = |row: &Beside| {
        json!({
            "group": row.group,
            "metric": row.metric.word(),
            "cases": row.cases,
            "theirs": spread(&row.theirs),
            "ours": spread(&row.ours),
        })
    };
    let reason = |(reason, count): &(String, usize)| json!({"reason": reason, "count": count});
    json!({
        "estimator": other.name,
        "source": other.source,
        "groups": other.rows.iter().map(row).collect::<Vec<_>>(),
        "left_out": other.left_out.iter().map(reason).collect::<Vec<_>>(),
    })
}

fn rows(others: &[Comparison]) -> impl Iterator<Item = (&Comparison, &Beside)> {
    others.iter().flat_map(|other| other.rows.iter().map(move |row| (other, row)))
}

/// Median, ninetieth percentile and worst: theirs, then ours.
fn figures(row: &Beside) -> [String; 6] {
    let Beside { theirs, ours, .. } = row;
    [theirs.median, theirs.ninetieth, theirs.worst, ours.median, ours.ninetieth, ours.worst].map(percent)
}

/// `316 cases left out: 312 (peaks), 4 (states on the host)`.
fn left_out(other: &Comparison) -> String {
    let all: usize = other.left_out.iter().map(|(_, count)| count).sum();
    let reasons: Vec<String> = other.left_out.iter().map(|(reason, count)| format!("{count} ({reason})")).collect();
    if reasons.is_empty() {
        String::from("no case left out")
    } else {
        format!("{all} cases left out: {}", reasons.join(", "))
    }
}
