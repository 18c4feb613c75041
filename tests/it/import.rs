//! `config.json` files, against parameters counted in real modules.
use std::fs;
use std::path::Path;

use brimful::import::config;
use brimful::model::architecture::FeedForward;
use brimful::model::{Architecture, Model, parameters};
use brimful::open::find_model;
use brimful::preset::{Library, write};
use brimful::units::Parameters;
use serde_json::{Value, json};

fn reference(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn model(config: &Value) -> Model {
    config::parse(&config.to_string(), "config.json", None).unwrap_or_else(|error| panic!("{error}\n{config}"))
}

fn count(architecture: &Architecture) -> u64 {
    parameters::count(architecture).unwrap().get()
}

fn refusal(text: &str) -> String {
    config::parse(text, "config.json", None).unwrap_err().to_string()
}

#[test]
fn configs_give_the_parameters_that_modules_have() {
    let cases = reference("configs.json");
    assert!(cases.len() >= 70, "{}", cases.len());
    for case in cases {
        let model = model(&case["config"]);
        assert_eq!(Some(count(&model.architecture)), case["parameters"].as_u64(), "{}", case["id"]);
    }
}

#[test]
fn real_models_give_the_parameters_that_modules_have() {
    let cases = reference("parameters.json");
    assert!(cases.len() >= 50, "{}", cases.len());
    for mut case in cases {
        case["hyper"]["model_type"] = case["family"].clone();
        let model = model(&case["hyper"]);
        assert_eq!(Some(count(&model.architecture)), case["total_params"].as_u64(), "{}", case["name"]);
    }
}

#[test]
fn a_falcon_caches_one_head_or_all() {
    let cached = |config: Value| model(&config).architecture.attentions().next().unwrap().cached_heads();
    assert_eq!(cached(json!({"model_type": "falcon", "num_kv_heads": 71})), 1);
    let groups = json!({"model_type": "falcon", "hidden_size": 8192, "num_attention_heads": 128, "num_kv_heads": 8,
        "new_decoder_architecture": true});
    assert_eq!(cached(groups), 128);
    let each = json!({"model_type": "falcon", "hidden_size": 2048, "num_attention_heads": 32, "multi_query": false});
    assert_eq!(cached(each), 32);
    assert!(refusal(r#"{"model_type": "falcon", "alibi": true}"#).contains("alibi: found `true`"));
}

#[test]
fn an_imported_model_loads_back_to_the_same() {
    let dir = std::env::temp_dir().join(format!("brimful-{}-import", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let mut configs: Vec<Value> = reference("configs.json").into_iter().map(|mut case| case["config"].take()).collect();
    configs.extend(reference("autograd.json").into_iter().map(|mut case| case["config"].take()));
    configs.extend(reference("encoders.json").into_iter().map(|mut case| case["config"].take()));
    configs.extend(reference("images.json").into_iter().map(|mut case| case["config"].take()));
    configs.extend(reference("seq2seq.json").into_iter().map(|mut case| case["config"].take()));
    configs.push(
        json!({"model_type": "vit", "image_size": [224, 160], "num_attention_heads": 7, "pooler_output_size": 8}),
    );
    configs.push(json!({"model_type": "deepseek_v4", "num_hash_layers": 2, "hc_mult": 2}));
    let block = |attention: Value, ffn: Value| json!({"attention": attention, "ffn": ffn});
    let (none, linear) = (json!({"no_op": true}), json!({"replace_with_linear": true}));
    let blocks = [
        block(json!({"n_heads_in_group": 4}), json!({"ffn_mult": 1.5})),
        block(linear.clone(), none.clone()),
        block(none, linear),
    ];
    configs.push(json!({"model_type": "kimi_k3", "hidden_act": "situ", "routed_expert_hidden_size": 512,
        "latent_moe_use_norm": true, "mla_use_output_gate": true, "attn_res_block_size": 4,
        "linear_attn_config": {"use_full_rank_gate": true}}));
    configs.push(json!({"model_type": "nemotron-nas", "block_configs": blocks}));
    configs.push(json!({"model_type": "qwen2", "use_sliding_window": true, "max_window_layers": 20}));
    for (family, class) in [
        ("llama", "LlamaForSequenceClassification"),
        ("qwen2", "Qwen2Model"),
        ("bert", "BertForTokenClassification"),
        ("modernbert", "ModernBertForQuestionAnswering"),
    ] {
        configs.push(json!({"model_type": family, "architectures": [class], "num_labels": 1}));
    }
    configs.push(json!({"model_type": "llama", "quantization_config": {"quant_method": "fbgemm_fp8"}}));
    configs.push(json!({"model_type": "llama", "quantization_config": {"load_in_4bit": true}}));
    assert!(configs.len() >= 200, "{}", configs.len());
    for config in configs {
        let imported = config::import_text(&config.to_string(), "config.json", None).unwrap();
        let preset = dir.join("preset.toml");
        fs::write(&preset, write::preset(&imported.model, &imported.keys).unwrap()).unwrap();
        let again = find_model(&Library::default(), "preset.toml", &dir).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again.architecture, imported.model.architecture, "{config}");
        assert_eq!(again.card.quantization, imported.model.card.quantization, "{config}");
        assert_eq!(again.family.id, imported.model.family.id);
        assert_eq!(again.declared.map(Parameters::get), Some(count(&again.architecture)));
    }
    fs::remove_dir_all(&dir).unwrap();
}

/// What `AutoModelForCausalLM.from_config(AutoConfig.for_model(family))` has.
const DEFAULTS: &[(&str, u64)] = &[
    ("gemma2", 2_614_341_888),
    ("gemma3_text", 2_628_658_432),
    ("glm4", 9_400_279_040),
    ("stablelm", 2_795_443_200),
    ("phi", 1_418_270_720),
    ("cohere", 34_980_831_232),
    ("starcoder2", 3_030_371_328),
    ("olmo", 6_888_095_744),
    ("smollm3", 3_075_098_624),
    ("gpt2", 124_439_808),
    ("gpt_neox", 20_554_567_680),
    ("llama", 6_738_415_616),
    ("mistral", 7_241_732_096),
    ("qwen2", 12_049_846_272),
    ("qwen3", 12_049_461_248),
    ("gemma", 8_537_680_896),
    ("phi3", 3_821_079_552),
    ("olmo2", 6_888_624_128),
    ("olmo3", 6_888_624_128),
    ("exaone4", 9_429_069_824),
    ("cohere2", 34_980_831_232),
    ("glm", 9_399_951_360),
    ("seed_oss", 28_921_040_896),
    ("arcee", 4_022_766_080),
    ("apertus", 6_979_596_352),
    ("ernie4_5", 360_748_032),
    ("ministral3", 8_489_553_920),
    ("llama4_text", 107_769_861_120),
    ("gemma3n_text", 6_835_235_568),
    ("gemma4_text", 5_077_177_856),
    ("deepseek_v32", 671_877_929_216),
    ("glm4_moe_lite", 29_943_390_976),
    ("glm_moe_dsa", 743_911_199_232),
    ("mimo_v2_flash", 308_778_768_832),
    ("hy_v3", 295_033_528_320),
    ("phimoe", 41_872_793_600),
    ("granite", 6_738_415_616),
    ("qwen3_next", 79_674_391_296),
    ("qwen3_5_text", 8_953_803_264),
    ("qwen3_5_moe_text", 34_660_610_688),
    ("kimi_linear", 49_133_074_464),
    ("lfm2", 2_705_497_600),
    ("falcon_h1", 8_514_961_408),
    ("nemotron_h", 1_968_355_712),
    ("jamba", 51_570_323_328),
    ("granitemoehybrid", 38_601_064_448),
    ("minimax", 47_373_946_880),
    ("bamba", 9_992_765_440),
    ("mamba", 159_308_544),
    ("falcon_mamba", 159_308_544),
    ("mamba2", 7_285_403_648),
];

#[test]
fn absent_keys_have_the_defaults_of_the_classes() {
    // Counted by Transformers 5.23 on the meta device.
    for (family, expected) in DEFAULTS {
        assert_eq!(count(&model(&json!({ "model_type": family })).architecture), *expected, "{family}");
    }
}

/// The class's own default, a pattern, and what is refused.
#[test]
fn gemma3n_has_sparse_gates_by_its_pattern() {
    let sparse = |config: Value| {
        let groups = model(&config).architecture.groups;
        let layers =
            groups.iter().filter(|group| matches!(&group.layer.feed_forward, FeedForward::Dense(mlp) if mlp.sparse));
        layers.map(|group| group.layers).sum::<u64>()
    };
    assert_eq!(sparse(json!({ "model_type": "gemma3n_text" })), 10);
    let few = json!({ "model_type": "gemma3n_text", "num_hidden_layers": 10, "num_kv_shared_layers": 2 });
    assert_eq!(sparse(few), 0);
    let pattern = json!({ "model_type": "gemma3n_text", "num_hidden_layers": 4, "num_kv_shared_layers": 0,
        "activation_sparsity_pattern": [0.95, 0.5, 0, 0.0] });
    assert_eq!(sparse(pattern), 2);
    for (key, value, problem) in [
        ("activation_sparsity_pattern", "[0.95]", "found 1 entries for 35 layers"),
        ("altup_num_inputs", "1", "1 streams: from 2 to 10 are covered"),
        ("altup_active_idx", "2", "another stream than the first"),
        ("altup_correct_scale", "false", "do not scale what they corrected"),
    ] {
        let says = refusal(&format!(r#"{{"model_type": "gemma3n_text", "{key}": {value}}}"#));
        assert!(says.contains(problem), "{says}");
    }
}

/// Counted by Transformers 5.23 on the meta device, but for the correction biases of ERNIE's routers, which are never
/// trained and are held beside the parameters.
#[test]
fn mixtures_of_experts_are_read_in_their_own_keys() {
    let ernie = json!({ "model_type": "ernie4_5_moe", "moe_num_shared_experts": 0, "moe_layer_start_index": 3,
        "moe_layer_end_index": 20, "moe_layer_interval": 2, "use_bias": true });
    let hunyuan = json!({ "model_type": "hunyuan_v1_moe", "head_dim": 128, "num_experts": 4, "moe_topk": [2, 2] });
    let phi = json!({ "model_type": "phimoe", "lm_head_bias": true, "attention_bias": true });
    for (config, expected) in [
        (json!({ "model_type": "ernie4_5_moe", "moe_layer_end_index": -1 }), 21_825_436_160),
        (ernie, 9_295_416_320),
        (hunyuan, 26_174_296_064),
        (phi, 41_873_153_344),
    ] {
        assert_eq!(count(&model(&config).architecture), expected, "{config}");
    }
    // As the published files have it, whose classes are not in Transformers.
    let ling = json!({ "model_type": "bailing_moe", "num_experts": 256, "num_shared_experts": 1,
        "first_k_dense_replace": 1, "moe_intermediate_size": 512, "use_qk_norm": true, "partial_rotary_factor": 0.5 });
    assert_eq!(count(&model(&ling).architecture), 16_255_643_392 - 19 * 256);
    let deepseek = json!({ "model_type": "deepseek", "hidden_size": 2048, "intermediate_size": 10944,
        "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 16, "n_routed_experts": 64,
        "n_shared_experts": 2, "first_k_dense_replace": 1, "moe_intermediate_size": 1408, "moe_layer_freq": 1 });
    assert_eq!(count(&model(&deepseek).architecture), 16_375_728_128);
    let says = refusal(r#"{"model_type": "deepseek", "moe_layer_freq": 2}"#);
    assert!(says.contains("moe_layer_freq: layers with experts at intervals"), "{says}");
    let says = refusal(r#"{"model_type": "bailing_moe", "use_qk_norm": false}"#);
    assert!(says.contains("use_qk_norm: found `false`"), "{says}");
}

#[test]
fn old_names_are_read() {
    let config = json!({
        "model_type": "gpt2", "n_embd": 1600, "n_layer": 48, "n_head": 25, "n_positions": 512, "n_inner": null,
        "activation_function": "relu", "attn_pdrop": 0.0, "resid_pdrop": 0.25, "embd_pdrop": 0.5, "n_ctx": 512,
    });
    let gpt2 = model(&config).architecture;
    assert_eq!((gpt2.hidden_size, gpt2.num_hidden_layers(), gpt2.max_position_embeddings), (1600, 48, 512));
    assert_eq!((gpt2.dropout.attention, gpt2.dropout.hidden, gpt2.dropout.embedding), (0.0, 0.25, 0.5));
    let neox = model(&json!({ "model_type": "gpt_neox", "rotary_pct": 1.0, "hidden_dropout": 0.1 })).architecture;
    assert_eq!(neox.groups[0].layer.attention().unwrap().rotary_dim, 96);
    assert_eq!((neox.dropout.hidden, neox.dropout.embedding), (0.1, 0.1));
    let neox = model(&json!({ "model_type": "gpt_neox", "rope_parameters": { "partial_rotary_factor": 0.5 } }));
    assert_eq!(neox.architecture.groups[0].layer.attention().unwrap().rotary_dim, 48);
    let phi = model(&json!({ "model_type": "phi3", "partial_rotary_factor": 0.75, "embd_pdrop": 0.5 })).architecture;
    assert_eq!((phi.groups[0].layer.attention().unwrap().rotary_dim, phi.dropout.embedding), (72, 0.0));
}

#[test]
fn a_key_counts_only_where_the_class_reads_it() {
    let biased = |family: &str| {
        let layer = &model(&json!({ "model_type": family, "attention_bias": true, "mlp_bias": true })).architecture;
        let plain = &model(&json!({ "model_type": family })).architecture;
        count(layer) - count(plain)
    };
    for family in ["mistral", "qwen2", "phi3", "gpt2", "gpt_neox"] {
        assert_eq!(biased(family), 0, "{family}");
    }
    // 4096 for each of q, k, v, o; then 11008, 11008 and 4096 for the feed-forward network; 32 layers.
    assert_eq!(biased("llama"), 32 * (4 * 4096 + 2 * 11_008 + 4096));
    assert_eq!(biased("granite"), 32 * (4 * 4096 + 2 * 11_008 + 4096));
    assert_eq!(biased("qwen3"), 32 * 4 * 4096);
    assert_eq!(biased("olmo2"), 32 * 4 * 4096);
    assert_eq!(biased("gemma"), 28 * (3 * 4096 + 3072));
    let unbiased = model(&json!({ "model_type": "gpt_neox", "attention_bias": false })).architecture;
    assert!(
        !unbiased.groups[0].layer.attention().unwrap().qkv_bias
            && !unbiased.groups[0].layer.attention().unwrap().output_bias
    );
}

#[test]
fn null_key_value_heads_are_as_many_as_query_heads() {
    let config = json!({ "model_type": "mistral", "num_attention_heads": 16, "num_key_value_heads": null });
    assert_eq!(model(&config).architecture.groups[0].layer.attention().unwrap().kv_heads, 16);
    assert_eq!(
        model(&json!({ "model_type": "mistral" })).architecture.groups[0].layer.attention().unwrap().kv_heads,
        8
    );
}

#[test]
fn windows_follow_the_classes() {
    let windows = |config: Value| -> Vec<(u64, Option<u64>)> {
        let groups = model(&config).architecture.groups;
        groups.iter().map(|group| (group.layers, group.layer.attention().unwrap().sliding_window)).collect()
    };
    assert_eq!(windows(json!({ "model_type": "mistral" })), [(32, Some(4096))]);
    assert_eq!(windows(json!({ "model_type": "mistral", "sliding_window": null })), [(32, None)]);
    assert_eq!(windows(json!({ "model_type": "phi3", "sliding_window": 2047 })), [(32, Some(2047))]);
    assert_eq!(windows(json!({ "model_type": "llama", "sliding_window": 2047 })), [(32, None)]);
    let qwen = |on: bool, from: u64| {
        windows(json!({ "model_type": "qwen2", "use_sliding_window": on, "max_window_layers": from }))
    };
    assert_eq!(qwen(false, 0), [(32, None)]);
    assert_eq!(qwen(true, 28), [(28, None), (4, Some(4096))]);
    assert_eq!(qwen(true, 99), [(32, None)]);
    let types = ["full_attention", "sliding_attention", "sliding_attention"];
    let config = json!({ "model_type": "qwen3", "num_hidden_layers": 3, "use_sliding_window": true,
        "sliding_window": 128, "layer_types": types });
    assert_eq!(windows(config), [(1, None), (2, Some(128))]);
}

#[test]
fn a_text_config_is_followed() {
    let config = json!({ "model_type": "mistral3", "vision_config": { "hidden_size": 1024 },
        "text_config": { "model_type": "mistral", "hidden_size": 5120, "head_dim": 128 } });
    let model = model(&config);
    assert_eq!((model.family.id, model.architecture.hidden_size), ("mistral", 5120));
}

#[test]
fn mistakes_are_located() {
    let says = refusal("{\n  \"model_type\": \"lama\"\n}");
    assert!(
        says.starts_with("config.json:2:3: model_type: `lama` is not a known family; the nearest is `llama`"),
        "{says}"
    );
    let says = refusal("{\n\"a\": 1,\n}");
    assert!(says.starts_with("config.json:3:1: trailing comma"), "{says}");
    let says = refusal("{\"model_type\": \"gpt2\",\n \"n_embd\": \"768\"}");
    assert!(says.starts_with("config.json:2:2: n_embd: found the text \"768\", expected a whole number"), "{says}");
    let says = refusal("{\"model_type\": \"gpt2\",\n \"n_head\": 7}");
    assert!(says.contains("7 heads do not divide a hidden_size of 768"), "{says}");
    let says = refusal("{\"model_type\": \"gpt2\",\n \"n_layer\": 0}");
    assert!(says.starts_with("config.json:2:2: n_layer: 0 is not between 1 and"), "{says}");
    assert!(refusal("[]").contains("found a list, expected an object"));
    assert!(refusal("{}").contains("model_type: missing"));
    assert!(refusal(&"[".repeat(100_000)).contains("recursion limit"));
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(1000), "]".repeat(1000));
    assert!(refusal(&deep).contains("recursion limit"));
}

#[test]
fn a_folder_or_a_file_names_a_model() {
    let dir = std::env::temp_dir().join(format!("brimful-{}-config", std::process::id()));
    fs::create_dir_all(dir.join("my-model")).unwrap();
    fs::write(dir.join("my-model/config.json"), "{\"model_type\": \"gpt2\"}").unwrap();
    let library = Library::default();
    let by_folder = find_model(&library, "my-model", &dir).unwrap();
    let by_file = find_model(&library, "my-model/config.json", &dir).unwrap();
    fs::write(dir.join("my-model/config.json"), "{\"model_type\": \"gpt2\", \"_name_or_path\": \"a/b-2/\"}").unwrap();
    let named = find_model(&library, "my-model", &dir).unwrap();
    fs::remove_dir_all(&dir).unwrap();
    assert_eq!(by_folder, by_file);
    assert_eq!(by_folder.id, "my-model");
    assert_eq!(named.id, "b-2");
}

#[test]
fn an_unknown_type_is_taken_for_the_structure_that_its_keys_describe() {
    let taken = |config: &Value| {
        let imported = config::import_text(&config.to_string(), "config.json", None).unwrap();
        assert!(imported.model.card.assumed.unwrap().contains("is not known; it is taken for"), "{config}");
        imported.model.family.id
    };
    let mut config = plain_decoder();
    assert_eq!(taken(&config), "llama");
    config["qkv_bias"] = json!(true);
    assert_eq!(taken(&config), "qwen2");
    config["qkv_bias"] = json!(false);
    config["qk_layernorm"] = json!(true);
    assert_eq!(taken(&config), "qwen3");
}

/// A decoder of which every key says that it is a plain one, of a type that nobody knows.
fn plain_decoder() -> Value {
    json!({ "model_type": "lhama", "architectures": ["LhamaForCausalLM"], "vocab_size": 1000, "hidden_size": 256,
        "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 512, "is_encoder_decoder": false,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "bos_token_id": 1 })
}

#[test]
fn an_unknown_type_is_refused_where_a_key_of_it_is_not_understood() {
    let says = |config: &Value| config::import_text(&config.to_string(), "config.json", None).unwrap_err().to_string();
    for (key, value, why) in [
        ("mamba_d_state", json!(16), "and neither is its key `mamba_d_state`; the nearest is `llama`"),
        ("num_local_experts", json!(8), "and neither is its key `num_local_experts`"),
        ("vision_config", json!({"hidden_size": 8}), "and neither is its key `vision_config`"),
        ("layer_types", json!(["full_attention", "linear_attention"]), "it has no layers that are all alike"),
        ("hidden_act", json!("relu2"), "it has no gate by silu (hidden_act)"),
        ("rms_norm_eps", json!(null), "it has no norms by root mean square (rms_norm_eps)"),
        ("rope_theta", json!(null), "it has no positions that rotate (rope_theta)"),
        ("architectures", json!(["LhamaForMaskedLM"]), "a class such as `LhamaForMaskedLM` tells nothing"),
        ("vocab_size", json!(null), "`lhama` is not a known family; the nearest is `llama`"),
    ] {
        let mut config = plain_decoder();
        config[key] = value;
        let says = says(&config);
        assert!(says.contains("model_type: `lhama` is not a known family") && says.contains(why), "{key}: {says}");
    }
    let both = json!({"qk_norm": true, "qkv_bias": true});
    let mut config = plain_decoder();
    config.as_object_mut().unwrap().extend(both.as_object().unwrap().clone());
    assert!(says(&config).contains("both norms and biases"), "{}", says(&config));
    assert!(config::parse(&plain_decoder().to_string(), "config.json", None).is_err(), "no guess where none is wanted");
    assert!(!says(&json!({ "model_type": "hubert" })).contains("nearest"), "two letters of six make another name");
}

#[test]
fn json_is_read_as_python_writes_it() {
    let count = |text: &str| count(&config::parse(text, "config.json", None).unwrap().architecture);
    let plain = count(r#"{"model_type": "gpt2", "n_embd": 768}"#);
    assert_eq!(count("\u{feff}{\"model_type\": \"gpt2\", \"n_embd\": 768.0, \"limit\": [NaN, -Infinity]}"), plain);
    let says = refusal("{\"limit\": [0.0, Infinity],\n \"model_type\": \"gpt2\", \"a\": NaN, \"n_embd\": 768.5}");
    assert!(says.starts_with("config.json:2:34: n_embd: found `768.5`, expected a whole number"), "{says}");
    let says = refusal("{\"limit\": Infinity, \"n_embd\" 768}");
    assert!(says.starts_with("config.json:1:30: expected `:`"), "{says}");
    assert!(refusal(r#"{"model_type": "gpt2", "n_embd": Infinity}"#).contains("n_embd: found the text \"Infinity\""));
    assert!(refusal(r#"{"model_type": "gpt2", "n_embd": -768.0}"#).contains("n_embd: found `-768.0`"));
}

#[test]
fn a_head_is_tied_as_the_whole_says() {
    let tied = |whole: Value, text: Value, class: &str| {
        let mut config = json!({ "model_type": class, "text_config": { "model_type": "qwen2" } });
        config["tie_word_embeddings"] = whole;
        config["text_config"]["tie_word_embeddings"] = text;
        model(&config).architecture.tie_word_embeddings
    };
    let (yes, no, unsaid) = (json!(true), json!(false), json!(null));
    assert!(tied(yes.clone(), no.clone(), "internvl") && !tied(no.clone(), yes.clone(), "internvl"));
    assert!(tied(unsaid.clone(), yes, "llava") && !tied(unsaid.clone(), no, "internvl"));
    assert!(tied(unsaid.clone(), unsaid.clone(), "internvl") && !tied(unsaid.clone(), unsaid, "llava"));
}

#[test]
fn published_types_are_told_from_each_other() {
    let published = |quantization: Value| {
        let mut config = json!({ "model_type": "llama", "torch_dtype": "torch.bfloat16" });
        config["quantization_config"] = quantization;
        let model = model(&config);
        (model.architecture.checkpoint.map(|checkpoint| checkpoint.words()), model.card.quantization)
    };
    let known = |word: &str| (Some(word.to_owned()), None);
    let other = |words: &str| (None, Some(words.to_owned()));
    let weights = |more: Value| {
        let mut group = json!({"num_bits": 4, "strategy": "channel"});
        group.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"group_0": {"weights": group}})
    };
    for (quantization, expected) in [
        (json!(null), known("bf16")),
        (json!({"quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "nf4"}), known("nf4")),
        (json!({"load_in_4bit": true, "bnb_4bit_quant_type": "fp4"}), known("nf4")),
        (json!({"load_in_4bit": true, "bnb_4bit_use_double_quant": true}), known("nf4-double-quant")),
        (json!({"quant_method": "bitsandbytes", "load_in_8bit": true}), known("int8")),
        (
            json!({"quant_method": "bitsandbytes", "load_in_4bit": true, "llm_int8_skip_modules": ["lm_head", "q_proj"]}),
            other("bitsandbytes (2 modules left as they are)"),
        ),
        (json!({"quant_method": "fp8", "weight_block_size": [128, 128]}), known("fp8")),
        (json!({"quant_method": "fp8", "weight_block_size": null}), known("fp8, a scale for each matrix")),
        (
            json!({"quant_method": "fp8", "quant_algo": "MIXED_PRECISION", "weight_block_size": [128, 128]}),
            other("fp8 (MIXED_PRECISION)"),
        ),
        (json!({"quant_method": "fbgemm_fp8"}), known("FBGEMM, fp8, a scale for each output")),
        (json!({"quant_method": "gptq", "bits": 4, "group_size": 128}), known("gptq-int4")),
        (json!({"quant_method": "gptq", "bits": 4, "group_size": 64}), known("GPTQ, 4 bits, groups of 64")),
        (json!({"quant_method": "awq", "bits": 4, "group_size": -1}), known("AWQ, 4 bits, a scale for each output")),
        (
            json!({"quant_method": "modelopt", "quant_algo": "NVFP4", "config_groups": weights(json!({"group_size": 16}))}),
            known("Model Optimizer, nvfp4"),
        ),
        (
            json!({"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": weights(json!({}))}),
            other("compressed-tensors (float-quantized, 4 bits, a scale for each channel)"),
        ),
    ] {
        assert_eq!(published(quantization.clone()), expected, "{quantization}");
    }
    let older = model(&json!({"model_type": "llama", "compression_config": {"quant_method": "compressed-tensors"}}));
    assert_eq!(older.card.quantization.as_deref(), Some("compressed-tensors"));
}

#[test]
fn the_class_of_a_decoder_is_obeyed() {
    let of = |config: Value| model(&config).architecture;
    let words = count(&of(json!({"model_type": "llama", "architectures": ["LlamaForCausalLM"]})));
    let head = 32_000 * 4096;
    for (class, labels, more) in [
        ("LlamaModel", None, 0),
        ("LlamaForSequenceClassification", None, 2 * 4096),
        ("LlamaForSequenceClassification", Some(1), 4096),
        ("LlamaForTokenClassification", Some(5), 5 * 4096 + 5),
        ("LlamaForQuestionAnswering", Some(5), 2 * 4096 + 2),
    ] {
        let config = json!({"model_type": "llama", "architectures": [class], "num_labels": labels});
        assert_eq!(count(&of(config)), words - head + more, "{class}");
    }
    let says = |class: &str| refusal(&json!({"model_type": "llama", "architectures": [class]}).to_string());
    for (class, why) in [
        ("LlamaForCausalLMEagle3", "`LlamaForCausalLMEagle3` drafts for another model, whose hidden states it reads"),
        ("Qwen2ForRewardModel", "`Qwen2ForRewardModel` is not covered; covered: …ForCausalLM"),
        ("LlamaForCausalLMWithValueHead", "is not covered; covered: "),
    ] {
        let says = says(class);
        assert!(says.starts_with("config.json:1:") && says.contains("architectures: ") && says.contains(why), "{says}");
    }
    let draft = refusal(r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "draft_vocab_size": 32000}"#);
    assert!(draft.contains("draft_vocab_size: found where a model drafts for another"), "{draft}");
    let bert = |class: &str| count(&of(json!({"model_type": "bert", "architectures": [class], "num_labels": 3})));
    assert_eq!(bert("BertForSequenceClassification"), bert("BertModel") + 3 * 768 + 3);
    assert_eq!(bert("BertForTokenClassification"), bert("BertModel") - (768 * 768 + 768) + 3 * 768 + 3);
    assert!(
        refusal(r#"{"model_type": "bert", "architectures": ["BertForMultipleChoice"]}"#).contains("is not covered")
    );
}
