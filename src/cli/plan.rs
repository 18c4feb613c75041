//! `brimful plan`: every legal layout of a run on its GPUs, those that fit, ranked.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::arguments::Format;
use super::context::Context;
use super::resolve::Draft;
use super::{DOES_NOT_FIT, RunArguments, output, presets, stream};
use crate::gpu::Gpu;
use crate::report::{plan as report, text};
use crate::scenario::Task;
use crate::solve::plan::flags::Launch;
use crate::solve::plan::{Plan, Planned, Range, plan};

/// What `plan` takes.
#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    run: RunArguments,
    /// How many of the layouts that fit are shown.
    #[arg(long, default_value_t = 10)]
    most: usize,
}

/// Prints layouts; exits 1 where none fits.
pub(super) fn run(context: &Context, arguments: &PlanArguments) -> Result<ExitCode> {
    let PlanArguments { run, most } = arguments;
    let library = presets::load(context, &run.output.lookup)?;
    let draft = Draft::read(&library, &run.scenario)?;
    let said = |key: &str| draft.says(key);
    let range = Range::of(&draft.scenario, said);
    let resolved = draft.resolve(&library)?;
    if resolved.scenario.task != Task::Train {
        bail!("a plan is of training; how many requests a card serves is what `brimful max concurrency` says");
    }
    let Some(gpu) = &resolved.gpu else {
        bail!("no gpu is given, so there is nothing that could be full\nhint: add `--gpu h100-sxm-80`");
    };
    resolved.idle.iter().for_each(stream::warn);
    let planned = plan(&resolved.model, &resolved.scenario, gpu, (&range, *most), &|| false)?;
    let look = output::look(context, &run.output);
    let text = match run.output.format {
        Format::Text => text::plan(&planned, &resolved.scenario, gpu, look),
        Format::Json => serde_json::to_string_pretty(&as_json(&planned, gpu))? + "\n",
        Format::Csv => report::csv(&planned),
    };
    let code = if planned.fitting.is_empty() { ExitCode::from(DOES_NOT_FIT) } else { ExitCode::SUCCESS };
    stream::finish(&text, code)
}

fn as_json(plan: &Plan, gpu: &Gpu) -> Value {
    let one = |planned: &Planned| {
        let launch = Launch::of(&planned.scenario, gpu.gpus_per_node.unwrap_or(8));
        let lost: serde_json::Map<String, Value> =
            planned.cost.lost().iter().map(|(term, share)| ((*term).to_owned(), json!(share))).collect();
        json!({
            "parallel": planned.scenario.parallel,
            "micro_batch_size": planned.scenario.train.micro_batch_size,
            "recompute": planned.scenario.train.recompute.word(),
            "needs": planned.fit.needs, "headroom": planned.fit.headroom.get(), "verdict": planned.fit.verdict.id(),
            "rank": { "pipeline": planned.stage },
            "estimate": {
                "seconds_per_step": planned.cost.total(),
                "tokens_per_second_per_gpu": planned.cost.tokens_per_gpu(),
                "lost": lost,
            },
            "launch": launch.command,
            "file": launch.file.map(|(name, text)| json!({ "name": name, "text": text })),
        })
    };
    let nearest = plan.nearest.as_ref().map(|(scenario, needs)| {
        json!({
            "parallel": scenario.parallel, "micro_batch_size": scenario.train.micro_batch_size,
            "recompute": scenario.train.recompute.word(), "needs": needs,
        })
    });
    json!({
        "schema": 1, "gpu": gpu.id, "tried": plan.tried, "over": plan.over, "nearest": nearest,
        "layouts": plan.fitting.iter().map(one).collect::<Vec<_>>(),
    })
}
