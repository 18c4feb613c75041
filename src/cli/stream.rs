//! Where output goes: data to stdout, complaints to stderr.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use serde_json::{Value, json};

use super::closed_pipe;

/// Whether complaints are objects of JSON, one a line.
static FOR_PROGRAMS: AtomicBool = AtomicBool::new(false);

/// From here on complaints are for programs: each is an object of JSON on a line of its own.
pub(super) fn complain_in_json() {
    FOR_PROGRAMS.store(true, Ordering::Relaxed);
}

/// Whether they are.
pub(super) fn complains_in_json() -> bool {
    FOR_PROGRAMS.load(Ordering::Relaxed)
}

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
    if complains_in_json() {
        return object(&json!({ "schema": 1, "warning": { "message": problem.to_string() } }));
    }
    // Nobody is left to tell where this fails.
    let _ = writeln!(io::stderr(), "warning: {problem}");
}

/// Says something that is neither data nor a complaint, to people alone.
pub(super) fn say(words: impl Display) {
    if !complains_in_json() {
        let _ = writeln!(io::stderr(), "{words}");
    }
}

/// Prints a complaint that is an object.
pub(super) fn object(complaint: &Value) {
    let _ = writeln!(io::stderr(), "{complaint}");
}
