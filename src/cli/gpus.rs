//! `brimful gpus`: the catalogue of cards.

use std::process::ExitCode;

use anyhow::Result;

use super::{CatalogueArguments, output, presets};
use crate::report::catalogue;

/// Prints the cards that the filter leaves.
pub(super) fn run(arguments: &CatalogueArguments) -> Result<ExitCode> {
    let library = presets::load(&arguments.output.lookup)?;
    let filter = arguments.filter.as_deref();
    let kept = library.gpus().iter().filter(|gpu| output::matches(filter, [&gpu.id, &gpu.name, &gpu.vendor]));
    let table = catalogue::gpus(kept, arguments.output.lookup.unit());
    if let (true, Some(filter)) = (table.is_empty(), filter) {
        output::nothing_matches("gpu", filter, library.gpus().iter().map(|gpu| gpu.id.as_str()));
    }
    output::print_table(&table, &arguments.output)
}
