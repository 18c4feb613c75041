//! An encoder and a decoder in one model: T5, BART and their kin, and Whisper, which hears: their parameters, their keys and
//! their training step.

use crate::support::models::{count, imported, preset, says};
use brimful::memory::{Category, EstimateError, Exactness, Ledger, estimate, trainable_parameters};
use brimful::model::Model;
use brimful::model::family::MlpKind;
use brimful::preset::Library;
use brimful::scenario::{Loss, Method, Placement, Precision, Recompute, Scenario, Task};
use serde_json::{Value, json};

/// Presets with their published parameters.
const PRESETS: [(&str, u64); 18] = [
    ("bart-base", 139_420_416),
    ("bart-large", 406_291_456),
    ("flan-t5-base", 247_577_856),
    ("flan-t5-large", 783_150_080),
    ("flan-t5-small", 76_961_152),
    ("flan-t5-xl", 2_849_757_184),
    ("flan-t5-xxl", 11_135_332_352),
    ("opus-mt-en-de", 74_410_496),
    ("t5-3b", 2_851_598_336),
    ("t5-base", 222_903_552),
    ("t5-large", 737_668_096),
    ("t5-small", 60_506_624),
    ("whisper-base", 72_593_920),
    ("whisper-large-v3-turbo", 808_878_080),
    ("whisper-large-v3", 1_543_490_560),
    ("whisper-medium", 763_857_920),
    ("whisper-small", 241_734_912),
    ("whisper-tiny", 37_760_640),
];

/// The two tables of sines of OPUS-MT, through which no gradient comes.
const SINES: u64 = 2 * 512 * 512;

fn scenario() -> Scenario {
    let mut scenario = Scenario::default();
    scenario.train.sequence_length = 256;
    scenario
}

fn ledger(model: &Model, scenario: &Scenario) -> Ledger {
    estimate(model, scenario, None).unwrap()
}

fn bytes(ledger: &Ledger, name: &str) -> u64 {
    let entries = ledger.entries().iter().filter(|entry| entry.name == name);
    entries.map(|entry| entry.bytes.get()).sum()
}

#[test]
fn the_catalogue_gives_the_published_counts_and_trains_all_of_them() {
    let library = Library::embedded();
    let models = library.models();
    let found = models.iter().filter(|model| model.architecture.seq2seq.is_some());
    assert_eq!(found.map(|model| model.id.as_str()).collect::<Vec<_>>(), PRESETS.map(|(id, _)| id));
    for (id, published) in PRESETS {
        let (model, scenario) = (preset(id), scenario());
        assert_eq!(count(&model), published, "{id}");
        let sines = if model.family.id == "marian" { SINES } else { 0 };
        assert_eq!(trainable_parameters(&model, &scenario).unwrap().get(), published - sines, "{id}");
        let ledger = ledger(&model, &scenario);
        assert_eq!(ledger.largest(Category::Parameters).0.get(), 2 * published, "{id}");
        let runtime = |entry: &&brimful::memory::Entry| entry.category != Category::Runtime;
        for entry in ledger.entries().iter().filter(runtime) {
            assert!(matches!(entry.exactness, Exactness::Exact), "{id}: {}", entry.name);
        }
    }
}

#[test]
fn a_published_config_is_the_preset() {
    // As google/flan-t5-small publishes it.
    let mut config = json!({ "architectures": ["T5ForConditionalGeneration"], "d_ff": 1024, "d_kv": 64, "d_model": 512,
        "decoder_start_token_id": 0, "dropout_rate": 0.1, "eos_token_id": 1, "feed_forward_proj": "gated-gelu",
        "initializer_factor": 1.0, "is_encoder_decoder": true, "layer_norm_epsilon": 1e-06, "model_type": "t5",
        "n_positions": 512, "num_decoder_layers": 8, "num_heads": 6, "num_layers": 8, "output_past": true,
        "pad_token_id": 0, "relative_attention_max_distance": 128, "relative_attention_num_buckets": 32,
        "tie_word_embeddings": false, "torch_dtype": "float32", "use_cache": true, "vocab_size": 32128 });
    assert_eq!(imported(&config).architecture, preset("flan-t5-small").architecture);
    // The head is a matrix of its own only where the file says so.
    config["tie_word_embeddings"] = Value::Null;
    assert_eq!(count(&imported(&config)), 76_961_152 - 32_128 * 512);
    config["num_decoder_layers"] = json!(2);
    assert_eq!(imported(&config).architecture.num_hidden_layers(), 8 + 2);
}

#[test]
fn absent_keys_have_the_values_of_the_class() {
    // What the classes have on the meta device.
    for (family, parameters) in [("t5", 60_506_624), ("mt5", 172_119_424), ("umt5", 172_122_112)] {
        assert_eq!(count(&imported(&json!({ "model_type": family }))), parameters, "{family}");
    }
    // As published, with heads of their own.
    assert_eq!(count(&imported(&json!({ "model_type": "mt5", "tie_word_embeddings": false }))), 300_176_768);
}

#[test]
fn biases_stand_in_the_first_layer_of_each_stack_or_in_every_layer() {
    let layers = |family: &str| -> Vec<(u64, bool, bool)> {
        let model = imported(&json!({ "model_type": family, "num_layers": 3, "num_decoder_layers": 1 }));
        let groups = model.architecture.groups.iter();
        groups
            .map(|group| {
                let variant = group.layer.variant;
                (group.layers, variant.relative_buckets.is_some(), variant.attends_to_encoder)
            })
            .collect()
    };
    assert_eq!(layers("t5"), [(1, true, false), (2, false, false), (1, true, true)]);
    assert_eq!(layers("umt5"), [(3, true, false), (1, true, true)]);
}

#[test]
fn one_key_says_the_gate_and_the_activation() {
    let kind = |said: &str| {
        let model = imported(&json!({ "model_type": "t5", "feed_forward_proj": said }));
        match &model.architecture.groups[0].layer.feed_forward {
            brimful::model::architecture::FeedForward::Dense(mlp) => mlp.kind,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        [kind("relu"), kind("gated-gelu"), kind("gated-silu")],
        [MlpKind::Plain, MlpKind::Gated, MlpKind::Gated]
    );
    let wrong = says(&json!({ "model_type": "t5", "feed_forward_proj": "gated-tanh" }));
    assert!(wrong.contains("feed_forward_proj: `tanh` is none of"), "{wrong}");
}

#[test]
fn mistakes_are_located_under_the_names_of_the_file() {
    let heads = says(&json!({ "model_type": "t5", "num_heads": 0 }));
    assert!(heads.starts_with("config.json:1:") && heads.contains("num_heads: 0 is not between"), "{heads}");
    let width = says(&json!({ "model_type": "t5", "d_kv": "wide" }));
    assert!(width.contains("d_kv: found the text \"wide\", expected a whole number"), "{width}");
    let class = says(&json!({ "model_type": "t5", "architectures": ["T5ForTokenClassification"] }));
    assert!(class.contains("architectures: `T5ForTokenClassification` is not covered"), "{class}");
    let alone = says(&json!({ "model_type": "mt5", "is_decoder": true }));
    assert!(alone.contains("is_decoder: found `true`; one stack of mt5"), "{alone}");
}

#[test]
fn both_stacks_read_as_many_tokens() {
    let (model, mut scenario) = (preset("t5-small"), scenario());
    scenario.train.micro_batch_size = 3;
    let ledger = ledger(&model, &scenario);
    for name in ["input ids", "labels", "decoder input ids"] {
        assert_eq!(bytes(&ledger, name), 8 * 3 * 256, "{name}");
    }
}

#[test]
fn adapters_stand_in_both_attentions() {
    let (model, mut scenario) = (preset("t5-small"), scenario());
    scenario.train.method = Method::Lora;
    scenario.train.lora_rank = 8;
    scenario.train.lora_targets = vec![String::from("q"), String::from("v")];
    // 18 attentions, two matrices in each, 512 to 512.
    assert_eq!(trainable_parameters(&model, &scenario).unwrap().get(), 18 * 2 * 8 * 1024);
    scenario.train.lora_targets = vec![String::from("wi"), String::from("EncDecAttention.q")];
    assert_eq!(trainable_parameters(&model, &scenario).unwrap().get(), 12 * 8 * (512 + 2048) + 6 * 8 * 1024);
}

#[test]
fn what_is_not_known_is_refused() {
    let refusal = |change: &dyn Fn(&mut Scenario)| {
        let mut scenario = scenario();
        change(&mut scenario);
        match estimate(&preset("t5-base"), &scenario, None).unwrap_err() {
            EstimateError::NotCovered { key, covered, .. } => {
                assert!(covered.ends_with("for an encoder with a decoder"), "{covered}");
                key
            }
            other => panic!("{other}"),
        }
    };
    assert_eq!(refusal(&|it| it.task = Task::Infer), "task");
    assert_eq!(refusal(&|it| it.train.method = Method::Qlora), "train.method");
    assert_eq!(refusal(&|it| it.train.loss = Loss::Fused), "train.loss");
    assert_eq!(refusal(&|it| it.train.precision = Precision::Fp16Mixed), "train.precision");
    assert_eq!(refusal(&|it| it.train.padding = true), "train.padding");
    assert_eq!(refusal(&|it| it.train.keep_outputs = true), "train.keep_outputs");
    let offloads = |it: &mut Scenario| (it.train.recompute, it.train.offload_activations) = (Recompute::Full, true);
    assert_eq!(refusal(&offloads), "train.offload_activations");
}

#[test]
fn classes_of_barts_kin_have_their_own_defaults() {
    // What the classes have on the meta device.
    for (family, parameters) in [
        ("bart", 406_291_456),
        ("mbart", 406_295_552),
        ("m2m_100", 483_905_536),
        ("marian", 414_307_328),
        ("pegasus", 406_287_360),
        ("whisper", 37_760_640),
    ] {
        let model = imported(&json!({ "model_type": family }));
        assert_eq!(count(&model), parameters, "{family}");
    }
    // A decoder's layers are the class's own where a file says those of the encoder alone.
    let short = imported(&json!({ "model_type": "bart", "encoder_layers": 6 }));
    assert_eq!(short.architecture.num_hidden_layers(), 6 + 12);
    let heads = imported(&json!({ "model_type": "bart", "decoder_attention_heads": 8, "decoder_ffn_dim": 2048 }));
    let decoder = &heads.architecture.groups[1].layer;
    assert_eq!(decoder.attention().map(|attention| (attention.heads, attention.head_dim)), Some((8, 128)));
}

#[test]
fn a_table_that_is_computed_is_trained_once_it_was_loaded() {
    let model = preset("whisper-large-v3");
    let trained = |placement| {
        let mut scenario = scenario();
        scenario.runtime.placement = placement;
        trainable_parameters(&model, &scenario).unwrap().get()
    };
    assert_eq!(trained(None), 1_543_490_560);
    assert_eq!(trained(Some(Placement::DeviceMap)), 1_543_490_560);
    assert_eq!(trained(Some(Placement::Build)), 1_543_490_560 - 1500 * 1280);
}

#[test]
fn a_sound_is_as_many_tokens_whatever_its_text() {
    let model = preset("whisper-small");
    let of = |tokens| {
        let mut scenario = scenario();
        scenario.train.micro_batch_size = 2;
        scenario.train.sequence_length = tokens;
        ledger(&model, &scenario)
    };
    for tokens in [32, 448] {
        let ledger = of(tokens);
        assert_eq!(bytes(&ledger, "input features"), 2 * 2 * 80 * 3000);
        assert_eq!(bytes(&ledger, "labels"), 8 * 2 * tokens);
        assert_eq!(bytes(&ledger, "input ids"), 0);
    }
    let mut scenario = scenario();
    scenario.train.sequence_length = 449;
    let error = estimate(&model, &scenario, None).unwrap_err().to_string();
    assert!(error.contains("train.sequence_length") && error.contains("448"), "{error}");
}

#[test]
fn adapters_of_barts_kin_stand_in_every_attention() {
    let (model, mut scenario) = (preset("whisper-small"), scenario());
    scenario.train.method = Method::Lora;
    scenario.train.lora_rank = 32;
    scenario.train.lora_targets = vec![String::from("q_proj"), String::from("v_proj")];
    // 12 layers of the encoder, 12 of the decoder with two attentions each.
    assert_eq!(trainable_parameters(&model, &scenario).unwrap().get(), 36 * 2 * 32 * 2 * 768);
    scenario.train.lora_targets = vec![String::from("encoder_attn.k_proj"), String::from("fc1")];
    assert_eq!(trainable_parameters(&model, &scenario).unwrap().get(), 12 * 32 * 2 * 768 + 24 * 32 * (768 + 3072));
}

#[test]
fn what_of_barts_kin_is_not_known_is_refused_by_name() {
    for (config, words) in [
        (
            json!({ "model_type": "marian", "share_encoder_decoder_embeddings": false }),
            "a table of tokens for each stack",
        ),
        (
            json!({ "model_type": "bart", "architectures": ["BartForSequenceClassification"] }),
            "`BartForSequenceClassification` is not covered",
        ),
        (json!({ "model_type": "whisper", "encoder_attention_heads": 7 }), "encoder_attention_heads"),
        (
            json!({ "model_type": "whisper", "decoder_attention_heads": 7 }),
            "7 heads do not divide a hidden_size of 384",
        ),
        (json!({ "model_type": "whisper", "num_mel_bins": 0 }), "num_mel_bins: 0 is not between"),
    ] {
        let said = says(&config);
        assert!(said.contains(words), "{said}");
    }
    let mut scenario = scenario();
    scenario.task = Task::Infer;
    let served = estimate(&preset("bart-base"), &scenario, None).unwrap_err().to_string();
    assert!(served.contains("task"), "{served}");
}
