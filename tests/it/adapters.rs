//! Adapters: how many parameters they have, and what is said where a target is none.
use std::path::Path;

use brimful::import::config;
use brimful::memory::{self, Instant, Lifetime, Step};
use brimful::model::Model;
use brimful::scenario::{AdapterKind, InitLoraWeights, Method, Placement, Precision, Recompute, Scenario};
use serde_json::Value;

fn reference(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The models of `parameters.json`, by name.
fn model(name: &str) -> Option<Model> {
    let mut case = reference("parameters.json").into_iter().find(|case| case["name"] == name)?;
    case["hyper"]["model_type"] = case["family"].clone();
    Some(config::parse(&case["hyper"].to_string(), name, None).unwrap())
}

fn lora(targets: &[&str], rank: u64) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.train.method = Method::Lora;
    scenario.train.lora_rank = rank;
    scenario.train.lora_targets = targets.iter().map(|target| (*target).to_owned()).collect();
    scenario
}

#[test]
fn adapters_have_the_parameters_that_peft_makes() {
    let mut counted = 0;
    for case in reference("lora.json") {
        let Some(model) = model(case["model"].as_str().unwrap()) else { continue };
        let targets: Vec<&str> =
            case["target"].as_array().unwrap().iter().map(|target| target.as_str().unwrap()).collect();
        let scenario = lora(&targets, case["rank"].as_u64().unwrap());
        let trainable = memory::trainable_parameters(&model, &scenario).unwrap().get();
        assert_eq!(Some(trainable), case["trainable"].as_u64(), "{case}");
        counted += 1;
    }
    assert!(counted >= 95, "{counted}");
}

/// Qwen3-MoE's three names are those of its stacked experts, gate and up together; Mixtral's experts stay frozen.
#[test]
fn stacked_experts_are_adapted_as_peft_reads_their_names() {
    let experts = |family: &str| {
        let config = format!(
            r#"{{"model_type": "{family}", "vocab_size": 5000, "hidden_size": 256, "intermediate_size": 544,
                "moe_intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 4,
                "head_dim": 64, "num_experts": 16, "num_experts_per_tok": 4}}"#
        );
        config::parse(&config, "config.json", None).unwrap()
    };
    let (qwen, mixtral) = (experts("qwen3_moe"), experts("mixtral"));
    let count = |model, scenario: &Scenario| memory::trainable_parameters(model, scenario).unwrap().get();
    let all = lora(&["q", "k", "v", "o", "gate", "up", "down"], 8);
    assert_eq!(count(&qwen, &all), 540_672);
    assert_eq!(count(&mixtral, &all), count(&mixtral, &lora(&["q", "k", "v", "o"], 8)));
    let refusal = |model, scenario: &Scenario| memory::estimate(model, scenario, None).unwrap_err().to_string();
    assert!(refusal(&qwen, &lora(&["q", "gate"], 8)).starts_with("train.lora_targets: gate without up"));
    // With every linear layer come routers, of 16 experts in each of three layers.
    let mut everything = lora(&["all-linear"], 8);
    assert_eq!(count(&qwen, &everything), 540_672 + 3 * 8 * (256 + 16));
    // Layers that are computed again fold their adapters again.
    everything.train.recompute = Recompute::Full;
    memory::check(&qwen, &everything).unwrap();
    let mut dropped = all.clone();
    dropped.train.lora_dropout = 0.1;
    assert!(refusal(&qwen, &dropped).starts_with("train.lora_dropout: 0.1"));
    let mut magnitudes = all;
    magnitudes.train.dora = true;
    assert!(refusal(&qwen, &magnitudes).starts_with("train.dora: true"));
    assert!(memory::estimate(&mixtral, &magnitudes, None).is_ok());
}

#[test]
fn a_target_that_is_none_is_named_with_the_nearest() {
    let llama = model("Llama-2-7b").unwrap();
    let refusal = |targets: &[&str]| memory::estimate(&llama, &lora(targets, 8), None).unwrap_err().to_string();
    assert!(refusal(&["q_prj"]).contains("has no `q_prj` (did you mean `q_proj`?)"));
    assert!(refusal(&["c_attn"]).contains("it has q, k, v, o, gate, up, down, q_proj"));
    assert!(refusal(&[]).starts_with("train.lora_targets: empty"));
}

/// What is known of vectors and rotations is known of layers of plain decoders alone.
#[test]
fn adapters_of_other_kinds_are_refused_where_they_are_not_known() {
    let of_kind = |kind, targets: &[&str]| {
        let mut scenario = lora(targets, 8);
        scenario.train.adapter = kind;
        scenario
    };
    let [llama, gpt2] = ["Llama-2-7b", "gpt2"].map(|name| model(name).unwrap());
    let mixtral = config::parse(r#"{"model_type": "mixtral"}"#, "config.json", None).unwrap();
    let refusal = |model, scenario: &Scenario| memory::estimate(model, scenario, None).unwrap_err().to_string();
    for kind in [AdapterKind::Ia3, AdapterKind::Vera, AdapterKind::Oft] {
        let plain = of_kind(kind, &["q", "v", "down"]);
        assert!(memory::estimate(&llama, &plain, None).is_ok());
        assert!(refusal(&gpt2, &of_kind(kind, &["c_attn"])).starts_with("train.adapter"));
        assert!(refusal(&mixtral, &of_kind(kind, &["q"])).starts_with("train.adapter"));
        assert!(refusal(&llama, &of_kind(kind, &["q", "lm_head"])).starts_with("train.lora_targets"));
        let mut quantized = plain.clone();
        quantized.train.method = Method::Qlora;
        assert!(refusal(&llama, &quantized).starts_with("train.method"));
        let mut saved = plain;
        saved.train.modules_to_save = vec![String::from("lm_head")];
        assert!(refusal(&llama, &saved).starts_with("train.modules_to_save"));
    }
}

/// A block that is too large or too small for a layer is the nearest that divides it.
#[test]
fn rotations_have_blocks_of_a_size_or_a_number_of_them() {
    let llama = model("Llama-2-7b").unwrap();
    let count = |size, number| {
        let mut scenario = lora(&["q"], number);
        (scenario.train.adapter, scenario.train.oft_block_size) = (AdapterKind::Oft, size);
        memory::trainable_parameters(&llama, &scenario).map(|count| count.get() / 32)
    };
    // Of a block of B features B·(B - 1)/2 numbers are trained.
    assert_eq!(count(32, 8), Ok(128 * 496));
    assert_eq!(count(0, 128), Ok(128 * 496));
    assert_eq!(count(40, 8), Ok(128 * 496));
    assert_eq!(count(8192, 8), Ok(4096 * 4095 / 2));
    for (size, number, key) in [(1, 8, "train.oft_block_size"), (0, 4096, "train.lora_rank")] {
        let refused = count(size, number).unwrap_err().to_string();
        assert!(refused.starts_with(key), "{refused}");
    }
}

/// What backward needs of a rotated layer: the input in the adapter's type, the rotation, and three powers that make it.
#[test]
fn a_rotation_keeps_its_input_and_what_makes_it() {
    let llama = model("Llama-2-7b").unwrap();
    let saved = |targets: &[&str], kind| {
        let mut scenario = lora(targets, 8);
        (scenario.train.adapter, scenario.train.sequence_length) = (kind, 64);
        let ledger = memory::estimate(&llama, &scenario, None).unwrap();
        let alive = ledger.alive(Step::Steady, Instant::ForwardEnd);
        alive.filter(|entry| entry.lifetime == Lifetime::Saved).map(|entry| entry.bytes.get()).sum::<u64>()
    };
    let [hidden, width, layers] = [4096, 11008, 32];
    let rotation = |features: u64| 4 * 4 * 32 * features;
    // Without adapters in a layer's input nothing of it is kept for them: the difference of one more rotated layer.
    let added = saved(&["o", "down"], AdapterKind::Oft) - saved(&["o"], AdapterKind::Oft);
    assert_eq!(added, layers * (4 * 64 * width + rotation(width)));
    let added = saved(&["o", "gate"], AdapterKind::Oft) - saved(&["o"], AdapterKind::Oft);
    assert_eq!(added, layers * (4 * 64 * hidden + rotation(hidden)));
}

/// A decomposition on the card comes before the first step: a card may be too small for it that has room for all steps.
#[test]
fn adapters_that_are_computed_need_room_before_the_first_step() {
    let llama = model("Llama-3.2-1B").unwrap();
    let gpu = brimful::preset::Library::embedded().gpu("rtx-4090").unwrap().clone();
    let begun = |start, placement| {
        let mut scenario = lora(&["q", "down"], 16);
        (scenario.train.init_lora_weights, scenario.train.sequence_length) = (start, 16);
        scenario.train.precision = Precision::Bf16;
        scenario.runtime.placement = Some(placement);
        let least = memory::played(&llama, &scenario, Some(&gpu)).unwrap().reserve().unwrap().least.get();
        let said = memory::notes(&llama, &scenario, Some(&gpu));
        // What is recomputed is another note's to say.
        (least, said.into_iter().filter(|note| !note.contains("recompute")).collect::<Vec<_>>().join(" "))
    };
    let (plain, nothing) = begun(InitLoraWeights::Default, Placement::DeviceMap);
    let (pissa, said) = begun(InitLoraWeights::Pissa, Placement::DeviceMap);
    let (olora, _) = begun(InitLoraWeights::Olora, Placement::DeviceMap);
    assert!(pissa > olora && olora > plain, "{pissa} {olora} {plain}");
    assert!(said.contains("mlp.down, 2,048 by 8,192") && nothing.is_empty(), "{said} {nothing}");
    // On the host it takes nothing of the card.
    assert_eq!(begun(InitLoraWeights::Pissa, Placement::To), begun(InitLoraWeights::Default, Placement::To));
}

#[test]
fn a_start_that_was_not_measured_is_refused() {
    let refusal = |name: &str, targets: &[&str], change: fn(&mut Scenario)| {
        let mut scenario = lora(targets, 8);
        scenario.train.init_lora_weights = InitLoraWeights::Pissa;
        change(&mut scenario);
        memory::estimate(&model(name).unwrap(), &scenario, None).unwrap_err().to_string()
    };
    let refused = refusal("gpt2", &["c_attn"], |_| ());
    assert!(refused.starts_with("train.init_lora_weights"), "{refused}");
    let refused = refusal("Llama-2-7b", &["q"], |scenario| scenario.train.method = Method::Qlora);
    assert!(refused.starts_with("train.method"), "{refused}");
    let refused = refusal("Llama-2-7b", &["q"], |scenario| scenario.train.dora = true);
    assert!(refused.starts_with("train.dora"), "{refused}");
    let refused = refusal("Llama-2-7b", &["q", "lm_head"], |_| ());
    assert!(refused.starts_with("train.lora_targets"), "{refused}");
}

/// A scale that is another changes no byte.
#[test]
fn rslora_is_lora_in_every_byte() {
    let llama = model("Llama-2-7b").unwrap();
    let plain = lora(&["q", "down"], 16);
    let mut scaled = plain.clone();
    scaled.train.adapter = AdapterKind::Rslora;
    let entries = |scenario: &Scenario| memory::estimate(&llama, scenario, None).unwrap().entries().to_vec();
    assert_eq!(entries(&plain), entries(&scaled));
}
