//! `brimful check`: does it fit?

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::arguments::Format;
use super::resolve::Draft;
use super::{DOES_NOT_FIT, RunArguments, closed_pipe, output, presets};
use crate::report::{csv, json, text};
use crate::solve::fixes;

/// Prints the verdict and exits by the central estimate.
pub(super) fn run(arguments: &RunArguments) -> Result<ExitCode> {
    let library = presets::load(&arguments.output.lookup)?;
    let resolved = Draft::read(&library, &arguments.scenario)?.resolve(&library)?;
    let report = resolved.report()?;
    resolved.idle.iter().for_each(output::warn);
    let Some(fit) = &report.fit else {
        bail!(
            "no gpu is given, so there is nothing to hold the total against\n\
             hint: add `--gpu h100-sxm-80`; `brimful gpus` lists them, and `brimful estimate` needs none"
        );
    };
    let code = if fit.fits() { ExitCode::SUCCESS } else { ExitCode::from(DOES_NOT_FIT) };
    let text = match arguments.output.format {
        Format::Text => {
            let look = output::look(&arguments.output);
            let found = match (&resolved.gpu, fit.fits()) {
                (Some(gpu), false) => {
                    let cards = library.gpus().into_iter().map(|gpu| (gpu.id.as_str(), gpu));
                    text::fixes(&fixes(&resolved.model, &resolved.scenario, gpu, cards), look)
                }
                _ => String::new(),
            };
            text::check(&report, look) + &found
        }
        Format::Json => json::report(&report, false)?,
        Format::Csv => csv::check(&report),
    };
    match output::print(&text) {
        // Whoever reads the verdict from the exit code gets it even if nobody reads the bars.
        Err(error) if !closed_pipe(&error) => Err(error),
        _ => Ok(code),
    }
}
