//! Predictions against measured training steps: saved bytes to the byte, peaks within half a per cent.

#![expect(clippy::print_stdout, reason = "the table of errors is what one reads with --nocapture")]
#![expect(clippy::cast_precision_loss, reason = "relative errors")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use brimful::families;
use brimful::import::config;
use brimful::memory::{self, Category, Instant, Ledger, Lifetime, Step};
use brimful::model::parameters;
use brimful::open::case;
use brimful::preset::Library;
use brimful::scenario::parameter::Parameter;
use brimful::scenario::{Scenario, Task, Value};
use brimful::validate::Metric;
use serde_json::Value as Json;

/// The largest error that a step's peak may have.
const PEAK_TOLERANCE: f64 = 0.005;

/// Files of measured training steps.
const TRAINED: &[&str] = &[
    "autograd.json",
    "autograd_lora.json",
    "autograd_recurrent.json",
    "encoders.json",
    "experts.json",
    "images.json",
    "modern.json",
    "seq2seq.json",
];

struct Outcome {
    id: String,
    family: String,
    saved: Option<(u64, u64)>,
    /// Phase, predicted, measured.
    phases: Vec<(String, u64, u64)>,
    peak: (u64, u64),
}

fn cases(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str::<Vec<Json>>(&text).unwrap()
}

/// Keys of a case's `run` are those of `[train]`.
fn scenario(run: &Json) -> Scenario {
    let mut scenario = Scenario::default();
    for (key, value) in run.as_object().unwrap() {
        let Ok(parameter) = Parameter::by_key(&format!("train.{key}")) else { continue };
        let value = match value {
            Json::String(word) => Value::Word(word.clone()),
            Json::Number(number) => match number.as_u64() {
                Some(count) => Value::Count(count),
                None => Value::Fraction(number.as_f64().unwrap()),
            },
            Json::Bool(on) => Value::Flag(*on),
            Json::Array(words) => Value::Words(words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()),
            Json::Null | Json::Object(_) => continue,
        };
        parameter.set(&mut scenario, value).unwrap();
    }
    scenario
}

fn saved(ledger: &Ledger) -> u64 {
    ledger
        .alive(Step::Steady, Instant::ForwardEnd)
        .filter(|entry| entry.lifetime == Lifetime::Saved)
        .map(|entry| entry.bytes.get())
        .sum()
}

/// What the measurement counts and no instant holds: a router that chooses groups first saves indices and masks for a
/// graph through which no gradient comes back, and lets go of them when it returns.
fn let_go_at_once(case: &Json, saved: u64) -> u64 {
    let (config, run) = (&case["config"], &case["run"]);
    let by_group = ["deepseek_v3", "glm4_moe", "dots1"].iter().any(|family| config["model_type"] == *family);
    if !by_group || case["measured"]["saved_total"].as_u64() == Some(saved) {
        return 0;
    }
    let count = |table: &Json, key: &str| table[key].as_u64().unwrap();
    let layers = count(config, "num_hidden_layers") - count(config, "first_k_dense_replace");
    let tokens = count(run, "micro_batch_size") * count(run, "sequence_length");
    let each = 16 * count(config, "n_group") + 8 * count(config, "topk_group") + count(config, "n_routed_experts");
    layers * tokens * each
}

fn allocated(ledger: &Ledger, step: Step, instants: &[Instant]) -> u64 {
    ledger
        .moments()
        .iter()
        .filter(|moment| moment.step == step && instants.contains(&moment.instant))
        .map(|moment| moment.total.get() - moment.by_category.get(Category::Runtime).get())
        .max()
        .unwrap()
}

fn outcome(case: &Json) -> Outcome {
    let id = case["id"].as_str().unwrap().to_owned();
    let model = config::parse(&case["config"].to_string(), &id, None).unwrap();
    assert_eq!(
        parameters::count(&model.architecture).unwrap().get(),
        case["measured"]["parameters"].as_u64().unwrap(),
        "{id}: parameters"
    );
    let scenario = scenario(&case["run"]);
    if let Some(trainable) = case["measured"]["trainable"].as_u64() {
        assert_eq!(memory::trainable_parameters(&model, &scenario).unwrap().get(), trainable, "{id}: trainable");
    }
    let ledger = memory::tracked(&model, &scenario).unwrap();
    let measured = &case["measured"];
    let backward = [Instant::LossBackward, Instant::Backward, Instant::BackwardEnd];
    let mut phases = Vec::new();
    for (step, name) in [(Step::First, "first"), (Step::Steady, "steady")] {
        for (phase, instants) in [
            ("forward", &[Instant::Forward, Instant::ForwardEnd][..]),
            ("backward", &backward),
            ("optimizer", &[Instant::OptimizerStep]),
        ] {
            let key = format!("{name}_{phase}");
            // Where no operation made the peak, the measurement leaves one temporary out.
            if measured["peaks"][&key]["at"].is_null() {
                continue;
            }
            let total = measured["peaks"][&key]["total"].as_u64().unwrap();
            phases.push((key, allocated(&ledger, step, instants), total));
        }
    }
    Outcome {
        id,
        family: model.family.id.to_owned(),
        saved: measured["saved_total"]
            .as_u64()
            .map(|total| (saved(&ledger) + let_go_at_once(case, saved(&ledger)), total)),
        phases,
        peak: (ledger.allocated().get(), measured["peak"].as_u64().unwrap()),
    }
}

fn error((predicted, measured): (u64, u64)) -> f64 {
    (predicted as f64 - measured as f64) / measured as f64
}

/// Prints a line for every case that is not exact and a table by family; returns what is outside the promise.
fn judge(path: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut families: BTreeMap<String, (usize, usize, f64)> = BTreeMap::new();
    for case in cases(path) {
        let outcome = outcome(&case);
        let peak = error(outcome.peak);
        let row = families.entry(outcome.family.clone()).or_default();
        row.0 += 1;
        row.1 += usize::from(outcome.peak.0 == outcome.peak.1);
        row.2 = row.2.max(peak.abs());
        if let Some(saved) = outcome.saved
            && saved.0 != saved.1
        {
            println!(
                "{}: saved {} instead of {} ({:+})",
                outcome.id,
                saved.0,
                saved.1,
                i128::from(saved.0) - i128::from(saved.1)
            );
            wrong.push(format!("{}: saved bytes", outcome.id));
        }
        for (phase, predicted, measured) in &outcome.phases {
            if predicted != measured {
                let difference = i128::from(*predicted) - i128::from(*measured);
                println!(
                    "{}: {phase} {predicted} instead of {measured} ({difference:+}, {:+.4} %)",
                    outcome.id,
                    100.0 * error((*predicted, *measured))
                );
            }
        }
        if peak.abs() > PEAK_TOLERANCE {
            wrong.push(format!("{}: peak off by {:.2} %", outcome.id, 100.0 * peak));
        }
    }
    println!("{:<10} {:>5} {:>6} {:>9}", "family", "cases", "exact", "worst");
    for (family, (cases, exact, worst)) in families {
        println!("{family:<10} {cases:>5} {exact:>6} {:>8.4} %", 100.0 * worst);
    }
    wrong
}

#[test]
fn every_measured_step_is_matched() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let wrong: Vec<String> =
        ["autograd", "autograd_lora", "experts", "modern", "encoders", "seq2seq", "images", "timeline"]
            .iter()
            .flat_map(|file| judge(&folder.join(format!("{file}.json"))))
            .collect();
    assert!(wrong.is_empty(), "{} outside the promise:\n{}", wrong.len(), wrong.join("\n"));
}

/// `BRIMFUL_CASES=FILE cargo test --test it reference -- --ignored --nocapture` judges cases that are not in the repository.
#[test]
#[ignore = "needs BRIMFUL_CASES"]
fn further_cases() {
    let wrong = judge(Path::new(&std::env::var("BRIMFUL_CASES").unwrap()));
    assert!(wrong.is_empty(), "{} outside the promise:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is said to be measured is: each family of which that is said has a training case in the reference, and the other
/// way round.
#[test]
fn measured_families_have_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let mut measured = BTreeSet::new();
    for file in TRAINED {
        for case in cases(&folder.join(file)) {
            measured.extend(case["config"]["model_type"].as_str().map(String::from));
        }
    }
    for case in case::embedded(&Library::embedded()).unwrap() {
        if let (Metric::RequestedPeak, Ok(subject)) = (case.metric, case.subject)
            && subject.scenario.task == Task::Train
        {
            measured.insert(subject.model.family.id.to_owned());
        }
    }
    let said = families::all().filter(|member| member.code.measured);
    let said: BTreeSet<String> = said.map(|member| member.family.id.to_owned()).collect();
    assert_eq!(measured, said);
}
