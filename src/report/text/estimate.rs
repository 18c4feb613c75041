//! The full breakdown: parameters, and every instant by category.

use std::fmt::Write;

use super::check::shown;
use super::{Look, card, headline, ratio};
use crate::memory::{Moment, Step};
use crate::report::Report;
use crate::units::{Bytes, grouped};

/// What is run, how many parameters, and a table of instants for each of the two steps.
pub fn estimate(report: &Report, look: Look) -> String {
    let mut text = headline(report) + "\n";
    text.extend(card(report, look).map(|card| card + "\n"));
    text.push_str(&parameters(report));
    for step in [Step::Steady, Step::First] {
        text.push_str(&step_table(report, step, look));
    }
    text.push('\n');
    text.push_str(&summary(report, look));
    text.extend(ratio(report).map(|ratio| ratio + "\n"));
    look.finish(text)
}

fn parameters(report: &Report) -> String {
    let counts = report.counts;
    let trainable = counts.trainable.map_or(String::from("not counted yet"), |count| grouped(count.get()));
    format!(
        "parameters {} ({}) · active {} · trainable {trainable}\n",
        grouped(counts.total.get()),
        counts.total,
        grouped(counts.active.get()),
    )
}

/// Categories down, instants across, so that it stays within 80 columns.
fn step_table(report: &Report, step: Step, look: Look) -> String {
    let moments: Vec<&Moment> = report.ledger.moments().iter().filter(|moment| moment.step == step).collect();
    let mut text = format!("\n{:<11}", format!("{}, {}", look.unit.label(), step.id()));
    for moment in &moments {
        let _ = write!(text, "  {}", moment.instant.id());
    }
    text.push('\n');
    let mut row = |label: &str, cell: &dyn Fn(&Moment) -> String| {
        let mut line = format!("{label:<11}");
        for moment in &moments {
            let _ = write!(line, "  {:>width$}", cell(moment), width = moment.instant.id().len());
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    for category in shown(report) {
        row(category.label(), &|moment| amount(moment.by_category.get(category), look));
    }
    row("Total", &|moment| amount(moment.total, look));
    let peak = report.ledger.peak();
    if step == peak.step {
        row("", &|moment| String::from(if moment.instant == peak.instant { "peak ▲" } else { "" }));
    }
    text
}

/// The number, and a dash where there is nothing: columns of zeros hide what matters.
fn amount(bytes: Bytes, look: Look) -> String {
    if bytes.is_zero() { String::from("-") } else { look.size(bytes) }
}

fn summary(report: &Report, look: Look) -> String {
    let peak = report.ledger.peak();
    let mut text = format!("total       {:>12} at {}: {}\n", look.show(peak.total), peak.instant.id(), peak.at);
    let _ = writeln!(text, "allocated   {:>12} without the runtime", look.show(report.ledger.allocated()));
    if let Some(fit) = &report.fit {
        text.push_str(&super::check::verdict(fit, look));
        text.push('\n');
    }
    text
}
