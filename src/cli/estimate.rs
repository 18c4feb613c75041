//! `brimful estimate`: the full breakdown.

use std::process::ExitCode;

use anyhow::Result;

use super::arguments::Format;
use super::resolve::Draft;
use super::{RunArguments, output, presets};
use crate::report::{csv, json, text};

/// Prints every instant by category; `with_ledger` adds every entry.
pub(super) fn run(arguments: &RunArguments, with_ledger: bool) -> Result<ExitCode> {
    let library = presets::load(&arguments.output.lookup)?;
    let resolved = Draft::read(&library, &arguments.scenario)?.resolve(&library)?;
    let report = resolved.report()?;
    resolved.idle.iter().for_each(output::warn);
    let look = output::look(&arguments.output);
    let text = match (arguments.output.format, with_ledger) {
        (Format::Text, false) => text::estimate(&report, look),
        (Format::Text, true) => text::estimate(&report, look) + "\n" + &text::ledger(&report, look),
        (Format::Json, _) => json::report(&report, with_ledger)?,
        (Format::Csv, false) => csv::estimate(&report),
        (Format::Csv, true) => csv::ledger(&report),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
