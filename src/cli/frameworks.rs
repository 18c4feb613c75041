//! `brimful frameworks`: the implementations whose habits are described.

use std::process::ExitCode;

use anyhow::Result;

use super::arguments::OutputArguments;
use super::{output, presets};
use crate::report::catalogue;

/// Prints every framework.
pub(super) fn run(arguments: &OutputArguments) -> Result<ExitCode> {
    let library = presets::load(&arguments.lookup)?;
    output::print_table(&catalogue::frameworks(&library.profiles()), arguments)
}
