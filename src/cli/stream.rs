//! Where output goes: data to stdout, complaints to stderr.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;

use super::closed_pipe;

/// Prints data.
pub(super) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Prints data and ends with this code, which whoever reads only that gets even if nobody reads the data.
pub(super) fn finish(text: &str, code: ExitCode) -> Result<ExitCode> {
    match print(text) {
        Err(error) if !closed_pipe(&error) => Err(error),
        _ => Ok(code),
    }
}

/// Prints a complaint that stops nothing.
pub(super) fn warn(problem: impl Display) {
    // Nobody is left to tell where this fails.
    let _ = writeln!(io::stderr(), "warning: {problem}");
}
