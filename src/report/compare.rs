//! Several runs side by side: categories, totals, verdicts, and the parameters in which they differ.

use serde_json::{Value, json};

use super::text::Look;
use super::{Report, csv as values, json as document};
use crate::memory::{Category, Instant};
use crate::scenario::Scenario;
use crate::scenario::parameter::{Parameter, differing};
use crate::units::Bytes;

/// Parameters that matter to one of the runs and that are not the same in all.
fn differences(reports: &[Report<'_>]) -> Vec<(&'static Parameter, Vec<String>)> {
    let scenarios: Vec<&Scenario> = reports.iter().map(|report| report.scenario).collect();
    differing(&scenarios, |parameter, scenario| (parameter.applies)(scenario))
}

/// A column for each run, named by a letter: its categories at the peak, and in brackets the difference to the first.
pub fn text(reports: &[Report<'_>], look: Look) -> String {
    let heading = |(index, report): (usize, &Report<'_>)| {
        let card = report.gpu.map(|gpu| format!(" on {} × {}", report.scenario.gpus, gpu.name)).unwrap_or_default();
        format!("{}  {}, {}{card}\n", letter(index), report.model.name, report.scenario.task.word())
    };
    let mut text: String = reports.iter().enumerate().map(heading).chain([String::from("\n")]).collect();
    let cells = |name: &str, of: &dyn Fn(&Report<'_>) -> (Bytes, Option<Instant>)| {
        let (first, _) = of(&reports[0]);
        let cell = |(index, report): (usize, &Report<'_>)| {
            let (bytes, elsewhere) = of(report);
            let at = elsewhere.map(|instant| format!(" at {}", instant.id())).unwrap_or_default();
            let change = if index == 0 { String::new() } else { format!(" ({})", change(bytes, first, look)) };
            format!("{}{at}{change}", look.size(bytes))
        };
        (name.to_owned(), reports.iter().enumerate().map(cell).collect::<Vec<_>>())
    };
    let mut rows = vec![(look.unit.label().to_owned(), (0..reports.len()).map(letter).collect::<Vec<_>>())];
    for category in Category::ALL {
        if reports.iter().any(|report| !report.ledger.largest(category).0.is_zero()) {
            rows.push(cells(category.label(), &|report| shown(report, category)));
        }
    }
    rows.push(cells("Total", &|report| (report.ledger.total(), None)));
    rows.push((String::from("peak at"), reports.iter().map(|it| it.ledger.peak().instant.id().to_owned()).collect()));
    rows.push((String::from("verdict"), reports.iter().map(|report| verdict(report, look)).collect()));
    text.push_str(&columns(&rows));
    let found = differences(reports);
    if !found.is_empty() {
        text.push_str("\nthey differ in\n");
        let rows: Vec<_> =
            found.into_iter().map(|(parameter, values)| (format!("  {}", parameter.key), values)).collect();
        text.push_str(&columns(&rows));
    }
    look.finish(text)
}

/// What a category has at the peak; its largest, and when that is, where it has nothing then.
fn shown(report: &Report<'_>, category: Category) -> (Bytes, Option<Instant>) {
    let bytes = report.ledger.peak().by_category.get(category);
    let (largest, instant) = report.ledger.largest(category);
    if bytes.is_zero() && !largest.is_zero() { (largest, Some(instant)) } else { (bytes, None) }
}

/// A name and a cell for each run, lined up.
fn columns(rows: &[(String, Vec<String>)]) -> String {
    let wide = |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
    let name = wide(&mut rows.iter().map(|(name, _)| name));
    let runs = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let widths: Vec<usize> =
        (0..runs).map(|run| wide(&mut rows.iter().filter_map(|(_, cells)| cells.get(run)))).collect();
    let line = |(label, cells): &(String, Vec<String>)| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("  {cell:>width$}"));
        format!("{label:<name$}{}\n", cells.collect::<String>())
    };
    rows.iter().map(line).collect()
}

/// `A`, `B`, …
fn letter(index: usize) -> String {
    u8::try_from(index)
        .ok()
        .filter(|index| *index < 26)
        .map_or_else(|| (index + 1).to_string(), |index| char::from(b'A' + index).to_string())
}

fn change(bytes: Bytes, first: Bytes, look: Look) -> String {
    let difference = bytes.minus(first);
    if difference.magnitude().is_zero() {
        return String::from("=");
    }
    let sign = if difference.is_negative() { "-" } else { "+" };
    format!("{sign}{}", look.size(difference.magnitude()))
}

fn verdict(report: &Report<'_>, look: Look) -> String {
    let Some(fit) = &report.fit else { return String::from("no card") };
    let rest = if fit.fits() { "free" } else { "missing" };
    format!("{}, {} {rest}", fit.verdict.id(), look.size(fit.headroom.magnitude()))
}

/// The document of each run under `runs`, and under `differences` the parameters that are not the same in all.
///
/// # Errors
/// Where a number has no form in JSON.
pub fn json(reports: &[Report<'_>]) -> serde_json::Result<String> {
    let runs: Vec<Value> = reports
        .iter()
        .map(|report| serde_json::from_str(&document::report(report, false)?))
        .collect::<serde_json::Result<_>>()?;
    let totals: Vec<u64> = reports.iter().map(|report| report.ledger.total().get()).collect();
    let differing: Vec<Value> = differences(reports)
        .into_iter()
        .map(|(parameter, values)| json!({ "parameter": parameter.key, "values": values }))
        .collect();
    let whole = json!({ "schema": 1, "totals": totals, "differences": differing, "runs": runs });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}

/// The verdict of each run, one a row.
pub fn csv(reports: &[Report<'_>]) -> String {
    let tables = reports.iter().map(values::check);
    let rows = tables.enumerate().flat_map(|(index, table)| {
        table.lines().skip(usize::from(index > 0)).map(|line| line.to_owned() + "\n").collect::<Vec<_>>()
    });
    rows.collect()
}
