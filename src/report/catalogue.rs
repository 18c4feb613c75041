//! The catalogues as tables.

use serde_json::Value;

mod on_card;

use super::table::{Cell, Column, Table};
use crate::families;
use crate::gpu::Gpu;
use crate::model::tower::{Composite, Modality};
use crate::preset::Facts;
use crate::scenario::parameter::Parameter;
use crate::scenario::profile::{NOT_DESCRIBED, Profile, Profiles};
use crate::scenario::{self, Scenario};
use crate::units::{Parameters, Unit};

pub use on_card::{OnCard, heading, on_card};

/// A row for each model.
pub fn models<'a>(models: impl IntoIterator<Item = Facts<'a>>) -> Table {
    let mut table = Table::new(vec![
        Column::text("id", "id"),
        Column::text("name", "name"),
        Column::text("family", "family"),
        Column::number("parameters", "parameters"),
        Column::text("tower", "tower"),
        Column::hidden("confirmed"),
        Column::hidden("organization"),
        Column::hidden("released"),
        Column::hidden("license"),
        Column::hidden("source"),
    ]);
    for model in models {
        let count = model.parameters.map(Parameters::new);
        table.push(vec![
            Cell::new(model.id),
            Cell::new(model.name),
            Cell::new(model.family),
            count.map_or(Cell::new(Value::Null), |count| Cell::shown_as(count.get(), count.to_string())),
            Cell::new(modality(&model).map(Modality::word)),
            Cell::new(model.confirmed),
            Cell::new(model.organization),
            Cell::new(model.released),
            Cell::new(model.license),
            Cell::new(model.source),
        ]);
    }
    table
}

/// What a model sees or hears beside its words: by a tower, or by an encoder of its own.
fn modality(model: &Facts<'_>) -> Option<Modality> {
    let tower = model.composite.and_then(Composite::named).map(Composite::modality);
    let hears = families::family(model.family).and_then(|family| family.seq2seq).is_some_and(|it| it.sounds.is_some());
    tower.or(hears.then_some(Modality::Audio))
}

/// A row for each card; what it can hand out is shown in `unit`.
pub fn gpus<'a>(gpus: impl IntoIterator<Item = &'a Gpu>, unit: Unit) -> Table {
    let mut table = Table::new(vec![
        Column::text("id", "id"),
        Column::text("name", "name"),
        Column::hidden("vendor"),
        Column::hidden("architecture"),
        Column::number("usable", "usable"),
        Column::hidden("usable_mib"),
        Column::hidden("usable_estimated"),
        Column::hidden("driver_mib"),
        Column::hidden("marketing_gb"),
        Column::number("bandwidth_gb_s", "GB/s"),
        Column::number("bf16_tflops", "bf16 TFLOP/s"),
        Column::number("gpus_per_node", "per node"),
        Column::hidden("mig"),
        Column::hidden("source"),
    ]);
    for gpu in gpus {
        let usable = gpu.capacity().ok();
        let mark = if gpu.usable_estimated { "~" } else { "" };
        table.push(vec![
            Cell::new(gpu.id.as_str()),
            Cell::new(gpu.name.as_str()),
            Cell::new(gpu.vendor.as_str()),
            Cell::new(gpu.architecture.as_deref()),
            usable.map_or(Cell::new(Value::Null), |size| {
                Cell::shown_as(size.get(), format!("{mark}{}", unit.show(size)))
            }),
            Cell::new(gpu.usable_mib),
            Cell::new(gpu.usable_estimated),
            Cell::new(gpu.driver_mib),
            Cell::new(gpu.marketing_gb),
            Cell::new(gpu.bandwidth_gb_s.map(number)),
            Cell::new(gpu.bf16_tflops.map(number)),
            Cell::new(gpu.gpus_per_node),
            Cell::new(Some(mig(gpu)).filter(|slices| !slices.is_empty())),
            Cell::new(gpu.source.as_deref()),
        ]);
    }
    table
}

/// The MIG slices of a card, each as it is named.
fn mig(gpu: &Gpu) -> String {
    gpu.slices.iter().map(|slice| slice.profile.as_str()).collect::<Vec<_>>().join(" ")
}

/// A row for each framework: what it is described for, and which version.
pub fn frameworks(profiles: &Profiles) -> Table {
    let mut table = Table::new(vec![
        Column::text("id", "id"),
        Column::text("covered", "covered"),
        Column::text("tasks", "tasks"),
        Column::text("version", "version"),
        Column::hidden("name"),
        Column::hidden("optimizer_implementation"),
        Column::hidden("keep_outputs"),
        Column::hidden("defaults"),
        Column::hidden("sources"),
    ]);
    let described = profiles.all().map(|profile| (profile.id.as_str(), Some(profile)));
    for (id, profile) in described.chain(NOT_DESCRIBED.map(|id| (id, None))) {
        let covered = profile.is_some();
        let train = profile.and_then(|profile| profile.train.as_ref());
        let usual = |key| profile.filter(|_| train.is_some()).and_then(|profile| value_under(profile, key));
        let tasks = [("train", train.is_some()), ("infer", profile.is_some_and(|profile| profile.infer.is_some()))];
        let tasks: Vec<&str> = tasks.into_iter().filter(|(_, described)| *described).map(|(task, _)| task).collect();
        table.push(vec![
            Cell::new(id),
            Cell::shown_as(covered, if covered { "yes" } else { "not yet" }),
            Cell::new(Some(tasks.join(", ")).filter(|_| covered)),
            Cell::new(profile.map(|profile| profile.version)),
            Cell::new(profile.map(|profile| profile.name.as_str())),
            Cell::new(usual("train.optimizer_implementation")),
            Cell::new(usual("train.keep_outputs")),
            Cell::new(profile.map(own_defaults)),
            Cell::new(profile.map(|profile| profile.sources.join("; "))),
        ]);
    }
    table
}

/// What a run under a framework has for a parameter of which nobody says anything.
fn value_under(profile: &Profile, key: &str) -> Option<Value> {
    let parameter = Parameter::by_key(key).ok()?;
    let value = profile.own_default(key).cloned().unwrap_or_else(|| parameter.get(&Scenario::default()));
    Some(match value {
        scenario::Value::Flag(on) => Value::Bool(on),
        other => Value::String(other.to_string()),
    })
}

/// A framework's own defaults in words, those of one method behind its name.
fn own_defaults(profile: &Profile) -> String {
    let said = profile.defaults.iter().map(|own| match own.method {
        None => format!("{}={}", own.key, own.value),
        Some(method) => format!("{}: {}={}", method.word(), own.key, own.value),
    });
    said.collect::<Vec<_>>().join("; ")
}

/// `3350`, not `3350.0`: a whole number as people write it.
fn number(value: f64) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or_default()
}
