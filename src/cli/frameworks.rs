//! `brimful frameworks`: the implementations whose habits are described.

use std::process::ExitCode;

use anyhow::Result;

use super::arguments::OutputArguments;
use super::context::Context;
use super::{output, presets};
use crate::report::catalogue;

/// Prints every framework.
pub(super) fn run(context: &Context, arguments: &OutputArguments) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.lookup)?;
    output::print_table(context, &catalogue::frameworks(&library.profiles()), arguments)
}
