//! Weights as other programs store them, against the files and models that those programs make.
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use brimful::import::config;
use brimful::memory::{self, Category, Entry};
use brimful::model::Model;
use brimful::preset::Library;
use brimful::scenario::{Scenario, Task};
use serde_json::Value;

/// Cases of whole models that one engine stored.
fn cases(engine: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/engines.json");
    let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    cases.into_iter().filter(|case| case["engine"] == engine && case["config"].is_object()).collect()
}

/// All entries of a model that is served in a type.
fn stored(model: &Model, word: &str) -> Vec<Entry> {
    let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
    word.clone_into(&mut scenario.infer.weights);
    scenario.infer.context_length = 256;
    memory::suit(model, &mut scenario, |key| key != "infer.attention");
    let ledger = memory::estimate(model, &scenario, None).unwrap_or_else(|error| panic!("{}: {error}", model.id));
    ledger.entries().to_vec()
}

fn is_parameter(entry: &Entry) -> bool {
    entry.category == Category::Parameters
}

/// A model's parameters in a type, and what corrects the choice of experts, a buffer that files of llama.cpp have too.
fn parameters(case: &Value) -> Vec<Entry> {
    let model: Model = config::parse(&case["config"].to_string(), "config.json", None).unwrap();
    let mut entries = stored(&model, case["weights"].as_str().unwrap());
    let corrects = |entry: &Entry| entry.name == "router.correction bias" && case["engine"] == "llama.cpp";
    entries.retain(|entry| is_parameter(entry) || corrects(entry));
    entries
}

fn held(engine: &str, at_least: usize) {
    let cases = cases(engine);
    assert!(cases.len() >= at_least, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let entries = parameters(case);
        let bytes: u64 = entries.iter().map(|entry| entry.bytes.get()).sum();
        if Some(bytes) != case["bytes"].as_u64() {
            let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
            for entry in &entries {
                *kinds.entry(format!("{} {}", entry.name, entry.bits)).or_default() += entry.count;
            }
            wrong.push(format!(
                "{} {} {bytes} {}: {kinds:?}\n{}",
                case["config"]["model_type"], case["weights"], case["bytes"], case["types"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn files_of_llama_cpp_have_the_bytes_that_llama_quantize_writes() {
    held("llama.cpp", 41);
}

#[test]
fn models_of_mlx_have_the_bytes_that_quantize_model_makes() {
    held("mlx-lm", 11);
}

/// What llama-quantize wrote of two models of the catalogue: Gemma 3n, whose files have keys and values of layers that read
/// an earlier layer's, and Phi-3, whose queries, keys and values are one matrix.
#[test]
fn models_of_the_catalogue_have_the_bytes_of_their_files() {
    for (id, word, bytes) in [
        ("gemma-3n-e4b-it", "q4_k_m", 4_836_475_360_u64),
        ("gemma-3n-e4b-it", "q4_0", 4_684_816_864),
        ("phi-3-mini-4k-instruct", "q5_k_m", 2_754_375_168),
        ("phi-3-mini-4k-instruct", "q4_k_m", 2_396_032_512),
    ] {
        let model = Library::embedded().model(id).unwrap().clone();
        let sum: u64 =
            stored(&model, word).iter().filter(|entry| is_parameter(entry)).map(|entry| entry.bytes.get()).sum();
        assert_eq!(sum, bytes, "{id} {word}");
    }
}
