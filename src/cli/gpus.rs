//! `brimful gpus`: the catalogue of cards.

use std::process::ExitCode;

use anyhow::Result;

use super::context::Context;
use super::{CatalogueArguments, output, presets};
use crate::preset::Listing;
use crate::report::catalogue;

/// Prints the cards that the filter leaves.
pub(super) fn run(context: &Context, arguments: &CatalogueArguments) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.output.lookup)?;
    let filter = arguments.filter.as_deref();
    let kept = library.gpus().into_iter().filter(|gpu| output::matches(filter, [&gpu.id, &gpu.name, &gpu.vendor]));
    let table = catalogue::gpus(kept, context.unit(&arguments.output.lookup));
    if let (true, Some(filter)) = (table.is_empty(), filter) {
        output::nothing_matches("gpu", filter, library.gpu_listings().iter().map(Listing::id));
    }
    output::print_table(context, &table, &arguments.output)
}
