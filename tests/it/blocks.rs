//! Layers that differ one by one: what each has, keeps and caches.

use crate::support::models::imported;
use brimful::import::config;
use brimful::memory::{Category, Entry, Place, estimate, trainable_parameters};
use brimful::model::{Model, parameters};
use brimful::scenario::{Method, Scenario, Task};
use serde_json::{Value, json};

fn attends(group: u64) -> Value {
    json!({ "n_heads_in_group": group, "no_op": false, "replace_with_linear": false, "window_length": null })
}

fn none() -> Value {
    json!({ "no_op": true, "replace_with_linear": false })
}

fn linear() -> Value {
    json!({ "no_op": false, "replace_with_linear": true })
}

fn feeds(factor: f64) -> Value {
    json!({ "ffn_mult": factor, "no_op": false, "replace_with_linear": false })
}

/// A model of 512 channels and 8 heads with these layers: attention and feed-forward network of each.
fn with_layers(layers: &[[Value; 2]]) -> Value {
    let blocks: Vec<Value> =
        layers.iter().map(|[attention, ffn]| json!({ "attention": attention, "ffn": ffn })).collect();
    json!({ "model_type": "nemotron-nas", "vocab_size": 1000, "hidden_size": 512, "num_hidden_layers": layers.len(),
        "num_attention_heads": 8, "intermediate_size": null, "num_key_value_heads": null, "block_configs": blocks })
}

fn mixed() -> Value {
    with_layers(&[
        [attends(2), feeds(1.0)],
        [none(), feeds(5.25)],
        [attends(8), none()],
        [linear(), feeds(1.0)],
        [none(), none()],
        [attends(2), linear()],
    ])
}

fn refusal(config: &Value) -> String {
    config::parse(&config.to_string(), "config.json", None).unwrap_err().to_string()
}

fn entries(model: &Model, scenario: &Scenario) -> Vec<Entry> {
    estimate(model, scenario, None).unwrap().entries().to_vec()
}

fn sized(tokens: u64) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.train.sequence_length = tokens;
    scenario.infer.context_length = tokens;
    scenario
}

#[test]
fn norms_stand_where_their_block_does() {
    let hidden = 512;
    let attention = |kv: u64| hidden + 2 * hidden * hidden + 2 * hidden * kv * 64;
    // int(2 · 512 / 3) = 341 and int(2 · 5.25 · 512 / 3) = 1792, to multiples of 256.
    let network = |width: u64| hidden + 3 * hidden * width;
    let square = hidden + hidden * hidden;
    let layers =
        [attention(4) + network(512), network(1792), attention(1), square + network(512), 0, attention(4) + square];
    let model = imported(&mixed());
    let expected = layers.iter().sum::<u64>() + 2 * 1000 * hidden + hidden;
    assert_eq!(parameters::count(&model.architecture).unwrap().get(), expected);
    assert_eq!(model.architecture.num_hidden_layers(), 6);
}

/// Such a model of equal layers is a Llama, but for what is only an estimate.
#[test]
fn equal_layers_are_those_of_a_llama() {
    let model = imported(&with_layers(&[[attends(2), feeds(3.0)], [attends(2), feeds(3.0)]]));
    let llama = imported(&json!({ "model_type": "llama", "vocab_size": 1000, "hidden_size": 512,
        "num_hidden_layers": 2, "num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 1024 }));
    assert_eq!(model.architecture, llama.architecture);
    for task in [Task::Train, Task::Infer] {
        let scenario = Scenario { task, ..sized(256) };
        let totals = [&model, &llama].map(|model| estimate(model, &scenario, None).unwrap().allocated());
        assert_eq!(totals[0], totals[1]);
    }
}

#[test]
fn a_layer_without_attention_keeps_and_caches_nothing_of_it() {
    let model = imported(&mixed());
    let of_attention = |entry: &Entry| entry.name.starts_with("attention") || entry.name.starts_with("rotated");
    let alone = |entry: &Entry| matches!(entry.place, Place::Layers(1 | 4, _));
    let trained = entries(&model, &sized(64));
    assert!(trained.iter().any(of_attention) && trained.iter().any(alone));
    assert!(!trained.iter().any(|entry| of_attention(entry) && alone(entry)));
    assert!(trained.iter().any(|entry| entry.name == "attention.linear.weight" && entry.place == Place::Layers(3, 3)));
    let ledger = estimate(&model, &Scenario { task: Task::Infer, ..sized(100) }, None).unwrap();
    // Three layers attend, with four, one and four heads of 64.
    assert_eq!(ledger.largest(Category::KvCache).0.get(), 2 * 2 * 100 * 64 * (4 + 1 + 4));
}

#[test]
fn adapters_stand_beside_the_matrices_there_are() {
    let model = imported(&mixed());
    let mut scenario = sized(64);
    scenario.train.method = Method::Lora;
    scenario.train.lora_rank = 4;
    let mut trained = |targets: &[&str]| {
        scenario.train.lora_targets = targets.iter().map(|target| (*target).to_owned()).collect();
        estimate(&model, &scenario, None).unwrap();
        trainable_parameters(&model, &scenario).unwrap().get()
    };
    assert_eq!(trained(&["q", "v"]), 4 * (3 * 2 * 512 + 3 * 512 + (4 + 1 + 4) * 64));
    assert_eq!(trained(&["down"]), 4 * (3 * 512 + 512 + 1792 + 512));
    assert_eq!(trained(&["linear_attn", "linear_mlp"]), 4 * (2 * 2 * 512));
}

#[test]
fn what_a_block_cannot_say_is_refused() {
    let with = |attention: Value, network: Value| refusal(&with_layers(&[[attention, network]]));
    let mut windowed = attends(2);
    windowed["window_length"] = json!(64);
    assert!(with(windowed, none()).contains("block_configs: layer 0: `window_length` is not covered"));
    assert!(with(attends(3), none()).contains("layer 0: n_heads_in_group is 3, which does not divide 8 heads"));
    assert!(with(attends(2), json!({})).contains("layer 0: ffn_mult is missing"));
    assert!(with(none(), feeds(0.0)).contains("layer 0: a network without channels"));
    assert!(with(none(), json!({ "ffn_mult": 1.0, "gated": false })).contains("without a gate"));
    let mut short = mixed();
    short["num_hidden_layers"] = json!(7);
    assert!(refusal(&short).contains("block_configs: found 6 entries, which is not num_hidden_layers"));
    short["block_configs"] = Value::Null;
    assert!(refusal(&short).contains("block_configs: missing"));
    short["block_configs"] = json!([{ "ffn": feeds(1.0) }]);
    short["num_hidden_layers"] = Value::Null;
    assert!(refusal(&short).contains("layer 0: `attention` is missing"));
}
