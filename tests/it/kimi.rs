//! Kimi K3: its tensors add up to what was published, and what serving it takes.

use crate::support::models::{count, imported};
use brimful::import::config;
use brimful::memory::{Category, EstimateError, Instant, Step, estimate};
use brimful::model::{Model, parameters};
use brimful::preset::Library;
use brimful::scenario::{Method, Scenario, Task};
use serde_json::{Value, json};

fn k3() -> Model {
    Library::embedded().model("kimi-k3").unwrap().clone()
}

/// The keys of its own `config.json`, with vision and text in objects of their own; of so many layers.
fn published(layers: u64) -> Value {
    let attends = |layer: &u64| layer.is_multiple_of(4) || *layer == layers;
    let attending: Vec<u64> = (1..=layers).filter(attends).collect();
    json!({ "model_type": "kimi_k3", "dtype": "bfloat16", "vision_config": { "vt_num_hidden_layers": 27 },
        "tie_word_embeddings": false,
        "text_config": { "model_type": "kimi_linear", "hidden_size": 7168, "num_hidden_layers": layers,
            "num_attention_heads": 96, "num_key_value_heads": 96, "intermediate_size": 33792, "hidden_act": "situ",
            "num_experts": 896, "num_experts_per_token": 16, "num_shared_experts": 2, "moe_intermediate_size": 3072,
            "routed_expert_hidden_size": 3584, "latent_moe_use_norm": true, "moe_renormalize": true,
            "num_expert_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "q_lora_rank": 1536,
            "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
            "mla_use_nope": true, "mla_use_output_gate": true, "attn_res_block_size": 12, "vocab_size": 163_840,
            "max_position_embeddings": 1_048_576, "tie_word_embeddings": false,
            "linear_attn_config": { "head_dim": 128, "num_heads": 96, "short_conv_kernel_size": 4,
                "use_full_rank_gate": true, "full_attn_layers": attending },
            "quantization_config": { "quant_method": "compressed-tensors", "format": "mxfp4-pack-quantized" } } })
}

fn serving(sequences: u64, tokens: u64, weights: &str) -> Scenario {
    let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
    scenario.infer.context_length = tokens;
    scenario.infer.concurrency = sequences;
    weights.clone_into(&mut scenario.infer.weights);
    scenario
}

#[test]
fn all_tensors_add_up_to_the_published_total() {
    // 27 layers of 1,024 channels with 12 heads of 128 and networks of 4,096, each with two norms; patches of 14 · 14 in
    // three colours, 64 · 64 positions, a norm; then four neighbours to the text's width, and a norm.
    let layer = 4 * 1024 * 1536 + 2 * 1024 * 4096 + 2 * 1024;
    let projector = 4096 * 4096 + 4096 * 7168 + 7168;
    let vision = 27 * layer + (3 * 14 * 14 + 64 * 64 + 1) * 1024 + projector;
    let correction_biases = 92 * 896;
    let padding_of_decay_rates = 69 * (128 - 96);
    let model = k3();
    assert_eq!(count(&model) + vision + correction_biases + padding_of_decay_rates, 2_779_931_837_184);
    // Its card says 104 billion, which leaves out the table of tokens.
    let active = parameters::active(&model.architecture).unwrap().get();
    assert_eq!((active - 163_840 * 7168) / 1_000_000_000, 104);
}

#[test]
fn its_own_config_is_read_whether_or_not_it_names_itself() {
    let mut config = published(93);
    assert_eq!(imported(&config).architecture, k3().architecture);
    assert_eq!(imported(&config).family.id, "kimi_k3");
    assert_eq!(imported(&config["text_config"].take()).architecture, k3().architecture);
    let plain = json!({ "model_type": "kimi_linear", "attn_res_block_size": null });
    assert_eq!(imported(&plain).family.id, "kimi_linear");
    let mut wrong = published(8);
    wrong["text_config"]["attn_res_block_size"] = json!(0);
    let error = config::parse(&wrong.to_string(), "config.json", None).unwrap_err().to_string();
    assert!(error.contains("attn_res_block_size: 0 is not between 1 and 2^28"), "{error}");
}

#[test]
fn the_checkpoint_has_the_bytes_that_were_published() {
    let ledger = estimate(&k3(), &serving(1, 64, "native"), None).unwrap();
    let entries = ledger.entries().iter().filter(|entry| entry.category == Category::Parameters);
    let experts: u64 = entries
        .filter(|entry| entry.name.starts_with("experts.") && !entry.name.starts_with("experts.latent"))
        .map(|entry| entry.bytes.get())
        .sum();
    // 2,722,740,830,208 numbers of four bits, and eight for each 32.
    assert_eq!(experts, 1_361_370_415_104 + 85_085_650_944);
}

#[test]
fn caches_are_latent_where_it_attends_and_states_elsewhere() {
    let model = k3();
    let cache = |sequences, tokens| {
        let ledger = estimate(&model, &serving(sequences, tokens, "bf16"), None).unwrap();
        ledger.largest(Category::KvCache).0.get()
    };
    let token = 24 * 576 * 2;
    assert_eq!(cache(1, 8192) - cache(1, 4096), 4096 * token);
    // A matrix for each head in fp32, and four tokens of what is convolved.
    let states = 69 * (4 * 96 * 128 * 128 + 2 * 4 * 3 * 12_288);
    assert_eq!(cache(3, 64), 3 * (64 * token + states));
}

#[test]
fn what_was_kept_of_earlier_layers_stands_in_a_pass() {
    let model = imported(&published(25));
    let mut without = published(25);
    without["text_config"]["attn_res_block_size"] = Value::Null;
    let prefill = |model: &Model| {
        let ledger = estimate(model, &serving(1, 4096, "bf16"), None).unwrap();
        let found = ledger.moments().iter().find(|it| it.step == Step::Steady && it.instant == Instant::Prefill);
        found.unwrap().by_category.get(Category::Workspace).get()
    };
    // Three streams are kept of 25 layers.
    let stream = 2 * 4096 * 7168;
    assert!(prefill(&model) >= prefill(&imported(&without)) + 3 * stream);
}

#[test]
fn training_is_refused() {
    for method in [Method::Full, Method::Lora] {
        let mut scenario = Scenario::default();
        scenario.train.method = method;
        let error = estimate(&k3(), &scenario, None).unwrap_err();
        assert!(matches!(error, EstimateError::NotCovered { key: "task", .. }), "{error}");
        assert!(error.to_string().contains("kimi_k3: what its training keeps is not known"), "{error}");
    }
}
