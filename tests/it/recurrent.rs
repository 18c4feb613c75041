//! Models with layers that do not attend: every preset, in training and in serving.

use brimful::families::of_model;
use brimful::import::config;
use brimful::memory::{Category, Instant, Ledger, Step, estimate};
use brimful::model::{Architecture, Model, parameters};
use brimful::preset::Library;
use brimful::scenario::{Attention, Precision, Recompute, Scenario, Task};
use brimful::units::Bytes;
use serde_json::json;

fn recurrent() -> Vec<Model> {
    let library = Library::embedded();
    let has = |model: &Model| model.architecture.groups.iter().any(|group| group.layer.recurrent().is_some());
    library.models().into_iter().filter(|model| has(model)).cloned().collect()
}

fn at(ledger: &Ledger, instant: Instant, category: Category) -> Bytes {
    let moment = ledger.moments().iter().find(|moment| moment.step == Step::Steady && moment.instant == instant);
    moment.unwrap().by_category.get(category)
}

fn training(change: impl Fn(&mut Scenario)) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.train.sequence_length = 100;
    change(&mut scenario);
    scenario
}

fn serving(context: u64) -> Scenario {
    let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
    scenario.infer.context_length = context;
    scenario
}

#[test]
fn every_preset_trains_whose_training_is_known() {
    let scenarios = [
        training(|scenario| scenario.train.precision = Precision::Bf16),
        training(|scenario| {
            scenario.train.precision = Precision::Bf16Mixed;
            scenario.train.recompute = Recompute::Full;
        }),
        training(|scenario| {
            scenario.train.precision = Precision::Fp32;
            scenario.train.attention = Attention::Eager;
            scenario.train.padding = true;
        }),
    ];
    let models: Vec<_> = recurrent().into_iter().filter(|model| of_model(model).trains).collect();
    assert!(models.len() >= 33, "{}", models.len());
    for model in models {
        // A tower that nobody shows anything is not trained.
        let text = Architecture { tower: None, ..model.architecture.clone() };
        let count = parameters::count(&text).unwrap().get();
        for (scenario, width) in scenarios.iter().zip([2, 4, 4]) {
            let ledger = estimate(&model, scenario, None).unwrap();
            let gradients = at(&ledger, Instant::OptimizerStep, Category::Gradients);
            assert_eq!(gradients.get(), count * width, "{}: a parameter without a gradient, or one too many", model.id);
            let (low, high) = ledger.band();
            assert!(low < ledger.total() && ledger.total() <= high, "{}: kernels were read, not measured", model.id);
        }
    }
}

#[test]
fn every_preset_serves() {
    for model in recurrent() {
        let count = parameters::count(&model.architecture).unwrap().get();
        let [short, long] = [64, 128].map(|context| estimate(&model, &serving(context), None).unwrap());
        for ledger in [&short, &long] {
            assert_eq!(at(ledger, Instant::Load, Category::Parameters).get(), count * 2, "{}", model.id);
        }
        let [short, long] = [short, long].map(|ledger| at(&ledger, Instant::Decode, Category::KvCache).get());
        let attends = model.architecture.attentions().count() > 0;
        assert_eq!(short < long, attends, "{}: only attention's cache grows with the sequence", model.id);
        assert!(short > 0 && long < 2 * short, "{}: states do not grow", model.id);
    }
}

#[test]
fn sizes_that_do_not_fit_are_errors() {
    for model in recurrent().iter().filter(|model| model.id.contains("h-micro") || model.id.contains("jamba")) {
        let long = training(|scenario| {
            scenario.train.sequence_length = 1 << 40;
            scenario.train.micro_batch_size = 1 << 20;
        });
        assert!(estimate(model, &long, None).is_err(), "{}", model.id);
        assert!(estimate(model, &serving(1 << 40), None).is_ok(), "{}", model.id);
    }
}

#[test]
fn layers_follow_the_pattern_of_the_config() {
    let layers = |config: &serde_json::Value| -> String {
        let model = config::parse(&config.to_string(), "config.json", None).unwrap();
        let letter = |layer: &brimful::model::architecture::Layer| match (layer.attention(), layer.recurrent()) {
            (Some(_), Some(_)) => "B",
            (Some(_), None) => "A",
            (None, Some(_)) => "R",
            (None, None) => "N",
        };
        let groups = &model.architecture.groups;
        groups.iter().map(|group| letter(&group.layer).repeat(usize::try_from(group.layers).unwrap())).collect()
    };
    assert_eq!(layers(&json!({ "model_type": "qwen3_next", "num_hidden_layers": 8 })), "RRRARRRA");
    assert_eq!(
        layers(&json!({ "model_type": "qwen3_5", "text_config": {
            "model_type": "qwen3_5_text", "num_hidden_layers": 4, "full_attention_interval": 2 } })),
        "RARA"
    );
    assert_eq!(layers(&json!({ "model_type": "jamba", "num_hidden_layers": 9 })), "RRRRARRRR");
    assert_eq!(layers(&json!({ "model_type": "kimi_linear", "num_hidden_layers": 9 })), "RRRRARRRA");
    let checkpoint = json!({ "model_type": "kimi_linear", "num_hidden_layers": 4,
        "linear_attn_config": { "full_attn_layers": [1, 4], "kda_layers": [2, 3], "head_dim": 64 } });
    assert_eq!(layers(&checkpoint), "ARRA");
    assert_eq!(layers(&json!({ "model_type": "nemotron_h", "hybrid_override_pattern": "M-*EM" })), "RNANR");
    assert_eq!(layers(&json!({ "model_type": "minimax", "num_hidden_layers": 3 })), "ARA");
    assert_eq!(layers(&json!({ "model_type": "falcon_h1", "num_hidden_layers": 2 })), "BB");
    assert_eq!(layers(&json!({ "model_type": "mamba2", "num_hidden_layers": 2 })), "RR");
    assert_eq!(
        layers(&json!({ "model_type": "lfm2_moe", "num_hidden_layers": 2, "layer_types": ["conv", "full_attention"] })),
        "RA"
    );
}

#[test]
fn wrong_patterns_are_refused() {
    let says = |config: serde_json::Value, phrase: &str| {
        let error = config::parse(&config.to_string(), "config.json", None).unwrap_err().to_string();
        assert!(error.contains(phrase), "{error}");
    };
    says(json!({ "model_type": "lfm2_moe" }), "layer_types: missing; it has no default");
    says(json!({ "model_type": "nemotron_h", "hybrid_override_pattern": "MX" }), "`X` is none of");
    says(
        json!({ "model_type": "nemotron_h", "num_hidden_layers": 3, "hybrid_override_pattern": "M*" }),
        "found 2 entries for 3 layers",
    );
    says(json!({ "model_type": "bamba", "mamba_n_heads": 100 }), "100 heads do not divide 8192 channels");
    says(
        json!({ "model_type": "qwen3_next", "num_hidden_layers": 1, "layer_types": ["sliding_attention"] }),
        "`sliding_attention` is none of",
    );
    says(json!({ "model_type": "mamba", "num_hidden_layers": 5000 }), "at most 1024 are covered");
}
