//! `brimful plan`: every legal layout of a run on its GPUs, those that fit, ranked.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, value_parser};
use serde_json::{Value, json};

use super::arguments::Format;
use super::context::Context;
use super::resolve::Draft;
use super::{DOES_NOT_FIT, RunArguments, output, presets, stream};
use crate::gpu::Gpu;
use crate::model::Model;
use crate::report::{plan as report, text};
use crate::scenario::Scenario;
use crate::scenario::parameter::Parameter;
use crate::solve::layout_keys as keys;
use crate::solve::plan::flags::Launch;
use crate::solve::plan::{NoPlan, Plan, Planned, Range, plan, tried};

/// What `plan` takes.
#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    run: RunArguments,
    /// How many of the layouts that fit are shown.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u16).range(1..))]
    most: u16,
}

/// Prints layouts; exits 1 where none fits.
pub(super) fn run(context: &Context, arguments: &PlanArguments) -> Result<ExitCode> {
    let PlanArguments { run, most } = arguments;
    let library = presets::load(context, &run.output.lookup)?;
    let resolved = Draft::read(&library, &run.scenario)?.resolve(&library)?;
    let (range, gpu) = (Range::of(&resolved.scenario, |key| resolved.says(key)), resolved.card()?);
    if let Some(none) = NoPlan::of(&resolved.scenario) {
        bail!(none.words());
    }
    let runs = || tried(&resolved.model, &resolved.scenario, &range);
    resolved.idle_in(runs).into_iter().for_each(stream::warn);
    let planned = plan(&resolved.model, &resolved.scenario, gpu, (&range, usize::from(*most)), &|| false)
        .map_err(|error| resolved.locate(error))?;
    let look = output::look(context, &run.output);
    let text = match run.output.format {
        Format::Text => text::plan(&planned, (&resolved.model, &resolved.scenario), gpu, look),
        Format::Json => serde_json::to_string_pretty(&as_json(&planned, &resolved.model, gpu))? + "\n",
        Format::Csv => report::csv(&planned),
    };
    let code = if planned.fitting.is_empty() { ExitCode::from(DOES_NOT_FIT) } else { ExitCode::SUCCESS };
    stream::finish(&text, code)
}

fn as_json(plan: &Plan, model: &Model, gpu: &Gpu) -> Value {
    let one = |planned: &Planned| {
        let launch = Launch::of(model, &planned.scenario, gpu.node());
        let lost: serde_json::Map<String, Value> =
            planned.cost.lost().iter().map(|(term, share)| ((*term).to_owned(), json!(share))).collect();
        json!({
            "parallel": planned.scenario.parallel, "set": settings(&planned.scenario),
            "micro_batch_size": planned.scenario.train.micro_batch_size,
            "recompute": planned.scenario.train.recompute.word(),
            "needs": planned.fit.needs, "headroom": planned.fit.headroom.get(), "verdict": planned.fit.verdict.id(),
            "rank": { "pipeline": planned.stage },
            "estimate": {
                "seconds_per_step": planned.cost.total(),
                "tokens_per_second_per_gpu": planned.cost.tokens_per_gpu(),
                "lost": lost,
            },
            "launch": launch.as_ref().map(|launch| &launch.command),
            "unsaid": launch.as_ref().map(|launch| &launch.unsaid),
            "file": launch.as_ref().and_then(|launch| launch.file.as_ref())
                .map(|(name, text)| json!({ "name": name, "text": text })),
        })
    };
    let nearest = plan.nearest.as_ref().map(|(scenario, needs)| {
        json!({
            "parallel": scenario.parallel, "set": settings(scenario), "micro_batch_size": scenario.train.micro_batch_size,
            "recompute": scenario.train.recompute.word(), "needs": needs,
        })
    });
    json!({
        "schema": 1, "gpu": gpu.id, "tried": plan.tried, "over": plan.over, "nearest": nearest,
        "layouts": plan.fitting.iter().map(one).collect::<Vec<_>>(),
    })
}

/// What makes a run this layout, as `--set` takes it: each key with its value.
fn settings(scenario: &Scenario) -> Value {
    let usual = Scenario::default();
    let of_rows = ["train.micro_batch_size", "train.recompute"];
    let keys = keys(&scenario.framework).iter().copied().chain(of_rows);
    let set = keys.filter_map(|key| {
        let parameter = Parameter::by_key(key).ok()?;
        let value = parameter.get(scenario);
        (value != parameter.get(&usual) || of_rows.contains(&key)).then(|| (key.to_owned(), json!(value.to_string())))
    });
    Value::Object(set.collect())
}
