//! Quantized checkpoints: what their files say, what stands on the card of them, and when.

use std::path::Path;

use serde_json::{Value, json};

use brimful::import::config::{self, Imported};
use brimful::memory::{self, Category, Entry, Instant, Ledger, Lifetime, Step};
use brimful::model::architecture::Scheme;
use brimful::model::part::Part;
use brimful::model::{Model, parameters};
use brimful::preset::{Library, write};
use brimful::scenario::{Scenario, Task};

use super::support::binary::Place;

fn read(keys: &Value) -> Imported {
    config::import_text(&keys.to_string(), "config.json", Some("test")).unwrap()
}

fn served(model: &Model, tokens: u64) -> Ledger {
    let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
    scenario.infer.weights = String::from("native");
    scenario.infer.context_length = tokens;
    memory::estimate(model, &scenario, None).unwrap()
}

fn at(ledger: &Ledger, instant: Instant, chosen: impl Fn(&Entry) -> bool) -> u64 {
    let here = ledger.entries().iter().filter(|entry| entry.alive.contains(Step::First, instant) && chosen(entry));
    here.map(|entry| entry.bytes.get()).sum()
}

/// Weights and buffers.
fn is_model(entry: &Entry) -> bool {
    let stands = entry.lifetime == Lifetime::Persistent;
    stands && matches!(entry.category, Category::Parameters | Category::Workspace)
}

/// What the card holds once a checkpoint is loaded, once matrices are dense, and at the fullest moment of making them so
/// where that is more than the first pass takes: to the byte.
#[test]
fn compressed_tensors_are_dense_after_the_first_pass() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../reference/checkpoints.json")).unwrap();
    let mut made_dense = 0;
    for case in &cases {
        let (id, measured) = (&case["id"], &case["measured"]);
        let of = |key: &str| measured[key].as_u64().unwrap();
        let imported = read(&case["config"]);
        assert_eq!(imported.model.card.quantization, None, "{id}");
        let plain = case["config"]["quantization_config"].is_null();
        let ledger = if plain { continue } else { served(&imported.model, 64) };
        assert_eq!(at(&ledger, Instant::Load, is_model), of("load"), "{id}");
        let parameters = |instant| at(&ledger, instant, |entry| entry.category == Category::Parameters);
        let grown = parameters(Instant::Prefill) - parameters(Instant::Load);
        assert_eq!(grown, of("standing") - of("load"), "{id}");
        // A pass over 64 tokens takes little but the workspace of its products.
        let fullest = at(&ledger, Instant::Load, |entry| entry.category != Category::Runtime);
        let with_pass = of("standing") + of("pass_64");
        if of("first") > with_pass + 64 {
            // The limits of the codes and a table of them are made once.
            assert!((1..=40).contains(&(of("first") - fullest)), "{id}: {fullest}");
            made_dense += 1;
        } else {
            assert!(fullest <= of("first"), "{id}: {fullest}");
        }
    }
    assert!(cases.len() >= 20 && made_dense >= 8, "{} {made_dense}", cases.len());
}

/// A preset that was written of a file says the same of its weights.
#[test]
fn presets_keep_how_their_weights_are_stored() {
    for quantization in dialects() {
        let imported = read(&json!({
            "model_type": "qwen3_moe", "num_hidden_layers": 4, "hidden_size": 512, "intermediate_size": 1024,
            "moe_intermediate_size": 256, "num_experts": 8, "num_experts_per_tok": 2, "head_dim": 64,
            "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 1000,
            "quantization_config": quantization,
        }));
        assert_eq!(imported.model.card.quantization, None, "{quantization}");
        let text = write::preset(&imported.model, &imported.keys).unwrap();
        let place = Place::new();
        let file = place.write("models/test.toml", &text);
        let library = Library::load(&[file.parent().and_then(Path::parent).unwrap().to_path_buf()]);
        let again = library.model("test").unwrap();
        assert_eq!(again.architecture, imported.model.architecture, "{quantization}\n{text}");
    }
}

fn dialects() -> Vec<Value> {
    let compressed = |format: &str, weights: Value, inputs: Value| {
        json!({"quant_method": "compressed-tensors", "format": format, "ignore": ["lm_head", "re:.*mlp.gate$"],
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": inputs}}})
    };
    vec![
        json!({"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": false, "sym": true}),
        json!({"quant_method": "gptq", "bits": 8, "group_size": -1}),
        json!({"quant_method": "gptq", "bits": 3, "group_size": 64}),
        json!({"quant_method": "awq", "bits": 4, "group_size": 64, "version": "gemm", "zero_point": true}),
        json!({"quant_method": "fp8", "activation_scheme": "static", "weight_block_size": null,
            "modules_to_not_convert": ["lm_head", "model.layers.0.self_attn", "model.layers.1.self_attn"]}),
        json!({"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["lm_head", "model.layers.3.self_attn.q_proj"]}),
        compressed(
            "pack-quantized",
            json!({"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": false}),
            json!(null),
        ),
        compressed(
            "int-quantized",
            json!({"num_bits": 8, "type": "int", "strategy": "channel"}),
            json!({"num_bits": 8, "dynamic": true}),
        ),
        compressed(
            "float-quantized",
            json!({"num_bits": 8, "type": "float", "strategy": "block", "block_structure": "128x128"}),
            json!({"num_bits": 8, "dynamic": true}),
        ),
        compressed(
            "nvfp4-pack-quantized",
            json!({"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16}),
            json!({"num_bits": 4, "dynamic": "local"}),
        ),
        json!({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": {
            "model.layers.0.self_attn.q_proj": {"quant_algo": "FP8"},
            "model.layers.1.mlp.experts.0.up_proj": {"quant_algo": "NVFP4", "group_size": 16},
            "model.layers.1.mlp.experts.1.up_proj": {"quant_algo": "NVFP4", "group_size": 16},
            "lm_head": {"quant_algo": "NVFP4", "group_size": 16},
        }}),
    ]
}

/// How the matrices of a part are stored, layer by layer.
fn layers(model: &Model, part: Part) -> Vec<Option<Scheme>> {
    let checkpoint = model.architecture.checkpoint.as_ref().unwrap();
    let each = |layer| checkpoint.runs(part, [layer; 2])[0].1;
    (0..model.architecture.num_hidden_layers()).map(each).collect()
}

#[test]
fn modules_are_named_in_many_ways() {
    let left = |names: Value, part: Part| -> Vec<bool> {
        let config = json!({
            "model_type": "qwen3_next", "num_hidden_layers": 4, "quantization_config":
            {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": names},
        });
        layers(&read(&config).model, part).iter().map(Option::is_none).collect()
    };
    let (all, none) = (vec![true; 4], vec![false; 4]);
    // Three layers of four are recurrent.
    assert_eq!(left(json!(["model.layers.3.self_attn*"]), Part::AttentionOutput), [false, false, false, true]);
    assert_eq!(left(json!(["model.layers.3.self_attn*"]), Part::MixerOutput), none);
    assert_eq!(left(json!(["*.linear_attn.*"]), Part::MixerOutput), [true, true, true, false]);
    assert_eq!(left(json!(["model.layers.0*", "model.layers.2.*"]), Part::ExpertsDown), [true, false, true, false]);
    assert_eq!(left(json!(["re:.*mlp\\.experts\\.\\d+\\.down_proj"]), Part::ExpertsDown), all);
    assert_eq!(left(json!(["re:.*mlp\\.experts\\.\\d+\\.down_proj"]), Part::ExpertsGateAndUp), none);
    assert_eq!(left(json!(["re:.*layers\\.[01]\\.mlp.*"]), Part::ExpertsDown), [true, true, false, false]);
    assert_eq!(left(json!(["model.layers.1.mlp.experts.5.down_proj"]), Part::ExpertsDown), [false, true, false, false]);
    assert_eq!(left(json!(["model.layers.{0..1,3}.mlp.shared_expert"]), Part::Down), [true, true, false, true]);
    assert_eq!(left(json!(["model.visual.blocks.0*", "mtp.layers.0*", "visual"]), Part::Down), none);
    assert_eq!(left(json!(["down_proj"]), Part::Down), all);
    assert_eq!(left(json!(["gate"]), Part::Gate), none, "that is the router");
}

/// What nobody could look at one by one is named and not counted, at once.
#[test]
fn absurd_lists_of_modules_are_not_told_apart() {
    let unknown = |layers: u64, names: Vec<String>| {
        let config = json!({"model_type": "llama", "num_hidden_layers": layers, "quantization_config":
            {"quant_method": "fp8", "weight_block_size": null, "modules_to_not_convert": names}});
        read(&config).model.card.quantization
    };
    assert_eq!(unknown(128, vec![String::from("lm_head")]), None);
    assert_eq!(unknown(1 << 24, vec![String::from("lm_head")]).as_deref(), Some("fp8"));
    let many = |pattern: &dyn Fn(usize) -> String| (0..5000).map(pattern).collect::<Vec<_>>();
    assert_eq!(unknown(128, many(&|number| format!("re:.*x{number}.*"))).as_deref(), Some("fp8"));
    assert_eq!(unknown(128, many(&|number| format!("name{number}"))).as_deref(), Some("fp8"));
    assert_eq!(unknown(128, many(&|number| format!("model.layers.{number}.self_attn"))), None);
    assert_eq!(unknown(128, vec![String::from("re:(?!x)")]).as_deref(), Some("fp8"), "Python alone knows that");
}

/// The head is in codes only where a checkpoint says so, or of compressed-tensors where none leaves it out.
#[test]
fn the_head_is_left_alone_unless_it_is_named() {
    let head = |quantization: Value| {
        let config = json!({"model_type": "llama", "num_hidden_layers": 2, "quantization_config": quantization});
        let model = read(&config).model;
        model.architecture.checkpoint.unwrap().runs(Part::Head, [0, 0])[0].1.is_some()
    };
    let group =
        json!({"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": "channel"}}});
    let compressed = |ignore: Value| json!({"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": group, "ignore": ignore});
    assert!(head(compressed(json!([]))) && !head(compressed(json!(["lm_head"]))));
    assert!(!head(compressed(json!(["re:.*lm_head"]))) && !head(compressed(json!(["language_model.lm_head"]))));
    assert!(!head(json!({"quant_method": "gptq", "bits": 4, "group_size": 64})));
    assert!(!head(json!({"quant_method": "modelopt", "quant_algo": "NVFP4"})));
    assert!(head(json!({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers":
        {"lm_head": {"quant_algo": "FP8"}, "model.layers.0.mlp.up_proj": {"quant_algo": "FP8"}}})));
}

/// Model Optimizer's own file stands beside a configuration that does not speak of it.
#[test]
fn quantization_is_read_from_the_file_beside() {
    let place = Place::new();
    place.write(
        "it/config.json",
        "{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"torch_dtype\": \"bfloat16\"}",
    );
    let quantized = "{\"producer\": {\"name\": \"modelopt\"}, \"quantization\": \
        {\"quant_algo\": \"FP8\", \"exclude_modules\": [\"lm_head\"]}}";
    let bytes = || {
        let args = ["estimate", "it/config.json", "--task", "infer", "--set", "infer.weights=native"];
        let json = place.json(&args);
        (json["memory"]["parameters"].as_u64(), json["warnings"].to_string())
    };
    let (plain, _) = bytes();
    place.write("it/hf_quant_config.json", quantized);
    let (fp8, said) = bytes();
    // In layers a byte is less, and seven matrices have two scales in 32 bits.
    let matrices = 2 * (4 * 4096 * 4096 + 3 * 4096 * 11_008_u64);
    assert_eq!(plain.unwrap() - fp8.unwrap(), matrices - 2 * 7 * 8);
    assert!(said.contains("does not read Model Optimizer's checkpoints"), "{said}");
    let counted = parameters::count(&read(&json!({"model_type": "llama", "num_hidden_layers": 2})).model.architecture);
    assert_eq!(plain.unwrap() / 2, counted.unwrap().get());
}

#[test]
fn what_is_wrong_in_a_quantization_is_named() {
    let place = Place::new();
    let wrong = |keys: &str| {
        place.write(
            "models/mine.toml",
            &format!(
                "id = \"mine\"\nname = \"Mine\"\nfamily = \"llama\"\nconfirmed = false\n[architecture]\nnum_hidden_layers = 2\n\
                 [[architecture.quantization_config]]\n{keys}\n"
            ),
        );
        let run = place.run(&["estimate", "mine", "--presets", "."]);
        assert_eq!(run.code, 2, "{keys}: {}", run.out);
        run.err
    };
    for (keys, said) in [
        ("quant_method = \"gptk\"", "`quant_method`: `gptk` is none of gptq, awq"),
        ("quant_method = \"gptq\"\nbits = 5", "`bits`: 5 bits; known are 2, 3, 4, 8"),
        ("quant_method = \"awq\"\nbits = 4\ngroup_size = 0", "`group_size`: found `0`"),
        ("quant_method = \"modelopt\"\nquant_algo = \"FP9\"", "`quant_algo`: `FP9` is none of FP8"),
        ("quant_method = \"fp8\"\nweight_block_size = [128]", "`weight_block_size`: expected"),
        ("quant_method = \"fp8\"\ngroup_sise = 1", "group_sise: unknown key; the nearest is `group_size`"),
        ("quant_method = \"fp8\"\ntargets = [\"re:(\"]", "`re:(` names modules in a way that is not understood"),
    ] {
        let found = wrong(keys);
        assert!(found.contains(said), "{keys}: {found}");
    }
}
