//! Encoders: what stands on top of them by their class, their training step, their one forward pass.

use crate::support::models::{count, imported, preset};
use brimful::import::config;
use brimful::memory::{Category, EstimateError, Instant, Ledger, Step, estimate, trainable_parameters};
use brimful::model::{Model, Output};
use brimful::preset::Library;
use brimful::scenario::{Attention, Loss, Method, Recompute, Scenario, Task};
use serde_json::{Value, json};

/// Presets, with the parameters of the bare model and of the class with a head for masked tokens, as Transformers 5.23
/// has them on the meta device.
const PRESETS: [(&str, u64, u64); 7] = [
    ("all-minilm-l6-v2", 22_713_216, 22_744_506),
    ("bert-base-uncased", 109_482_240, 109_514_298),
    ("bert-large-uncased", 335_141_888, 335_174_458),
    ("bge-m3", 567_754_752, 568_006_802),
    ("modernbert-base", 149_014_272, 149_655_232),
    ("modernbert-large", 394_781_696, 395_881_664),
    ("roberta-base", 124_645_632, 124_697_433),
];

/// A run short enough for every table of positions.
fn scenario(task: Task) -> Scenario {
    let mut scenario = Scenario { task, ..Scenario::default() };
    scenario.train.sequence_length = 256;
    scenario.infer.context_length = 256;
    scenario
}

fn ledger(model: &Model, scenario: &Scenario) -> Ledger {
    estimate(model, scenario, None).unwrap()
}

/// The key that a refusal names, and what it says is covered.
fn refusal(model: &Model, scenario: &Scenario) -> (&'static str, String) {
    match estimate(model, scenario, None).unwrap_err() {
        EstimateError::NotCovered { key, covered, .. } => (key, covered),
        EstimateError::Invalid { key, problem } => (key, problem),
        error @ (EstimateError::Overflow(_) | EstimateError::Cancelled) => panic!("{error}"),
    }
}

#[test]
fn the_catalogue_counts_the_bare_model_and_a_step_trains_its_head() {
    let library = Library::embedded();
    let encoders: Vec<&str> = library
        .models()
        .iter()
        .filter(|model| model.architecture.encoder.is_some())
        .map(|model| model.id.as_str())
        .collect();
    assert_eq!(encoders, PRESETS.map(|(id, ..)| id));
    for (id, bare, with_head) in PRESETS {
        let (model, scenario) = (preset(id), scenario(Task::Train));
        assert_eq!(count(&model), bare, "{id}");
        assert_eq!(trainable_parameters(&model, &scenario).unwrap().get(), with_head, "{id}");
        assert_eq!(ledger(&model, &scenario).largest(Category::Parameters).0.get(), 2 * with_head, "{id}");
        assert_eq!(
            ledger(&model, &self::scenario(Task::Infer)).largest(Category::Parameters).0.get(),
            2 * bare,
            "{id}"
        );
    }
}

#[test]
fn a_published_config_names_its_class() {
    // As google-bert/bert-base-uncased publishes it.
    let mut config = json!({ "architectures": ["BertForMaskedLM"], "attention_probs_dropout_prob": 0.1,
        "gradient_checkpointing": false, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 768,
        "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-12, "max_position_embeddings": 512,
        "model_type": "bert", "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 0,
        "position_embedding_type": "absolute", "transformers_version": "4.6.0.dev0", "type_vocab_size": 2,
        "use_cache": true, "vocab_size": 30522 });
    let model = imported(&config);
    assert_eq!(count(&model), 109_514_298);
    let dropout = model.architecture.dropout;
    assert!([dropout.embedding, dropout.hidden, dropout.attention].iter().all(|share| (share - 0.1).abs() < 1e-9));
    config["architectures"] = json!(["BertModel"]);
    config["torch_dtype"] = json!("float32");
    assert_eq!(imported(&config).architecture, preset("bert-base-uncased").architecture);
    let says = |config: &Value| config::parse(&config.to_string(), "config.json", None).unwrap_err().to_string();
    config["architectures"] = json!(["BertForMultipleChoice"]);
    let refused = says(&config);
    assert!(refused.contains("architectures: `BertForMultipleChoice` is not covered; covered: BertModel"), "{refused}");
    assert!(refused.contains("…ForSequenceClassification, …ForTokenClassification"), "{refused}");
    config["architectures"] = json!(["BertModel"]);
    config["is_decoder"] = json!(true);
    assert!(says(&config).contains("is_decoder: found `true`"));
}

#[test]
fn positions_are_counted_from_the_padding_token() {
    let roberta = preset("roberta-base");
    assert_eq!((roberta.architecture.max_position_embeddings, roberta.architecture.unused_positions), (512, 2));
    let mut long = scenario(Task::Train);
    long.train.sequence_length = 513;
    assert_eq!(refusal(&roberta, &long).0, "train.sequence_length");
    let mut config = json!({ "model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 3 });
    assert_eq!(imported(&config).architecture.max_position_embeddings, 510);
    config["pad_token_id"] = json!(600);
    let says = config::parse(&config.to_string(), "config.json", None).unwrap_err().to_string();
    assert!(says.contains("max_position_embeddings: 514, of which the first 601 are not used"), "{says}");
}

#[test]
fn the_first_layer_of_modernbert_has_no_norm_and_every_third_sees_all() {
    let model = preset("modernbert-base");
    let groups = &model.architecture.groups;
    let layers: Vec<(u64, bool, bool)> = groups
        .iter()
        .map(|group| {
            let window = group.layer.attention().unwrap().sliding_window;
            (group.layers, window == Some(64), group.layer.variant.unnormed_mixer)
        })
        .collect();
    assert_eq!(layers[..4], [(1, false, true), (2, true, false), (1, false, false), (2, true, false)]);
    assert_eq!(model.architecture.num_hidden_layers(), 22);
    let named = json!({ "model_type": "modernbert", "num_hidden_layers": 2,
        "layer_types": ["full_attention", "full_attention"] });
    assert_eq!(imported(&named).architecture.windows(), [false, true]);
}

#[test]
fn a_forward_pass_has_no_cache_and_logits_by_its_class() {
    let mut pass = scenario(Task::Infer);
    pass.infer.concurrency = 4;
    let tokens = 4 * 256;
    for (id, ..) in PRESETS {
        let bare = preset(id);
        let with_head = bare.trained(Output::Own).into_owned();
        for model in [&bare, &with_head] {
            let ledger = ledger(model, &pass);
            assert!(ledger.largest(Category::KvCache).0.is_zero(), "{id}");
            let instants: Vec<Instant> = ledger.moments().iter().map(|moment| moment.instant).collect();
            assert!(!instants.contains(&Instant::Decode), "{id}");
        }
        let logits = |model: &Model| {
            let ledger = ledger(model, &pass);
            let found = ledger.entries().iter().find(|entry| entry.name == "logits").map(|entry| entry.bytes.get());
            found.unwrap_or(0)
        };
        assert_eq!(logits(&bare), 0, "{id}");
        let all = 2 * tokens * bare.architecture.vocab_size;
        assert_eq!(logits(&with_head), all, "{id}");
    }
}

#[test]
fn every_entry_of_a_step_is_exact() {
    for (id, ..) in PRESETS {
        let ledger = ledger(&preset(id), &scenario(Task::Train));
        let runtime = |entry: &&brimful::memory::Entry| entry.category != Category::Runtime;
        for entry in ledger.entries().iter().filter(runtime) {
            assert!(matches!(entry.exactness, brimful::memory::Exactness::Exact), "{id}: {}", entry.name);
        }
        assert!(ledger.alive(Step::Steady, Instant::ForwardEnd).all(|entry| entry.name != "shifted labels"), "{id}");
    }
}

#[test]
fn what_is_not_known_of_encoders_is_refused() {
    let model = preset("bert-base-uncased");
    let train = |change: &dyn Fn(&mut Scenario)| {
        let mut scenario = scenario(Task::Train);
        change(&mut scenario);
        refusal(&model, &scenario)
    };
    assert_eq!(train(&|it| it.train.method = Method::Qlora).0, "train.method");
    assert_eq!(train(&|it| it.train.loss = Loss::Chunked).0, "train.loss");
    let mut quantized = scenario(Task::Infer);
    quantized.infer.weights = String::from("q8_0");
    assert_eq!(refusal(&model, &quantized).0, "infer.weights");
    let untied = imported(&json!({ "model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 1000,
        "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 96,
        "max_position_embeddings": 512, "tie_word_embeddings": false }));
    assert_eq!(count(&untied), 226_000);
    let (key, covered) = refusal(&untied, &scenario(Task::Train));
    assert!(key == "task" && covered.contains("second bias"), "{covered}");
    assert!(estimate(&untied, &scenario(Task::Infer), None).is_ok());
}

/// Parameters of classes of Transformers 5.23 on the meta device.
#[test]
fn distilled_and_discriminating_encoders_are_counted_by_their_class() {
    let distilled = json!({ "model_type": "distilbert", "vocab_size": 30522, "dim": 768, "hidden_dim": 3072, "n_layers": 6,
        "n_heads": 12, "max_position_embeddings": 512 });
    let electra = json!({ "model_type": "electra", "vocab_size": 30522, "embedding_size": 128, "hidden_size": 256,
        "num_hidden_layers": 12, "num_attention_heads": 4, "intermediate_size": 1024 });
    for (keys, class, parameters) in [
        (&distilled, "DistilBertModel", 66_362_880),
        (&distilled, "DistilBertForMaskedLM", 66_985_530),
        (&distilled, "DistilBertForSequenceClassification", 66_955_010),
        (&distilled, "DistilBertForTokenClassification", 66_364_418),
        (&distilled, "DistilBertForQuestionAnswering", 66_364_418),
        (&electra, "ElectraModel", 13_483_008),
        (&electra, "ElectraForMaskedLM", 13_546_682),
        (&electra, "ElectraForSequenceClassification", 13_549_314),
        (&electra, "ElectraForTokenClassification", 13_483_522),
        (&electra, "ElectraForQuestionAnswering", 13_483_522),
        (&electra, "ElectraForPreTraining", 13_549_057),
    ] {
        let mut config = keys.clone();
        config["architectures"] = json!([class]);
        assert_eq!(count(&imported(&config)), parameters, "{class}");
    }
    for (keys, class, parameters) in
        [(distilled, "DistilBertForMaskedLM", 90_426_426), (electra, "ElectraForMaskedLM", 17_453_498)]
    {
        let mut config = keys;
        config["architectures"] = json!([class]);
        config["tie_word_embeddings"] = json!(false);
        assert_eq!(count(&imported(&config)), parameters, "{class}, not tied");
    }
}

/// The same of MPNet, whose bias by distance is one for all layers, and of ALBERT, whose layers are one.
#[test]
fn what_all_layers_share_is_counted_once() {
    let mpnet = json!({ "model_type": "mpnet", "max_position_embeddings": 514 });
    let albert = json!({ "model_type": "albert", "embedding_size": 128, "hidden_size": 768, "num_attention_heads": 12,
        "intermediate_size": 3072 });
    for (keys, class, parameters) in [
        (&mpnet, "MPNetModel", 109_486_464),
        (&mpnet, "MPNetForMaskedLM", 109_518_527),
        (&mpnet, "MPNetForSequenceClassification", 109_488_002),
        (&mpnet, "MPNetForTokenClassification", 108_897_410),
        (&mpnet, "MPNetForQuestionAnswering", 108_897_410),
        (&albert, "AlbertModel", 11_683_584),
        (&albert, "AlbertForMaskedLM", 11_221_680),
        (&albert, "AlbertForSequenceClassification", 11_685_122),
        (&albert, "AlbertForTokenClassification", 11_094_530),
        (&albert, "AlbertForQuestionAnswering", 11_094_530),
    ] {
        let mut config = keys.clone();
        config["architectures"] = json!([class]);
        assert_eq!(count(&imported(&config)), parameters, "{class}");
    }
    for config in [mpnet, albert] {
        let mut again = scenario(Task::Train);
        again.train.attention = Attention::Eager;
        again.train.recompute = Recompute::Full;
        let (key, covered) = refusal(&imported(&config), &again);
        assert!(key == "train.recompute" && covered.contains("let no layer be a checkpoint"), "{covered}");
    }
}

#[test]
fn variants_of_shared_layers_are_refused_by_name() {
    let says = |config: Value| config::parse(&config.to_string(), "config.json", None).unwrap_err().to_string();
    for key in ["num_hidden_groups", "inner_group_num"] {
        let mut config = json!({ "model_type": "albert" });
        config[key] = json!(2);
        assert!(says(config).contains(&format!("{key}: found a number above 1")), "{key}");
    }
    let square = says(json!({ "model_type": "albert", "embedding_size": 4096 }));
    assert!(square.contains("embedding_size: 4096 is `hidden_size`"), "{square}");
    let few = says(json!({ "model_type": "mpnet", "relative_attention_num_buckets": 16 }));
    assert!(few.contains("relative_attention_num_buckets: 16 rows"), "{few}");
}

/// DeBERTa-v3 of the published width, whose table of distances all layers read through their own matrices.
fn disentangled() -> Value {
    json!({ "model_type": "deberta-v2", "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "relative_attention": true, "position_buckets": 256, "norm_rel_ebd": "layer_norm",
        "share_att_key": true, "pos_att_type": ["p2c", "c2p"], "position_biased_input": false, "type_vocab_size": 0,
        "max_relative_positions": -1 })
}

#[test]
fn a_table_of_distances_is_counted_and_its_products_stay_for_the_gradient() {
    for (class, parameters) in [
        ("DebertaV2Model", 183_831_552),
        ("DebertaV2ForMaskedLM", 184_551_780),
        ("DebertaV2ForSequenceClassification", 184_423_682),
        ("DebertaV2ForTokenClassification", 183_833_090),
        ("DebertaV2ForQuestionAnswering", 183_833_090),
    ] {
        let mut config = disentangled();
        config["architectures"] = json!([class]);
        assert_eq!(count(&imported(&config)), parameters, "{class}");
    }
    let mut run = scenario(Task::Train);
    run.train.attention = Attention::Eager;
    let ledger = ledger(&imported(&disentangled()), &run);
    let products: u64 = ledger
        .entries()
        .iter()
        .filter(|entry| entry.name == "attention.products with distances")
        .map(|entry| entry.bytes.get())
        .sum();
    // Of queries and of keys in each layer `[b, a, s, 2·256]`, by heads of 12 and tokens of 256.
    assert_eq!(products, 2 * 12 * 12 * 256 * 512 * 2);
}

#[test]
fn variants_of_disentangled_attention_are_refused_by_name() {
    let says = |key: &str, value: Value| {
        let mut config = disentangled();
        config[key] = value;
        config::parse(&config.to_string(), "config.json", None).unwrap_err().to_string()
    };
    for (key, value, found) in [
        ("relative_attention", json!(false), "found no `true`"),
        ("share_att_key", Value::Null, "found no `true`"),
        ("pos_att_type", json!(["c2p"]), "anything but c2p together with p2c"),
        ("pos_att_type", json!("p2c"), "anything but c2p together with p2c"),
        ("norm_rel_ebd", json!("none"), "a table of distances without `layer_norm`"),
        ("position_biased_input", json!(true), "found no `false`"),
        ("type_vocab_size", json!(2), "found a number above 0"),
        ("conv_kernel_size", json!(3), "a convolution beside the first layer"),
        ("legacy", json!(false), "the head that is not legacy"),
        ("position_buckets", Value::Null, "distances are covered in buckets"),
    ] {
        let error = says(key, value);
        assert!(error.contains(key) && error.contains(found), "{error}");
    }
    // The words of older files stand between bars.
    let mut older = disentangled();
    older["pos_att_type"] = json!("p2c|c2p");
    assert_eq!(count(&imported(&older)), count(&imported(&disentangled())));
}

/// What tells replaced tokens is counted as it is; nobody fine-tunes it to go on telling them.
#[test]
fn a_discriminator_is_trained_to_tell_sequences_apart() {
    let discriminator = imported(&json!({ "model_type": "electra", "architectures": ["ElectraForPreTraining"] }));
    let (key, covered) = refusal(&discriminator, &scenario(Task::Train));
    assert!(key == "train.objective" && covered.contains("classification, token-classification"), "{covered}");
}

#[test]
fn kinds_of_encoders_that_are_not_known_are_not_taken_for_decoders() {
    let config = json!({ "model_type": "deberta", "vocab_size": 32005, "hidden_size": 768, "num_hidden_layers": 12,
        "num_attention_heads": 12, "intermediate_size": 3072, "type_vocab_size": 1 });
    let error = config::import_text(&config.to_string(), "config.json", None).unwrap_err().to_string();
    assert!(error.contains("`deberta` is not a known family"), "{error}");
}
