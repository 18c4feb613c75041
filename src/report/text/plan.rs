//! Layouts in text: a table of those that fit, and how the first is launched.

use super::{COLUMNS, Look};
use crate::gpu::Gpu;
use crate::model::Model;
use crate::report::plan::{layout_words, most_lost, row_words};
use crate::scenario::Scenario;
use crate::solve::Fewest;
use crate::solve::plan::flags::Launch;
use crate::solve::plan::{Plan, Planned};
use crate::units::grouped;

/// A plan: layouts that fit, the fastest by estimate first.
pub fn plan(plan: &Plan, (model, scenario): (&Model, &Scenario), gpu: &Gpu, look: Look) -> String {
    let (cards, name) = (grouped(scenario.gpus), &gpu.name);
    let head = format!("{} layouts on {cards} × {name}, {} of them over by their tensors alone", plan.tried, plan.over);
    let mut lines = vec![head, String::new()];
    if plan.fitting.is_empty() {
        lines.push(String::from("none fits"));
        if let Some((nearest, needs)) = &plan.nearest {
            lines.push(format!("the least: {}: {}", row_words(nearest), look.show(*needs)));
        }
    } else {
        let wide = plan.fitting.iter().map(|planned| layout_words(&planned.scenario).len()).max().unwrap_or(6).max(6);
        lines.push(format!(
            "{:<wide$}  {:>5}  {:<9}  {:>11}  {:>7}  {:>11}  {}",
            "layout", "batch", "recompute", "needs", "verdict", "tok/s/GPU*", "most is lost to*"
        ));
        lines.extend(plan.fitting.iter().map(|planned| row(planned, wide, look)));
        lines.push(String::new());
        lines.push(String::from("* estimated from rates of the card; the memory is what is promised"));
    }
    let first = plan.fitting.first();
    if let Some(launch) = first.and_then(|first| Launch::of(model, &first.scenario, gpu.node())) {
        lines.extend([String::new(), wrapped(&launch.command)]);
        if let Some((name, text)) = launch.file {
            lines.extend([String::new(), format!("{name}:"), text]);
        }
        lines.extend(without_flag(&launch.unsaid));
    }
    look.finish(lines.join("\n") + "\n")
}

/// What is to be said in the script.
fn without_flag(unsaid: &[&str]) -> Option<String> {
    (!unsaid.is_empty()).then(|| format!("\nno flag says {}: it is the script's to say", unsaid.join(", ")))
}

/// A command over as many lines as it takes, each a flag with its value or more, to be copied as they are.
fn wrapped(command: &str) -> String {
    let flags = command.split(" --").enumerate();
    let mut lines: Vec<String> = Vec::new();
    for (index, flag) in flags {
        let flag = if index == 0 { flag.to_owned() } else { format!("--{flag}") };
        match lines.last_mut() {
            Some(line) if line.len() + flag.len() + 3 <= COLUMNS => line.extend([" ", &flag]),
            Some(_) => lines.push(format!("    {flag}")),
            None => lines.push(flag),
        }
    }
    lines.join(" \\\n")
}

fn row(planned: &Planned, wide: usize, look: Look) -> String {
    let lost = most_lost(planned);
    let lost = lost.map_or_else(String::new, |(term, share)| format!("{term} {:.0} %", 100.0 * share));
    format!(
        "{:<wide$}  {:>5}  {:<9}  {:>11}  {:>7}  {:>11}  {lost}",
        layout_words(&planned.scenario),
        planned.scenario.train.micro_batch_size,
        planned.scenario.train.recompute.word(),
        look.show(planned.fit.needs),
        planned.fit.verdict.id(),
        format!("{:.0}", planned.cost.tokens_per_gpu()),
    )
    .trim_end()
    .to_owned()
}

/// The fewest cards, and what one fewer would need.
pub fn fewest(found: &Fewest, gpu: &Gpu, look: Look) -> String {
    let name = &gpu.name;
    let Some(run) = &found.run else {
        let least = look.show(found.needs);
        return look.finish(format!("no number of {name} is enough: the leanest layout needs {least} of each\n"));
    };
    let layout = layout_words(run);
    let mut text =
        format!("{} × {name}: it fits with {} on each, {layout}\n", grouped(run.gpus), look.show(found.needs));
    if let Some((gpus, needs)) = found.fewer {
        let needs = look.show(needs);
        text.extend([&grouped(gpus), " would be too few: the leanest layout needs ", &needs, " of each\n"]);
    }
    look.finish(text)
}
