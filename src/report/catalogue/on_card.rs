//! The catalogue of models on one card.

use serde_json::Value;

use crate::gpu::Gpu;
use crate::memory::Fit;
use crate::preset::Facts;
use crate::report::table::{Cell, Column, Table};
use crate::scenario::parameter::Parameter;
use crate::scenario::{Scenario, Task};
use crate::solve::lineup::Candidate;
use crate::units::{Parameters, Unit, grouped};

/// Most signs of a note in text; programs see all of it.
const NOTE: usize = 56;

/// A model, and how a run with it does on a card.
#[derive(Debug, Clone)]
pub struct OnCard<'a> {
    /// The model.
    pub facts: Facts<'a>,
    /// The run against the card.
    pub candidate: &'a Candidate,
    /// The largest value of what is asked for with which it fits.
    pub most: Option<u64>,
}

/// What is run, in a line: `train full · transformers · bf16 · adamw · batch 1 × 4,096 tokens on RTX 4090, 23.52 GiB`.
pub fn heading(run: &Scenario, gpu: &Gpu, unit: Unit) -> String {
    let (train, infer) = (&run.train, &run.infer);
    let framework = run.framework.word().to_owned();
    let mut words = match run.task {
        Task::Train => vec![
            format!("train {}", train.method.word()),
            framework,
            train.precision.word().to_owned(),
            train.optimizer.word().to_owned(),
            format!("batch {} × {} tokens", train.micro_batch_size, grouped(train.sequence_length)),
        ],
        Task::Infer => vec![
            String::from("infer"),
            framework,
            format!("{} weights, {} cache", infer.weights, infer.kv_cache),
            format!("{} × {} tokens", infer.concurrency, grouped(infer.context_length)),
        ],
    };
    if run.gpus > 1 {
        words.push(format!("{} GPUs", run.gpus));
    }
    let capacity = gpu.capacity().map(|capacity| unit.show(capacity)).unwrap_or_default();
    format!("{} on {}, {capacity} usable", words.join(" · "), gpu.name)
}

/// A row for each model on a card; `quantity` is what the last number is of, sizes are shown in `unit`.
pub fn on_card<'a>(rows: impl IntoIterator<Item = OnCard<'a>>, quantity: &'static Parameter, unit: Unit) -> Table {
    let mut table = Table::new(vec![
        Column::text("id", "id"),
        Column::hidden("name"),
        Column::number("parameters", "parameters"),
        Column::number("needs", "needs"),
        Column::number("headroom", "free"),
        Column::hidden("fits"),
        Column::text("verdict", "verdict"),
        Column::number("most", quantity.label),
        Column::hidden("most_of"),
        Column::hidden("family"),
        Column::hidden("organization"),
        Column::hidden("released"),
        Column::hidden("license"),
        Column::text("note", ""),
    ]);
    for OnCard { facts, candidate, most } in rows {
        let fit = candidate.fit.as_ref().ok();
        let count = facts.parameters.map(Parameters::new);
        table.push(vec![
            Cell::new(facts.id),
            Cell::new(facts.name),
            count.map_or(Cell::new(Value::Null), |count| Cell::shown_as(count.get(), count.to_string())),
            fit.map_or(Cell::new(Value::Null), |fit| Cell::shown_as(fit.needs.get(), unit.show(fit.needs))),
            fit.map_or(Cell::new(Value::Null), |fit| Cell::shown_as(fit.headroom.get(), free(fit, unit))),
            Cell::new(candidate.fits()),
            Cell::new(fit.map(|fit| fit.verdict.id())),
            most.map_or(Cell::new(Value::Null), |most| Cell::shown_as(most, grouped(most))),
            Cell::new(quantity.key),
            Cell::new(facts.family),
            Cell::new(facts.organization),
            Cell::new(facts.released),
            Cell::new(facts.license),
            note(candidate),
        ]);
    }
    table
}

/// What is left, or with a minus what is missing.
fn free(fit: &Fit, unit: Unit) -> String {
    let sign = if fit.headroom.is_negative() { "-" } else { "" };
    format!("{sign}{}", unit.show(fit.headroom.magnitude()))
}

/// What is to be said of it, as far as there is room.
fn note(candidate: &Candidate) -> Cell {
    let Some(words) = candidate.note() else { return Cell::shown_as(Value::Null, "") };
    let short: String = words.chars().take(NOTE).collect();
    let shown = if short.len() < words.len() { short.trim_end().to_owned() + "…" } else { short };
    Cell::shown_as(words, shown)
}
