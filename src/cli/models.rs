//! `brimful models`: the catalogue of models.

use std::process::ExitCode;

use anyhow::Result;

use super::context::Context;
use super::{CatalogueArguments, output, presets};
use crate::preset::Listing;
use crate::report::catalogue;

/// Prints the models that the filter leaves.
pub(super) fn run(context: &Context, arguments: &CatalogueArguments) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.output.lookup)?;
    let filter = arguments.filter.as_deref();
    let kept = library.model_listings().iter().filter_map(|listing| listing.facts().ok()).filter(|model| {
        output::matches(filter, [model.id, model.name, model.family, model.organization.unwrap_or_default()])
    });
    let table = catalogue::models(kept);
    if let (true, Some(filter)) = (table.is_empty(), filter) {
        output::nothing_matches("model", filter, library.model_listings().iter().map(Listing::id));
    }
    output::print_table(context, &table, &arguments.output)
}
