//! `brimful check`: does it fit?

use std::process::ExitCode;

use anyhow::{Result, bail};

use clap::Args;

use super::arguments::Format;
use super::context::Context;
use super::resolve::Draft;
use super::{DOES_NOT_FIT, RunArguments, output, presets, stream};
use crate::memory::{Verdict, notes_of_card};
use crate::report::{Report, csv, json, text};
use crate::solve::{Advice, Subject, advice, room};

/// What `check` takes.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    run: RunArguments,
    /// Count `tight` as no: exit 1 unless the whole range fits that the needs may lie in.
    #[arg(long)]
    strict: bool,
}

/// Prints the verdict and exits by the central estimate, or where `--strict` is given by the verdict.
pub(super) fn run(context: &Context, CheckArguments { run: arguments, strict }: &CheckArguments) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.output.lookup)?;
    let resolved = Draft::read(&library, &arguments.scenario)?.resolve(&library)?;
    let report = resolved.report()?;
    // What the card makes otherwise stands in the text.
    let told = match (arguments.output.format, &resolved.gpu) {
        (Format::Text, Some(gpu)) => notes_of_card(&resolved.scenario, gpu),
        _ => Vec::new(),
    };
    resolved.idle.iter().filter(|words| !told.contains(words)).for_each(stream::warn);
    let Some(fit) = &report.fit else {
        bail!(
            "no gpu is given, so there is nothing to hold the total against\n\
             hint: add `--gpu h100-sxm-80`; `brimful gpus` lists them, and `brimful estimate` needs none"
        );
    };
    let too_tight = *strict && fit.fits() && fit.verdict != Verdict::Fits;
    let code = if fit.fits() && !too_tight { ExitCode::SUCCESS } else { ExitCode::from(DOES_NOT_FIT) };
    let advice = || {
        let cards = library.gpus().into_iter().map(|gpu| (gpu.id.as_str(), gpu));
        let subject =
            |gpu| Subject { model: &resolved.model, scenario: &resolved.scenario, gpu, is_cancelled: &|| false };
        let of = |gpu| {
            if fit.fits() {
                return Advice { room: room(subject(gpu), &report.ledger), ..Advice::default() };
            }
            advice(subject(gpu), report.ledger.clone(), cards)
        };
        resolved.gpu.as_ref().map(of).unwrap_or_default()
    };
    let text = match arguments.output.format {
        Format::Text => {
            let look = output::look(context, &arguments.output);
            let no = if too_tight { "no: tight is not enough under --strict\n" } else { "" };
            text::check(&report, look) + no + &text::advice(&advice(), fit.fits(), &resolved.scenario, look)
        }
        Format::Json => json::report(&Report { advice: Some(advice()), ..report }, false)?,
        Format::Csv => csv::check(&report),
    };
    stream::finish(&text, code)
}
