//! DeepSeek-V4: parameters as the class has them, and the cache of compressed tokens.

use crate::support::models::{count, imported};
use brimful::import::config;
use brimful::memory::{Category, EstimateError, Instant, Ledger, Step, estimate};
use brimful::preset::Library;
use brimful::scenario::{Attention, Scenario, Task};
use serde_json::{Value, json};

fn small() -> Value {
    json!({ "model_type": "deepseek_v4", "vocab_size": 1000, "hidden_size": 256, "num_hidden_layers": 6,
        "num_attention_heads": 8, "head_dim": 64, "q_lora_rank": 96, "o_groups": 4, "o_lora_rank": 48,
        "index_n_heads": 4, "index_head_dim": 32, "index_topk": 16, "n_routed_experts": 8, "num_experts_per_tok": 2,
        "moe_intermediate_size": 128, "sliding_window": 128, "compress_ratios": [0, 4, 128, 4, 128, 128],
        "qk_rope_head_dim": 32 })
}

fn serving(batch: u64, tokens: u64, word: &str) -> Scenario {
    let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
    scenario.infer.context_length = tokens;
    scenario.infer.concurrency = batch;
    scenario.infer.prefill_tokens = Some(batch * tokens);
    word.clone_into(&mut scenario.infer.weights);
    word.clone_into(&mut scenario.infer.kv_cache);
    // No fused kernel computes it.
    scenario.infer.attention = Attention::Eager;
    scenario
}

fn tensors(ledger: &Ledger, instant: Instant) -> u64 {
    let moment =
        ledger.moments().iter().find(|moment| moment.step == Step::Steady && moment.instant == instant).unwrap();
    moment.total.get() - moment.by_category.get(Category::Runtime).get()
}

#[test]
fn parameters_are_those_of_the_class() {
    let library = Library::embedded();
    assert_eq!(count(library.model("deepseek-v4-flash").unwrap()), 284_332_230_231);
    assert_eq!(count(library.model("deepseek-v4-pro").unwrap()), 1_572_997_179_491);
    assert_eq!(count(&imported(&small())), 7_467_449);
}

/// Views of the class's own cache after so many tokens, and the peak of tensors in one forward pass over all but three,
/// measured on tensors without data: sequences, tokens, type, cache, peak.
#[test]
fn caches_are_those_of_the_class_and_prompts_come_close() {
    let model = imported(&small());
    for (batch, tokens, word, cache, peak) in [
        (1, 303, "bf16", 170_880, 23_164_570_u64),
        (2, 520, "bf16", 316_416, 57_673_406),
        (1, 643, "fp32", 341_760, 93_044_212),
        (3, 133, "bf16", 357_120, 22_647_154),
    ] {
        let mut scenario = serving(batch, tokens, word);
        scenario.infer.prefill_tokens = Some(batch * (tokens - 3));
        let ledger = estimate(&model, &scenario, None).unwrap();
        assert_eq!(ledger.largest(Category::KvCache).0.get(), cache, "{batch} × {tokens}");
        // A model made from its config has every weight in one type; a loaded one keeps some in fp32.
        let weights = ledger.largest(Category::Parameters).0.get() - if word == "fp32" { 4 } else { 2 } * count(&model);
        let found = tensors(&ledger, Instant::Prefill) - weights;
        assert!(found.abs_diff(peak) < peak / 20, "{found} {peak}");
    }
}

#[test]
fn a_token_takes_a_share_of_the_cache_by_its_layers() {
    let model = Library::embedded().model("deepseek-v4-flash").unwrap().clone();
    let cache = |tokens| {
        let ledger = estimate(&model, &serving(1, tokens, "bf16"), None).unwrap();
        ledger.largest(Category::KvCache).0.get()
    };
    // 21 layers with one key of 512 and one of the indexer's 128 for every 4 tokens, 20 with one for every 128.
    assert_eq!(cache(8192) - cache(4096), 2 * (21 * 1024 * (512 + 128) + 20 * 32 * 512));
}

#[test]
fn what_mixes_streams_stays_in_fp32() {
    let model = imported(&small());
    let ledger = estimate(&model, &serving(1, 64, "bf16"), None).unwrap();
    // 24 numbers of 4 streams of 256, their bias and 3 scales, twice a layer.
    let streams = 6 * 2 * (24 * 4 * 256 + 24 + 3);
    let found: u64 = ledger
        .entries()
        .iter()
        .filter(|entry| entry.category == Category::Parameters && entry.name.contains("streams."))
        .filter(|entry| !entry.name.starts_with("final"))
        .map(|entry| entry.bytes.get())
        .sum();
    assert_eq!(found, 4 * streams);
}

#[test]
fn training_and_quantized_weights_are_refused() {
    let model = imported(&small());
    let key = |scenario: &Scenario| match estimate(&model, scenario, None).unwrap_err() {
        EstimateError::NotCovered { key, .. } => key,
        other => panic!("{other}"),
    };
    assert_eq!(key(&Scenario::default()), "task");
    assert_eq!(key(&serving(1, 64, "q8_0")), "infer.weights");
}

#[test]
fn names_of_layers_say_what_ratios_say() {
    let mut named = small();
    let kinds = ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"];
    named["compress_ratios"] = Value::Null;
    named["layer_types"] = json!([kinds[0], kinds[1], kinds[2], kinds[1], kinds[2], kinds[2]]);
    assert_eq!(imported(&named).architecture, imported(&small()).architecture);
    named["layer_types"][1] = json!("full_attention");
    let error = config::parse(&named.to_string(), "config.json", None).unwrap_err().to_string();
    assert!(error.contains("layer_types: found a kind that is none of sliding_attention"), "{error}");
    named["layer_types"] = Value::Null;
    named["compress_ratios"] = json!([0, 4]);
    let error = config::parse(&named.to_string(), "config.json", None).unwrap_err().to_string();
    assert!(error.contains("compress_ratios: found 2 entries for 6 layers"), "{error}");
}
