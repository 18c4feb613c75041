//! `brimful estimate`: the full breakdown.

use std::process::ExitCode;

use anyhow::Result;

use super::arguments::Format;
use super::context::Context;
use super::resolve::Draft;
use super::{RunArguments, output, presets, stream};
use crate::report::{csv, json, text};

/// Prints every instant by category; `with_ledger` adds every entry.
pub(super) fn run(context: &Context, arguments: &RunArguments, with_ledger: bool) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.output.lookup)?;
    let resolved = Draft::read(&library, &arguments.scenario)?.resolve(&library)?;
    let report = resolved.report()?;
    resolved.idle.iter().for_each(stream::warn);
    let look = output::look(context, &arguments.output);
    let text = match (arguments.output.format, with_ledger) {
        (Format::Text, false) => text::estimate(&report, look),
        (Format::Text, true) => text::estimate(&report, look) + "\n" + &text::ledger(&report, look),
        (Format::Json, _) => json::report(&report, with_ledger)?,
        (Format::Csv, false) => csv::estimate(&report),
        (Format::Csv, true) => csv::ledger(&report),
    };
    stream::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
