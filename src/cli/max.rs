//! `brimful max`: the largest value that fits.

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::arguments::Format;
use super::context::Context;
use super::resolve::Draft;
use super::{DOES_NOT_FIT, RunArguments, output, presets, stream};
use crate::memory::notes_of_sizes;
use crate::report::text;
use crate::scenario::parameter::Parameter;
use crate::scenario::{self, Task};
use crate::solve::{By, Largest, Points, Stop, largest, surely};

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Quantity {
    /// Sequences in one pass: `train.micro_batch_size`, or `infer.concurrency`.
    Batch,
    /// Tokens in a sequence: `train.sequence_length`, or `infer.context_length`.
    Seq,
    /// Sequences served at once: `infer.concurrency`.
    Concurrency,
    /// Tokens served per sequence: `infer.context_length`.
    Context,
}

impl Quantity {
    /// The key asked for, and the task that it belongs to.
    pub(super) const fn key(self, task: Task) -> (&'static str, Task) {
        match (self, task) {
            (Self::Batch, Task::Train) => ("train.micro_batch_size", Task::Train),
            (Self::Seq, Task::Train) => ("train.sequence_length", Task::Train),
            (Self::Batch, Task::Infer) | (Self::Concurrency, _) => ("infer.concurrency", Task::Infer),
            (Self::Seq, Task::Infer) | (Self::Context, _) => ("infer.context_length", Task::Infer),
        }
    }
}

/// Prints the largest value that fits and what stops the next; exits 1 where nothing fits.
pub(super) fn run(context: &Context, quantity: Quantity, arguments: &RunArguments) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.output.lookup)?;
    let mut draft = Draft::read(&library, &arguments.scenario)?;
    let (key, task) = quantity.key(draft.scenario.task);
    draft.scenario.task = task;
    let resolved = draft.resolve(&library)?;
    // What depends on the number that is asked about is said of the one that is found.
    let own = notes_of_sizes(&resolved.model, &resolved.scenario);
    resolved.idle.iter().filter(|words| !own.contains(words)).for_each(stream::warn);
    let gpu = resolved.card()?;
    let parameter = Parameter::by_key(key)?;
    let points = Points::of(&resolved.model, &resolved.scenario, Some(gpu), parameter, By::Allocator)?;
    let found = largest(&points)?;
    if let Some(value) = found.value {
        let mut furthest = resolved.scenario.clone();
        parameter.set(&mut furthest, scenario::Value::Count(value))?;
        notes_of_sizes(&resolved.model, &furthest).iter().for_each(stream::warn);
    }
    let sure = found.value.and_then(|most| surely(&points, most));
    let text = match arguments.output.format {
        Format::Text => text::largest(key, &found, sure, gpu, output::look(context, &arguments.output)),
        Format::Json => serde_json::to_string_pretty(&as_json(key, &found, sure))? + "\n",
        Format::Csv => as_csv(key, &found),
    };
    let code = if found.value.is_some() { ExitCode::SUCCESS } else { ExitCode::from(DOES_NOT_FIT) };
    stream::finish(&text, code)
}

fn as_json(key: &str, found: &Largest, sure: Option<u64>) -> Value {
    let (next, reason) = match &found.stopped_by {
        Stop::Capacity(bytes) => (json!(bytes.get()), Value::Null),
        Stop::End(reason) => (Value::Null, json!(reason)),
    };
    json!({
        "schema": 1, "parameter": key, "value": found.value, "total": found.needs.get(),
        "next_total": next, "reason": reason, "surely": sure,
    })
}

fn as_csv(key: &str, found: &Largest) -> String {
    let value = found.value.map(|value| value.to_string()).unwrap_or_default();
    format!("parameter,value,total\n{key},{value},{}\n", found.needs.get())
}
