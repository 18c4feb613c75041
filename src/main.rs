//! The `brimful` command.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match brimful::cli::run(std::env::args_os()) {
        Ok(code) => code,
        Err(error) if brimful::cli::closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell where this fails.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(brimful::cli::BAD_INPUT)
        }
    }
}
