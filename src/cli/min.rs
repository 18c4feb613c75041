//! `brimful min`: the fewest cards on which a run fits.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde_json::json;

use super::arguments::Format;
use super::context::Context;
use super::resolve::{Draft, Resolved};
use super::{DOES_NOT_FIT, RunArguments, output, presets, stream};
use crate::report::text;
use crate::scenario::Scenario;
use crate::solve::fewest;
use crate::solve::plan::{NoPlan, Range, tried};

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Quantity {
    /// Cards of a training run.
    Gpus,
}

/// Prints the fewest cards and the layout on them; exits 1 where no number is enough.
pub(super) fn run(context: &Context, Quantity::Gpus: Quantity, arguments: &RunArguments) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.output.lookup)?;
    let resolved = Draft::read(&library, &arguments.scenario)?.resolve(&library)?;
    let Resolved { model, scenario, .. } = &resolved;
    let (range, gpu) = (Range::of_layouts(scenario, |key| resolved.says(key)), resolved.card()?);
    if let Some(none) = NoPlan::of(scenario) {
        bail!(none.words());
    }
    let of_a_node = Scenario { gpus: gpu.node(), ..scenario.clone() };
    let runs = || tried(model, &of_a_node, &range).into_iter().chain([of_a_node.clone()]).collect();
    resolved.idle_in(runs).into_iter().for_each(stream::warn);
    let found = fewest(model, scenario, gpu, &range).map_err(|error| resolved.locate(error))?;
    let look = output::look(context, &arguments.output);
    let (gpus, needs) = (found.run.as_ref().map(|run| run.gpus), found.needs.get());
    let text = match arguments.output.format {
        Format::Text => text::fewest(&found, gpu, look),
        Format::Json => {
            let parallel = found.run.as_ref().map(|run| &run.parallel);
            let fewer = found.fewer.map(|(gpus, needs)| json!({ "gpus": gpus, "needs": needs }));
            let answer = json!({
                "schema": 1, "gpus": gpus, "needs": needs, "parallel": parallel, "fewer": fewer,
            });
            serde_json::to_string_pretty(&answer)? + "\n"
        }
        Format::Csv => format!("gpus,needs\n{},{needs}\n", gpus.map(|gpus| gpus.to_string()).unwrap_or_default()),
    };
    let code = if found.run.is_some() { ExitCode::SUCCESS } else { ExitCode::from(DOES_NOT_FIT) };
    stream::finish(&text, code)
}
