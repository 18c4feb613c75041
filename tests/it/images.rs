//! Models whose tokens are patches of an image: their parameters and keys, and the step that trains their classifier.

use crate::support::models::{count, imported, preset, says};
use brimful::memory::{Category, EstimateError, Exactness, estimate, trainable_parameters};
use brimful::model::Model;
use brimful::scenario::{Estimator, Loss, Method, Optimizer, Precision, Scenario, Task};
use serde_json::{Value, json};

#[test]
fn the_catalogue_gives_the_published_counts() {
    for (id, published) in [("vit-base-patch16-224", 86_567_656), ("vit-large-patch16-224", 304_326_632)] {
        let model = preset(id);
        assert_eq!(count(&model), published, "{id}");
        assert_eq!(model.architecture.max_position_embeddings, 197, "{id}");
    }
}

#[test]
fn a_published_config_is_the_preset() {
    let names: serde_json::Map<String, Value> = (0..1000).map(|index| (index.to_string(), json!("name"))).collect();
    // As google/vit-base-patch16-224 publishes it.
    let mut config = json!({ "architectures": ["ViTForImageClassification"], "attention_probs_dropout_prob": 0.0,
        "hidden_act": "gelu", "hidden_dropout_prob": 0.0, "hidden_size": 768, "id2label": names, "image_size": 224,
        "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-12, "model_type": "vit",
        "num_attention_heads": 12, "num_channels": 3, "num_hidden_layers": 12, "patch_size": 16, "qkv_bias": true,
        "transformers_version": "4.13.0.dev0", "torch_dtype": "float32" });
    assert_eq!(imported(&config).architecture, preset("vit-base-patch16-224").architecture);
    // The bare model has its pooler in place of a classifier.
    config["architectures"] = json!(["ViTModel"]);
    assert_eq!(count(&imported(&config)), 86_567_656 - 1000 * 769 + 768 * 769);
    config["qkv_bias"] = json!(false);
    assert_eq!(count(&imported(&config)), 86_567_656 - 1000 * 769 + 768 * 769 - 12 * 3 * 768);
}

#[test]
fn sides_may_differ_and_labels_be_none() {
    let config = json!({ "model_type": "vit", "architectures": ["ViTForImageClassification"], "num_labels": 0,
        "image_size": [224, 170], "patch_size": [32, 16], "num_channels": 1 });
    let model = imported(&config);
    // What is left over at the edges is not read.
    assert_eq!(model.architecture.max_position_embeddings, 7 * 10 + 1);
    let layers = 12 * 7_087_872;
    let outside = 768 + 71 * 768 + 768 * (32 * 16 + 1) + 2 * 768;
    assert_eq!(count(&model), layers + outside);
}

#[test]
fn mistakes_are_located() {
    let small = says(&json!({ "model_type": "vit", "image_size": 8 }));
    assert!(small.contains("image_size: 8 × 8 pixels, less than a patch of 16 × 16"), "{small}");
    let sides = says(&json!({ "model_type": "vit", "image_size": [224, 224, 3] }));
    assert!(sides.contains("image_size: found a list, expected a whole number"), "{sides}");
    let class = says(&json!({ "model_type": "vit", "architectures": ["ViTForMaskedImageModeling"] }));
    assert!(class.contains("is not covered; covered: ViTModel, ViTForImageClassification"), "{class}");
    let names = says(&json!({ "model_type": "vit", "id2label": ["cat", "dog"] }));
    assert!(names.contains("id2label: found a list, expected an object"), "{names}");
}

fn scenario(tokens: u64) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.train.sequence_length = tokens;
    scenario
}

#[test]
fn a_step_trains_a_classifier_over_one_token_of_each_image() {
    let mut config = json!({ "model_type": "vit", "architectures": ["ViTModel"], "num_labels": 10 });
    let (bare, mut scenario) = (imported(&config), scenario(197));
    config["architectures"] = json!(["ViTForImageClassification"]);
    assert_eq!(trainable_parameters(&bare, &scenario).unwrap().get(), count(&imported(&config)));
    scenario.train.micro_batch_size = 4;
    let ledger = estimate(&bare, &scenario, None).unwrap();
    let bytes = |name: &str| {
        let found = ledger.entries().iter().find(|entry| entry.name == name);
        found.unwrap_or_else(|| panic!("no {name}")).bytes.get()
    };
    assert_eq!(bytes("pixels"), 4 * 4 * 3 * 224 * 224);
    assert_eq!(bytes("labels"), 4 * 8);
    assert_eq!(bytes("logits"), 2 * 4 * 10);
    let runtime = |entry: &&brimful::memory::Entry| entry.category != Category::Runtime;
    for entry in ledger.entries().iter().filter(runtime) {
        assert!(matches!(entry.exactness, Exactness::Exact), "{}", entry.name);
    }
}

#[test]
fn an_image_is_so_many_tokens_and_no_other_number() {
    for tokens in [1, 196, 198, 4096] {
        match estimate(&preset("vit-base-patch16-224"), &scenario(tokens), None).unwrap_err() {
            EstimateError::Invalid { key, problem } => {
                assert_eq!(key, "train.sequence_length");
                assert!(problem.contains("an image of 224 × 224 pixels is 197"), "{problem}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn what_is_not_known_is_refused_with_a_word_and_sketched() {
    let model = preset("vit-base-patch16-224");
    let refusal = |model: &Model, change: &dyn Fn(&mut Scenario)| {
        let mut scenario = scenario(197);
        change(&mut scenario);
        match estimate(model, &scenario, None).unwrap_err() {
            EstimateError::NotCovered { key, covered, .. } => {
                assert!(covered.ends_with("for a model of images"), "{covered}");
                key
            }
            other => panic!("{other}"),
        }
    };
    assert_eq!(refusal(&model, &|it| it.task = Task::Infer), "task");
    assert_eq!(refusal(&model, &|it| it.train.method = Method::Qlora), "train.method");
    assert_eq!(refusal(&model, &|it| it.train.loss = Loss::Chunked), "train.loss");
    assert_eq!(refusal(&model, &|it| it.train.precision = Precision::Fp16Mixed), "train.precision");
    assert_eq!(refusal(&model, &|it| it.train.padding = true), "train.padding");
    assert_eq!(refusal(&model, &|it| it.train.optimizer = Optimizer::Adafactor), "train.optimizer");
    let regression = imported(&json!({ "model_type": "vit", "num_labels": 1 }));
    assert_eq!(refusal(&regression, &|_| {}), "task");
    let mut sketched = scenario(197);
    (sketched.estimator, sketched.task) = (Estimator::Sketch, Task::Infer);
    assert!(estimate(&model, &sketched, None).is_ok());
}
